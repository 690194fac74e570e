package store

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// syncRetry is the pause after a sync that failed.
const syncRetry = time.Second

// syncer is the state of the syncLoop.
type syncer struct {
	mu      sync.Mutex
	dirty   []*journal // written since their last sync; at most the one that is compacted and the present one
	renamed bool       // a journal was made: its name must be synced too
	wake    chan struct{}
	failing bool // for the syncLoop only

	// doubtful says that a sync failed. The system may have dropped what it could not write
	// and report success at the next sync, so that journal must be read back and compacted
	// while its bytes are still in memory.
	doubtful atomic.Bool
}

// mark says that j was written and must be synced.
func (y *syncer) mark(j *journal) {
	y.mu.Lock()
	known := len(y.dirty) > 0 && y.dirty[len(y.dirty)-1] == j
	if !known {
		y.dirty = append(y.dirty, j)
		y.renamed = y.renamed || j.size == journalHeader
	}
	y.mu.Unlock()
	if known {
		return // it was marked already, which woke the loop
	}
	select {
	case y.wake <- struct{}{}:
	default:
	}
}

// syncLoop syncs what was written, within 100 ms and as seldom as that allows. It also reserves
// numbers, which is a synced write too.
func (s *Store) syncLoop() {
	due := time.NewTimer(0)
	<-due.C
	defer due.Stop()
	armed := false
	for {
		select {
		case <-s.syncing.wake:
			if !armed {
				due.Reset(s.limits.syncDelay)
				armed = true
			}
		case <-due.C:
			armed = false
			if err := s.syncAll(); err != nil {
				due.Reset(syncRetry)
				armed = true
			}
		case r := <-s.reserves:
			b, err := s.number.reserve(r.counter)
			s.finish(Done{Seq: r.seq, Err: err, Granted: b})
		case <-s.stop:
			s.refuseReserves()
			return
		}
	}
}

// syncAll syncs the journals that were written, the older one first, so that a
// power cut never keeps the later part of what happened without the earlier.
func (s *Store) syncAll() error {
	y := &s.syncing
	y.mu.Lock()
	dirty, renamed := y.dirty, y.renamed
	y.dirty, y.renamed = nil, false
	y.mu.Unlock()

	err := s.trust.sync() // first, since an older decision there would undo that of a journal
	for i, j := range dirty {
		bad := j.f.Sync()
		if bad == nil || j.compacted.Load() { // a compacted journal is synced in the store
			continue
		}
		err = errors.Join(err, bad)
		y.mu.Lock()
		y.dirty = append(dirty[i:len(dirty):len(dirty)], y.dirty...)
		y.mu.Unlock()
		break
	}
	if err == nil && renamed {
		err = syncDir(s.dir)
	}
	if err != nil {
		y.mu.Lock()
		y.renamed = y.renamed || renamed
		y.mu.Unlock()
		y.doubtful.Store(true)
		if !y.failing {
			s.report(fault(s.dir, err, "check this disk: a power cut now may lose what came last"))
		}
	}
	y.failing = err != nil
	return err
}

func (s *Store) refuseReserves() {
	for {
		select {
		case r := <-s.reserves:
			s.finish(Done{Seq: r.seq, Err: errClosed})
		default:
			return
		}
	}
}
