package neighbors

import (
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// leaveRelayed is how long relays are kept for the goodbyes that they carry. It must fit into the
// loop's leaveTime.
const leaveRelayed = 700 * time.Millisecond

// Leave says goodbye: a signed "gone" to every neighbour. Left reports whether all of them have
// acknowledged it; the caller may stop waiting.
func (n *Node) Leave(now time.Time) {
	if !n.core.own.left.IsZero() {
		return
	}
	n.core.own.left = now
	n.core.book.Freshen()
	if n.sign(identity.StateGone) != nil {
		return
	}
	carries := map[identity.SessionID]bool{}
	for _, e := range n.core.edges.live() {
		if relay, ok := n.core.ways.throughRelay(e.id); ok {
			carries[relay] = true
		}
	}
	for _, e := range n.core.edges.live() {
		if carries[e.id] {
			n.last = append(n.last, e.id) // a relay carries nothing for a session that has left it
			continue
		}
		n.goodbye(now, e.id)
	}
	n.core.wake(now)
}

func (n *Node) goodbye(now time.Time, id identity.SessionID) {
	n.core.ep.Send(now, wire.PeerID(id), wire.Message{ID: n.core.ep.NextID(), Body: wire.Offline{Record: n.core.own.signed}})
}

// advanceLeaving says goodbye to the relays once they have carried the others' goodbyes.
func (n *Node) advanceLeaving(now time.Time) (next time.Time) {
	if len(n.last) == 0 {
		return time.Time{}
	}
	if until := n.core.own.left.Add(leaveRelayed); until.After(now) && n.core.ways.relaysNeeded() {
		return until
	}
	for _, id := range n.last {
		n.goodbye(now, id)
	}
	n.last = nil
	return time.Time{}
}

// relaysNeeded says whether a goodbye through a relay is still unanswered.
func (ws *ways) relaysNeeded() bool {
	for _, e := range ws.edges.live() {
		if _, ok := ws.throughRelay(e.id); ok && !ws.ep.Idle(wire.PeerID(e.id)) {
			return true
		}
	}
	return false
}

// Left reports whether all neighbours have acknowledged our goodbye.
func (n *Node) Left() bool {
	if n.core.own.left.IsZero() || len(n.last) > 0 {
		return false
	}
	for _, e := range n.core.edges.live() {
		if !n.core.ep.Idle(wire.PeerID(e.id)) {
			return false
		}
	}
	return true
}
