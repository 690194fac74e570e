package shell

import (
	"slices"
	"sync"

	"darkchat/neighbors"
)

// Bounds of the queue between those who have something to print and the printer. A
// reader that stalls must not make the node wait or grow.
//
// Texts have no bound here, since the node bounds them: until they are printed it hands over no
// more than neighbors.maxUnprintedBytes, and no more lines than its inbox may hold. A text refused
// here would be missing for the whole run: its sender would wait, and the next text would come
// before it.
const (
	maxEvents   = 8192 // reports, and events that are neither texts nor presence
	maxPresence = 4096 // events about who comes and goes
	maxLatest   = 4096 // sessions of which only the last presence event is kept
)

// item is one thing to print: an event of the node, or a report of the shell.
type item struct {
	event  neighbors.Event
	report report
	input  string // the line that a Failed belongs to
}

// lane is the class of items in which an item's room is counted.
type lane uint8

const (
	laneText     lane = iota // never left out
	lanePresence             // the latest of each session is never left out
	laneOther                // counted when left out
	numLanes
)

// queue is first in, first out, with one consumer.
type queue struct {
	mu     sync.Mutex
	items  []item
	count  [numLanes]int      // of items
	latest map[subject]*final // presence for which there was no room; at most maxLatest
	order  []subject          // the keys of latest, in the order in which they were first left out
	left   int                // events left out since the person was last told
	closed bool
	wake   chan struct{} // something to take
	room   chan struct{} // something was taken
}

// subject is what a presence event is about: a later one about the same subject replaces it.
type subject struct {
	about   string
	session string
}

// final is the events about one subject for which there was no room.
type final struct {
	first, last neighbors.Event
	count       int
}

func newQueue() *queue {
	return &queue{latest: map[subject]*final{}, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// offer takes an event of the node and never waits. It always takes texts; of presence it keeps the last
// event of each session when there is no room for all; other events that do not fit are counted. It
// returns false if the event, as it is, will not be printed.
func (q *queue) offer(it item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	l, about := laneOf(it)
	switch l {
	case lanePresence:
		if q.latest[about] != nil || q.count[l] >= maxPresence {
			return q.keep(about, it.event)
		}
	case laneOther:
		if q.count[l] >= maxEvents {
			q.left++
			return false
		}
	}
	q.add(it)
	return true
}

// laneOf returns the lane in which an item is counted, and the subject of a presence event.
func laneOf(it item) (lane, subject) {
	switch e := it.event.(type) {
	case neighbors.Incoming:
		return laneText, subject{}
	case neighbors.CameOnline:
		return lanePresence, subject{"online", e.Session}
	case neighbors.WentOffline:
		return lanePresence, subject{"online", e.Session}
	case neighbors.WentAway:
		return lanePresence, subject{"away", e.Session}
	case neighbors.HeardOf:
		return lanePresence, subject{"heard", e.Session}
	case neighbors.PathChange:
		return lanePresence, subject{"path", e.Session}
	}
	return laneOther, subject{}
}

// keep notes the last event about a subject.
func (q *queue) keep(about subject, e neighbors.Event) bool {
	f := q.latest[about]
	if f == nil {
		if len(q.latest) >= maxLatest {
			q.left++
			return false
		}
		f = &final{first: e}
		q.latest[about] = f
		q.order = append(q.order, about)
	}
	f.last = e
	f.count++
	return true
}

func (q *queue) add(it item) {
	l, _ := laneOf(it)
	q.count[l]++
	q.items = append(q.items, it)
	nudge(q.wake)
}

// settle appends what there was no room for: how many events are left out, and then the last events of
// presence, so that what is shown last is true.
func (q *queue) settle() {
	var rest []neighbors.Event
	for _, about := range q.order {
		f := q.latest[about]
		if q.left += f.count; !f.nothing() {
			q.left--
			rest = append(rest, f.last)
		}
	}
	clear(q.latest)
	q.order = nil
	if q.left > 0 {
		q.add(item{report: textReport{Event: "notice", Text: plural(q.left, "event") + " left out: the output was not read fast enough"}})
		q.left = 0
	}
	for _, e := range rest {
		q.add(item{event: e})
	}
}

// nothing says that the events cancel out: somebody came and has left again, or was away for a moment.
func (f *final) nothing() bool {
	_, came := f.first.(neighbors.CameOnline)
	_, went := f.last.(neighbors.WentOffline)
	_, left := f.first.(neighbors.WentOffline)
	_, back := f.last.(neighbors.CameOnline)
	return came && went || left && back
}

// put takes output of the shell itself, and waits for room: somebody who types faster than the output is
// read has to wait. It gives up when stop is closed.
func (q *queue) put(it item, stop <-chan struct{}) {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return
		}
		if q.count[laneOther] < maxEvents {
			q.add(it)
			q.mu.Unlock()
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

// take returns up to n items, and whether more can come.
func (q *queue) take(n int) (items []item, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.items))
	items = append(items, q.items[:n]...)
	for _, it := range items {
		l, _ := laneOf(it)
		q.count[l]--
	}
	q.items = slices.Delete(q.items, 0, n)
	if len(q.items) == 0 {
		if cap(q.items) > maxEvents/2 {
			q.items = nil // give the room of a burst back
		}
		q.settle()
	}
	if len(q.items) > 0 {
		nudge(q.wake)
	}
	nudge(q.room)
	return items, !q.closed || len(q.items) > 0
}

// last appends an item, even to a full queue, and closes the queue. Its items can still be taken.
func (q *queue) last(it item) {
	q.mu.Lock()
	q.settle()
	q.add(it)
	q.closed = true
	q.mu.Unlock()
}

// nudge wakes one waiter, now or when it comes next.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
