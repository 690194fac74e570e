package shell

import (
	"sync"

	"darkchat/neighbors"
)

// Bounds of the queue between those who have something to print and the
// printer. A reader that stalls must not make the node wait or grow.
const (
	maxIncoming   = 4096    // events queued when a text is no longer taken
	maxTextQueued = 4 << 20 // bytes of texts queued when one is no longer taken
	maxEvents     = 8192    // events queued when nothing of the node is taken
)

// item is one thing to print: an event of the node, or a report of the shell.
type item struct {
	event  neighbors.Event
	report report
	input  string // the line that a Failed belongs to
}

// queue is first in, first out, and has one taker.
type queue struct {
	mu     sync.Mutex
	items  []item
	bytes  int // of texts inside
	left   int // events left out since the last take
	closed bool
	wake   chan struct{} // something to take
	room   chan struct{} // something was taken
}

func newQueue() *queue {
	return &queue{wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// offer takes an event of the node and never waits. What does not fit is left
// out: a text is then neither printed nor acknowledged, so that its sender tries
// again; other events are counted.
func (q *queue) offer(it item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	if in, ok := it.event.(neighbors.Incoming); ok {
		if len(q.items) >= maxIncoming || q.bytes+len(in.Text) > maxTextQueued {
			return false
		}
		q.bytes += len(in.Text)
	} else if len(q.items) >= maxEvents {
		q.left++
		return false
	}
	q.items = append(q.items, it)
	nudge(q.wake)
	return true
}

// put takes what the shell itself says, and waits for room: whoever types faster
// than the output is read has to wait. It gives up when stop is closed.
func (q *queue) put(it item, stop <-chan struct{}) {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return
		}
		if len(q.items) < maxEvents {
			q.items = append(q.items, it)
			q.mu.Unlock()
			nudge(q.wake)
			return
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-stop:
			return
		}
	}
}

// take returns up to n items, how many events were left out before, and whether
// more can come.
func (q *queue) take(n int) (items []item, left int, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.items))
	items = append(items, q.items[:n]...)
	for _, it := range items {
		if in, ok := it.event.(neighbors.Incoming); ok {
			q.bytes -= len(in.Text)
		}
	}
	q.items = q.items[:copy(q.items, q.items[n:])]
	if len(q.items) == 0 && cap(q.items) > maxIncoming {
		q.items = nil // give the room of a burst back
	} else {
		clear(q.items[len(q.items):min(len(q.items)+n, cap(q.items))])
		if len(q.items) > 0 {
			nudge(q.wake)
		}
	}
	left, q.left = q.left, 0
	nudge(q.room)
	return items, left, !q.closed || len(q.items) > 0
}

// last adds an item behind all others, full or not, and closes the queue. What
// is inside can still be taken.
func (q *queue) last(it item) {
	q.mu.Lock()
	q.items = append(q.items, it)
	q.closed = true
	q.mu.Unlock()
	nudge(q.wake)
}

// nudge wakes one waiter, now or when it comes next.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
