package sessions

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// archive is the file of the history, a bbolt file beside the store. Rows lie in the
// journal first and in pending, which a search reads too; a fold brings them here before it
// brings the rest into the store. Nobody opens it before that, or before the first
// question, so that a long history costs nothing at the start, and damage in it costs
// nothing but the history.
type archive struct {
	path  string
	limit int // lines that are kept, 0: none

	mu      sync.Mutex
	bolt    *bbolt.DB // nil: not open
	pending []pendingLine
	notice  string // for whoever asks next
}

// pendingLine is a row that is in a journal only.
type pendingLine struct {
	journal uint64
	row     Write
}

const (
	archiveFormat = 1
	archiveBytes  = 1 << 10 // of text that a line may have on the average: more, and fewer lines are kept
	archiveTrim   = 4096    // lines that one fold lets go at most
)

var (
	archiveMeta = []byte("meta")
	archiveRows = []byte("lines")
)

// written takes the rows of batches that are in a journal now.
func (a *archive) written(journal uint64, batch []Write) {
	for _, w := range batch {
		if w.Bucket == BucketHistory {
			a.mu.Lock()
			a.pending = append(a.pending, pendingLine{journal, w})
			a.mu.Unlock()
		}
	}
}

// fold brings rows into the file and lets the oldest go beyond the bound. Folding them
// twice changes nothing. A damaged file is set aside.
func (a *archive) fold(rows []Write, now time.Time) error {
	if len(rows) == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.put(rows)
	if errors.Is(err, ErrDamaged) {
		if err = a.replace(now); err == nil {
			err = a.put(rows)
		}
	}
	return err
}

// folded says that the journals up to number are no more.
func (a *archive) folded(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending = slices.DeleteFunc(a.pending, func(p pendingLine) bool { return p.journal <= number })
}

// put writes rows in one synced transaction. The lock is held.
func (a *archive) put(rows []Write) error {
	return guarded(func() error {
		if err := a.open(true); err != nil {
			return err
		}
		return a.bolt.Update(func(tx *bbolt.Tx) error {
			meta, lines := tx.Bucket(archiveMeta), tx.Bucket(archiveRows)
			if meta == nil || lines == nil {
				return fmt.Errorf("%w: it is no history of darkchat", ErrDamaged)
			}
			lines.FillPercent = 0.95 // places rise: pages are left full
			count, size := getCount(meta, "count"), getCount(meta, "bytes")
			for _, w := range rows {
				if lines.Get(w.Key) == nil {
					count, size = count+1, size+uint64(len(w.Value))
				}
				if err := lines.Put(w.Key, w.Value); err != nil {
					return err
				}
			}
			c := lines.Cursor()
			k, v := c.First()
			for range archiveTrim + len(rows) {
				if k == nil || count <= uint64(a.limit) && size <= uint64(a.limit)*archiveBytes {
					break
				}
				count, size = count-1, size-min(size, uint64(len(v)))
				if err := c.Delete(); err != nil {
					return err
				}
				k, v = c.First()
			}
			if err := meta.Put([]byte("count"), binary.BigEndian.AppendUint64(nil, count)); err != nil {
				return err
			}
			return meta.Put([]byte("bytes"), binary.BigEndian.AppendUint64(nil, size))
		})
	})
}

func getCount(meta *bbolt.Bucket, name string) uint64 {
	if v := meta.Get([]byte(name)); len(v) == 8 {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// open opens the file, and makes it if it is to be made. The lock is held.
func (a *archive) open(create bool) error {
	if a.bolt != nil {
		return nil
	}
	info, err := os.Stat(a.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !create {
			return nil
		}
		if err := a.create(); err != nil {
			return err
		}
	case err != nil:
		return err
	case info.Size() == 0:
		return fmt.Errorf("%w: it is empty", ErrDamaged)
	}
	b, err := openBolt(a.path)
	if err != nil {
		return err
	}
	err = b.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(archiveMeta)
		if meta == nil || tx.Bucket(archiveRows) == nil {
			return fmt.Errorf("%w: it is no history of darkchat", ErrDamaged)
		}
		if f := getCount(meta, metaFormat); f != archiveFormat {
			return fmt.Errorf("%w (format %d, known %d)", ErrNewer, f, archiveFormat)
		}
		return nil
	})
	if err != nil {
		b.Close()
		return err
	}
	a.bolt = b
	return nil
}

// create makes an empty file under another name, so that a crash leaves none or a whole one.
func (a *archive) create() error {
	draft := a.path + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := openBolt(draft)
	if err != nil {
		return err
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucket(archiveRows); err != nil {
			return err
		}
		meta, err := tx.CreateBucket(archiveMeta)
		if err != nil {
			return err
		}
		return meta.Put([]byte(metaFormat), binary.BigEndian.AppendUint64(nil, archiveFormat))
	})
	if err := errors.Join(err, b.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft, a.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(a.path))
}

// replace sets a damaged file aside. The lock is held.
func (a *archive) replace(now time.Time) error {
	_ = a.shut() // a file so damaged that it cannot be closed is left to the end of the process
	a.bolt = nil
	aside, err := setAside(a.path, now)
	if err != nil {
		return err
	}
	a.notice = fmt.Sprintf("%s was damaged and is now %s: the history begins anew", a.path, aside)
	return nil
}

// find answers a question, newest rows first. It may be called by any goroutine, and
// while it reads others write.
func (a *archive) find(q HistoryQuery, now time.Time) (HistoryPage, error) {
	page, err := a.search(q)
	if errors.Is(err, ErrDamaged) {
		a.mu.Lock()
		err = a.replace(now)
		a.mu.Unlock()
		if err == nil {
			page, err = a.search(q)
		}
	}
	if err != nil {
		return HistoryPage{}, fault(a.path, err, "check this disk")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	page.Notice, a.notice = a.notice, ""
	return page, nil
}

func (a *archive) search(q HistoryQuery) (HistoryPage, error) {
	a.mu.Lock()
	err := guarded(func() error { return a.open(false) })
	bolt, pending := a.bolt, slices.Clone(a.pending)
	a.mu.Unlock()
	if err != nil {
		return HistoryPage{}, err
	}
	f := newFinder(q)
	if bolt == nil {
		f.offerAll(pending, nil)
		return f.done(), nil
	}
	err = guarded(func() error {
		return bolt.View(func(tx *bbolt.Tx) error {
			c := tx.Bucket(archiveRows).Cursor()
			// A row may have been folded though its journal is not gone yet.
			folded, _ := c.Last()
			if !f.offerAll(pending, folded) {
				return nil
			}
			for k, v := c.Last(); k != nil && f.offer(k, v); k, v = c.Prev() {
			}
			return nil
		})
	})
	return f.done(), err
}

// offerAll offers the rows of journals that lie behind what is folded; false: no older
// ones are wanted.
func (f *finder) offerAll(pending []pendingLine, folded []byte) bool {
	for i := len(pending) - 1; i >= 0; i-- {
		row := pending[i].row
		if bytes.Compare(row.Key, folded) > 0 && !f.offer(row.Key, row.Value) {
			return false
		}
	}
	return true
}

// shut closes the file.
func (a *archive) shut() error {
	if a.bolt == nil {
		return nil
	}
	err := guarded(a.bolt.Close)
	a.bolt = nil
	return err
}

func (a *archive) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.shut()
}

// forget removes the file: nothing is to be kept.
func (a *archive) forget() error {
	if err := os.Remove(a.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// History answers a question about what was said. It reads the disk; any goroutine may
// call it, but none that must not wait.
func (s *Store) History(q HistoryQuery) (HistoryPage, error) {
	if s.past == nil || s.past.limit == 0 {
		return HistoryPage{}, ErrNoHistory
	}
	return s.past.find(q, time.Now())
}

// ErrNoHistory says that this run keeps none.
var ErrNoHistory = errors.New("nothing is kept of what was said: start with -history N, and without -ephemeral")
