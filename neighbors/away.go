package neighbors

import (
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// presence is what our record says while we are here.
func (n *Node) presence() sessions.State {
	if n.core.own.away {
		return sessions.StateAway
	}
	return sessions.StateOnline
}

// Away says that the person is away, or back, and reports whether that is news. Texts are
// still taken. ErrNoNumbers: our record cannot be renewed now.
func (n *Node) Away(now time.Time, away bool) (bool, error) {
	if n.core.own.away == away {
		return false, nil
	}
	n.core.own.away = away
	if err := n.redeclare(now); err != nil {
		n.core.own.away = !away
		return false, err
	}
	n.core.wake(now)
	return true, nil
}

// changed tells the person that somebody is away or back.
func (c *notifier) changed(now time.Time, e *edge, was sessions.Session, rec sessions.Record) {
	if e.user == c.own.user || was.State == rec.State {
		return
	}
	c.tell(now, e.id, WentAway{
		User: c.book.Label(e.user), Session: e.id.String(), Trust: c.book.Trust(e.user).String(),
		Away: rec.State == sessions.StateAway,
	})
}

// redeclare signs our record anew and hands it to every neighbour.
func (n *Node) redeclare(now time.Time) error {
	if err := n.sign(n.presence()); err != nil {
		return err // without a number the old record stands a while longer
	}
	for _, e := range n.core.edges.live() {
		n.core.ep.Send(now, dgram.PeerID(e.id), dgram.Message{ID: n.core.ep.NextID(), Body: dgram.Online{Record: n.core.own.signed, Observed: e.told}})
	}
	return nil
}
