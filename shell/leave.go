package shell

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"darkchat/neighbors"
)

// Exit codes.
const (
	exitFine        = 0
	exitFailed      = 1 // a text line was refused, the input failed, or the output did
	exitUndelivered = 3 // a text has no acknowledgement
)

// tailPatience is how long the end of input still waits, once every text of this run is with one
// session, for the users' other sessions.
const tailPatience = time.Second

// storePatience is how long a macro from a pipe, and the end of input, wait for the disk to take the
// texts before them. It does not depend on the network.
const storePatience = time.Second

// progress gathers what events say about our texts.
type progress struct {
	changed chan struct{} // an event came since
	first   atomic.Uint64 // lowest id of this run's texts; 0: none yet
	told    atomic.Uint64 // token of the last line reported as queued or sent
	lost    atomic.Bool   // a text of this run can never be delivered
}

func newProgress() *progress { return &progress{changed: make(chan struct{}, 1)} }

// saw is called for every delivery event.
func (p *progress) saw(d neighbors.Delivery) {
	if d.Token != 0 && (p.first.Load() == 0 || d.ID < p.first.Load()) {
		p.first.Store(d.ID)
	}
	if d.Token != 0 && d.State == neighbors.Undelivered {
		p.lost.Store(true)
	}
	if d.Token != 0 && (d.State == neighbors.Queued || d.State == neighbors.Sent) {
		p.told.Store(uint64(d.Token))
	}
	nudge(p.changed)
}

// stored waits until the line with token, and so each line before it, is reported as queued or sent:
// that is when it is stored.
func (p *progress) stored(ctx context.Context, token neighbors.Token) {
	if p.told.Load() >= uint64(token) {
		return
	}
	timer := time.NewTimer(storePatience)
	defer timer.Stop()
	for p.told.Load() < uint64(token) {
		select {
		case <-p.changed:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// settle waits up to limit until every text, of this run and of earlier ones, has an acknowledgement,
// and says whether it has. For texts of this run it then waits a little for the users' other
// sessions.
func (p *progress) settle(ctx context.Context, node Node, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var tail <-chan time.Time
	for {
		acked, complete := p.survey(node.Outbox())
		if complete || limit <= 0 {
			return acked
		}
		if acked && tail == nil {
			t := time.NewTimer(tailPatience)
			defer t.Stop()
			tail = t.C
		}
		select {
		case <-p.changed:
		case <-tail:
			return acked
		case <-timer.C:
			acked, _ = p.survey(node.Outbox())
			return acked
		case <-ctx.Done():
			return acked
		}
	}
}

// survey says whether every text has an acknowledgement, and whether those of this run have them
// from all sessions.
func (p *progress) survey(lines []neighbors.OutboxLine) (acked, complete bool) {
	acked, complete = !p.lost.Load(), true
	first := p.first.Load()
	for _, l := range lines {
		if l.Acked == 0 {
			acked = false
		}
		if l.Acked == 0 || (first != 0 && l.ID >= first) {
			complete = false
		}
	}
	return acked, complete
}

// ended handles the end of input, or its failure (why): it may be the end of the program, once the
// texts are acknowledged.
func (s *Shell) ended(ctx context.Context, c *conversation, p *printer, why error) int {
	lost := !errors.Is(why, io.EOF)
	if s.opt.Interactive && !lost {
		return s.code(c) // Ctrl-D is \quit
	}
	if s.opt.Stay {
		if lost {
			s.opt.Lost(inputLost(why))
		}
		select {
		case <-ctx.Done():
			return s.code(c)
		case <-p.done:
			return exitFailed
		}
	}
	if s.opt.Interactive { // its terminal is gone, and nobody waits
		s.err = inputLost(why)
		return exitFailed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	s.progress.stored(ctx, c.said)
	settled := s.progress.settle(ctx, c.node, s.opt.Wait)
	if lost {
		s.err = inputLost(why)
		return exitFailed
	}
	if code := s.code(c); code != exitFine || settled {
		return code
	}
	return exitUndelivered
}
