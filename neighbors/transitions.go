package neighbors

import (
	"fmt"
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// obey does what follows from a transition, in this order. It is the one place where a change in
// one part of the node reaches another.
func (n *Node) obey(now time.Time, t transition) {
	switch t := t.(type) {
	case changed:
		if n.cfg.Seed {
			n.tellSeekers(now, t.e)
		} else {
			n.queueNews(now, t.e)
		}
	case lost:
		n.gone(now, t.e.id, ReasonLost)
	case crowdedOut:
		n.book.SetPresence(t.e.id, sessions.PresenceUnknown)
		n.notify.offline(now, t.e, ReasonRoom)
		n.rumors.outdated(t.e.id)
	case pathFailed:
		n.wayBroken(now, t.e)
	case doubted:
		n.doubt(now, t.e)
	case accused:
		n.suspected(now, t.e, t.by)
	case sighted:
		n.sighted(now, t.id, t.by)
	case refound:
		n.echo(now)
	case claimed:
		if n.outbox.Len() > 0 {
			n.offerSoon(now, 0) // the teller may keep copies that wait
		}
	case senderUnknown:
		n.wantSender(now, t.sender, t.by)
	case recordBrought:
		n.learn(now, t.record.Session, t.record, t.signed, netip.AddrPort{}, false)
	case meant:
		n.pin(now, t.user)
	case wanted:
		n.seek(now, t.user)
	case missed:
		n.missAll(now, t.user)
	case restated:
		_ = n.redeclare(now) // without a number the old record stands a while longer
	case texted:
		n.talk(now, t.e)
	case copyOpened:
		n.textReceived(now, t.sender, t.id, t.back, t.text)
	case progressed:
		n.progress(now, t.list, 0)
	case receiptCame:
		n.receiptCame(now, t)
	default:
		panic(fmt.Sprintf("BUG: nothing follows from %T", t))
	}
}

// heardNoted is how precisely the memory knows when a session was last heard that only says that
// it is there.
const heardNoted = 5 * time.Minute

// alive: an authentic datagram of that session came, from addr if that is valid. This is the only
// way to become online here; a record that somebody else brings is hearsay.
func (n *Node) alive(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	s, ok := n.book.Session(id)
	if !ok || s.State == sessions.StateGone || n.book.Trust(s.User) == sessions.TrustBlocked || s.User == n.user && id == n.self {
		return
	}
	if addr.IsValid() && !dgram.Relayed(addr.Addr()) {
		n.book.Authenticated(now, id, addr)
	} else if now.Sub(s.LastHeard) >= heardNoted {
		n.book.Authenticated(now, id, netip.AddrPort{})
	}
	n.heardAgain(id)
	e := n.edges[id]
	if e != nil && e.online {
		n.repay(now, id)
		if e.probes > 0 {
			n.calm(now, e)
		}
		return
	}
	n.book.SetPresence(id, sessions.PresenceOnline)
	if e = n.edge(id, s.User); e == nil {
		return
	}
	n.reclass(e)
	n.onlineOf[e.payer.Class]++
	e.online, e.vigil = true, vigil{}
	e.seed = s.Flags&sessions.FlagSeed != 0
	e.redialAt, e.redialWait, e.tries = time.Time{}, 0, 0
	n.drawTurn(now, e)
	n.ep.Pin(dgram.PeerID(id), e.payer.Class <= budget.Seed)
	delete(n.seeking, s.User)
	n.notify.online(now, s, n.awaited(s))
	n.returned(now, e)
	n.requestOnline(now, s)
	n.happened(now, changed{e})
	n.askForList(now, e)
	n.handOver(now, e)
	n.cameBack(now, e)
	n.plan(e)
}

// gone: the session said goodbye, or is lost.
func (n *Node) gone(now time.Time, id sessions.SessionID, reason string) {
	e := n.edges[id]
	n.book.SetPresence(id, sessions.PresenceOffline)
	if e == nil || !e.online {
		return
	}
	n.onlineOf[e.payer.Class]--
	e.online, e.quietAt, e.retryAt, e.refreshAt = false, time.Time{}, time.Time{}, time.Time{}
	e.vigil, e.pull = vigil{}, pull{}
	e.told = netip.AddrPort{}
	e.flap(now, flapEnd)
	n.circuits.leave(id)
	n.relayGone(now, id)
	if e.link {
		n.leftLink(e)
	}
	if reason == ReasonDeclared {
		n.textsBack(e)
	}
	switch {
	case !n.missed(e):
		// Nobody here asked for them: they come back by themselves, or not.
	case reason == ReasonDeclared:
		// It said goodbye and will come back by itself. We look from time to time.
		n.miss(now, e, now.Add(redialFirst))
	default:
		e.lostAt = now
		n.miss(now, e, now)
	}
	if n.book.Trust(e.user).Known() && len(n.onlineSessions(e.user)) == 0 {
		if reason == ReasonDeclared {
			n.await(now, e.user)
		} else {
			n.seek(now, e.user)
		}
	}
	n.offerSoon(now, holdSoon)
	n.notify.offline(now, e, reason)
	n.happened(now, changed{e})
	n.forgetTeller(now, id)
	if r := n.rumors.outdated(id); r != nil {
		n.reconsider(now, r)
	}
	if !n.missed(e) {
		n.removeEdge(e)
	}
}

// pin keeps a user: an act of this node's user meant them.
func (n *Node) pin(now time.Time, user sessions.UserKey) {
	if n.book.Trust(user) != sessions.TrustNew {
		return
	}
	n.notify.introduce(user)
	if n.book.Pin(user) != nil {
		return
	}
	for _, s := range n.book.SessionsOf(user) {
		if e := n.edges[s.ID]; e != nil {
			n.reclass(e)
		} else if n.ep.Live(dgram.PeerID(s.ID)) {
			n.alive(now, s.ID, netip.AddrPort{}) // as a stranger it may have had no place
		}
	}
	n.notify.warnAlike(user)
	n.letIn(now, user)
	n.judge(now) // their sightings of us count from now on
	for _, id := range n.onlineSessions(user) {
		n.acquainted(now, n.edges[id])
	}
	n.reserve()
}

// block ends all contact with a user.
func (n *Node) block(now time.Time, user sessions.UserKey) error {
	for _, s := range n.book.SessionsOf(user) {
		if e := n.edges[s.ID]; e != nil {
			n.gone(now, s.ID, "")
			n.removeEdge(e)
		}
	}
	delete(n.seeking, user)
	delete(n.door.visitors, user)
	if n.door.knocking != nil {
		n.door.knocking.turnAway(now, user)
	}
	return n.book.Block(user)
}
