package neighbors

import (
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// meet contacts a session that a common neighbour introduced: at once through that neighbour, if
// it relays, and directly by HELLOs of both sides (hole punching). delay holds our first one
// back, so that they do not cross in the NATs. asked: the person waits for that session.
func (n *Node) meet(now time.Time, by sessions.Session, rec sessions.Record, addrs []netip.AddrPort, delay time.Duration, asked bool) {
	want := dgram.Peer{ID: dgram.PeerID(rec.Session), User: [32]byte(rec.User), Static: rec.Static}
	w := n.way(now, rec.Session)
	for _, a := range w.addrs {
		if w.by == by.ID && !contains(addrs, a) {
			n.ep.Withdraw(a) // the introducer knows newer addresses, and HELLOs to one network are scarce
		}
	}
	w.by, w.relay, w.next = by.ID, by.Flags&sessions.FlagRelay != 0, time.Time{}
	w.tries++
	w.addrs = addrs
	if w.relay {
		n.dialThrough(now, by.ID, want)
	}
	switch {
	case n.outside.hard && rec.Flags&sessions.FlagHardNAT != 0:
		w.why = "both sides are behind NATs that give each destination a different port"
	case len(addrs) == 0:
		w.why = "no address of theirs may be dialled from here"
	default:
		at, _, ok := n.direct(rec.Session)
		if ok && contains(addrs, at) && now.Sub(n.ep.HeardDirectly(dgram.PeerID(rec.Session))) < recentLife {
			break // silence alone proves nothing; but they may have lost us without our knowing
		}
		if ok {
			n.mappingLost(now) // they look for us although there was a path between us
		}
		w.why = "not answered yet"
		n.ep.Punch(now, addrs, want, delay, asked)
	}
	w.next = now.Add(n.spread(meetRetry))
	if w.tries > 1 {
		w.next = now.Add(n.spread(meetAgain))
	}
	n.lookAtWays(now)
}

// lookAtWays makes the next Advance check the ways to others.
func (n *Node) lookAtWays(now time.Time) {
	n.relays.next = now
	n.wake(now)
}

func contains(list []netip.AddrPort, a netip.AddrPort) bool {
	for _, b := range list {
		if a == b {
			return true
		}
	}
	return false
}

// advanceWays asks for another introduction to those we reach only through a relay: once soon,
// then from time to time.
func (n *Node) advanceWays(now time.Time) (next time.Time) {
	if !due(n.relays.next, now) {
		return n.relays.next
	}
	defer func() { n.relays.next = next }()
	for _, id := range n.relays.wayIDs() {
		w := n.relays.ways[id]
		if _, _, ok := n.direct(id); ok && !n.ep.Silent(dgram.PeerID(id)) && w.eager == 0 {
			w.why, w.next, w.tries = "", time.Time{}, 0
			continue
		}
		if !n.ep.Live(dgram.PeerID(id)) {
			w.next = time.Time{} // missing.go looks for the missing
			continue
		}
		if w.next.IsZero() {
			w.next = now.Add(n.spread(meetRetry)) // it was direct until now
		}
		if !w.next.After(now) {
			n.meetAgain(now, w)
		}
		next = earliest(next, w.next)
	}
	return next
}

// meetAgain asks the introducer to introduce us again.
func (n *Node) meetAgain(now time.Time, w *way) {
	w.next = now.Add(n.spread(meetAgain))
	if w.eager > 0 {
		w.eager--
		w.next = now.Add(eagerGap)
	}
	s, ok := n.book.Session(w.id)
	if e := n.edges[w.by]; ok && e != nil {
		n.askOne(now, e, find{user: s.User})
	}
}

// wayBroken: a neighbour that we met by an introduction is silent. The relay, if there is one, is
// used at once. Our NAT may have forgotten more than this path, so we write to the introducer
// first, and ask it again once it has seen where we are now.
func (n *Node) wayBroken(now time.Time, e *edge) {
	w := n.relays.ways[e.id]
	s, ok := n.book.Session(e.id)
	if w == nil || !ok {
		return
	}
	if by := n.edges[w.by]; by != nil && by.online && by.probes == 0 {
		n.happened(now, doubted{by}) // or is it the introducer that is gone?
	}
	n.ep.Probe(now, dgram.PeerID(w.by))
	if w.relay {
		n.dialThrough(now, w.by, peerOf(s))
	}
	w.eager, w.next = max(w.eager, eagerMeets), now.Add(eagerGap/4)
	n.lookAtWays(now)
}

// lostWithRelay is how long before its relay a session may be lost and the relay still count as
// the cause.
const lostWithRelay = time.Minute

// relayGone: a relay is lost or has left. The person is told which sessions are no longer reached
// because of that.
func (n *Node) relayGone(now time.Time, relay sessions.SessionID) {
	r, ok := n.book.Session(relay)
	if _, used := n.relays.numbers[relay]; !ok || !used {
		return
	}
	for _, id := range n.relays.wayIDs() {
		w := n.relays.ways[id]
		s, known := n.book.Session(id)
		if w.by != relay || !w.carried || !known {
			continue
		}
		if e := n.edges[id]; e == nil || !e.online && now.Sub(e.lostAt) > lostWithRelay {
			continue
		}
		w.why = "the relay " + n.book.Label(r.User) + " is gone"
		n.notify.tell(now, id, PathChange{
			User: n.book.Label(s.User), Session: id.String(),
			Why: w.why + "; texts wait until it is back or there is another path",
		})
	}
}

// silent: a peer does not answer what we send to it directly. We ask whoever can introduce us;
// both sides then find each other through a relay or at new addresses. For strangers we ask
// nobody: those we asked might have vanished too, and so on.
func (n *Node) silent(now time.Time, id sessions.SessionID) {
	s, ok := n.book.Session(id)
	if !ok || n.book.Trust(s.User) == sessions.TrustBlocked || n.payer(id).Class > budget.Seed {
		return
	}
	if w := n.relays.ways[id]; w != nil {
		w.why = "the direct path fell silent"
	}
	n.askAbout(now, s.User, true)
}

// wayChanged tells the person by which path a session is reached now.
func (n *Node) wayChanged(now time.Time, id sessions.SessionID, rtt time.Duration, why string) {
	s, ok := n.book.Session(id)
	if e := n.edges[id]; !ok || e == nil || !e.online || s.User == n.user {
		return
	}
	if rtt == 0 {
		_, rtt, _ = n.ep.Path(dgram.PeerID(id))
	}
	if w := n.relays.ways[id]; w != nil {
		_, w.carried = n.throughRelay(id)
	}
	change := PathChange{User: n.book.Label(s.User), Session: id.String(), Path: PathDirect, RTT: rtt, Why: why}
	if relay, through := n.throughRelay(id); through {
		change.Path = PathRelay
		if r, ok := n.book.Session(relay); ok && why == "" {
			change.Why = "through " + n.book.Label(r.User)
		}
	}
	n.notify.tell(now, id, change)
}

// shownAddr is the address at which a session is reached, as the person knows addresses: that of
// the relay, if there is one.
func (n *Node) shownAddr(addr netip.AddrPort) (shown netip.AddrPort, path string) {
	number, _, relayed := dgram.RelayParts(addr)
	if !relayed {
		return addr, PathDirect
	}
	if relay, ok := n.relays.node(number); ok {
		shown, _, _ = n.direct(relay)
	}
	return shown, PathRelay
}

// punchEnded notes how far an attempt at an address of a session got.
func (n *Node) punchEnded(u dgram.Unanswered) {
	for _, id := range n.relays.wayIDs() {
		w := n.relays.ways[id]
		if _, _, ok := n.direct(id); ok || w.why == "" || !contains(w.addrs, u.Addr) {
			continue
		}
		w.why = stageText(u)
	}
}
