package mail

import (
	"math/bits"
	"slices"

	"darkchat/sessions/kv"
)

// A lane is the sequence of texts on their way to one session, in the order of ids. A text names
// the one before it in its lane, and the receiver records them only in that order. The outbox's
// bound limits a lane.
type lane struct {
	flights []*flight // none of which has arrived or was given up
	base    uint64    // the last text that left the lane acknowledged, 0 unknown
	first   int       // no flight before it has an idle part
	gaps    gaps
}

// gaps counts, since the receiver last acknowledged something new, its answers that an earlier part
// is missing and that made parts go again at once. An honest receiver needs one such answer for each
// text that was taken back, and one if it forgot.
type gaps struct {
	best uint64 // the highest part that it ever acknowledged
	have uint64 // as in its last answer
	same int    // answers with that have in a row
	all  int
}

const (
	gapsSame = 3  // answers with one have, after which there is a pause after each
	gapsAll  = 16 // the same for any answers
)

// acked notes that a part was acknowledged.
func (g *gaps) acked(id uint64) {
	if id > g.best {
		*g = gaps{best: id}
	}
}

// again notes such an answer, and says whether to pause.
func (g *gaps) again(have uint64) (wait bool) {
	if have != g.have {
		g.have, g.same = have, 0
	}
	g.same++
	g.all++
	return g.same >= gapsSame || g.all >= gapsAll
}

// find returns the flight that the text id belongs to, and its part.
func (a *lane) find(id uint64) (at int, bit uint64, ok bool) {
	at, exact := slices.BinarySearchFunc(a.flights, id, func(f *flight, id uint64) int {
		switch {
		case f.line.id < id:
			return -1
		case f.line.id > id:
			return 1
		}
		return 0
	})
	if !exact {
		at--
	}
	if at < 0 {
		return 0, 0, false
	}
	l := a.flights[at].line
	if part := id - l.id; part < uint64(len(l.parts)) {
		return at, 1 << part, true
	}
	return 0, 0, false
}

// add inserts a flight at its place, which is nearly always the end.
func (a *lane) add(f *flight) {
	at := len(a.flights)
	for at > 0 && a.flights[at-1].line.id > f.line.id {
		at--
	}
	a.flights = slices.Insert(a.flights, at, f)
	a.first = min(a.first, at)
}

// remove takes the flight at position at out.
func (a *lane) remove(at int) {
	if at == 0 {
		a.flights[0] = nil
		a.flights = a.flights[1:]
	} else {
		a.flights = slices.Delete(a.flights, at, at+1)
	}
	if a.first > at {
		a.first--
	}
}

// before is the missing text that precedes part bit of the flight at position at, if there is one.
func (a *lane) before(at int, bit uint64) (id uint64, ok bool) {
	f := a.flights[at]
	if earlier := f.missing() & (bit - 1); earlier != 0 {
		return f.line.id + uint64(63-bits.LeadingZeros64(earlier)), true
	}
	if at > 0 {
		return a.flights[at-1].last(), true
	}
	return 0, false
}

// next appends up to n idle parts in order and marks them as handed out. It stops at a line that is
// not yet written.
func (a *lane) next(list []Part, n int) []Part {
	for ; a.first < len(a.flights); a.first++ {
		f := a.flights[a.first]
		l := f.line
		if l.unwritten > 0 {
			return list
		}
		for idle := f.idle(); idle != 0; idle &= idle - 1 {
			if len(list) == n {
				return list
			}
			bit := idle & -idle
			part := bits.TrailingZeros64(bit)
			prev, ok := a.before(a.first, bit)
			if !ok {
				prev = a.base
			}
			f.flying |= bit
			list = append(list, Part{
				ID: l.id + uint64(part), Prev: prev, Sent: kv.Millis(l.at), Late: l.late || f.late,
				Part: uint64(part), Parts: uint64(len(l.parts)), Text: l.parts[part],
			})
		}
	}
	return list
}

// rest makes a part idle again.
func (a *lane) rest(at int, bit uint64) {
	f := a.flights[at]
	f.flying &^= bit
	f.held &^= bit
	a.first = min(a.first, at)
}

// release makes the part after the one at position at idle if the receiver was waiting for that one. If
// left is set the flight has just left the lane, and the next one starts at position at.
func (a *lane) release(at int, bit uint64, left bool) {
	if !left {
		f := a.flights[at]
		if later := f.missing() &^ (bit - 1); later != 0 {
			if next := later & -later; f.held&next != 0 {
				a.rest(at, next)
			}
			return
		}
		at++
	}
	if at < len(a.flights) {
		f := a.flights[at]
		if next := f.missing() & -f.missing(); f.held&next != 0 {
			a.rest(at, next)
		}
	}
}

// forgot believes a receiver that has nothing above have: acknowledged parts above it, of lines not
// yet acknowledged whole, count as missing again. It says whether there are any.
func (a *lane) forgot(have uint64) (some bool) {
	for at, f := range a.flights {
		if f.acked == 0 {
			continue
		}
		keep := uint64(0)
		if have >= f.line.id {
			keep = ^uint64(0)
			if n := have - f.line.id + 1; n < 64 {
				keep = 1<<n - 1
			}
		}
		if f.acked&^keep != 0 {
			f.acked &= keep
			a.first = min(a.first, at)
			some = true
		}
	}
	a.base = min(a.base, have)
	return some
}
