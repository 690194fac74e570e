package dgram

import (
	"slices"
	"time"

	"darkchat/dgram/wire"
)

// candidate is an address from which authentic DATA came, but which has not yet shown that it
// receives what is sent there (RFC 9000 8.2, spec/theory.md 2.5).
type candidate struct {
	of    *association
	to    path
	token uint64 // that it must echo
	since time.Time
	first time.Time // the first challenge,
	at    time.Time // and the last
	tries int
}

// strayed handles the newest DATA of an association when it comes from another address than we
// send to. The new address gets at most one datagram for it, a smaller one: somebody who copies
// the peer's datagrams may have forged the source.
func (e *Endpoint) strayed(now time.Time, l *link, o Opened) {
	if now.Sub(l.switched) < pathSwitch {
		return
	}
	c := l.candidate
	if c == nil || c.to.to != o.from && now.Sub(c.since) >= pathSwitch {
		c = &candidate{of: o.of, to: path{o.from, o.local}, token: randomUint64(e.random), since: now}
		l.candidate = c
	}
	if c.to.to != o.from || c.of != o.of {
		return
	}
	if c.tries >= pathTries && now.Sub(c.since) >= pathSwitch {
		c.tries, c.since = 0, now
	}
	if c.tries >= pathTries || c.tries > 0 && now.Sub(c.at) < pathRetry {
		return
	}
	ms := []wire.Message{{ID: c.token, Body: wire.Ping{Scope: wire.ScopeProbe}}}
	b := e.seal(c.of, ms, 0)
	if b == nil || len(b) >= o.size {
		return // the next one may be longer
	}
	if c.tries++; c.first.IsZero() {
		c.first = now
	}
	c.at = now
	c.of.counter++
	e.tally.add(PathsChallenged)
	e.send(wire.PacketData, c.to, b)
}

// proved handles the answer to a path challenge: from now on the peer is written to there.
func (e *Endpoint) proved(now time.Time, l *link, o Opened) {
	c := l.candidate
	if c == nil || o.from != c.to.to {
		return
	}
	e.announcements.authenticated(now, l.peer.ID, o.from)
	from := c.of.path.to
	for _, a := range l.list {
		if a.path.to == from {
			e.reroute(a, c.to)
		}
	}
	l.candidate, l.switched = nil, now
	l.near = e.near(c.to.to.Addr())
	l.sender.ResetPath(l.near)
	var rtt time.Duration
	if c.first.Equal(c.at) {
		rtt = now.Sub(c.at)
		e.dialer.measured(l, c.to.to, rtt)
	} else {
		l.sender.PresumeTrip(now.Sub(c.first)) // it is unknown which of them was answered
	}
	e.tally.add(PathsSwitched)
	e.emit(Moved{Peer: l.peer.ID, From: from, To: c.to.to, RTT: rtt})
}

// reroute changes where an association sends to.
func (e *Endpoint) reroute(a *association, to path) {
	e.table.change(func() {
		if at := (remoteIndex{a.path.to, a.remote}); e.table.sending[at] == a {
			delete(e.table.sending, at)
		}
		a.path = to
		e.table.sending[remoteIndex{to.to, a.remote}] = a
	})
}

// answersPath says whether an ack is the answer to the path challenge.
func (l *link) answersPath(a wire.Ack) bool {
	return a.Kind == wire.KindPing && l.candidate != nil && a.ID == l.candidate.token
}

// Probe asks a peer for a sign of life on its live association. The answer is a Settled event with
// the round trip; if it is lost there is none. 0: no association.
func (e *Endpoint) Probe(now time.Time, to wire.PeerID) (id uint64) {
	l := e.links[to]
	if l == nil || !l.live() {
		return 0
	}
	id = e.nextProbe()
	if !l.sender.Put(wire.Message{ID: id, Body: wire.Ping{Scope: wire.ScopeProbe}}) {
		return 0
	}
	l.remember(probe{id: id, at: now})
	e.touch(l)
	return id
}

// ProbeAsked is Probe on behalf of the person, who waits for the answer: it goes before other
// presence.
func (e *Endpoint) ProbeAsked(now time.Time, to wire.PeerID) (id uint64) {
	if id = e.Probe(now, to); id != 0 {
		turn := &e.links[to].turn
		turn.rank(turn.pinned, true)
	}
	return id
}

// nextProbe returns the id of a probe.
func (e *Endpoint) nextProbe() uint64 {
	e.ids.probe = e.ids.probe%maxProbeID + 1
	return e.ids.probe
}

// Reach asks a peer whether it can reach a session among its neighbours. The answer is a Settled
// event: delivered, or unknown recipient; none if it is lost. 0: no association.
func (e *Endpoint) Reach(now time.Time, helper, session wire.PeerID) (id uint64) {
	l := e.links[helper]
	if l == nil || !l.live() {
		return 0
	}
	id = e.NextID()
	if !l.sender.Put(wire.Message{ID: id, Body: wire.Ping{Scope: wire.ScopeReach, Session: session[:]}}) {
		return 0
	}
	l.remember(probe{id: id, at: now, helps: true})
	e.touch(l)
	return id
}

// remember keeps an unanswered probe; the oldest goes.
func (l *link) remember(p probe) {
	if len(l.probes) == maxProbes {
		l.probes = l.probes[1:]
	}
	l.probes = append(l.probes, p)
}

// probed handles the answer to a probe, and forgets the unanswered probes before it; or the answer
// to a question about another session, which measures nothing: the helper may have probed first.
func (e *Endpoint) probed(now time.Time, l *link, a wire.Ack) {
	i := slices.IndexFunc(l.probes, func(p probe) bool { return p.id == a.ID })
	if a.Kind != wire.KindPing || i < 0 {
		return
	}
	if l.probes[i].helps {
		l.probes = slices.Delete(l.probes, i, i+1)
		e.emit(Settled{Peer: l.peer.ID, Kind: a.Kind, ID: a.ID, Result: a.Result})
		return
	}
	at := l.probes[i].at
	rtt := now.Sub(at)
	l.probes = slices.DeleteFunc(l.probes, func(p probe) bool { return !p.helps && !p.at.After(at) })
	e.dialer.measured(l, l.way, rtt)
	e.emit(Settled{Peer: l.peer.ID, Kind: a.Kind, ID: a.ID, Result: a.Result, RTT: rtt})
}

// Uprooted says that our own addresses may have changed. Until something comes from a peer,
// datagrams to it are long enough for it to challenge the new source, or the keys.
func (e *Endpoint) Uprooted() {
	for _, l := range e.links { // the order does not matter
		l.uprooted = true
	}
}

// mayHaveMoved says whether the peer may now see us at a different address: our network has
// changed since it was heard, or it has not answered in time what we asked directly
// (spec/theory.md 2.5). A handshake shows where we are, so a peer that says nothing at all after
// one has forgotten us.
func (a *association) mayHaveMoved(now time.Time) bool {
	if a.relayed() || !a.confirmed {
		return false
	}
	unanswered := !a.silence.asked.IsZero() && !a.silence.asked.Add(a.link.sender.Timeout()).After(now)
	return a.link.uprooted || unanswered && a.count > 0
}

// probesAgain says whether messages contain a probe while an earlier one is unanswered: then the
// datagram must be long enough for a peer that forgot the key to say so (spec/wire.md 6.5).
func (l *link) probesAgain(ms []wire.Message) bool {
	unanswered := 0
	for _, p := range l.probes {
		if !p.helps {
			unanswered++
		}
	}
	return unanswered > 1 && slices.ContainsFunc(ms, func(m wire.Message) bool {
		p, ok := m.Body.(wire.Ping)
		return ok && p.Scope == wire.ScopeProbe
	})
}
