package neighbors

import (
	"time"

	"darkchat/sessions/budget"
)

// maxHealth bounds the local health score, as Lifeguard does.
const maxHealth = 8

// health is how much this node trusts its own ears: 0 is well. A node whose probes and
// questions all stay unanswered is more likely cut off, or too busy to read, than all
// the others are dead; it then waits longer before it says so.
type health struct{ score int }

func (h *health) worse()  { h.score = min(h.score+1, maxHealth) }
func (h *health) better() { h.score = max(h.score-1, 0) }

// stretch lengthens a wait by the score.
func (h *health) stretch(d time.Duration) time.Duration { return d * time.Duration(h.score+1) }

// isolated says that all who were online are suspected at once: rather we are cut off
// than all of them. Strangers count only when nobody else is here.
func (n *Node) isolated() bool {
	known := n.onlineOf[budget.Own]+n.onlineOf[budget.Known]+n.onlineOf[budget.Seed] > 0
	count := 0
	for _, e := range n.edges { // the order does not matter
		if !e.online || known && e.payer.Class > budget.Seed {
			continue
		}
		if e.since.IsZero() {
			return false
		}
		count++
	}
	return count > 1
}

// healthOf is how much this node trusts its ears about e. What strangers make it doubt is
// not held against people known.
func (n *Node) healthOf(e *edge) *health {
	if e.payer.Class <= budget.Seed {
		return &n.health[0]
	}
	return &n.health[1]
}

// outlived says that a suspect has not been heard for as long as its record asks to be
// believed without a word: whatever held the suspicion up, it is lost. 0: it asks for
// nothing.
func (n *Node) outlived(now time.Time, e *edge) bool {
	s, _ := n.book.Session(e.id)
	return s.Lifetime > 0 && now.Sub(n.lastLife(e)) >= s.Lifetime
}
