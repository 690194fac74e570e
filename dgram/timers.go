package dgram

import (
	"container/heap"
	"time"
)

// timer is one deadline of a link or a dial.
type timer struct {
	at   time.Time
	made uint64 // order among equal times, so that runs repeat exactly
	pos  int    // in the heap, from 1; 0: not set
	link *link  // whose it is: one of the two
	dial *dial
}

// timers are the deadlines that are set, the earliest first: as many as links and dials.
type timers struct {
	heap timerHeap
	made uint64
}

// set moves a deadline; the zero time stops it.
func (h *timers) set(t *timer, at time.Time) {
	switch {
	case at.IsZero():
		h.stop(t)
	case t.pos == 0:
		if t.made == 0 {
			h.made++
			t.made = h.made
		}
		t.at = at
		heap.Push(&h.heap, t)
	case !t.at.Equal(at):
		t.at = at
		heap.Fix(&h.heap, t.pos-1)
	}
}

// stop takes a deadline out.
func (h *timers) stop(t *timer) {
	if t.pos != 0 {
		heap.Remove(&h.heap, t.pos-1)
	}
}

// due takes out the earliest deadline that has come, nil if there is none.
func (h *timers) due(now time.Time) *timer {
	if len(h.heap) == 0 || h.heap[0].at.After(now) {
		return nil
	}
	t := h.heap[0]
	h.stop(t)
	return t
}

// next returns the earliest deadline, zero if there is none.
func (h *timers) next() time.Time {
	if len(h.heap) == 0 {
		return time.Time{}
	}
	return h.heap[0].at
}

// timerHeap is for container/heap. Each timer knows its place in it.
type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].made < h[j].made
	}
	return h[i].at.Before(h[j].at)
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i+1, j+1
}

// Push appends a timer.
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	*h = append(*h, t)
	t.pos = len(*h)
}

// Pop takes the last timer off.
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last], t.pos = nil, 0
	*h = (*h)[:last]
	return t
}
