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
	if !n.core.own.left.IsZero() {
		return
	}
	n.core.nat.reset()
	n.core.nat.mappingLost(now)
	n.core.ep.Uprooted()
	_ = n.redeclare(now) // without a number the old record stands
	for _, id := range n.core.edges.edgeIDs() {
		e := n.core.edges.byID[id]
		e.told = netip.AddrPort{}
		if !e.online {
			n.lookups.miss(now, e, now)
			continue
		}
		e.unsure, e.vigil, e.quietAt = now, vigil{}, now.Add(n.detector.answerTime(e))
		n.core.ep.Probe(now, dgram.PeerID(id))
		n.outbound.retryNow(now, id)
		n.core.edges.plan(e)
	}
	for _, w := range n.lookups.seeking {
		w.soon(now)
	}
	n.lookups.seekAt = time.Time{}
	for _, id := range n.core.ways.wayIDs() {
		w := n.core.ways.byID[id]
		w.eager, w.next = eagerMeets, now.Add(eagerGap/4) // the introducer must know our new address first
	}
	n.core.ways.lookAtWays(now)
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
func (dt *detector) talk(now time.Time, e *edge) {

	if e == nil || e.talked.Add(time.Second).After(now) {
		return
	}
	e.talked = now
	for _, helper := range dt.helpers(e) {
		dt.hasten(now, helper)
	}
}

// helpers lists the neighbour and the one that introduced us.
func (dt *detector) helpers(e *edge) []*edge {
	list := []*edge{e}
	if w := dt.ways.byID[e.id]; w != nil {
		if by := dt.edges.byID[w.by]; by != nil {
			by.talked = e.talked
			list = append(list, by)
		}
	}
	return list
}

// hasten brings the next look at a neighbour's silence forward.
func (dt *detector) hasten(now time.Time, e *edge) {
	at := now.Add(dt.silence(now, e))
	if e.online && e.quietAt.After(at) {
		e.quietAt = at
		dt.edges.plan(e)
	}
}

// heardAgain ends the doubt about a session after a change.
func (dt *detector) heardAgain(id sessions.SessionID) {
	if e := dt.edges.byID[id]; e != nil {
		e.unsure = time.Time{}
	}
}
