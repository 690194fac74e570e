package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"
)

// compactor is the state of the compactLoop, which compacts journals into the store.
type compactor struct {
	db         *database
	jobs       chan *journal // at most one, and only while not busy
	busy       atomic.Bool
	room       compactRoom
	unfinished *journal // what Close has to compact besides the journal in use
}

// compactRoom is the memory that a compaction needs. It is kept for compactIdle, for the next one.
type compactRoom struct {
	file []byte
	rows latestWrites
}

const compactIdle = 5 * time.Second

// compactLoop compacts the journals that it is given into the store. It tries again if that fails; in the
// meantime the journal in use grows, up to its bound.
func (s *Store) compactLoop() {
	c := &s.compaction
	retry := time.NewTimer(0)
	<-retry.C
	defer retry.Stop()
	idle := time.NewTimer(compactIdle)
	defer idle.Stop()
	said := false
	for {
		select {
		case c.unfinished = <-c.jobs:
		case <-retry.C:
		case <-idle.C:
			c.room = compactRoom{}
			continue
		case <-s.stop:
			select {
			case c.unfinished = <-c.jobs:
			default:
			}
			return
		}
		if err := s.compactJournal(c.unfinished); err != nil {
			if !said {
				s.report(err)
			}
			said = true
			retry.Reset(s.limits.compactRetry)
			continue
		}
		said = false
		idle.Reset(compactIdle)
		c.unfinished = nil
		c.busy.Store(false)
	}
}

// compactJournal reads j back, compacts it and removes it. A crash in between leaves j where it is: the
// store knows its number, and the next start removes it.
func (s *Store) compactJournal(j *journal) error {
	c := &s.compaction
	if j.size > journalHeader {
		c.room.rows.reset()
		held, err := scanJournal(j.path, j.number, &c.room.file, c.room.rows.add)
		if err == nil && held.good < j.size {
			err = fmt.Errorf("%w: it ends at byte %d of %d", ErrDamaged, held.good, j.size)
		}
		if err != nil {
			return fault(j.path, err, "check this disk")
		}
		// The history is a separate file and is compacted first. The journal must survive a power
		// cut between the two, or the history would have lines that come again. If a sync
		// fails the syncLoop tells it, and we still save what we can.
		_ = errors.Join(s.trust.sync(), j.f.Sync(), syncDir(s.dir))
		if err := c.db.compactRows(c.room.rows.writes(), j.number); err != nil {
			return fault(c.db.path, err, "check this disk")
		}
	}
	j.compacted.Store(true)
	if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault(j.path, err, "check this disk")
	}
	j.f.Close() // everything in it is compacted
	return nil
}

// compactSlice is how many rows are compacted before other goroutines get a turn.
const compactSlice = 16

// giveWay lets other goroutines run now and then. A compaction runs beside a conversation, often on the
// only processor of the program, and nobody waits for it.
func giveWay(row int) {
	if row%compactSlice == compactSlice-1 {
		runtime.Gosched()
	}
}

// compactRest compacts the journals that are left when the loops have ended, the older one first. One
// that cannot be compacted is synced and stays.
func (s *Store) compactRest() error {
	rest := []*journal{s.writing.journal}
	if old := s.compaction.unfinished; old != nil {
		rest = []*journal{old, s.writing.journal}
	}
	for i, j := range rest {
		if err := s.compactJournal(j); err != nil {
			for _, j := range rest[i:] {
				err = errors.Join(err, j.f.Sync(), j.f.Close())
			}
			return err
		}
	}
	return syncDir(filepath.Dir(s.compaction.db.path))
}
