package shell

import (
	"bytes"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"darkchat/neighbors"
)

// Bounds of one write: small enough that the acknowledgements which wait for it go out soon.
const (
	maxBatch      = 256
	maxBatchBytes = 64 << 10
)

// printer is the one goroutine that writes the shell's output: many events in one write. The texts
// among them are reported as printed only after that write has returned.
type printer struct {
	queue   *queue
	out     io.Writer // whole lines, one write a batch
	json    bool
	color   bool
	width   func() int // columns of a terminal; nil: none
	now     func() time.Time
	zone    *time.Location
	printed func(receipts []uint64)
	waiting unanswered    // text only
	calm    calm          // text on a terminal only
	level   *atomic.Value // of \notify: a string
	person  bool          // a terminal
	encoder *encoder      // json only
	batch   []byte        // room for one write
	lost    func(error)   // called on a failed write, after which nothing is written; nil: a failed write ends the printer
	deaf    bool          // lost was told
	failed  chan error    // the error of a write ends the printer
	done    chan struct{}
}

// run prints first, then the queue's items until that is closed and empty, or until a write fails. If
// lost is set it then goes on emptying the queue.
func (p *printer) run(first report) {
	defer close(p.done)
	if !p.say([]item{{report: first}}) {
		return
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-p.queue.wake:
		case <-timer.C:
		}
		items, open := p.queue.take(maxBatch)
		if !p.json {
			now := time.Now()
			items = p.waiting.hold(items, now)
			if p.person {
				items = p.calm.hold(items, p.level.Load().(string), now)
			}
			if !open { // bye is the last
				bye := len(items) - 1
				items = slices.Concat(items[:bye], p.waiting.rest(), p.calm.rest(), items[bye:])
			}
		}
		if !p.say(items) {
			return
		}
		if !open {
			return
		}
		if next := sooner(p.waiting.next(), p.calm.next()); next.IsZero() {
			timer.Reset(time.Hour)
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// sooner is the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// say prints a batch, and returns false if that ended the printer.
func (p *printer) say(items []item) bool {
	if p.deaf {
		return true
	}
	err := p.print(items)
	switch {
	case err == nil:
		return true
	case p.lost == nil:
		p.failed <- err
		return false
	}
	p.deaf = true
	p.lost(err)
	return true
}

// print writes a batch, in several writes when it is large.
func (p *printer) print(items []item) error {
	buf := bytes.NewBuffer(p.batch[:0])
	defer func() {
		if p.batch = buf.Bytes(); cap(p.batch) > 2*maxBatchBytes {
			p.batch = nil // give the room of a burst back
		}
	}()
	var receipts []uint64
	flush := func() error {
		if buf.Len() == 0 {
			return nil
		}
		if _, err := p.out.Write(buf.Bytes()); err != nil {
			return err
		}
		buf.Reset()
		if len(receipts) > 0 {
			p.printed(receipts)
			receipts = nil
		}
		return nil
	}
	for _, it := range items {
		r := it.report
		if r == nil {
			r = newReport(it.event)
		}
		if f, ok := r.(errorReport); ok && it.input != "" {
			f.Input = it.input
			r = f
		}
		if r == nil {
			continue
		}
		p.render(buf, r)
		if in, ok := it.event.(neighbors.Incoming); ok {
			receipts = append(receipts, in.Receipt)
		}
		if buf.Len() >= maxBatchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func (p *printer) render(buf *bytes.Buffer, r report) {
	if p.json {
		if p.encoder == nil {
			p.encoder = newEncoder()
		}
		buf.Write(p.encoder.line(r))
		return
	}
	pg := page{color: p.color}
	look := view{now: p.now(), zone: p.zone, width: 80}
	if p.width != nil {
		look.width = p.width()
	}
	r.text(&pg, look)
	buf.WriteString(pg.out.String())
}
