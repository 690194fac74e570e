package neighbors

import (
	"context"
	"time"

	"darkchat/sessions/store"
)

// changePatience bounds how long Change waits for the write: a disk may hang. The person is
// told by a Notice when the disk takes nothing.
const changePatience = time.Second

// call is a function to run on the loop.
type call struct {
	f       func(now time.Time, n *Node)
	done    chan struct{}
	changes bool // done is closed when everything changed up to its end is written
}

// changers are the calls that have run and wait for a write.
type changers struct {
	fresh  []call            // ran in this turn; at most those of one turn
	unsure map[uint64][]call // by batch; as many as the store takes
	last   uint64            // the newest batch that is not yet written; 0: all are
}

func (l *Loop) call(now time.Time, c call) {
	c.f(now, l.node)
	if c.changes {
		l.changers.fresh = append(l.changers.fresh, c)
		return
	}
	close(c.done)
}

// wait makes the calls of this turn wait for this turn's batch; seq 0: there is none, and they
// wait for the batches before it.
func (s *changers) wait(seq uint64) {
	if seq > 0 {
		s.last = seq
	}
	if len(s.fresh) == 0 {
		return
	}
	s.unsure[s.last] = append(s.unsure[s.last], s.fresh...)
	s.fresh = nil
	if s.last == 0 {
		s.end(0)
	}
}

// end says that the write of a batch has ended.
func (s *changers) end(seq uint64) {
	for _, c := range s.unsure[seq] {
		close(c.done)
	}
	delete(s.unsure, seq)
	if s.last == seq {
		s.last = 0
	}
}

// finished takes the outcome of a batch or of a request for numbers.
func (l *Loop) finished(now time.Time, d store.Done) {
	l.node.Finished(now, d)
	l.changers.end(d.Seq)
}

// Do runs f on the loop and waits for its end. It returns at once, without
// having run f, when the loop has ended or ctx is done.
func (l *Loop) Do(ctx context.Context, f func(now time.Time, n *Node)) {
	l.do(ctx, call{f: f, done: make(chan struct{})}, nil)
}

// Change is Do, and waits, changePatience at most, until everything that f and the calls before
// it changed is written: what the caller was told survives a crash.
func (l *Loop) Change(f func(now time.Time, n *Node)) {
	patience := time.NewTimer(changePatience)
	defer patience.Stop()
	l.do(context.Background(), call{f: f, done: make(chan struct{}), changes: true}, patience.C)
}

func (l *Loop) do(ctx context.Context, c call, late <-chan time.Time) {
	select {
	case l.calls <- c:
	case <-l.stopped:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-c.done:
	case <-late:
	case <-l.stopped:
	}
}
