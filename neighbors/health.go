package neighbors

import (
	"time"

	"darkchat/sessions/budget"
)

// maxHealth bounds the local health score, as Lifeguard does.
const maxHealth = 8

// health is how much this node trusts its own ears: 0 is well. If all of its probes and questions
// go unanswered, the node is more likely cut off, or too busy to read, than everybody else is
// dead; so it waits longer before it says so.
type health struct{ score int }

func (h *health) worse()  { h.score = min(h.score+1, maxHealth) }
func (h *health) better() { h.score = max(h.score-1, 0) }

// stretch lengthens a wait by the score.
func (h *health) stretch(d time.Duration) time.Duration { return d * time.Duration(h.score+1) }

// isolated says that everybody who was online is suspected at once: more likely we are cut off
// than all of them are gone. Strangers count only when nobody else is here.
func (dt *detector) isolated() bool {
	known := dt.edges.onlineOf[budget.Own]+dt.edges.onlineOf[budget.Known]+dt.edges.onlineOf[budget.Seed] > 0
	count := 0
	for _, e := range dt.edges.byID { // the order does not matter
		if !e.online || known && e.payer.Class > budget.Seed {
			continue
		}
		if e.watch.since.IsZero() {
			return false
		}
		count++
	}
	return count > 1
}

// healthOf is the health that applies to e. The silence of strangers raises no doubt about
// people known.
func (dt *detector) healthOf(e *edge) *health {
	if e.payer.Class <= budget.Seed {
		return &dt.health[0]
	}
	return &dt.health[1]
}

// outlived says that a suspect has been silent for longer than the lifetime of its record: it is
// lost, whatever has prolonged the suspicion. A lifetime of 0 sets no such limit.
func (dt *detector) outlived(now time.Time, e *edge) bool {
	s, _ := dt.book.Session(e.id)
	return s.Lifetime > 0 && now.Sub(dt.lastLife(e)) >= s.Lifetime
}
