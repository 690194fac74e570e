package dgram

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"net/netip"
	"time"

	"darkchat/dgram/wire"
)

// Opener does everything to a datagram that changes no state: it refuses malformed ones,
// answers with a CHALLENGE where it may, checks cookies, computes DHs, verifies records and
// opens AEADs (spec/wire.md 2.7). It is safe for many goroutines; all readers of an Endpoint
// share one.
type Opener struct {
	static *ecdh.PrivateKey
	public []byte // of static
	check  Check
	suite  Suite
	random *lockedReader
	epochs *epochs
	table  *table
	admit  *admission
	tally  *tally
	boxes  boxes
	crowd  func(netip.Addr) bool
}

// Open handles one datagram. b may be used again afterwards. from is the source, local our
// address that it was sent to, the zero Addr if that is not known.
func (o *Opener) Open(now time.Time, from netip.AddrPort, local netip.Addr, b []byte) Opened {
	d := Opened{size: len(b), from: unmapped(from), local: local.Unmap()}
	if Relayed(d.from.Addr()) {
		return o.drop(d, DroppedSource)
	}
	return o.open(now, d, b)
}

// OpenRelayed is Open for the datagram inside a Relay message; from is the RelayAddr of its
// sender behind the relay that brought it.
func (o *Opener) OpenRelayed(now time.Time, from netip.AddrPort, b []byte) Opened {
	d := Opened{size: len(b), from: from}
	if !Relayed(from.Addr()) {
		return o.drop(d, DroppedSource)
	}
	return o.open(now, d, b)
}

func (o *Opener) open(now time.Time, d Opened, b []byte) Opened {
	p, err := wire.ParsePacket(b)
	if err != nil {
		return o.drop(d, DroppedShape)
	}
	d.kind = p.Kind
	o.tally.add(received(p.Kind))
	if !o.single(d.from) {
		return o.drop(d, DroppedSource)
	}
	switch p.Kind {
	case wire.PacketHello:
		return o.challenge(now, d, p.Echo)
	case wire.PacketChallenge:
		to, ok := o.table.expects(d.from, [wire.NonceSize]byte(p.Echo))
		switch {
		case !ok:
			return o.drop(d, DroppedEcho)
		case !to.IsValid() && !o.admit.near(d.from.Addr()):
			return o.drop(d, DroppedLink)
		}
		copied, _ := wire.ParsePacket(bytes.Clone(b))
		d.packet, d.favoured = &copied, to.IsValid() && o.table.ours([wire.NonceSize]byte(p.Echo)) // we sent a HELLO there
		return d
	case wire.PacketHandshake:
		return o.handshake(now, d, &p)
	case wire.PacketAccept:
		return o.accept(d, &p)
	}
	return o.data(now, d, &p)
}

// OpenAnnouncement handles one datagram from a socket on which announcements are heard. There only
// a HELLO counts, and only from our own links: a source elsewhere, true or forged, gets no
// answer (spec/wire.md 6.7).
func (o *Opener) OpenAnnouncement(now time.Time, from netip.AddrPort, b []byte) Opened {
	d := Opened{size: len(b), from: unmapped(from), announcement: true}
	p, err := wire.ParsePacket(b)
	if err != nil || p.Kind != wire.PacketHello {
		return o.drop(d, DroppedShape)
	}
	d.kind, d.echo = p.Kind, [wire.NonceSize]byte(p.Echo)
	o.tally.add(ReceivedHello)
	switch {
	case !o.single(d.from):
		return o.drop(d, DroppedSource)
	case !o.admit.near(d.from.Addr()):
		return o.drop(d, DroppedLink)
	case o.table.ours(d.echo):
		return o.drop(d, DroppedSelf) // we hear our own announcements too
	}
	return d
}

// single says whether an address may be that of one host: an answer to a broadcast address
// would go to many.
func (o *Opener) single(a netip.AddrPort) bool {
	return reachable(a) && (o.crowd == nil || !o.crowd(a.Addr()))
}

func (o *Opener) drop(d Opened, why Counter) Opened {
	o.tally.add(why)
	d.reason = why
	return d
}

// challenge answers with a CHALLENGE, which is smaller than what provoked it and leaves no state
// (spec/wire.md 6.1).
func (o *Opener) challenge(now time.Time, d Opened, echo []byte) Opened {
	if !o.admit.challenge(now) {
		return o.drop(d, DroppedChallenges)
	}
	e := o.epochs.current(now)
	cookie := e.cookie(addressOrigin(d.from), echo)
	d.reply = wire.AppendChallenge(make([]byte, 0, wire.ChallengeSize), echo, cookie[:], e.public, o.public)
	return d
}

// handshake checks a HANDSHAKE, cheap checks first.
func (o *Opener) handshake(now time.Time, d Opened, p *wire.Packet) Opened {
	ep := o.epochs.find(now, addressOrigin(d.from), p.Echo, p.Cookie)
	if ep == nil {
		return o.drop(d, DroppedCookie)
	}
	s := &shake{index: p.Index, epoch: ep, e: bytes.Clone(p.Noise[:wire.KeySize])}
	s.used.digest = sha256.Sum256(p.Noise)
	d.shake = s
	if old, full := o.table.lookUsed(s.e); old != nil {
		if old.digest != s.used.digest {
			return o.drop(d, DroppedUsed)
		}
		s.repeat = old
		return d
	} else if full {
		return o.drop(d, DroppedFull)
	}
	if !o.admit.handshake(now, d.from) {
		return o.drop(d, DroppedPrefix)
	}
	payload, static, secrets, err := o.suite.Open(o.static, ep.prekey, prologue(p.Index, p.Echo, p.Cookie), p.Noise)
	if err != nil {
		return o.drop(d, DroppedNoise)
	}
	h, err := wire.ParseHandshakePayload(payload)
	if err != nil {
		return o.drop(d, DroppedPayload)
	}
	if why := o.verify(s, h.Record, static); why != CountNothing {
		return o.drop(d, why)
	}
	if why := o.messages(&d, h.Messages); why != CountNothing {
		return o.drop(d, why)
	}
	s.have = h.Have
	s.hash = secrets.Hash
	mustRead(o.random, s.salt[:])
	s.keys = newTransport(o.suite, secrets, s.salt[:])
	return d
}

// accept checks the answer to a HANDSHAKE of ours.
func (o *Opener) accept(d Opened, p *wire.Packet) Opened {
	try := o.table.attempt(p.To)
	if try == nil {
		if o.table.association(p.To) != nil {
			return o.drop(d, DroppedRepeated)
		}
		return o.drop(d, DroppedIndex)
	}
	keys := newTransport(o.suite, try.secrets, p.Salt)
	x := o.boxes.get()
	defer o.boxes.put(x)
	plain, err := x.openAccept(keys.toCaller, p)
	if err != nil {
		return o.drop(d, DroppedSeal)
	}
	s := &shake{keys: keys, hash: try.secrets.Hash, attempt: try, remote: p.From}
	d.shake, d.favoured = s, true // we asked for it
	a, err := wire.ParseAcceptPayload(plain)
	if err != nil {
		return o.drop(d, DroppedPayload)
	}
	if why := o.messages(&d, a.Messages); why != CountNothing {
		return o.drop(d, why)
	}
	switch {
	case len(a.Record) == 0 && try.have != 0:
		s.peer = try.want
	case len(a.Record) == 0, o.verify(s, a.Record, try.static[:]) != CountNothing, !try.meant(s.peer):
		o.tally.add(DroppedRecord)
		s.refused = true
	}
	return d
}

// verify checks a record against the session key that the handshake proved.
func (o *Opener) verify(s *shake, record, static []byte) Counter {
	if bytes.Equal(static, o.public) {
		return DroppedSelf
	}
	peer, err := o.check(record, static)
	if err != nil || !bytes.Equal(peer.Static[:], static) {
		return DroppedRecord
	}
	s.peer, s.record = peer, bytes.Clone(record)
	return CountNothing
}

// data opens a DATA, or challenges its sender if the index is not known.
func (o *Opener) data(now time.Time, d Opened, p *wire.Packet) Opened {
	a := o.table.association(p.To)
	if a == nil {
		// No CHALLENGE while our own HANDSHAKE waits for an ACCEPT that this DATA has overtaken.
		if d.size < wire.MinProvoking || o.table.attempt(p.To) != nil {
			return o.drop(d, DroppedIndex)
		}
		echo := wire.DataEcho(p.To, p.Counter)
		return o.challenge(now, d, echo[:])
	}
	d.favoured = a.reading.favoured.Load()
	if !d.favoured && !o.admit.data(now, &a.reading) {
		return o.drop(d, DroppedRate)
	}
	x := o.boxes.get()
	defer o.boxes.put(x)
	plain, err := x.openData(a.receive, p)
	if err != nil {
		return o.drop(d, DroppedSeal)
	}
	d.of, d.counter = a, p.Counter
	d.fault = o.messages(&d, plain) // even so the loop marks its counter as seen
	return d
}

// messages reads authentic messages into d, or says why they are ignored.
func (o *Opener) messages(d *Opened, b []byte) Counter {
	ms, skipped, err := wire.ParseMessages(b)
	if err != nil {
		return DroppedPayload
	}
	d.said.messages, d.said.skipped = ms, skipped
	if !d.paid() {
		return DroppedShort
	}
	return CountNothing
}

// IsHandshake says whether b looks like a HANDSHAKE, which takes long to open: Diffie-Hellman operations and
// a signature check, a few hundred microseconds, where everything else takes about one. It looks only at the
// first bytes, and any goroutine may call it.
func IsHandshake(b []byte) bool {
	return len(b) > 1 && b[1] == byte(wire.PacketHandshake)
}
