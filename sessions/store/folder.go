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

// folder is the state of the foldLoop, which folds journals into the store.
type folder struct {
	db         *database
	jobs       chan *journal // at most one, and only while not busy
	busy       atomic.Bool
	room       foldRoom
	unfinished *journal // what Close has to fold besides the journal in use
}

// foldRoom is the memory that a fold needs. It is kept for foldIdle, for the next one.
type foldRoom struct {
	file []byte
	rows lastRows
}

const foldIdle = 5 * time.Second

// foldLoop folds the journals that it is given into the store. It tries again if that fails; in the
// meantime the journal in use grows, up to its bound.
func (s *Store) foldLoop() {
	f := &s.folding
	retry := time.NewTimer(0)
	<-retry.C
	defer retry.Stop()
	idle := time.NewTimer(foldIdle)
	defer idle.Stop()
	said := false
	for {
		select {
		case f.unfinished = <-f.jobs:
		case <-retry.C:
		case <-idle.C:
			f.room = foldRoom{}
			continue
		case <-s.stop:
			select {
			case f.unfinished = <-f.jobs:
			default:
			}
			return
		}
		if err := s.foldJournal(f.unfinished); err != nil {
			if !said {
				s.report(err)
			}
			said = true
			retry.Reset(s.limits.foldRetry)
			continue
		}
		said = false
		idle.Reset(foldIdle)
		f.unfinished = nil
		f.busy.Store(false)
	}
}

// foldJournal reads j back, folds it and removes it. A crash in between leaves j where it is: the
// store knows its number, and the next start removes it.
func (s *Store) foldJournal(j *journal) error {
	f := &s.folding
	if j.size > journalHeader {
		f.room.rows.reset()
		held, err := scanJournal(j.path, j.number, &f.room.file, f.room.rows.add)
		if err == nil && held.good < j.size {
			err = fmt.Errorf("%w: it ends at byte %d of %d", ErrDamaged, held.good, j.size)
		}
		if err != nil {
			return fault(j.path, err, "check this disk")
		}
		// The history is a separate file and is folded first. The journal must survive a power
		// cut between the two, or the history would have lines that come again. If a sync
		// fails the syncLoop tells it, and we still save what we can.
		_ = errors.Join(s.people.sync(), j.f.Sync(), syncDir(s.dir))
		if err := f.db.foldRows(f.room.rows.writes(), j.number); err != nil {
			return fault(f.db.path, err, "check this disk")
		}
	}
	j.folded.Store(true)
	if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault(j.path, err, "check this disk")
	}
	j.f.Close() // everything in it is folded
	return nil
}

// foldSlice is how many rows are folded before other goroutines get a turn.
const foldSlice = 16

// giveWay lets other goroutines run now and then. A fold runs beside a conversation, often on the
// only processor of the program, and nobody waits for it.
func giveWay(row int) {
	if row%foldSlice == foldSlice-1 {
		runtime.Gosched()
	}
}

// foldRest folds the journals that are left when the loops have ended, the older one first. One
// that cannot be folded is synced and stays.
func (s *Store) foldRest() error {
	rest := []*journal{s.writing.journal}
	if old := s.folding.unfinished; old != nil {
		rest = []*journal{old, s.writing.journal}
	}
	for i, j := range rest {
		if err := s.foldJournal(j); err != nil {
			for _, j := range rest[i:] {
				err = errors.Join(err, j.f.Sync(), j.f.Close())
			}
			return err
		}
	}
	return syncDir(filepath.Dir(s.folding.db.path))
}
