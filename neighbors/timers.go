package neighbors

import (
	"bytes"
	"time"
)

// timers is a heap of edges by their next deadline, so that a seed with many
// neighbours looks only at those that are due. Ties are broken by session id, so
// that a run is replayed exactly. It holds at most as many edges as the node.
type timers struct{ heap []*edge }

func (t *timers) before(i, j int) bool {
	a, b := t.heap[i], t.heap[j]
	if !a.due.Equal(b.due) {
		return a.due.Before(b.due)
	}
	return bytes.Compare(a.id[:], b.id[:]) < 0
}

func (t *timers) swap(i, j int) {
	t.heap[i], t.heap[j] = t.heap[j], t.heap[i]
	t.heap[i].slot, t.heap[j].slot = i, j
}

func (t *timers) up(i int) {
	for i > 0 && t.before(i, (i-1)/2) {
		t.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (t *timers) down(i int) {
	for {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(t.heap) && t.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		t.swap(i, least)
		i = least
	}
}

// set puts e at its deadline; a zero one takes it out.
func (t *timers) set(e *edge, due time.Time) {
	if due.Equal(e.due) {
		return
	}
	if !e.due.IsZero() {
		t.remove(e)
	}
	if e.due = due; due.IsZero() {
		return
	}
	e.slot = len(t.heap)
	t.heap = append(t.heap, e)
	t.up(e.slot)
}

func (t *timers) remove(e *edge) {
	i, last := e.slot, len(t.heap)-1
	t.swap(i, last)
	t.heap[last] = nil
	t.heap = t.heap[:last]
	if i < last {
		t.down(i)
		t.up(i)
	}
	e.due = time.Time{}
}

// pop takes out the first edge whose deadline is not after now; nil if none is.
func (t *timers) pop(now time.Time) *edge {
	if len(t.heap) == 0 || t.heap[0].due.After(now) {
		return nil
	}
	e := t.heap[0]
	t.remove(e)
	return e
}

func (t *timers) next() time.Time {
	if len(t.heap) == 0 {
		return time.Time{}
	}
	return t.heap[0].due
}
