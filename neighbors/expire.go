package neighbors

import (
	"time"

	"darkchat/sessions/budget"
)

// expires says that we never probe e: a seed leaves that to its clients.
func (n *Node) expires(e *edge) bool { return n.cfg.Seed && e.payer.Class > budget.Seed }

// expire ends an edge of a seed whose client has been silent for too long.
func (n *Node) expire(now time.Time, e *edge) {
	if at := n.lastLife(e).Add(seedPatience); at.After(now) {
		e.quietAt = at
		return
	}
	n.happened(now, lost{e})
}
