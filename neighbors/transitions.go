package neighbors

import (
	"fmt"
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// obey does what follows from a transition, in this order. It is the one place where a change in
// one part of the node reaches another.
func (n *Node) obey(now time.Time, t transition) {
	switch t := t.(type) {
	case changed:
		if n.core.cfg.Seed {
			n.introducer.tellWaiters(now, t.e)
		} else {
			n.gossip.queueNews(now, t.e)
		}
	case lost:
		n.gone(now, t.e.id, ReasonLost)
	case crowdedOut:
		n.core.book.SetPresence(t.e.id, book.PresenceUnknown)
		n.core.notify.offline(now, t.e, ReasonRoom)
		n.core.claims.outdated(t.e.id)
	case pathFailed:
		n.paths.wayBroken(now, t.e)
	case doubted:
		n.detector.doubt(now, t.e)
	case accused:
		n.detector.suspicionHeard(now, t.e, t.by)
	case sighted:
		n.lookups.sighted(now, t.id, t.by)
	case refound:
		n.lookups.healAtSecondHand(now)
	case claimed:
		if n.core.outbox.Len() > 0 {
			n.custody.offerSoon(now, 0) // the teller may keep copies that wait
		}
	case senderUnknown:
		n.gossip.pullSender(now, t.sender, t.by)
	case recordBrought:
		n.learn(now, t.record.Session, t.record, t.signed, netip.AddrPort{}, false)
	case meant:
		n.pin(now, t.user)
	case wanted:
		n.lookups.seek(now, t.user)
	case missed:
		n.lookups.missAll(now, t.user)
	case restated:
		_ = n.redeclare(now) // without a number the old record stands a while longer
	case texted:
		n.detector.talk(now, t.e)
	case copyOpened:
		n.textReceived(now, t.sender, t.id, t.back, t.text)
	case progressed:
		n.outbound.progress(now, t.list, 0)
	case receiptCame:
		n.outbound.receiptCame(now, t)
	default:
		panic(fmt.Sprintf("BUG: nothing follows from %T", t))
	}
}

// heardNoted is how precisely the memory knows when a session was last heard that only says that
// it is there.
const heardNoted = 5 * time.Minute

// alive: an authentic datagram of that session came, from addr if that is valid. This is the only
// way to become online here; a record that somebody else brings is hearsay.
func (n *Node) alive(now time.Time, id identity.SessionID, addr netip.AddrPort) {
	s, ok := n.core.book.Session(id)
	if !ok || s.State == identity.StateGone || n.core.book.Trust(s.User) == book.TrustBlocked || s.User == n.core.own.user && id == n.core.own.session {
		return
	}
	if addr.IsValid() && !dgram.Relayed(addr.Addr()) {
		n.core.book.Authenticated(now, id, addr)
	} else if now.Sub(s.LastHeard) >= heardNoted {
		n.core.book.Authenticated(now, id, netip.AddrPort{})
	}
	n.detector.heardAgain(id)
	e := n.core.edges.byID[id]
	if e != nil && e.online {
		n.detector.answerRelayed(now, id)
		if e.watch.probes > 0 {
			n.detector.clearSuspicion(now, e)
		}
		return
	}
	n.core.book.SetPresence(id, book.PresenceOnline)
	if e = n.core.edges.edge(id, s.User); e == nil {
		return
	}
	n.core.edges.reclass(e)
	n.core.edges.onlineOf[e.payer.Class]++
	e.online, e.watch = true, probeState{}
	e.seed = s.Flags&identity.FlagSeed != 0
	e.redialAt, e.redialWait, e.send.tries = time.Time{}, 0, 0
	n.detector.jitterProbe(now, e)
	n.core.ep.Pin(wire.PeerID(id), e.payer.Class <= budget.Seed)
	delete(n.lookups.byUser, s.User)
	n.core.notify.online(now, s, n.requests.awaited(s))
	n.outbound.returned(now, e)
	n.requests.requestOnline(now, s)
	n.core.happened(now, changed{e})
	n.gossip.askForList(now, e)
	n.custody.handOver(now, e)
	n.lookups.recovered(now, e)
	n.core.edges.plan(e)
}

// gone: the session said goodbye, or is lost.
func (n *Node) gone(now time.Time, id identity.SessionID, reason string) {
	e := n.core.edges.byID[id]
	n.core.book.SetPresence(id, book.PresenceOffline)
	if e == nil || !e.online {
		return
	}
	n.core.edges.onlineOf[e.payer.Class]--
	e.online, e.quietAt, e.send.retryAt, e.refreshAt = false, time.Time{}, time.Time{}, time.Time{}
	e.watch, e.pull = probeState{}, pull{}
	e.told = netip.AddrPort{}
	e.damping.add(now, penaltyEnd)
	n.relay.circuits.leave(id)
	n.paths.relayGone(now, id)
	if e.link {
		n.core.edges.leftLink(e)
	}
	if reason == ReasonDeclared {
		n.outbound.textsBack(e)
	}
	switch {
	case !n.lookups.missed(e):
		// Nobody here asked for them: they come back by themselves, or not.
	case reason == ReasonDeclared:
		// It said goodbye and will come back by itself. We look from time to time.
		n.lookups.miss(now, e, now.Add(redialFirst))
	default:
		e.lostAt = now
		n.lookups.miss(now, e, now)
	}
	if n.core.book.Trust(e.user).Known() && len(n.core.edges.onlineSessions(e.user)) == 0 {
		if reason == ReasonDeclared {
			n.lookups.await(now, e.user)
		} else {
			n.lookups.seek(now, e.user)
		}
	}
	n.custody.offerSoon(now, holdSoon)
	n.core.notify.offline(now, e, reason)
	n.core.happened(now, changed{e})
	n.gossip.forgetTeller(now, id)
	if r := n.core.claims.outdated(id); r != nil {
		n.gossip.reconsider(now, r)
	}
	if !n.lookups.missed(e) {
		n.core.edges.removeEdge(e)
	}
}

// pin keeps a user: an act of this node's user meant them.
func (n *Node) pin(now time.Time, user identity.UserKey) {
	if n.core.book.Trust(user) != book.TrustNew {
		return
	}
	n.core.notify.introduce(user)
	if n.core.book.Pin(user) != nil {
		return
	}
	for _, s := range n.core.book.SessionsOf(user) {
		if e := n.core.edges.byID[s.ID]; e != nil {
			n.core.edges.reclass(e)
		} else if n.core.ep.Live(wire.PeerID(s.ID)) {
			n.alive(now, s.ID, netip.AddrPort{}) // as a stranger it may have had no place
		}
	}
	n.core.notify.warnAlike(user)
	n.door.letIn(now, user)
	n.core.nat.classifyNAT(now) // their sightings of us count from now on
	for _, id := range n.core.edges.onlineSessions(user) {
		n.gossip.acquainted(now, n.core.edges.byID[id])
	}
	n.core.reserve()
}

// block ends all contact with a user.
func (n *Node) block(now time.Time, user identity.UserKey) error {
	for _, s := range n.core.book.SessionsOf(user) {
		if e := n.core.edges.byID[s.ID]; e != nil {
			n.gone(now, s.ID, "")
			n.core.edges.removeEdge(e)
		}
	}
	delete(n.lookups.byUser, user)
	delete(n.door.visitors, user)
	if n.door.knocking != nil {
		n.door.knocking.turnAway(now, user)
	}
	return n.core.book.Block(user)
}
