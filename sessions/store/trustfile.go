package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// What this user decided about others (pinned, verified, blocked, or took back) holds for every
// session of the user on this machine, even if several run at once. Each slot keeps whole rows
// of users in its own store, written together with the rest of a batch. A row with a decision is
// first appended to the file "people", which all slots share and read at their start: it has the
// last decision about each key, whichever slot made it. A slot that still has the opposite in
// memory undoes nothing by writing its row again, since only a decision that differs from the
// slot's own last one counts as new.
//
// The file has the form of a journal with number 0. It is written and replaced only under the
// lock of the user's folder.
const (
	// trustFileSpare is the length from which a start rewrites the file with only the last
	// decision about each key, if that halves it.
	trustFileSpare = 64 << 10
	// maxTrustFile bounds the file; a decision takes about 150 bytes.
	maxTrustFile = 32 << 20
	// trustFileWait bounds how long a decision waits for the lock.
	trustFileWait = time.Second
)

// decision is the part of a user's row that this node's user decides.
type decision struct {
	Trust, Before uint64
	Pin           string
}

func decisionIn(row []byte) (decision, error) {
	w, err := book.ReadUserRow(row)
	if err != nil {
		return decision{}, err
	}
	return decision{w.Trust, w.Before, w.Pin}, nil
}

// decided returns row with the decision in it.
func decided(row []byte, d decision) ([]byte, error) {
	w, err := book.ReadUserRow(row)
	if err != nil {
		return nil, err
	}
	w.Trust, w.Before, w.Pin = d.Trust, d.Before, d.Pin
	return w.Encode(), nil
}

// trustFile is the file "people" as one slot sees it. Only the writeLoop and, before that starts,
// OpenProfile call its methods; another goroutine may call sync.
type trustFile struct {
	path string
	lock string                        // the user folder's lock
	last map[identity.UserKey]decision // as this slot knows them, bounded by maxTrustFile
	rows map[identity.UserKey][]byte   // the last row of each key in the file, until Load is over

	good int64 // length of the file when it was last read or written

	mu    sync.Mutex // guards f and dirty
	f     *os.File
	dirty bool
}

// openTrustFile reads the file at path. The caller holds the folder's lock. damage is what to tell the
// user if the file was set aside.
func openTrustFile(path, lock string, now time.Time) (p *trustFile, damage string, err error) {
	p = &trustFile{path: path, lock: lock, last: map[identity.UserKey]decision{}, rows: map[identity.UserKey][]byte{}}
	held, err := readJournal(path, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return p, "", nil
	}
	if err != nil {
		return nil, "", fault(path, err, "move it away to start without your pins and blocks")
	}
	if err := p.take(held.batches); err != nil {
		return nil, "", fault(path, err, "move it away to start without your pins and blocks")
	}
	p.good = held.good
	if held.damaged {
		aside, err := setAside(path, now)
		if err != nil {
			return nil, "", fault(path, err, "move it away to start without your pins and blocks")
		}
		damage = fmt.Sprintf("%s was damaged and is now %s: some pins and blocks may be gone, look at \\users", path, aside)
		return p, damage, p.rewrite()
	}
	if held.good < journalHeader || held.good > trustFileSpare && held.good > 2*p.liveSize() {
		return p, "", p.rewrite()
	}
	return p, "", nil
}

// take notes the decisions in the file's batches.
func (p *trustFile) take(batches [][]kv.Write) error {
	for _, batch := range batches {
		for _, w := range batch {
			if w.Bucket != kv.BucketUsers || len(w.Key) != len(identity.UserKey{}) || w.Value == nil {
				continue
			}
			d, err := decisionIn(w.Value)
			if errors.Is(err, kv.ErrNewer) {
				return err
			}
			if err == nil {
				p.last[identity.UserKey(w.Key)] = d
				p.rows[identity.UserKey(w.Key)] = w.Value
			}
		}
	}
	return nil
}

func (p *trustFile) liveSize() int64 {
	size := int64(journalHeader)
	for _, row := range p.rows {
		size += int64(frameHeader + len(row) + len(identity.UserKey{}) + 8)
	}
	return size
}

// rewrite replaces the file by one with the last row of each key. A decision that was taken back
// stays too, since a slot's store may have the older one.
func (p *trustFile) rewrite() error {
	b := journalHead(0)
	for _, key := range sortedKeys(p.rows) {
		b = appendFrame(b, []kv.Write{{Bucket: kv.BucketUsers, Key: key[:], Value: p.rows[key]}})
	}
	if err := writeWhole(p.path, b); err != nil {
		return fault(p.path, err, "check this disk")
	}
	p.good = int64(len(b))
	return nil
}

func sortedKeys(rows map[identity.UserKey][]byte) []identity.UserKey {
	keys := make([]identity.UserKey, 0, len(rows))
	for key := range rows {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, identity.CompareKeys)
	return keys
}

// merge puts the last decision about a key, by whichever slot, into the user's row from a slot's
// store. known is false if the row has a decision that the shared file lacks.
func (p *trustFile) merge(key, row []byte) (merged []byte, known bool) {
	own, err := decisionIn(row)
	if err != nil || len(key) != len(identity.UserKey{}) {
		return row, true // the next to decode it will say what is wrong
	}
	user := identity.UserKey(key)
	d, ok := p.last[user]
	if !ok {
		return row, own == decision{}
	}
	delete(p.rows, user)
	if d == own {
		return row, true
	}
	merged, err = decided(row, d)
	if err != nil {
		return row, true
	}
	return merged, true
}

// rest calls f with the rows of keys that the slot's store lacks, sorted, and ends the loading.
func (p *trustFile) rest(f func(key, row []byte) error) error {
	rows := p.rows
	p.rows = nil
	for _, key := range sortedKeys(rows) {
		if p.last[key] == (decision{}) {
			continue
		}
		if err := f(key[:], rows[key]); err != nil {
			return err
		}
	}
	return nil
}

// record appends the new decisions of the batch to the shared file.
func (p *trustFile) record(batch []kv.Write) error {
	var news []kv.Write
	for _, w := range batch {
		if w.Bucket != kv.BucketUsers || len(w.Key) != len(identity.UserKey{}) || w.Value == nil {
			continue
		}
		d, err := decisionIn(w.Value)
		if err != nil {
			return fmt.Errorf("%w: %v", ErrBatch, err)
		}
		if d != p.last[identity.UserKey(w.Key)] {
			news = append(news, w)
		}
	}
	if len(news) == 0 {
		return nil
	}
	if err := p.append(news); err != nil {
		return fault(p.path, err, "check this disk")
	}
	for _, w := range news {
		d, _ := decisionIn(w.Value) // was decoded above
		p.last[identity.UserKey(w.Key)] = d
	}
	return nil
}

// append adds one frame, under the lock, after what other slots have written meanwhile.
func (p *trustFile) append(news []kv.Write) error {
	if err := checkBatch(news); err != nil {
		return err
	}
	frame := appendFrame(nil, news)
	lock, err := waitLock(p.lock, trustFileWait)
	if err != nil {
		return err
	}
	defer lock.free()
	if err := p.reach(); err != nil {
		return err
	}
	if p.good+int64(len(frame)) > maxTrustFile {
		return errors.New("is full")
	}
	if _, err := p.f.WriteAt(frame, p.good); err != nil {
		p.f.Truncate(p.good) // the next append finds the sound end again
		return err
	}
	p.good += int64(len(frame))
	p.mu.Lock()
	p.dirty = true
	p.mu.Unlock()
	return nil
}

// reach opens the file that is now at path, which it makes if necessary, and finds its sound end.
func (p *trustFile) reach() error {
	now, err := os.Stat(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = writeWhole(p.path, journalHead(0)); err == nil {
			now, err = os.Stat(p.path)
		}
	}
	if err != nil {
		return err
	}
	known := false
	if p.f != nil {
		mine, err := p.f.Stat()
		known = err == nil && os.SameFile(mine, now)
	}
	if known && now.Size() == p.good {
		return nil
	}
	if !known {
		f, err := OpenRegular(p.path, os.O_RDWR, fileMode)
		if err != nil {
			return err
		}
		p.adopt(f)
	}
	held, err := readJournal(p.path, 0)
	if err != nil {
		return err
	}
	if held.damaged || held.good < journalHeader {
		return ErrDamaged // the next start sets it aside
	}
	p.good = held.good
	return p.f.Truncate(p.good)
}

func (p *trustFile) adopt(f *os.File) {
	p.mu.Lock()
	old := p.f
	p.f = f
	p.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// sync makes appended rows survive a power cut.
func (p *trustFile) sync() error {
	p.mu.Lock()
	f, dirty := p.f, p.dirty
	p.dirty = false
	p.mu.Unlock()
	if !dirty {
		return nil
	}
	err := f.Sync()
	if errors.Is(err, os.ErrClosed) {
		err = nil // replaced by another slot, which synced the new file
	}
	if err != nil {
		p.mu.Lock()
		p.dirty = true
		p.mu.Unlock()
	}
	return err
}

func (p *trustFile) close() error {
	if p.f == nil {
		return nil
	}
	return errors.Join(p.sync(), p.f.Close())
}
