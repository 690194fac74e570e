package neighbors

import (
	"time"

	"darkchat/dgram"
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
func (c *notifier) changed(now time.Time, e *edge, was sessions.Session, rec sessions.Record) {
	if e.user == c.n.user || was.State == rec.State {
		return
	}
	c.tell(now, e.id, WentAway{
		User: c.n.book.Label(e.user), Session: e.id.String(), Trust: c.n.book.Trust(e.user).String(),
		Away: rec.State == sessions.StateAway,
	})
}

// redeclare signs our record anew and hands it to every neighbour.
func (n *Node) redeclare(now time.Time) error {
	if err := n.sign(n.presence()); err != nil {
		return err // without a number the old record stands a while longer
	}
	for _, e := range n.live() {
		n.ep.Send(now, dgram.PeerID(e.id), dgram.Message{ID: n.ep.NextID(), Body: dgram.Online{Record: n.signed, Observed: e.told}})
	}
	return nil
}
