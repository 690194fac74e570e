package dgram

import "time"

// timer is one deadline of a link or a dial.
type timer struct {
	at   time.Time
	made uint64 // order among equal times, so that runs repeat exactly
	pos  int    // in the heap, from 1; 0: not set
	link *link  // whose it is: one of the two
	dial *dial
}

// timers is a heap of deadlines, the earliest first: as many as links and dials.
type timers struct {
	heap []*timer
	made uint64
}

// set moves a deadline; the zero time stops it.
func (h *timers) set(t *timer, at time.Time) {
	switch {
	case at.IsZero():
		h.stop(t)
		return
	case t.pos == 0:
		if t.made == 0 {
			h.made++
			t.made = h.made
		}
		h.heap = append(h.heap, t)
		t.pos = len(h.heap)
	case t.at.Equal(at):
		return
	}
	t.at = at
	h.down(h.up(t.pos))
}

// stop takes a deadline out.
func (h *timers) stop(t *timer) {
	if t.pos == 0 {
		return
	}
	last := len(h.heap)
	i := t.pos
	h.swap(i, last)
	h.heap[last-1] = nil
	h.heap = h.heap[:last-1]
	t.pos = 0
	if i < last {
		h.down(h.up(i))
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

func (h *timers) before(i, j int) bool {
	a, b := h.heap[i-1], h.heap[j-1]
	if a.at.Equal(b.at) {
		return a.made < b.made
	}
	return a.at.Before(b.at)
}

func (h *timers) swap(i, j int) {
	h.heap[i-1], h.heap[j-1] = h.heap[j-1], h.heap[i-1]
	h.heap[i-1].pos, h.heap[j-1].pos = i, j
}

func (h *timers) up(i int) int {
	for i > 1 && h.before(i, i/2) {
		h.swap(i, i/2)
		i /= 2
	}
	return i
}

func (h *timers) down(i int) {
	for {
		least := i
		for _, child := range []int{2 * i, 2*i + 1} {
			if child <= len(h.heap) && h.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}
