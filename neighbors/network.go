package neighbors

import (
	"darkchat/dgram/wire"
	"net/netip"
	"slices"
	"time"
)

// SetLocalNetwork takes a change of our interfaces. true: the links on which we announce ourselves
// have changed, and the caller must tell the Sources (WakeSource).
func (n *Node) SetLocalNetwork(now time.Time, s LocalNetwork) (links bool) {
	n.core.links.set(s.Interfaces)
	s.Outlets = s.Outlets[:min(len(s.Outlets), maxOutlets)]
	moved := !slices.Equal(outer(n.core.cfg.Listen, n.core.cfg.Guests), outer(s.Listen, s.Guests))
	links = !slices.Equal(n.core.cfg.Outlets, s.Outlets)
	n.core.cfg.Listen, n.core.cfg.Interfaces, n.core.cfg.Guests, n.core.cfg.Outlets = s.Listen, s.Interfaces, s.Guests, s.Outlets
	for _, id := range n.core.edges.edgeIDs() {
		n.core.edges.reclass(n.core.edges.byID[id]) // it may have entered or left our link by this
	}
	if moved {
		n.changed(now)
	}
	n.core.wake(now)
	return links
}

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
		e.unsure, e.watch, e.quietAt = now, probeState{}, now.Add(n.detector.answerTime(e))
		n.core.ep.Probe(now, wire.PeerID(id))
		n.outbound.retryNow(now, id)
		n.core.edges.plan(e)
	}
	for _, w := range n.lookups.byUser {
		w.soon(now)
	}
	n.lookups.nextAt = time.Time{}
	for _, id := range n.core.ways.wayIDs() {
		w := n.core.ways.byID[id]
		w.eager, w.next = eagerMeets, now.Add(eagerGap/4) // the introducer must know our new address first
	}
	n.core.ways.lookAtWays(now)
}

// Woke says that the machine has slept, or that its clock was set. Whoever watches the clocks
// calls it.
func (n *Node) Woke(now time.Time) { n.changed(now) }

// WakeSource has the Source of that name run again at the next Advance: its outside half has found
// something.
func (n *Node) WakeSource(name string) { n.discovery.hurry(name, false) }

// RenewSource is WakeSource for a Source whose people were replaced: its earlier findings no longer
// count.
func (n *Node) RenewSource(name string) { n.discovery.hurry(name, true) }
