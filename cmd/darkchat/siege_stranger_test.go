package main

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// stranger speaks the protocol without being a node: a fresh user key behind a socket of
// its own, who may say anything that a modified program could. One goroutine drives it.
type stranger struct {
	*assault
	name    string
	key     ed25519.PrivateKey
	private [32]byte
	record  identity.Record
	signed  []byte
	ep      *dgram.Endpoint
	conn    *net.UDPConn
	in      chan dgram.Opened
	drawn   atomic.Int64 // bytes that came,
	gave    int64        // and that went
	victim  wire.PeerID  // who answers at the victim's address; zero until then
	met     bool
	answer  wire.Result // to the texts that come
	// heard, if set, is told what happens, after the stranger has done its duties.
	heard func(now time.Time, e dgram.Event)
}

// readAhead is how many opened datagrams wait for a stranger that is busy sending.
const readAhead = 256

func checkRecord(record, static []byte) (dgram.Peer, error) {
	r, err := identity.Verify(record)
	if err != nil || !bytes.Equal(r.Static[:], static) {
		return dgram.Peer{}, errors.New("not the sender's record")
	}
	return dgram.Peer{ID: wire.PeerID(r.Session), User: [32]byte(r.User), Static: r.Static, Seq: r.Seq}, nil
}

// person makes a user and a session out of nothing, without a socket.
func person(name string, flags uint64) (s *stranger, err error) {
	s = &stranger{name: name}
	if _, s.key, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	if _, err = rand.Read(s.private[:]); err != nil {
		return nil, err
	}
	k, err := ecdh.X25519().NewPrivateKey(s.private[:])
	if err != nil {
		return nil, err
	}
	user, static := identity.UserKey(s.key.Public().(ed25519.PublicKey)), [32]byte(k.PublicKey().Bytes())
	s.record = identity.Record{
		Name: name, User: user, Static: static, Session: identity.MakeSessionID(user, static),
		Seq: uint64(time.Now().UnixMilli()), Lifetime: time.Minute, Flags: flags,
	}
	s.signed, err = identity.Sign(s.key, s.record)
	return s, err
}

// stranger is such a person at one of the attacker's addresses.
func (a *assault) stranger(name string, from netip.Addr, flags uint64) (*stranger, error) {
	s, err := person(name, flags)
	if err != nil {
		return nil, err
	}
	s.assault, s.in = a, make(chan dgram.Opened, readAhead)
	s.ep, err = dgram.New(dgram.Config{
		Private: s.private, Record: s.signed, Check: checkRecord, Random: rand.Reader,
		SameLink: func(netip.Addr) bool { return true }, // it waits no longer than it must,
		Seed:     true,                                  // and has a seed's pace
	}, time.Now())
	if err != nil {
		return nil, err
	}
	if s.conn, err = dgram.Listen(netip.AddrPortFrom(from, 0)); err != nil {
		return nil, err
	}
	a.tally.strangers.Add(1)
	go s.read(s.conn, s.ep.Opener())
	return s, nil
}

func (s *stranger) read(conn *net.UDPConn, opener *dgram.Opener) {
	b := make([]byte, wire.MaxDatagram+1)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.tally.got(n)
		s.drawn.Add(int64(n))
		o := opener.Open(time.Now(), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), netip.Addr{}, b[:n])
		if o.Empty() {
			continue
		}
		select {
		case s.in <- o:
		default: // lost, as any datagram may be
		}
	}
}

func (s *stranger) close() { _ = s.conn.Close() }

// sign gives the stranger another record, under the next number.
func (s *stranger) sign(change func(*identity.Record)) {
	s.record.Seq++
	change(&s.record)
	if b, err := identity.Sign(s.key, s.record); err == nil {
		s.signed = b
		s.ep.SetRecord(b)
	}
}

// say queues one message for the victim; false: there is no room at the moment.
func (s *stranger) say(now time.Time, b wire.Body) bool {
	return s.tell(now, wire.Message{ID: s.ep.NextID(), Body: b})
}

func (s *stranger) tell(now time.Time, m wire.Message) bool {
	ok := s.met && s.ep.Send(now, s.victim, m)
	if ok {
		s.tally.messages.Add(1)
	}
	return ok
}

// turn sends what is ready, does what an ordinary peer must, and returns when it wants to
// be called again.
func (s *stranger) turn(now time.Time) (next time.Time) {
	for {
		next = s.ep.Advance(now)
		datagrams, events := s.ep.Drain()
		for _, d := range datagrams {
			if _, err := s.conn.WriteToUDPAddrPort(d.Bytes, d.To); err == nil {
				s.tally.put(len(d.Bytes))
				s.gave += int64(len(d.Bytes))
			}
		}
		for _, e := range events {
			s.event(now, e)
		}
		if len(events) == 0 {
			return next
		}
	}
}

func (s *stranger) event(now time.Time, e dgram.Event) {
	switch e := e.(type) {
	case dgram.Associated:
		if e.Addr == s.Victim {
			if !s.met {
				s.tally.met.Add(1)
			}
			s.victim, s.met = e.Peer.ID, true
		}
	case dgram.Received:
		switch b := e.Message.Body.(type) {
		case wire.Ping: // a person who pinned one of them may ask it about others
			result := wire.ResultDelivered
			if b.Scope == wire.ScopeReach {
				result = wire.ResultUnknownRecipient
			}
			s.ep.Settle(now, e.Handle, result, 0)
		case wire.Text:
			s.ep.Settle(now, e.Handle, s.answer, 0)
		case wire.ListRequest:
			s.ep.Send(now, e.From, wire.Message{ID: s.ep.NextID(), Body: wire.List{Request: e.Message.ID}})
		default:
			s.ep.Settle(now, e.Handle, wire.ResultDelivered, 0)
		}
	}
	if s.heard != nil {
		s.heard(now, e)
	}
}

// run drives the stranger until ctx ends. work is called in every turn and returns when it
// wants to be called next: now, or a time before it, means at once, zero after new input.
// nil: it is only there.
func (s *stranger) run(ctx context.Context, work func(now time.Time) (next time.Time)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		next := time.Time{}
		if work != nil {
			next = work(now)
		}
		if due := s.turn(now); next.IsZero() || !due.IsZero() && due.Before(next) {
			next = due
		}
		wait := time.Second // so that ctx is looked at
		if !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
		if wait > 0 {
			timer.Reset(wait)
			select {
			case o := <-s.in:
				s.ep.Receive(time.Now(), o)
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		for range len(s.in) {
			s.ep.Receive(time.Now(), <-s.in)
		}
	}
}

// meet shakes hands with the victim, at most so long, and says whether that went well.
func (s *stranger) meet(ctx context.Context, most time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var dialled time.Time
	s.run(ctx, func(now time.Time) time.Time {
		if s.met {
			cancel()
			return now
		}
		if now.Sub(dialled) > time.Second {
			dialled = now
			_ = s.ep.Dial(now, s.Victim, nil) // over its budget: again a second later
		}
		return dialled.Add(time.Second)
	})
	return s.met
}

// stay meets the victim and goes on until ctx ends. A stranger that is forgotten comes back.
func (s *stranger) stay(ctx context.Context, work func(now time.Time) (next time.Time)) {
	for ctx.Err() == nil && !s.meet(ctx, 5*time.Second) {
	}
	s.run(ctx, work)
}

// leave says goodbye and lets it arrive.
func (s *stranger) leave(ctx context.Context) {
	s.sign(func(r *identity.Record) { r.State = identity.StateGone })
	s.say(time.Now(), wire.Offline{Record: s.signed})
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	s.run(ctx, nil)
}
