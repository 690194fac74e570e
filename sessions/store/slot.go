package store

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"go.etcd.io/bbolt"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
)

// maxSlots bounds the sessions that one user runs at once on one machine.
const maxSlots = 64

// errSlots is why a 65th session of a user does not start.
var errSlots = errors.New("is used by " + strconv.Itoa(maxSlots) + " sessions at once")

// A slot is the folder of one session. The process that holds its lock is that session.
type slot struct {
	dir  string
	lock *fileLock
}

func (s *slot) path(name string) string { return filepath.Join(s.dir, name) }

// slotDirs returns the numbers of the existing slots, ascending.
func slotDirs(userDir string) ([]int, error) {
	var found []int
	for n := 1; n <= maxSlots; n++ {
		info, err := os.Stat(filepath.Join(userDir, strconv.Itoa(n)))
		switch {
		case err == nil && info.IsDir():
			found = append(found, n)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return found, nil
}

// pickSlot takes the free slot with the text that has waited longest, else the first free one, else
// a new one. The caller holds the lock of the user's folder, so that two starts never look at one
// slot at once.
func pickSlot(userDir string) (*slot, error) {
	numbers, err := slotDirs(userDir)
	if err != nil {
		return nil, fault(userDir, err, "check this folder")
	}
	var free []*slot
	defer func() {
		for _, s := range free {
			s.lock.free()
		}
	}()
	taken := map[int]bool{}
	for _, n := range numbers {
		taken[n] = true
		s, err := takeSlot(userDir, n)
		if errors.Is(err, errLocked) {
			continue
		}
		if err != nil {
			return nil, err
		}
		free = append(free, s)
	}
	if len(free) == 0 {
		for n := 1; n <= maxSlots; n++ {
			if !taken[n] {
				return takeSlot(userDir, n)
			}
		}
		return nil, fault(userDir, errSlots, "end one of them")
	}
	best := 0
	if len(free) > 1 {
		oldest := uint64(math.MaxUint64)
		for i, s := range free {
			if at := s.waitingSince(); at < oldest {
				oldest, best = at, i
			}
		}
	}
	chosen := free[best]
	free = append(free[:best], free[best+1:]...)
	return chosen, nil
}

func takeSlot(userDir string, n int) (*slot, error) {
	s := &slot{dir: filepath.Join(userDir, strconv.Itoa(n))}
	if err := makeDir(s.dir); err != nil {
		return nil, fault(s.dir, err, "check this folder")
	}
	var err error
	if s.lock, err = tryLock(s.path(lockName)); err != nil {
		return nil, fault(s.path(lockName), err, "end that one")
	}
	return s, nil
}

// waitingSince is when the oldest line in the slot's outbox was typed, in unix milliseconds; the
// largest number if none waits or nothing can be read. It changes nothing.
func (s *slot) waitingSince() uint64 {
	lines := map[string]uint64{}
	note := func(w kv.Write) {
		switch l, err := decodeLineOf(w); {
		case w.Bucket != kv.BucketOutbox || len(w.Key) != 8:
		case w.Value == nil || err != nil:
			delete(lines, string(w.Key))
		default:
			lines[string(w.Key)] = kv.Millis(l.At)
		}
	}
	compacted := uint64(0)
	err := guarded(func() error {
		b, err := bbolt.Open(s.path(storeName), fileMode, &bbolt.Options{ReadOnly: true, Timeout: storeLock, OpenFile: OpenRegular})
		if err != nil {
			return err
		}
		defer b.Close()
		d := &database{}
		d.bolt.Store(b)
		if compacted, err = d.compactedNumber(); err != nil {
			return err
		}
		return d.each(kv.BucketOutbox, func(key, value []byte) error {
			note(kv.Write{Bucket: kv.BucketOutbox, Key: key, Value: value})
			return nil
		})
	})
	if err != nil {
		clear(lines) // a start in that slot will say what is wrong
	}
	numbers, _ := listJournals(s.dir)
	for _, n := range numbers {
		if n <= compacted {
			continue
		}
		held, err := readJournal(journalPath(s.dir, n), n)
		if err != nil {
			break
		}
		for _, batch := range held.batches {
			for _, w := range batch {
				note(w)
			}
		}
	}
	oldest := uint64(math.MaxUint64)
	for _, at := range lines {
		oldest = min(oldest, at)
	}
	return oldest
}

func decodeLineOf(w kv.Write) (mail.StoredLine, error) {
	if w.Bucket != kv.BucketOutbox || len(w.Key) != 8 || w.Value == nil {
		return mail.StoredLine{}, kv.ErrForm
	}
	return mail.ReadLine(w.Value)
}

// slotState is what a run found in the slot that it is about to use.
type slotState struct {
	session  session
	fresh    string // why it needs a new session key; "": it does not
	stale    bool   // its session file is damaged and must be set aside
	journals []stored
}

// inspect reads the session file and the journals and changes nothing. It fails if the slot belongs to
// another user or is newer than this program.
func (s *slot) inspect(user identity.UserKey) (st slotState, err error) {
	path := s.path(sessionName)
	var copied bool
	st.session, copied, err = readSession(path, s.lock.inode())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		st.fresh = "missing"
	case errors.Is(err, ErrDamaged):
		st.fresh, st.stale = "damaged", true
	case err != nil:
		return st, fault(path, err, "check this disk")
	case st.session.user != user:
		return st, fault(path, errors.New("belongs to another identity"),
			"put back the identity it belongs to, or move "+s.dir+" away")
	case copied:
		st.fresh = "copied"
	}
	numbers, err := listJournals(s.dir)
	if err != nil {
		return st, fault(s.dir, err, "check this folder")
	}
	for _, n := range numbers {
		path := journalPath(s.dir, n)
		held, err := readJournal(path, n)
		if err != nil {
			return st, fault(path, err, "check this disk")
		}
		st.journals = append(st.journals, held)
	}
	return st, nil
}

// holdsSessions says that the user's folder has slots with a session in them.
func holdsSessions(userDir string) (bool, error) {
	numbers, err := slotDirs(userDir)
	if err != nil {
		return false, fault(userDir, err, "check this folder")
	}
	for _, n := range numbers {
		if _, err := os.Lstat(filepath.Join(userDir, strconv.Itoa(n), sessionName)); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// compactedNumber reads how far journals were compacted into a store file opened for reading.
func (d *database) compactedNumber() (n uint64, err error) {
	err = d.bolt.Load().View(func(tx *bbolt.Tx) error {
		n, err = getNumber(tx, metaCompacted)
		return err
	})
	return n, err
}
