package dgram

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram/reliable"
	"darkchat/dgram/wire"
)

// preferred returns the association to send on, nil if there is none. A direct one is preferred to one
// through a relay, unless it is mute or not yet confirmed, or the peer itself has turned to the relay,
// which means that it cannot use the direct one.
func preferred(list []*association) *association {
	direct, relay := best(list, false), best(list, true)
	switch {
	case direct == nil && relay == nil:
		return newestOf(list)
	case relay == nil:
		return direct
	case direct == nil, direct.silence.mute, relay.confirmed && !direct.confirmed,
		direct.link.spokeByRelay(direct.made):
		return relay
	}
	return direct
}

// spoken is when the peer last sent more than acks, directly and through a relay: it writes to us where
// it believes that it reaches us.
type spoken struct{ direct, relay time.Time }

// spokeByRelay says whether the peer has turned to the relay since the direct association was made,
// allowing for what it sent before it knew of that one.
func (l *link) spokeByRelay(made time.Time) bool {
	since := made
	if l.spoken.direct.After(since) {
		since = l.spoken.direct
	}
	return l.spoken.relay.Sub(since) > silentAfter
}

// heardOn notes messages that came on an association.
func (l *link) heardOn(now time.Time, a *association, ms []wire.Message) {
	if !slices.ContainsFunc(ms, func(m wire.Message) bool { return m.Kind() != wire.KindAck }) {
		return
	}
	if a.relayed() {
		l.spoken.relay = now
	} else {
		l.spoken.direct = now
	}
}

// relayed says whether an association goes through a relay.
func (a *association) relayed() bool { return Relayed(a.path.to.Addr()) }

// settle follows a change between direct and relayed: measurements of one say nothing about the other.
func (e *Endpoint) settle(l *link, rtt time.Duration) {
	use := preferred(l.list)
	if use == nil {
		return
	}
	was := l.way
	l.way = use.path.to
	l.sender.SetMaxDatagram(largest(l.way))
	if was.IsValid() && was != l.way {
		l.sender.RetransmitAll() // datagrams on the old path may be lost with it
		e.touch(l)
	}
	if !was.IsValid() || Relayed(was.Addr()) == Relayed(l.way.Addr()) {
		return
	}
	l.near = e.near(l.way.Addr())
	l.sender.ResetPath(l.near)
	l.sender.PresumeTrip(use.trip)
	e.touch(l)
	e.emit(Moved{Peer: l.peer.ID, From: was, To: l.way, RTT: rtt})
}

// demands notes that something that must be answered was sent directly.
func (a *association) demands(now time.Time, ms []wire.Message) {
	if a.silence.asked.IsZero() && !a.relayed() && slices.ContainsFunc(ms, func(m wire.Message) bool {
		p, ok := m.Body.(wire.Ping)
		return m.Confirmed() || ok && p.Scope == wire.ScopeProbe
	}) {
		a.silence.asked = now
	}
}

// muteAt returns when a direct association will count as mute (silent under traffic), zero if no answer
// is due on it.
func (a *association) muteAt() time.Time {
	if a.silence.asked.IsZero() || a.silence.mute || a.relayed() {
		return time.Time{}
	}
	return a.silence.asked.Add(max(muteAfter, 2*reliable.TripWait(a.link.sender.KnownTrip())))
}

// hush finds direct associations that have become mute.
func (e *Endpoint) hush(now time.Time, l *link) {
	use := preferred(l.list)
	for _, a := range l.list {
		if at := a.muteAt(); at.IsZero() || at.After(now) {
			continue
		}
		a.silence.mute = true
		if a == use {
			e.emit(Silent{l.peer.ID})
		}
	}
	e.settle(l, 0)
}

// Doubt says that the owner believes the direct path to a peer to be broken, because the peer is silent:
// a relay is used instead, if there are keys for that, until something comes directly again. Messages
// under way are sent again at once.
func (e *Endpoint) Doubt(now time.Time, id wire.PeerID) {
	l := e.links[id]
	if l == nil || !l.live() {
		return
	}
	for _, a := range l.list {
		if !a.relayed() && !a.silence.asked.IsZero() {
			a.silence.mute = true
		}
	}
	e.settle(l, 0)
	e.touch(l)
}

// trial shows the peer that a new direct association works while it still sends through the relay: the
// peer believes it once it hears something on it.
type trial struct {
	of   *association
	left int
	at   time.Time
}

// try begins a trial.
func (l *link) try(now time.Time, a *association) {
	if !a.relayed() && slices.ContainsFunc(l.list, (*association).relayed) {
		l.trial = trial{a, pathTries, now}
	}
}

// tryAt returns when the trial goes on, zero when it is over.
func (l *link) tryAt() time.Time {
	t := l.trial
	if t.left == 0 || t.of.erased || t.of.count > 0 {
		return time.Time{}
	}
	return t.at
}

// retry sends the probe of a trial when it is due.
func (dl *dialer) retry(now time.Time, l *link) {
	if at := l.tryAt(); at.IsZero() || at.After(now) {
		return
	}
	l.trial.left--
	l.trial.at = now.Add(pathRetry)
	dl.sendData(now, l.trial.of, []wire.Message{{ID: randomUint64(dl.random), Body: wire.Ping{Scope: wire.ScopeProbe}}}, 0)
}

// punch is one attempt at hole punching, with a peer that does the same at this moment: HELLO to each of
// its addresses until the first answers.
type punch struct {
	addrs []netip.AddrPort // at most MaxPingAddrs
	left  int              // HELLOs left, so that nobody gets more bytes than the asker sent
}

// Punch contacts a session at several addresses at once, on a common neighbour's introduction. The first
// HELLO goes after the given wait. The first CHALLENGE wins; the budget of HELLOs is that of Dial, or of
// DialAsked if the person asked for it. Each address ends with Associated or Unanswered, or without an
// event if another one was first.
func (e *Endpoint) Punch(now time.Time, addrs []netip.AddrPort, want Peer, after time.Duration, asked bool) {
	p := &punch{left: punchInAll}
	for _, a := range addrs[:min(len(addrs), wire.MaxPingAddrs)] {
		a = unmapped(a)
		if !reachable(a) || Relayed(a.Addr()) || slices.Contains(p.addrs, a) {
			continue
		}
		d := e.dialer.dials[a]
		if d == nil {
			if !e.dialer.roomForDial(asked) {
				continue
			}
			d = e.dialer.newDial(a)
		}
		d.asked = d.asked || asked
		p.addrs = append(p.addrs, a)
		d.expect([]Peer{want})
		if d.punch = p; !d.waiting {
			d.hellos = 0
			e.timers.Set(&d.timer, now.Add(after))
		}
	}
}

// punchWait returns the wait after the nth HELLO of a punch, a fifth more or less.
func (dl *dialer) punchWait(n int) time.Duration {
	wait := [punchSends]time.Duration{100, 150, 250, 500, 1000, 1000}[n-1] * time.Millisecond
	return wait*4/5 + time.Duration(randomUint64(dl.random)%uint64(wait*2/5))
}

// won ends the other dials of a punch.
func (dl *dialer) won(d *dial) {
	if d.punch == nil {
		return
	}
	for _, a := range d.punch.addrs {
		if o := dl.dials[a]; o != nil && o != d && o.punch == d.punch && !o.waiting {
			dl.endDial(o)
		}
	}
}

// Silent says whether what was sent to a peer directly has gone unanswered for muteAfter.
func (e *Endpoint) Silent(id wire.PeerID) bool {
	l := e.links[id]
	if l == nil {
		return false
	}
	direct := best(l.list, false)
	return direct != nil && direct.silence.mute
}

// HeardDirectly returns when the last authentic datagram of a peer came on a direct association, zero if
// there is none.
func (e *Endpoint) HeardDirectly(id wire.PeerID) (at time.Time) {
	l := e.links[id]
	if l == nil {
		return at
	}
	for _, a := range l.list {
		if !a.relayed() && a.heard.After(at) {
			at = a.heard
		}
	}
	return at
}

// Withdraw ends a dial without an event, unless a CHALLENGE has already come.
func (e *Endpoint) Withdraw(addr netip.AddrPort) {
	if d := e.dialer.dials[unmapped(addr)]; d != nil && !d.waiting {
		e.dialer.endDial(d)
	}
}
