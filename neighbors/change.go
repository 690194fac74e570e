package neighbors

import (
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// changed: our own network has changed, or we have slept. Until we hear peers again they are
// unknown, not offline. Everybody is told where we are now, peers behind NATs are met again,
// and waiting texts go out.
func (n *Node) changed(now time.Time) {
	if !n.left.IsZero() {
		return
	}
	n.outside = outside{}
	n.mappingLost(now)
	n.ep.Uprooted()
	_ = n.redeclare(now) // without a number the old record stands
	for _, id := range n.edgeIDs() {
		e := n.edges[id]
		e.told = netip.AddrPort{}
		if !e.online {
			n.miss(now, e, now)
			continue
		}
		e.unsure, e.vigil, e.quietAt = now, vigil{}, now.Add(n.answerTime(e))
		n.ep.Probe(now, dgram.PeerID(id))
		n.retryNow(now, id)
		n.plan(e)
	}
	for _, w := range n.seeking {
		w.soon(now)
	}
	n.seekAt = time.Time{}
	for _, id := range n.relays.wayIDs() {
		w := n.relays.ways[id]
		w.eager, w.next = eagerMeets, now.Add(eagerGap/4) // the introducer must know our new address first
	}
	n.lookAtWays(now)
}

// eagerMeets is how many introductions are asked for after a change, eagerGap apart. The first
// may be lost, so the last comes when a second one may be made (introduceRetry).
const (
	eagerMeets = 4
	eagerGap   = time.Second
)

// Woke says that the machine has slept, or that its clock was set. Whoever watches the clocks
// calls it.
func (n *Node) Woke(now time.Time) { n.changed(now) }

// slept says whether the wall clock advanced well past the monotonic one, which stands still
// while the machine sleeps.
func slept(wall, steady time.Duration) bool { return wall-steady > sleepLeast }

// talk notes that texts go to or come from a neighbour. While they do, silence is noticed
// sooner, including that of the nodes that would help if the path between us broke.
func (n *Node) talk(now time.Time, e *edge) {

	if e == nil || e.talked.Add(time.Second).After(now) {
		return
	}
	e.talked = now
	for _, helper := range n.helpers(e) {
		n.hasten(now, helper)
	}
}

// helpers lists the neighbour and the one that introduced us.
func (n *Node) helpers(e *edge) []*edge {
	list := []*edge{e}
	if w := n.relays.ways[e.id]; w != nil {
		if by := n.edges[w.by]; by != nil {
			by.talked = e.talked
			list = append(list, by)
		}
	}
	return list
}

// hasten brings the next look at a neighbour's silence forward.
func (n *Node) hasten(now time.Time, e *edge) {
	at := now.Add(n.silence(now, e))
	if e.online && e.quietAt.After(at) {
		e.quietAt = at
		n.plan(e)
	}
}

// heardAgain ends the doubt about a session after a change.
func (n *Node) heardAgain(id sessions.SessionID) {
	if e := n.edges[id]; e != nil {
		e.unsure = time.Time{}
	}
}
