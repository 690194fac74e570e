package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// archive is the file of the history, a bbolt file beside the store. Rows are in a journal
// first, where a search finds them too; a compaction moves them here before it moves the rest into
// the store. The file is not opened before that, or before the first query, so that a long
// history does not slow the start, and damage in it costs nothing but the history.
type archive struct {
	path  string
	limit int // lines that are kept, 0: none

	file sync.Mutex               // held while the file is opened, written, replaced or closed
	bolt atomic.Pointer[bbolt.DB] // nil: not open

	mu     sync.Mutex
	notice string // for the next query
}

const (
	archiveFormat = 1
	archiveBytes  = 1 << 10 // of text a line, on average; if lines are longer, fewer are kept
	archiveTrim   = 4096    // most lines that one compaction drops
)

var (
	archiveMeta = []byte("meta")
	archiveRows = []byte("lines")

	archiveStrangers = []byte("strangers") // of lines (archiverows.go)
)

// compact moves rows into the file and drops the oldest beyond the bound; lines of users in
// befriended no longer count as strangers'. Compacting the same rows twice changes nothing. A
// damaged file is set aside.
func (a *archive) compact(rows []kv.Write, befriended map[identity.UserKey]bool, now time.Time) error {
	if len(rows)+len(befriended) == 0 {
		return nil
	}
	a.file.Lock()
	defer a.file.Unlock()
	err := a.put(rows, befriended)
	if errors.Is(err, ErrDamaged) {
		if err = a.replace(now); err == nil {
			err = a.put(rows, befriended)
		}
	}
	return err
}

func getCount(meta *bbolt.Bucket, name string) uint64 {
	if v := meta.Get([]byte(name)); len(v) == 8 {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// open opens the file, which it makes if create is set. The caller holds a.file.
func (a *archive) open(create bool) error {
	if a.bolt.Load() != nil {
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
			return fmt.Errorf("%w: it is not a darkchat history", ErrDamaged)
		}
		if f := getCount(meta, metaFormat); f != archiveFormat {
			return fmt.Errorf("%w (format %d, known %d)", kv.ErrNewer, f, archiveFormat)
		}
		return nil
	})
	if err != nil {
		b.Close()
		return err
	}
	a.bolt.Store(b)
	return nil
}

// create makes an empty file under a temporary name, so that a crash leaves none or a whole one.
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

// replace sets a damaged file aside. The caller holds a.file.
func (a *archive) replace(now time.Time) error {
	_ = a.shut() // a file too damaged to be closed stays open until the process ends
	a.bolt.Store(nil)
	aside, err := setAside(a.path, now)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notice = fmt.Sprintf("%s was damaged and is now %s: the history begins anew", a.path, aside)
	return nil
}

// find answers a query, newest rows first. Any goroutine may call it, and others may write
// while it reads.
func (a *archive) find(q HistoryQuery, now time.Time) (HistoryPage, error) {
	page, in, err := a.search(q)
	if errors.Is(err, ErrDamaged) {
		err = nil
		a.file.Lock()
		if a.bolt.Load() == in { // otherwise a compaction has found the damage too
			err = a.replace(now)
		}
		a.file.Unlock()
		if err == nil {
			page, _, err = a.search(q)
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

// search also returns the file that it has read.
func (a *archive) search(q HistoryQuery) (HistoryPage, *bbolt.DB, error) {
	if a.bolt.Load() == nil {
		a.file.Lock()
		err := guarded(func() error { return a.open(false) })
		a.file.Unlock()
		if err != nil {
			return HistoryPage{}, nil, err
		}
	}
	// In this order: rows compacted in the meantime are in both, and count once.
	waiting, err := a.uncompacted()
	if err != nil {
		return HistoryPage{}, nil, err
	}
	bolt := a.bolt.Load()
	f := newFinder(q)
	if bolt == nil {
		f.offerAll(waiting, nil)
		return f.done(), nil, nil
	}
	err = guarded(func() error {
		return bolt.View(func(tx *bbolt.Tx) error {
			c := tx.Bucket(archiveRows).Cursor()
			// A row may have been compacted though its journal still exists.
			compacted, _ := c.Last()
			if !f.offerAll(waiting, compacted) {
				return nil
			}
			for k, v := c.Last(); k != nil && f.offer(k, v); k, v = c.Prev() {
			}
			return nil
		})
	})
	return f.done(), bolt, err
}

// uncompacted reads the rows that are still in a journal, in order.
func (a *archive) uncompacted() ([]kv.Write, error) {
	dir := filepath.Dir(a.path)
	numbers, err := listJournals(dir)
	if err != nil {
		return nil, err
	}
	var rows latestWrites
	for _, n := range numbers {
		_, err := scanJournal(journalPath(dir, n), n, new([]byte), func(batch []kv.Write) {
			for i, w := range batch {
				if w.Bucket == kv.BucketHistory {
					rows.add(batch[i : i+1])
				}
			}
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // compacted just now
			return nil, err
		}
	}
	return rows.writes(), nil
}

// offerAll offers the rows newer than those compacted; false: no older ones are wanted.
func (f *finder) offerAll(rows []kv.Write, compacted []byte) bool {
	for i := len(rows) - 1; i >= 0; i-- {
		if bytes.Compare(rows[i].Key, compacted) > 0 && !f.offer(rows[i].Key, rows[i].Value) {
			return false
		}
	}
	return true
}

// shut closes the file.
func (a *archive) shut() error {
	bolt := a.bolt.Swap(nil)
	if bolt == nil {
		return nil
	}
	return guarded(bolt.Close)
}

func (a *archive) close() error {
	a.file.Lock()
	defer a.file.Unlock()
	return a.shut()
}

// History answers a query about what was said. It reads the disk; any goroutine that may wait
// can call it.
func (s *Store) History(q HistoryQuery) (HistoryPage, error) {
	if s.past == nil || s.past.limit == 0 {
		return HistoryPage{}, ErrNoHistory
	}
	return s.past.find(q, time.Now())
}

// ErrNoHistory says that this run keeps no history.
var ErrNoHistory = errors.New("no history is kept: start with -history N, and without -ephemeral")
