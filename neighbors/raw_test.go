package neighbors_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"io"
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// raw speaks the protocol without being a node: an attacker who may say anything.
type raw struct {
	bed    *bed
	addr   netip.AddrPort
	key    ed25519.PrivateKey
	record identity.Record
	signed []byte
	ep     *dgram.Endpoint
	next   time.Time
	sent   int            // bytes
	forged netip.AddrPort // the source it claims, if that is valid
	events []dgram.Event
	answer wire.Result // to what it is told
	mute   bool        // it gives no answer
	wrote  uint64      // texts
}

func checkRecordBy(by identity.Signatures, record, static []byte) (dgram.Peer, error) {
	rec, err := identity.VerifyBy(by, record)
	if err != nil || !bytes.Equal(rec.Static[:], static) {
		return dgram.Peer{}, errors.New("not their record")
	}
	return dgram.Peer{ID: wire.PeerID(rec.Session), User: [32]byte(rec.User), Static: rec.Static, Seq: rec.Seq}, nil
}

// identity makes a user and session out of nothing, as an attacker can by the thousand.
func (b *bed) identity(number int, name string, addrs ...netip.AddrPort) (r *raw, private [32]byte) {
	random := reader(b.seed<<20 + uint64(number) + 77)
	var seed [ed25519.SeedSize]byte
	io.ReadFull(random, seed[:])
	io.ReadFull(random, private[:])
	r = &raw{bed: b, key: ed25519.NewKeyFromSeed(seed[:])}
	k, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		b.t.Fatal(err)
	}
	user, static := identity.UserKey(r.key.Public().(ed25519.PublicKey)), [32]byte(k.PublicKey().Bytes())
	r.record = identity.Record{
		Name: name, User: user, Static: static, Session: identity.MakeSessionID(user, static),
		Seq: uint64(b.now.UnixMilli()), Lifetime: time.Minute,
	}
	for _, a := range addrs {
		r.record.Addrs = append(r.record.Addrs, identity.Address{Addr: a})
	}
	if r.signed, err = identity.SignBy(b.signatures(), r.key, r.record); err != nil {
		b.t.Fatal(err)
	}
	return r, private
}

// attacker is such an identity at an address.
func (b *bed) attacker(number int, name, addr string, claims ...netip.AddrPort) *raw {
	b.t.Helper()
	r, private := b.identity(number, name, claims...)
	r.addr = netip.MustParseAddrPort(addr)
	ep, err := dgram.New(dgram.Config{Private: private, Record: r.signed, Check: func(record, static []byte) (dgram.Peer, error) {
		return checkRecordBy(b.signatures(), record, static)
	}, Random: reader(b.seed + uint64(number))}, b.now)
	if err != nil {
		b.t.Fatal(err)
	}
	r.ep = ep
	b.raws = append(b.raws, r)
	return r
}

// flags has it say so in its record.
func (r *raw) flags(f uint64) {
	r.bed.t.Helper()
	r.record.Flags, r.record.Seq = f, r.record.Seq+1
	signed, err := identity.SignBy(r.bed.signatures(), r.key, r.record)
	if err != nil {
		r.bed.t.Fatal(err)
	}
	r.signed = signed
	r.ep.SetRecord(signed)
}

// finds lists the searches, and the halves of introductions, that came to it.
func (r *raw) finds() (list []wire.Ping) {
	for _, e := range r.events {
		if m, ok := e.(dgram.Received); ok {
			if p, ok := m.Message.Body.(wire.Ping); ok && p.Scope == wire.ScopeFind {
				list = append(list, p)
			}
		}
	}
	return list
}

func (r *raw) turn() {
	r.next = r.ep.Advance(r.bed.now)
	datagrams, events := r.ep.Drain()
	for _, d := range datagrams {
		from := r.addr
		if r.forged.IsValid() {
			from = r.forged
		}
		r.send(from, d.To, d.Bytes)
	}
	for _, e := range events {
		r.events = append(r.events, e)
		if m, ok := e.(dgram.Received); ok && !r.mute {
			r.ep.Settle(r.bed.now, m.Handle, r.answer, 0)
		}
	}
}

func (r *raw) send(from, to netip.AddrPort, b []byte) {
	r.sent += len(b)
	r.bed.net.Send(r.bed.now, from, to, b)
}

// meets makes an association with a person.
func (r *raw) meets(p *person) {
	r.bed.t.Helper()
	var again time.Time
	r.bed.until(15*time.Second, "the attacker is associated", func() bool {
		if !again.After(r.bed.now) { // a dial that loses too much ends
			again = r.bed.now.Add(4 * time.Second)
			r.ep.Dial(r.bed.now, p.addr, nil)
			r.turn()
		}
		return r.ep.Live(p.id())
	})
}

func (p *person) id() wire.PeerID {
	if p.of != p.session {
		k, _ := ecdh.X25519().NewPrivateKey(p.session[:])
		p.of = p.session
		p.named = wire.PeerID(identity.MakeSessionID(identity.UserKey(p.key.Public().(ed25519.PublicKey)), [32]byte(k.PublicKey().Bytes())))
	}
	return p.named
}

// find is a requestPing for a name, with a ticket that is in order.
func (r *raw) find(introducer wire.PeerID, name string, number uint64) wire.Ping {
	p := wire.Ping{Scope: wire.ScopeFind, Name: name, Record: r.signed}
	t := identity.Ticket{Asker: r.record.Session, Introducer: identity.SessionID(introducer), Name: name, Number: number}
	p.Ticket = wire.Ticket{Number: number, Sig: t.SignBy(r.bed.signatures(), r.key)}
	return p
}

// says sends one message and lets time pass.
func (r *raw) says(to wire.PeerID, m wire.Message, d time.Duration) bool {
	ok := r.ep.Send(r.bed.now, to, m)
	r.turn()
	r.bed.run(d)
	return ok
}

// relayed counts the datagrams that came through a relay.
func (r *raw) relayed() (n int) {
	for _, e := range r.events {
		if m, ok := e.(dgram.Received); ok && m.Message.Kind() == wire.KindRelay {
			n++
		}
	}
	return n
}
