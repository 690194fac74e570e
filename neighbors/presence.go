package neighbors

import (
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

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
	n.ep.Pin(wire.PeerID(id), e.payer.Class <= budget.Seed)
	delete(n.seeking, s.User)
	n.contacts.online(now, n, s)
	n.returned(now, e)
	n.requestOnline(now, s)
	n.changedEdge(now, e)
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
	n.contacts.offline(now, n, e, reason)
	n.changedEdge(now, e)
	n.forgetTeller(now, id)
	if r := n.rumors.outdated(id); r != nil {
		n.reconsider(now, r)
	}
	if !n.missed(e) {
		n.removeEdge(e)
	}
}

func (n *Node) lost(now time.Time, e *edge) { n.gone(now, e.id, ReasonLost) }
