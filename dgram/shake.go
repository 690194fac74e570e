package dgram

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram/reliable"
	"darkchat/dgram/wire"
)

// attempt is a HANDSHAKE of ours that waits for its ACCEPT. It is immutable: readers open ACCEPTs
// with it.
type attempt struct {
	dial     *dial
	index    uint32
	secrets  Secrets
	static   [wire.KeySize]byte // key in the CHALLENGE that it answers
	expected bool               // that key is the key of want
	want     Peer
	have     uint64 // seq of want's record, told to the peer
	bytes    []byte // sent again byte for byte
	messages []wire.Message
	at       time.Time // first sent
}

// meant says whether the session that the record names is the one expected.
func (t *attempt) meant(p Peer) bool { return !t.expected || p.ID == t.want.ID }

// challenged handles a CHALLENGE whose echo matches something we sent there. It may start one
// HANDSHAKE and nothing else (spec/wire.md 6.2).
func (dl *dialer) challenged(now time.Time, o Opened) {
	p := o.packet
	echo := [wire.NonceSize]byte(p.Echo)
	d := dl.dials[o.from]
	if d != nil && d.waiting && d.echo != echo {
		dl.drop(DroppedRepeated) // one exchange at a time
		return
	}
	switch {
	case d != nil && d.hellos > 0 && d.nonce == echo:
	case !dl.announcements.own.at.IsZero() && dl.announcements.own.nonce == echo:
		dl.announcements.heardAnswer(now, o)
		return
	default:
		d = dl.renewal(o, d, echo)
	}
	if d != nil {
		dl.obey(now, o, d)
	}
}

// obey answers a CHALLENGE for what a dial has sent. If it comes to nothing, a dial that was made
// for this CHALLENGE is removed.
func (dl *dialer) obey(now time.Time, o Opened, d *dial) {
	if !dl.shakeHands(now, o, d) && !d.timer.IsSet() {
		dl.endDial(d)
	}
}

// shakeHands sends the HANDSHAKE that answers a CHALLENGE, or reports false.
func (dl *dialer) shakeHands(now time.Time, o Opened, d *dial) bool {
	p := o.packet
	echo := [wire.NonceSize]byte(p.Echo)
	static := [wire.KeySize]byte(p.S)
	i := slices.IndexFunc(d.want, func(w Peer) bool { return w.Static == static })
	if static == dl.self.Static {
		dl.drop(DroppedSelf)
		return false
	}
	if i < 0 && !d.anyone {
		dl.drop(DroppedKey)
		if d.stage == StageSilent {
			d.stage = StageMismatch
			dl.another(d.want[0].ID, d.to)
		}
		return false
	}
	if !d.waiting {
		dl.dropAttempts(d)
		d.echo, d.shakes = echo, 0
		if d.rounds++; d.punch == nil && d.nonce == echo {
			d.hellos = min(d.hellos, d.rounds) // the others were sent only because the path is slow
		}
	}
	all := [wire.CookieSize + 2*wire.KeySize]byte(slices.Concat(p.Cookie, p.E, p.S))
	if slices.Contains(d.answered, all) || len(d.answered) >= maxChallenges {
		dl.drop(DroppedRepeated)
		dl.answeredAgain(now, d, echo)
		return false
	}
	d.answered = append(d.answered, all)
	t := &attempt{dial: d, index: dl.newIndex(), static: static, at: now}
	if i >= 0 {
		t.expected, t.want, t.have = true, d.want[i], d.want[i].Seq
	}
	if !dl.shake(now, d, t, p) {
		return false
	}
	dl.won(d)
	d.local, d.stage, d.waiting = o.local, StageChallenged, true
	d.shakes = max(d.shakes, 1)
	if d.nonce == echo {
		d.trip = max(d.trip, d.guess.answered(now, dl.guessLeast(d)))
	}
	dl.timers.Set(&d.timer, now.Add(dl.backOff(d.to, d.shakes, dl.tripTo(d))))
	return true
}

// answeredAgain takes in another CHALLENGE for identical HELLOs. It may show that the path is slower
// than the first one suggested, so that the ACCEPT is not due yet.
func (dl *dialer) answeredAgain(now time.Time, d *dial, echo [wire.NonceSize]byte) {
	if d.nonce != echo || !d.waiting || len(d.guess.sent) < 2 {
		return
	}
	trip := d.guess.answered(now, dl.guessLeast(d))
	if trip <= d.trip || d.shakes > 1 {
		return
	}
	d.trip = trip
	if at := d.guess.came.Add(reliable.TripWait(trip)); at.After(d.timer.At()) {
		dl.timers.Set(&d.timer, at)
	}
}

// renewal returns the dial that answers a CHALLENGE for DATA of ours: the peer has lost the keys,
// or somebody claims that. nil: it is not for DATA of ours.
func (dl *dialer) renewal(o Opened, d *dial, echo [wire.NonceSize]byte) *dial {
	a := dl.table.sender(o.from, echo)
	if a == nil || wire.EchoCounter(echo) == 0 || wire.EchoCounter(echo) >= a.counter {
		dl.drop(DroppedEcho)
		return nil
	}
	if [wire.KeySize]byte(o.packet.S) != a.link.peer.Static {
		dl.drop(DroppedKey)
		dl.another(a.link.peer.ID, o.from)
		return nil
	}
	if d == nil {
		if !dl.roomForDial(false) {
			dl.drop(DroppedFull)
			return nil
		}
		d = dl.newDial(o.from)
		d.quiet = true
	}
	d.expect([]Peer{a.link.peer})
	d.renews = a
	return d
}

// another tells that an unexpected key answers at an address.
func (dl *dialer) another(peer wire.PeerID, at netip.AddrPort) {
	if !Relayed(at.Addr()) {
		dl.emit(Another{Peer: peer, Addr: at})
	}
}

// shake makes the HANDSHAKE of an attempt and sends it. It reports false if the CHALLENGE's keys are
// invalid.
func (dl *dialer) shake(now time.Time, d *dial, t *attempt, p *wire.Packet) bool {
	h := wire.HandshakePayload{Record: dl.record, Have: t.have}
	room := largest(d.to) - wire.HandshakeOverhead - (1 + 3 + len(h.Record) + wire.HeadSize(h.Have) + 1)
	switch l := dl.links[t.want.ID]; {
	case !t.expected:
		// It is unknown who answers: a text could reach anybody.
		online := wire.Online{Observed: d.to}
		if Relayed(d.to.Addr()) {
			online.Observed = netip.AddrPort{}
		}
		t.messages = []wire.Message{{ID: dl.NextID(), Attempt: 1, Body: online}}
	case l != nil && (!l.live() || d.renews != nil):
		t.messages = l.sender.HandshakeMessages(room)
		l.offered = t
	}
	var err error
	if h.Messages, err = wire.AppendMessages(nil, t.messages); err != nil {
		t.messages = nil
		h.Messages, _ = wire.AppendMessages(nil, nil)
	}
	noise, secrets, err := dl.opener.suite.Answer(dl.private, dl.random, prologue(t.index, p.Echo, p.Cookie), p.E, p.S, h.Append(nil))
	if err != nil {
		dl.drop(DroppedNoise)
		return false
	}
	t.secrets = secrets
	t.bytes = wire.AppendHandshake(make([]byte, 0, wire.MaxDatagram), t.index, p.Echo, p.Cookie, noise)
	d.attempts = append(d.attempts, t)
	dl.table.change(func() { dl.table.attempts[t.index] = t })
	dl.send(wire.PacketHandshake, path{d.to, d.local}, t.bytes, t.messages...)
	return true
}

// accepted makes an association from an ACCEPT that verified.
func (dl *dialer) accepted(now time.Time, o Opened) {
	s, t := o.shake, o.shake.attempt
	d := t.dial
	if dl.dials[d.to] != d || !slices.Contains(d.attempts, t) {
		dl.drop(DroppedGone)
		return
	}
	if s.refused {
		dl.fail(d, StageRefused)
		return
	}
	once := d.shakes == 1
	took := now.Sub(t.at)
	trip := took // at most
	if !once && d.trip > 0 {
		trip = min(trip, d.trip)
	}
	dl.endDial(d)
	a := &association{
		local: t.index, remote: s.remote, hash: s.hash, caller: true,
		receive: s.keys.toCaller, send: s.keys.toAnswerer,
		path: path{d.to, o.local}, counter: 1, confirmed: true, owes: true, trip: trip,
	}
	fresh := !dl.Live(s.peer.ID)
	l := dl.associate(now, a, s, crowd{})
	if d.renews != nil && d.renews.link == l {
		d.renews.retired = true
	}
	var rtt time.Duration
	if once {
		rtt = took
	}
	l.try(now, a)
	dl.settle(l, rtt)
	l.sender.MarkSent(t.at, t.messages)
	if once {
		dl.measured(l, d.to, rtt)
	}
	dl.announcements.authenticated(now, s.peer.ID, d.to)
	dl.emit(Associated{Peer: s.peer, Record: s.record, Addr: d.to, Outbound: true, Confirmed: true, Fresh: fresh, Link: d.link})
	dl.deliver(now, l, o)
}
