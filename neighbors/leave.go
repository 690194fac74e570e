package neighbors

import (
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// leaving is how far our goodbyes have come.
type leaving struct {
	left time.Time            // when we began to leave; zero: we stay
	last []sessions.SessionID // relays that others are told through: they hear it last; at most maxRelays
}

// leaveRelayed is how long relays are kept for the goodbyes that they carry. The whole of
// it must fit into the loop's leaveTime.
const leaveRelayed = 700 * time.Millisecond

// Leave says goodbye: a signed "gone" to every neighbour. Left tells when it has
// been heard by all, or call it a day.
func (n *Node) Leave(now time.Time) {
	if !n.left.IsZero() {
		return
	}
	n.left = now
	n.book.Freshen()
	if n.sign(sessions.StateGone) != nil {
		return
	}
	carries := map[sessions.SessionID]bool{}
	for _, e := range n.live() {
		if relay, ok := n.throughRelay(e.id); ok {
			carries[relay] = true
		}
	}
	for _, e := range n.live() {
		if carries[e.id] {
			n.last = append(n.last, e.id) // a relay carries nothing for who has left it
			continue
		}
		n.goodbye(now, e.id)
	}
	n.wake(now)
}

func (n *Node) goodbye(now time.Time, id sessions.SessionID) {
	n.ep.Send(now, dgram.PeerID(id), dgram.Message{ID: n.ep.NextID(), Body: dgram.Offline{Record: n.signed}})
}

// advanceLeaving says goodbye to the relays when they have carried what they had to.
func (n *Node) advanceLeaving(now time.Time) (next time.Time) {
	if len(n.last) == 0 {
		return time.Time{}
	}
	if until := n.left.Add(leaveRelayed); until.After(now) && n.relaysNeeded() {
		return until
	}
	for _, id := range n.last {
		n.goodbye(now, id)
	}
	n.last = nil
	return time.Time{}
}

// relaysNeeded says whether a goodbye through a relay is not answered yet.
func (n *Node) relaysNeeded() bool {
	for _, e := range n.live() {
		if _, ok := n.throughRelay(e.id); ok && !n.ep.Idle(dgram.PeerID(e.id)) {
			return true
		}
	}
	return false
}

// Left tells whether all neighbours have acknowledged our leaving.
func (n *Node) Left() bool {
	if n.left.IsZero() || len(n.last) > 0 {
		return false
	}
	for _, e := range n.live() {
		if !n.ep.Idle(dgram.PeerID(e.id)) {
			return false
		}
	}
	return true
}
