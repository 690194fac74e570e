package fuzz_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

var (
	epoch    = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	stranger = netip.MustParseAddrPort("198.51.100.9:4000")
)

// chance gives repeatable randomness.
func chance(seed uint64) io.Reader {
	var s [32]byte
	binary.BigEndian.PutUint64(s[:], seed)
	return rand.NewChaCha8(s)
}

// principal is a user with one session, all keys out of one number.
type principal struct {
	name    string
	key     ed25519.PrivateKey
	private [32]byte
	public  [32]byte
}

func newPrincipal(tb testing.TB, name string, number byte) principal {
	tb.Helper()
	i := principal{name: name, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{number}, 32))}
	copy(i.private[:], bytes.Repeat([]byte{number + 1}, 32))
	k, err := ecdh.X25519().NewPrivateKey(i.private[:])
	if err != nil {
		tb.Fatal(err)
	}
	i.public = [32]byte(k.PublicKey().Bytes())
	return i
}

func (i principal) user() identity.UserKey {
	return identity.UserKey(i.key.Public().(ed25519.PublicKey))
}

func (i principal) session() identity.SessionID { return identity.MakeSessionID(i.user(), i.public) }

func (i principal) record(tb testing.TB, seq uint64, state identity.State) []byte {
	tb.Helper()
	b, err := identity.Sign(i.key, identity.Record{
		Name: i.name, Static: i.public, Seq: seq, State: state, Lifetime: 10 * time.Minute,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// end is one bare endpoint: the protocol without a node above it.
type end struct {
	principal
	addr  netip.AddrPort
	ep    *dgram.Endpoint
	peer  wire.PeerID
	next  time.Time
	texts uint64
	heard []string // texts, which it acknowledges at once
	asked []uint64 // requests for lists that it has not answered; at most 64
}

func newEnd(tb testing.TB, i principal, addr string, now time.Time) *end {
	tb.Helper()
	ep, err := dgram.New(dgram.Config{
		Private: i.private, Record: i.record(tb, 1, identity.StateOnline), Check: check, Random: chance(uint64(i.public[0])<<56 ^ uint64(now.UnixNano())),
	}, now)
	if err != nil {
		tb.Fatal(err)
	}
	return &end{principal: i, addr: netip.MustParseAddrPort(addr), ep: ep}
}

// check recognises a record as a node does.
func check(record, static []byte) (dgram.Peer, error) {
	r, err := identity.Verify(record)
	if err != nil {
		return dgram.Peer{}, err
	}
	if !bytes.Equal(r.Static[:], static) {
		return dgram.Peer{}, identity.ErrRecordSession
	}
	return dgram.Peer{ID: wire.PeerID(r.Session), User: r.User, Static: r.Static, Seq: r.Seq}, nil
}

// receive hands an opened datagram over and returns what comes of it at once.
func (e *end) receive(now time.Time, o dgram.Opened) ([]dgram.Datagram, []dgram.Event) {
	e.ep.Receive(now, o)
	return e.turn(now)
}

func (e *end) turn(now time.Time) (out []dgram.Datagram, all []dgram.Event) {
	for {
		e.next = e.ep.Advance(now)
		datagrams, events := e.ep.Drain()
		out, all = append(out, datagrams...), append(all, events...)
		if len(events) == 0 {
			return out, all
		}
		for _, ev := range events {
			switch ev := ev.(type) {
			case dgram.Associated:
				e.peer = ev.Peer.ID
			case dgram.Received:
				if text, ok := ev.Message.Body.(wire.Text); ok {
					e.heard = append(e.heard, text.Text)
				}
				if _, ok := ev.Message.Body.(wire.ListRequest); ok && len(e.asked) < 64 {
					e.asked = append(e.asked, ev.Message.ID)
				}
				e.ep.Settle(now, ev.Handle, wire.ResultDelivered, 0)
			}
		}
	}
}

// idle lets d pass in which nothing comes, and returns what the endpoint does.
func (e *end) idle(tb testing.TB, now time.Time, d time.Duration) (out []dgram.Datagram, all []dgram.Event) {
	tb.Helper()
	for last, turns := now.Add(d), 0; !e.next.IsZero() && !e.next.After(last); turns++ {
		if e.next.Before(now) || turns == 1000 {
			tb.Fatalf("deadline %v at %v, turn %d", e.next, now, turns)
		}
		now = e.next
		datagrams, events := e.turn(now)
		out, all = append(out, datagrams...), append(all, events...)
	}
	return out, all
}

// path is where the endpoint writes to the other one.
func (e *end) path(other *end) netip.AddrPort {
	addr, _, _ := e.ep.Path(wire.PeerID(other.session()))
	return addr
}

func (e *end) say(text string) bool {
	e.texts++
	return e.ep.Send(epoch, e.peer, wire.Message{ID: e.texts, Body: wire.Text{Prev: e.texts - 1, Parts: 1, Text: text}})
}

// cable is two endpoints and a faultless network between them.
type cable struct {
	t        *testing.T
	now      time.Time
	ann, bob *end
}

func newCable(t *testing.T) *cable {
	t.Helper()
	return &cable{
		t: t, now: epoch,
		ann: newEnd(t, newPrincipal(t, "ann", 101), "192.0.2.1:6789", epoch),
		bob: newEnd(t, newPrincipal(t, "bob", 103), "203.0.113.2:6789", epoch),
	}
}

// meet has ann call bob.
func (w *cable) meet() {
	w.t.Helper()
	if err := w.ann.ep.Dial(w.now, w.bob.addr, nil); err != nil {
		w.t.Fatal(err)
	}
	w.settle()
	if !w.ann.ep.Live(w.ann.peer) || !w.bob.ep.Live(w.bob.peer) {
		w.t.Fatal("ann and bob have no association")
	}
}

// settle carries datagrams until there are none for a second: acks may wait for
// company.
func (w *cable) settle() {
	w.t.Helper()
	for end := w.now.Add(time.Second); ; {
		moved := w.carry(w.ann, w.bob)
		moved = w.carry(w.bob, w.ann) || moved
		if moved {
			continue
		}
		next := earliest(w.ann.next, w.bob.next)
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		w.now = next
	}
}

func (w *cable) carry(from, to *end) (moved bool) {
	out, _ := from.turn(w.now)
	for _, d := range out {
		if d.To == to.addr {
			moved = true
			to.ep.Receive(w.now, to.ep.Opener().Open(w.now, from.addr, netip.Addr{}, d.Bytes))
		}
	}
	return moved
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
