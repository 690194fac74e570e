package mail

import (
	"math/bits"
	"slices"

	"darkchat/sessions/kv"
)

// A sequence is the texts on their way to one session, in the order of ids. A text names the one
// before it in its sequence, and the receiver records them only in that order. The outbox's
// bound limits a sequence.
type sequence struct {
	recipients []*recipient // none of which has all of its line or was given up
	base       uint64       // the last text that left the sequence acknowledged, 0 unknown
	first      int          // no recipient before it has an idle part
	gaps       gaps
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

// find returns the recipient that the text id belongs to, and its part.
func (s *sequence) find(id uint64) (at int, bit uint64, ok bool) {
	at, exact := slices.BinarySearchFunc(s.recipients, id, func(r *recipient, id uint64) int {
		switch {
		case r.line.id < id:
			return -1
		case r.line.id > id:
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
	l := s.recipients[at].line
	if part := id - l.id; part < uint64(len(l.parts)) {
		return at, 1 << part, true
	}
	return 0, 0, false
}

// add inserts a recipient at its place, which is nearly always the end.
func (s *sequence) add(r *recipient) {
	at := len(s.recipients)
	for at > 0 && s.recipients[at-1].line.id > r.line.id {
		at--
	}
	s.recipients = slices.Insert(s.recipients, at, r)
	s.first = min(s.first, at)
}

// remove takes the recipient at position at out.
func (s *sequence) remove(at int) {
	if at == 0 {
		s.recipients[0] = nil
		s.recipients = s.recipients[1:]
	} else {
		s.recipients = slices.Delete(s.recipients, at, at+1)
	}
	if s.first > at {
		s.first--
	}
}

// before is the missing text that precedes part bit of the recipient at position at, if there is one.
func (s *sequence) before(at int, bit uint64) (id uint64, ok bool) {
	r := s.recipients[at]
	if earlier := r.missing() & (bit - 1); earlier != 0 {
		return r.line.id + uint64(63-bits.LeadingZeros64(earlier)), true
	}
	if at > 0 {
		return s.recipients[at-1].last(), true
	}
	return 0, false
}

// next appends up to n idle parts in order and marks them as handed out. It stops at a line that is
// not yet written.
func (s *sequence) next(list []Part, n int) []Part {
	for ; s.first < len(s.recipients); s.first++ {
		r := s.recipients[s.first]
		l := r.line
		if l.unwritten > 0 {
			return list
		}
		for idle := r.idle(); idle != 0; idle &= idle - 1 {
			if len(list) == n {
				return list
			}
			bit := idle & -idle
			part := bits.TrailingZeros64(bit)
			prev, ok := s.before(s.first, bit)
			if !ok {
				prev = s.base
			}
			r.flying |= bit
			list = append(list, Part{
				ID: l.id + uint64(part), Prev: prev, Sent: kv.Millis(l.at), Late: l.late || r.late,
				Part: uint64(part), Parts: uint64(len(l.parts)), Text: l.parts[part],
			})
		}
	}
	return list
}

// rest makes a part idle again.
func (s *sequence) rest(at int, bit uint64) {
	r := s.recipients[at]
	r.flying &^= bit
	r.held &^= bit
	s.first = min(s.first, at)
}

// release makes the part after the one at position at idle if the receiver was waiting for that one. If
// left is set the recipient has just left the sequence, and the next one starts at position at.
func (s *sequence) release(at int, bit uint64, left bool) {
	if !left {
		r := s.recipients[at]
		if later := r.missing() &^ (bit - 1); later != 0 {
			if next := later & -later; r.held&next != 0 {
				s.rest(at, next)
			}
			return
		}
		at++
	}
	if at < len(s.recipients) {
		r := s.recipients[at]
		if next := r.missing() & -r.missing(); r.held&next != 0 {
			s.rest(at, next)
		}
	}
}

// forgot believes a receiver that has nothing above have: acknowledged parts above it, of lines not
// yet acknowledged whole, count as missing again. It says whether there are any.
func (s *sequence) forgot(have uint64) (some bool) {
	for at, r := range s.recipients {
		if r.acked == 0 {
			continue
		}
		keep := uint64(0)
		if have >= r.line.id {
			keep = ^uint64(0)
			if n := have - r.line.id + 1; n < 64 {
				keep = 1<<n - 1
			}
		}
		if r.acked&^keep != 0 {
			r.acked &= keep
			s.first = min(s.first, at)
			some = true
		}
	}
	s.base = min(s.base, have)
	return some
}
