package neighbors

import (
	"time"

	"darkchat/sessions"
)

// presence is what our record says while we are here.
func (n *Node) presence() sessions.State {
	if n.away {
		return sessions.StateAway
	}
	return sessions.StateOnline
}

// Away says that the person is away, or back, and reports whether that is news. Texts are
// still taken. ErrNoNumbers: our record cannot be renewed now.
func (n *Node) Away(now time.Time, away bool) (bool, error) {
	if n.away == away {
		return false, nil
	}
	n.away = away
	if err := n.redeclare(now); err != nil {
		n.away = !away
		return false, err
	}
	n.wake(now)
	return true, nil
}

// changed tells the person that somebody is away or back.
func (c *contacts) changed(now time.Time, n *Node, e *edge, was sessions.Session, rec sessions.Record) {
	if e.user == n.user || was.State == rec.State {
		return
	}
	c.tell(now, n, e.id, WentAway{
		User: n.book.Label(e.user), Session: e.id.String(), Trust: n.book.Trust(e.user).String(),
		Away: rec.State == sessions.StateAway,
	})
}
