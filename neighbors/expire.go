package neighbors

import (
	"time"

	"darkchat/sessions/budget"
)

// expires says that we never probe e: a seed leaves that to its clients.
func (dt *detector) expires(e *edge) bool { return dt.cfg.Seed && e.payer.Class > budget.Seed }

// expire ends an edge of a seed whose client has been silent for too long.
func (dt *detector) expire(now time.Time, e *edge) {
	if at := dt.lastLife(e).Add(seedPatience); at.After(now) {
		e.quietAt = at
		return
	}
	dt.happened(now, lost{e})
}
