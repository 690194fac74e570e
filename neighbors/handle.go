package neighbors

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// handle acts on one event of the endpoint.
func (n *Node) handle(now time.Time, e dgram.Event) {
	switch e := e.(type) {
	case dgram.Associated:
		n.associated(now, e)
	case dgram.Confirmed:
		n.confirmed(now, e)
	case dgram.Received:
		n.received(now, e)
	case dgram.Settled:
		n.settled(now, e)
		if len(n.last) > 0 {
			n.core.wake(now) // it may have been the last goodbye that went through a relay
		}
	case dgram.Lapsed:
		switch e.Kind {
		case wire.KindText:
			n.outbound.textLapsed(now, e)
		case wire.KindHold, wire.KindReceipt:
			n.custody.carriageSettled(now, identity.SessionID(e.Peer), e.ID, 0, false)
		case wire.KindListRequest:
			n.gossip.requestLapsed(now, e)
		}
	case dgram.Unanswered:
		n.paths.stageOf(e)
		n.requests.unanswered(now, e)
	case dgram.Moved:
		n.moved(now, e)
	case dgram.Silent:
		n.core.ways.lookAtWays(now)
		n.paths.silent(now, identity.SessionID(e.Peer))
	case dgram.Another:
		n.discovery.anotherKey(now, e)
	case dgram.Closed:
		n.closed(now, identity.SessionID(e.Peer))
	}
}

// associated: a peer proved who they are. Both sides of a handshake get here.
func (n *Node) associated(now time.Time, a dgram.Associated) {
	id := identity.SessionID(a.Peer.ID)
	if identity.UserKey(a.Peer.User) == n.core.own.user && id == n.core.own.session {
		return
	}
	known, had := n.core.book.Session(id)
	door := !a.Confirmed && n.core.edges.notSought(id, a.Addr)
	if len(a.Record) > 0 {
		rec, err := identity.Decode(a.Record) // dgram has verified it: see check
		direct := !door || had && rec.Seq < known.Seq
		if err != nil {
			return
		}
		if !n.learn(now, id, rec, a.Record, a.Addr, direct) {
			n.refused(id, rec)
			return
		}
	}
	if _, ok := n.core.book.Session(id); !ok {
		n.core.ep.Forget(a.Peer.ID) // we forgot this session: challenged without keys, it will bring its record
		return
	}
	if !door || !n.core.edges.notSought(id, a.Addr) { // not before the record is learnt: it may say that it is a seed's
		n.met(now, id, encounter{a.Addr, a.Outbound, a.Fresh, a.Link})
	}
}

// received: an authenticated peer said something.
func (n *Node) received(now time.Time, r dgram.Received) {
	id := identity.SessionID(r.From)
	s, ok := n.core.book.Session(id)
	if !ok {
		n.unknownSaid(now, r)
		return
	}
	blocked := n.core.book.Trust(s.User) == book.TrustBlocked
	if blocked {
		if r.Message.Kind() != wire.KindList {
			n.core.ep.Settle(now, r.Handle, wire.ResultNotTrusted, 0)
		}
		return
	}
	if s.State == identity.StateGone && n.core.ep.Shown(r.From) < s.Seq && !ofOneself(r.Message.Body) {
		return // its record is older than its goodbye: it is told so, and returns with another record or key
	}
	if _, bye := r.Message.Body.(wire.Offline); !bye {
		n.heardFrom(now, id, r.Addr)
	}
	if !n.core.budget.Spend(now, budget.Work, n.core.edges.payer(id), n.core.cost(&r.Message, &s)) {
		return // as if lost: an honest sender sends it again, with back-off
	}
	switch b := r.Message.Body.(type) {
	case wire.Text:
		if n.core.edges.atTheDoor(id, r.Addr) {
			n.core.book.Authenticated(now, id, netip.AddrPort{}) // remember whoever leaves a line, so that it can be answered
		}
		n.textReceived(now, s, r.Message.ID, asker{handle: r.Handle}, b)
	case wire.Online:
		n.core.ep.Settle(now, r.Handle, wire.ResultDelivered, 0)
		n.outbound.hurry(now, id)
		if len(b.Record) > 0 && n.heardRecord(now, id, r.Addr, b.Record) {
			n.heardFrom(now, id, r.Addr) // until now it may have counted as gone
		}
		if b.Observed.IsValid() {
			n.core.nat.observed(now, id, r.Addr, b.Observed)
		}
	case wire.Offline:
		n.core.ep.Settle(now, r.Handle, wire.ResultDelivered, 0)
		if rec, err := n.core.verify(b.Record); err == nil {
			n.learn(now, id, rec, b.Record, r.Addr, true)
		}
	case wire.Ping:
		n.pingReceived(now, s, r, b)
	case wire.Relay:
		n.relay.relayReceived(now, r, b)
	case wire.Hold:
		if identity.SessionID(b.To) == n.core.own.session {
			n.inbound.copyBrought(now, s, r, b)
		} else {
			n.custody.holdReceived(now, s, r, b)
		}
	case wire.Receipt:
		n.custody.receiptReceived(now, s, r, b)
	case wire.ListRequest:
		n.gossip.listRequested(now, s, r, b)
	case wire.List:
		if b.Request == 0 {
			n.newsReceived(now, s, b)
			break
		}
		n.gossip.listReceived(now, s, r, b)
	}
	for i := range n.core.places.plugins {
		n.core.places.plugins[i].source.Heard(now, r.Addr, r.Message, host{n.discovery, i, now})
	}
}

// heardFrom: an authentic datagram of a session came from addr.
func (n *Node) heardFrom(now time.Time, id identity.SessionID, addr netip.AddrPort) {
	if n.core.edges.atTheDoor(id, addr) {
		return
	}
	if at, _, _ := n.core.ep.Path(wire.PeerID(id)); at != addr {
		addr = netip.AddrPort{} // not proved: a source may be forged, and we would call it for ever
	}
	n.alive(now, id, addr)
	n.outbound.retryNow(now, id)
}

// ofOneself says whether a message is about its sender's own presence.
func ofOneself(b wire.Body) bool {
	switch b.(type) {
	case wire.Online, wire.Offline:
		return true
	}
	return false
}

// unknownSaid: a session that we forgot said something. We forget its keys too, so its next
// datagram is challenged and brings the record; a goodbye needs no more than to be heard.
func (n *Node) unknownSaid(now time.Time, r dgram.Received) {
	if _, bye := r.Message.Body.(wire.Offline); bye {
		n.core.ep.Settle(now, r.Handle, wire.ResultDelivered, 0)
		n.core.ep.Dismiss(now, r.From)
		return
	}
	n.core.ep.Forget(r.From)
}

// heardRecord takes a record that a peer handed over inside declareOnline: its own, or one about
// us that we ought to know. It returns whether the record says that the peer is there.
func (n *Node) heardRecord(now time.Time, from identity.SessionID, addr netip.AddrPort, signed []byte) bool {
	known, _ := n.core.book.Session(from)
	verify := n.core.verify
	if bytes.Equal(signed, known.Record) {
		verify = identity.Decode // it was verified when it first came
	}
	rec, err := verify(signed)
	switch {
	case err != nil:
	case rec.Session == n.core.own.session:
		// Only its owner raises a record's number. One that we did not write was
		// written by a copy of this session.
		if rec.Seq > n.core.own.record.Seq || (rec.Seq == n.core.own.record.Seq && !bytes.Equal(signed, n.core.own.signed)) {
			n.core.own.cloned = true
		}
	case rec.Session == from:
		return n.learn(now, from, rec, signed, addr, true)
	}
	return false
}

// learn takes a verified record of a session, and its signed form. direct: the session itself
// sent it. It returns false if the record is stale, refused or says goodbye.
func (n *Node) learn(now time.Time, id identity.SessionID, rec identity.Record, signed []byte, addr netip.AddrPort, direct bool) bool {
	if rec.Session != id || id == n.core.own.session {
		return false
	}
	known, had := n.core.book.Session(id)
	if had && rec.Seq < known.Seq && direct {
		// A copy of that session, or one restored from a backup: let it know what
		// its key has signed since.
		if n.core.ep.Live(wire.PeerID(id)) {
			n.core.ep.Send(now, wire.PeerID(id), wire.Message{ID: n.core.ep.NextID(), Body: wire.Online{Record: known.Record, Observed: addr}})
		}
		return known.State != identity.StateGone
	}
	var prefix netip.Addr
	if direct && !dgram.Relayed(addr.Addr()) {
		prefix = addr.Addr()
	}
	if direct && (!had || !known.Heard) && n.invited(rec.User, addr) {
		n.core.book.Invite(id)
	}
	out, err := n.core.book.Learn(now, signed, rec, direct, prefix)
	if err != nil {
		return false
	}
	n.core.notify.learned(now, id, rec, out)
	if e := n.core.edges.byID[id]; e != nil && rec.State != identity.StateGone && rec.Seq > known.Seq && had {
		e.seed = rec.Flags&identity.FlagSeed != 0
		if e.online { // whoever brought it: it is signed
			n.core.notify.changed(now, e, known, rec)
			e.damping.add(now, penaltyRecord)
			n.core.happened(now, changed{e})
		}
	}
	if rec.State == identity.StateGone {
		n.gone(now, id, ReasonDeclared)
		if n.core.ep.Shown(wire.PeerID(id)) < rec.Seq {
			n.core.ep.Dismiss(now, wire.PeerID(id))
		}
		if r := n.core.claims.subject(id); r != nil {
			n.gossip.reconsider(now, r)
		}
		return false
	}
	return true
}

func (n *Node) settled(now time.Time, s dgram.Settled) {
	if id := identity.SessionID(s.Peer); !n.core.edges.atTheDoor(id, netip.AddrPort{}) {
		n.alive(now, id, netip.AddrPort{})
	}
	switch s.Kind {
	case wire.KindOnline:
		n.requests.exploded(s)
	case wire.KindText:
		n.outbound.textSettled(now, s)
	case wire.KindHold, wire.KindReceipt:
		n.custody.carriageSettled(now, identity.SessionID(s.Peer), s.ID, s.Result, true)
	case wire.KindPing:
		n.detector.pingReqSettled(now, s)
		n.requests.pingSettled(now, s)
	}
}

func (n *Node) moved(now time.Time, m dgram.Moved) {
	id := identity.SessionID(m.Peer)
	if n.core.edges.atTheDoor(id, m.To) {
		return
	}
	n.alive(now, id, m.To)
	if e := n.core.edges.byID[id]; e != nil {
		n.core.edges.reclass(e)
	}
	n.core.ways.lookAtWays(now)
	why := "it answers from " + m.To.String()
	switch {
	case dgram.Relayed(m.To.Addr()):
		why = ""
	case !dgram.Relayed(m.From.Addr()):
		n.core.nat.tellWhere(now, id, m.To)
	}
	n.paths.wayChanged(now, id, m.RTT, why)
	n.outbound.retryNow(now, id)
}

// newsReceived takes a neighbour's news. That of strangers is not believed: they could fill the
// memory of the second edge.
func (n *Node) newsReceived(now time.Time, from book.Session, l wire.List) {
	e := n.core.edges.byID[from.ID]
	if e == nil || !e.online || n.core.cfg.Seed {
		return
	}
	if e.seed {
		n.lookups.seedsNews(now, e, l.Summaries)
		return
	}
	if n.core.edges.known(e) || n.core.edges.nearEdge(e) {
		n.gossip.heardSummaries(now, e, l.Summaries, false)
	}
	n.detector.jitterProbe(now, e) // its other neighbours were told the same
	n.core.edges.plan(e)
}

// textReceived: a text came, from its sender or through a friend.
func (n *Node) textReceived(now time.Time, s book.Session, id uint64, from asker, b wire.Text) {
	if refusal, ok := n.door.admit(now, s, id, b); !ok {
		n.inbound.answerText(now, textKey{s.ID, id}, from, refusal)
		return
	}
	n.detector.talk(now, n.core.edges.byID[s.ID])
	n.inbound.offered(now, s, id, from, b)
}

// pingReceived: a peer looks for somebody, wants to be passed on, or is being introduced to us.
// Package dgram answers probes.
func (n *Node) pingReceived(now time.Time, s book.Session, r dgram.Received, p wire.Ping) {
	switch {
	case len(p.By) > 0:
		n.introduced(now, s, r, p)
		n.core.ep.Settle(now, r.Handle, wire.ResultDelivered, 0)
	case p.Scope == wire.ScopeFind, p.Scope == wire.ScopeExplode:
		result, again := n.core.finder.tickets.given(s.ID, p.Ticket.Number)
		switch {
		case again:
		case p.Scope == wire.ScopeFind:
			result = n.introducer.introduce(now, s, r.Addr, p)
		default:
			result = n.requests.passOn(now, s, r.Addr, p)
		}
		n.core.ep.Settle(now, r.Handle, result, 0)
	case p.Scope == wire.ScopeReach:
		n.detector.pingReqReceived(now, s, r, p)
	}
}

// introduced: a common neighbour introduces somebody to us. A ticket of ours shows that we asked;
// one that they signed, that they did.
func (n *Node) introduced(now time.Time, by book.Session, r dgram.Received, p wire.Ping) {
	v, ok := n.introducer.vet(by, r, p)
	if !ok {
		return
	}
	if p.Scope == wire.ScopeExplode {
		n.requests.explodeHeard(now, v.rec, by, r, p)
		return
	}
	var addrs []netip.AddrPort
	var delay time.Duration
	if n.introducer.myTicket(by.ID, p) {
		if !v.trusted || !n.introducer.lookingFor(now, v.rec, p) {
			return
		}
		claimed := len(p.User) == 0 && n.requests.claimed(now, v.rec, p.Name)
		addrs, delay, ok = n.introducer.answered(now, v, p, claimed)
	} else {
		addrs, delay, ok = n.introducer.introducedTo(now, v, r, p)
	}
	if ok {
		n.paths.meet(now, by, v.rec, addrs, delay, n.requests.askedFor(v.rec))
	}
}

// invited says whether the person asked for whoever is at addr, or for that user: then there is
// room, however much strangers have filled.
func (n *Node) invited(user identity.UserKey, addr netip.AddrPort) bool {
	for _, q := range n.requests.pings() {
		if q.kind == pingAddr && q.addr == addr || !q.find.user.IsZero() && q.find.user == user {
			return true
		}
	}
	for i := range n.core.places.plugins {
		for _, h := range n.core.places.plugins[i].hints {
			_, print, whole := cutLast(h.user, '~')
			if h.addr == addr && (!whole || strings.EqualFold(print, identity.Fingerprint(user))) {
				return true
			}
		}
	}
	return false
}
