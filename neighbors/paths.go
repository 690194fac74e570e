package neighbors

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// pathfinder finds better paths to those who are here: it meets whom a neighbour introduces, and
// tries again where only a relay is left.
type pathfinder struct{ *core }

// meet contacts a session that a common neighbour introduced: at once through that neighbour, if
// it relays, and directly by HELLOs of both sides (hole punching). delay holds our first one
// back, so that they do not cross in the NATs. asked: the person waits for that session.
func (pf *pathfinder) meet(now time.Time, by book.Session, rec identity.Record, addrs []netip.AddrPort, delay time.Duration, asked bool) {
	want := dgram.Peer{ID: wire.PeerID(rec.Session), User: [32]byte(rec.User), Static: rec.Static}
	w := pf.ways.way(now, rec.Session)
	for _, a := range w.addrs {
		if w.by == by.ID && !contains(addrs, a) {
			pf.ep.Withdraw(a) // the introducer knows newer addresses, and HELLOs to one network are scarce
		}
	}
	w.by, w.relay, w.next = by.ID, by.Flags&identity.FlagRelay != 0, time.Time{}
	w.tries++
	w.addrs = addrs
	if w.relay {
		pf.ways.dialThrough(now, by.ID, want)
	}
	switch {
	case pf.nat.symmetric && rec.Flags&identity.FlagHardNAT != 0:
		w.why = "both sides are behind NATs that give each destination a different port"
	case len(addrs) == 0:
		w.why = "no address of theirs may be dialled from here"
	default:
		at, _, ok := pf.direct(rec.Session)
		if ok && contains(addrs, at) && now.Sub(pf.ep.HeardDirectly(wire.PeerID(rec.Session))) < recentLife {
			break // silence alone proves nothing; but they may have lost us without our knowing
		}
		if ok {
			pf.nat.mappingLost(now) // they look for us although there was a path between us
		}
		w.why = "not answered yet"
		pf.ep.Punch(now, addrs, want, delay, asked)
	}
	w.next = now.Add(pf.spread(meetRetry))
	if w.tries > 1 {
		w.next = now.Add(pf.spread(meetAgain))
	}
	pf.ways.lookAtWays(now)
}

// advanceWays asks for another introduction to those we reach only through a relay: once soon,
// then from time to time.
func (pf *pathfinder) advanceWays(now time.Time) (next time.Time) {
	if !due(pf.ways.next, now) {
		return pf.ways.next
	}
	defer func() { pf.ways.next = next }()
	for _, id := range pf.ways.wayIDs() {
		w := pf.ways.byID[id]
		if _, _, ok := pf.direct(id); ok && !pf.ep.Silent(wire.PeerID(id)) && w.eager == 0 {
			w.why, w.next, w.tries = "", time.Time{}, 0
			continue
		}
		if !pf.ep.Live(wire.PeerID(id)) {
			w.next = time.Time{} // missing.go looks for the missing
			continue
		}
		if w.next.IsZero() {
			w.next = now.Add(pf.spread(meetRetry)) // it was direct until now
		}
		if !w.next.After(now) {
			pf.meetAgain(now, w)
		}
		next = earliest(next, w.next)
	}
	return next
}

// meetAgain asks the introducer to introduce us again.
func (pf *pathfinder) meetAgain(now time.Time, w *way) {
	w.next = now.Add(pf.spread(meetAgain))
	if w.eager > 0 {
		w.eager--
		w.next = now.Add(eagerGap)
	}
	s, ok := pf.book.Session(w.id)
	if e := pf.edges.byID[w.by]; ok && e != nil {
		pf.finder.askOne(now, e, find{user: s.User})
	}
}

// wayBroken: a neighbour that we met by an introduction is silent. The relay, if there is one, is
// used at once. Our NAT may have forgotten more than this path, so we write to the introducer
// first, and ask it again once it has seen where we are now.
func (pf *pathfinder) wayBroken(now time.Time, e *edge) {
	w := pf.ways.byID[e.id]
	s, ok := pf.book.Session(e.id)
	if w == nil || !ok {
		return
	}
	if by := pf.edges.byID[w.by]; by != nil && by.online && by.watch.probes == 0 {
		pf.happened(now, doubted{by}) // or is it the introducer that is gone?
	}
	pf.ep.Probe(now, wire.PeerID(w.by))
	if w.relay {
		pf.ways.dialThrough(now, w.by, peerOf(s))
	}
	w.eager, w.next = max(w.eager, eagerMeets), now.Add(eagerGap/4)
	pf.ways.lookAtWays(now)
}

// lostWithRelay is how long before its relay a session may be lost and the relay still count as
// the cause.
const lostWithRelay = time.Minute

// relayGone: a relay is lost or has left. The person is told which sessions are no longer reached
// because of that.
func (pf *pathfinder) relayGone(now time.Time, relay identity.SessionID) {
	r, ok := pf.book.Session(relay)
	if _, used := pf.ways.numbers[relay]; !ok || !used {
		return
	}
	for _, id := range pf.ways.wayIDs() {
		w := pf.ways.byID[id]
		s, known := pf.book.Session(id)
		if w.by != relay || !w.carried || !known {
			continue
		}
		if e := pf.edges.byID[id]; e == nil || !e.online && now.Sub(e.lostAt) > lostWithRelay {
			continue
		}
		w.why = "the relay " + pf.book.Label(r.User) + " is gone"
		pf.notify.tell(now, id, PathChange{
			User: pf.book.Label(s.User), Session: id.String(),
			Why: w.why + "; texts wait until it is back or there is another path",
		})
	}
}

// silent: a peer does not answer what we send to it directly. We ask whoever can introduce us;
// both sides then find each other through a relay or at new addresses. For strangers we ask
// nobody: those we asked might have vanished too, and so on.
func (pf *pathfinder) silent(now time.Time, id identity.SessionID) {
	s, ok := pf.book.Session(id)
	if !ok || pf.book.Trust(s.User) == book.TrustBlocked || pf.edges.payer(id).Class > budget.Seed {
		return
	}
	if w := pf.ways.byID[id]; w != nil {
		w.why = "the direct path fell silent"
	}
	pf.finder.askAbout(now, s.User, true)
}

// wayChanged tells the person by which path a session is reached now.
func (pf *pathfinder) wayChanged(now time.Time, id identity.SessionID, rtt time.Duration, why string) {
	s, ok := pf.book.Session(id)
	if e := pf.edges.byID[id]; !ok || e == nil || !e.online || s.User == pf.own.user {
		return
	}
	if rtt == 0 {
		_, rtt, _ = pf.ep.Path(wire.PeerID(id))
	}
	if w := pf.ways.byID[id]; w != nil {
		_, w.carried = pf.ways.throughRelay(id)
	}
	change := PathChange{User: pf.book.Label(s.User), Session: id.String(), Path: PathDirect, RTT: rtt, Why: why}
	if relay, through := pf.ways.throughRelay(id); through {
		change.Path = PathRelay
		if r, ok := pf.book.Session(relay); ok && why == "" {
			change.Why = "through " + pf.book.Label(r.User)
		}
	}
	pf.notify.tell(now, id, change)
}

// punchEnded notes how far an attempt at an address of a session got.
func (pf *pathfinder) punchEnded(u dgram.Unanswered) {
	for _, id := range pf.ways.wayIDs() {
		w := pf.ways.byID[id]
		if _, _, ok := pf.direct(id); ok || w.why == "" || !contains(w.addrs, u.Addr) {
			continue
		}
		w.why = stageText(u)
	}
}

// stageOf notes how far a failed contact got, for the sessions last seen at that address. A seed
// has too many to look through.
func (pf *pathfinder) stageOf(u dgram.Unanswered) {
	pf.punchEnded(u)
	if pf.cfg.Seed {
		return
	}
	for _, e := range pf.edges.byID { // each on its own: the order does not matter
		if s, ok := pf.book.Session(e.id); ok && !e.online && slices.ContainsFunc(s.Seen, func(at book.Seen) bool { return at.Addr == u.Addr }) {
			e.stage = stageText(u)
		}
	}
}

// stageText says in words how far a contact got.
func stageText(u dgram.Unanswered) string {
	switch u.Stage {
	case dgram.StageChallenged:
		return u.Addr.String() + " answered, but did not accept us"
	case dgram.StageMismatch:
		return "another key answers at " + u.Addr.String()
	case dgram.StageRefused:
		return u.Addr.String() + " refused us"
	}
	return u.Addr.String() + " is silent"
}

// succeeds: a session answered our dial of a place that the person named. One socket has one
// key, so the session reached there before is gone. Whoever the old one introduced to us, or
// relayed, is asked for at the new one.
func (pf *pathfinder) succeeds(now time.Time, id identity.SessionID, addr netip.AddrPort) {
	if pf.places.hintAt(addr) == nil {
		return
	}
	for _, old := range pf.edges.edgeIDs() {
		e := pf.edges.byID[old]
		if at, _, ok := pf.direct(old); e == nil || old == id || !e.online || !ok || at != addr {
			continue
		}
		pf.happened(now, lost{e})
		for _, to := range pf.ways.wayIDs() {
			w := pf.ways.byID[to]
			far, known := pf.book.Session(to)
			if w.by != old || !known || pf.edges.byID[id] == nil {
				continue
			}
			w.eager, w.next = max(w.eager, eagerMeets), now.Add(eagerGap)
			w.by = id
			pf.finder.askOne(now, pf.edges.byID[id], find{user: far.User})
		}
		pf.ways.lookAtWays(now)
	}
}
