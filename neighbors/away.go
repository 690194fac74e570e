package neighbors

import (
	"time"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// changed tells the person that somebody is away or back.
func (c *notifier) changed(now time.Time, e *edge, was book.Session, rec identity.Record) {
	if e.user == c.own.user || was.State == rec.State {
		return
	}
	c.tell(now, e.id, WentAway{
		User: c.book.Label(e.user), Session: e.id.String(), Trust: c.book.Trust(e.user).String(),
		Away: rec.State == identity.StateAway,
	})
}
