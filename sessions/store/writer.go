package store

import "path/filepath"

// writer is the state of the writeLoop.
type writer struct {
	journal *journal
	group   []request
	errs    []error
	buf     []byte
	ended   chan struct{}
}

// writeLoop writes queued batches, all that wait at a time, until the queue is closed. Every
// acknowledgement waits for it, so it does nothing that waits for the disk except the write itself.
func (s *Store) writeLoop() {
	w := &s.writing
	defer close(w.ended)
	for r := range s.queue {
		w.group = append(w.group[:0], r)
		size := r.size
	more:
		for size < groupBytes {
			select {
			case r, ok := <-s.queue:
				if !ok {
					break more
				}
				w.group = append(w.group, r)
				size += r.size
			default:
				break more
			}
		}
		s.writeGroup()
		clear(w.group)
		if w.journal.size >= s.limits.compactAt || s.syncing.doubtful.Load() {
			s.rotate()
		}
	}
}

// writeGroup writes the batches of the group, one frame each, with one write(2), and sends their
// results. A batch that is refused does not affect the others.
func (s *Store) writeGroup() {
	w := &s.writing
	w.buf, w.errs = w.buf[:0], w.errs[:0]
	for _, r := range w.group {
		err := checkBatch(r.batch)
		if err == nil {
			// Before the slot's journal, so that the user's decision holds for every slot even
			// if this process dies between the two.
			err = s.trust.record(r.batch)
		}
		if err == nil {
			w.buf = appendFrame(w.buf, r.batch)
		}
		w.errs = append(w.errs, err)
	}
	var failed error
	if len(w.buf) > 0 {
		failed = s.writeJournal(w.buf)
	}
	for i, r := range w.group {
		err := w.errs[i]
		if err == nil {
			err = failed
		}
		s.queued.Add(-r.size)
		s.finish(Done{Seq: r.seq, Err: err})
	}
	if cap(w.buf) > keepBuffer {
		w.buf = nil
	}
}

func (s *Store) writeJournal(b []byte) error {
	j := s.writing.journal
	if j.size+int64(len(b)) > s.limits.maxJournal {
		return fault(j.path, ErrJournalFull, "make room on this disk")
	}
	if err := j.append(b); err != nil {
		return fault(j.path, err, "check this disk")
	}
	s.syncing.mark(j)
	return nil
}

// rotate begins a new journal and leaves the old one to the compactLoop, unless that is still busy with
// the one before.
func (s *Store) rotate() {
	old := s.writing.journal
	if !s.compaction.busy.CompareAndSwap(false, true) {
		return
	}
	follows := old.size
	if follows == journalHeader {
		follows = 0 // losing an empty one does not matter
	}
	j, err := createJournal(filepath.Dir(old.path), old.number+1, follows, s.open)
	if err != nil {
		// The old one goes on. When it is full, batches are refused.
		s.compaction.busy.Store(false)
		return
	}
	s.syncing.doubtful.Store(false)
	s.syncing.mark(j)
	s.writing.journal = j
	s.compaction.jobs <- old // there is room: compactLoop was not busy
}
