package timing

import (
	"iter"
	"time"
)

// Timer is one deadline of its Owner. The zero value is not set.
type Timer[T any] struct {
	Owner T
	// Order decides between equal deadlines, the lower first, so that runs repeat exactly. If it
	// is 0, the heap gives it the next number when it is first set.
	Order uint64
	at    time.Time
	pos   int // in the heap, from 1; 0: not set
}

// IsSet says whether the timer runs.
func (t *Timer[T]) IsSet() bool { return t.pos != 0 }

// At returns the deadline, or the last one if the timer does not run.
func (t *Timer[T]) At() time.Time { return t.at }

// Heap holds the timers that run, the earliest first: as many as there are owners. The zero value is
// empty.
type Heap[T any] struct {
	list []*Timer[T]
	made uint64
}

// Set moves a deadline; the zero time stops it.
func (h *Heap[T]) Set(t *Timer[T], at time.Time) {
	switch {
	case at.IsZero():
		h.Stop(t)
		return
	case t.pos == 0:
		if t.Order == 0 {
			h.made++
			t.Order = h.made
		}
		h.list = append(h.list, t)
		t.pos = len(h.list)
	case t.at.Equal(at):
		return
	}
	t.at = at
	h.down(h.up(t.pos))
}

// Stop takes a deadline out.
func (h *Heap[T]) Stop(t *Timer[T]) {
	if t.pos == 0 {
		return
	}
	last := len(h.list)
	i := t.pos
	h.swap(i, last)
	h.list[last-1] = nil
	h.list = h.list[:last-1]
	t.pos = 0
	if i < last {
		h.down(h.up(i))
	}
}

// Due takes out the earliest deadline that has come, nil if there is none.
func (h *Heap[T]) Due(now time.Time) *Timer[T] {
	if len(h.list) == 0 || h.list[0].at.After(now) {
		return nil
	}
	t := h.list[0]
	h.Stop(t)
	return t
}

// Next returns the earliest deadline, zero if there is none.
func (h *Heap[T]) Next() time.Time {
	if len(h.list) == 0 {
		return time.Time{}
	}
	return h.list[0].at
}

// Len returns how many timers run.
func (h *Heap[T]) Len() int { return len(h.list) }

// Some gives the owners of up to n timers that run: early ones rather than late ones, but in no order
// that means anything. Nothing may be set or stopped meanwhile.
func (h *Heap[T]) Some(n int) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, t := range h.list[:min(len(h.list), n)] {
			if !yield(t.Owner) {
				return
			}
		}
	}
}

func (h *Heap[T]) before(i, j int) bool {
	a, b := h.list[i-1], h.list[j-1]
	if a.at.Equal(b.at) {
		return a.Order < b.Order
	}
	return a.at.Before(b.at)
}

func (h *Heap[T]) swap(i, j int) {
	h.list[i-1], h.list[j-1] = h.list[j-1], h.list[i-1]
	h.list[i-1].pos, h.list[j-1].pos = i, j
}

func (h *Heap[T]) up(i int) int {
	for i > 1 && h.before(i, i/2) {
		h.swap(i, i/2)
		i /= 2
	}
	return i
}

func (h *Heap[T]) down(i int) {
	for {
		least := i
		for _, child := range [2]int{2 * i, 2*i + 1} {
			if child <= len(h.list) && h.before(child, least) {
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
