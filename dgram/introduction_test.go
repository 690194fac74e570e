package dgram

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// introductions are the messages that make others say HELLO.
func introductions(n int) []wire.Message {
	by := []byte("introduc")
	name := strings.Repeat("n", 1+n%wire.MaxName)
	record, addrs := make([]byte, n%wire.MaxRecord), []netip.AddrPort{netip.MustParseAddrPort("203.0.113.5:5")}
	return []wire.Message{
		{ID: 10, Body: wire.Ping{Scope: wire.ScopeFind, Name: name, Record: record}},
		{ID: 11, Body: wire.Ping{Scope: wire.ScopeFind, Name: name, Record: record, Addrs: addrs, By: by, Session: by}},
		{ID: 12, Body: wire.Ping{Scope: wire.ScopeExplode, Record: record, Addrs: addrs, By: by, Session: by}},
	}
}

// Both halves of an introduction, and an explode that is passed on, travel in datagrams of
// full size, to the byte, one in each, whatever else there is to say; on a relayed way in
// the largest there.
func TestIntroductionsFillTheirDatagrams(t *testing.T) {
	for _, relayed := range []bool{false, true} {
		for n := range 400 {
			w, a, b := pair(t)
			way, full := b.addr, wire.IntroductionSize
			if relayed {
				way, full = RelayAddr(1, b.self.ID), wire.MaxRelayed
			}
			if err := a.Dial(w.now, way, b.want()); err != nil {
				t.Fatal(err)
			}
			w.run(time.Second)
			sizes := map[int]int{}
			w.pass = func(f flying) bool {
				if f.from == a.addr {
					sizes[len(f.bytes)]++
				}
				return true
			}
			list := introductions(n)
			for i, m := range list {
				a.Send(w.now, b.self.ID, m)
				for range i * n {
					a.Send(w.now, b.self.ID, wire.Message{Body: wire.List{Total: uint64(n)}})
				}
			}
			got := count[Received](b)
			w.run(200 * time.Millisecond)
			if sizes[full] < len(list) || count[Received](b) < got+len(list) || b.Counters().Of(DroppedShort) > 0 {
				t.Fatalf("relayed %v, %d: sizes %v, %d received", relayed, n, sizes, count[Received](b)-got)
			}
		}
	}
}

// One in a datagram that is a byte too short, two in one of full size, and any in a HANDSHAKE
// or an ACCEPT are refused with all that is beside them.
func TestShortIntroductionsAreRefused(t *testing.T) {
	for i, m := range introductions(100) {
		w, a, b := pair(t)
		w.connect(a, b)
		got := count[Received](b)
		send := func(size int, ms ...wire.Message) {
			e := preferred(a.links[b.self.ID].list)
			c := a.seal(e, ms, size)
			e.counter++
			if len(c) != size {
				t.Fatalf("%d bytes, want %d", len(c), size)
			}
			b.Receive(w.now, b.Opener().Open(w.now, a.addr, netip.Addr{}, c))
			w.turn(b)
		}
		m.Attempt = 1
		again := m
		again.ID++
		send(wire.IntroductionSize-1, m)
		send(wire.IntroductionSize, m, again)
		if n := b.Counters().Of(DroppedShort); n != 2 || count[Received](b) != got {
			t.Errorf("message %d: %d refused, %d received", i, n, count[Received](b)-got)
		}
		send(wire.IntroductionSize, m)
		if count[Received](b) != got+1 {
			t.Errorf("message %d is not taken in a datagram of full size", i)
		}
	}
	for _, kind := range []wire.PacketKind{wire.PacketHandshake, wire.PacketAccept} {
		d := Opened{kind: kind, size: wire.MaxDatagram, said: said{messages: introductions(1)[:1]}}
		if d.paid() {
			t.Errorf("taken in %v", kind)
		}
	}
}

// A request with its own targets makes nobody say HELLO, and is as long as it is.
func TestExplodeIsNotPadded(t *testing.T) {
	m := wire.Message{ID: 1, Body: wire.Ping{Scope: wire.ScopeExplode, Targets: make([]wire.PeerID, 3)}}
	if m.Introduces() {
		t.Error("padded")
	}
}

// Whatever others have us say, what the person asks for has HELLOs and room of its own, which
// nobody else gets.
func TestWhatThePersonAskedForGoes(t *testing.T) {
	a := newNode(t, 1, "192.0.2.1:1")
	to := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, byte(i >> 8), byte(i), 1}), 7)
	}
	for i := range 1000 {
		a.Dial(began, to(i), nil)
	}
	if len(a.dialer.dials) != maxDials {
		t.Fatalf("%d dials", len(a.dialer.dials))
	}
	asked := 0
	for i := range 100 {
		if a.DialAsked(began, to(1000+i), nil) == nil {
			asked++
		}
	}
	if asked != maxAskedDials || a.Dial(began, to(2000), nil) == nil {
		t.Errorf("%d of the person's", asked)
	}
	for _, one := range []netip.AddrPort{netip.MustParseAddrPort("198.51.100.1:9"), netip.MustParseAddrPort("127.0.0.1:9")} {
		b := newNode(t, 2, "192.0.2.2:2")
		now, said := began, 0
		drain := func(asked bool) (n int) {
			for {
				if _, ok := b.dialer.contacts.take(now, one, asked); !ok {
					return n
				}
				n++
			}
		}
		drain(false)
		for range 20 { // strangers' introductions go on
			now = now.Add(time.Second)
			drain(false)
			said += drain(true)
		}
		if said < askedPrefixBurst+10 || said > askedPrefixBurst+20 {
			t.Errorf("%v: %d HELLOs for the person", one, said)
		}
	}
	all := 0
	for i := range 1000 {
		if _, ok := a.dialer.contacts.take(began, to(3000+i), true); ok {
			all++
		}
	}
	if all > helloBurst+askedBurst {
		t.Errorf("%d at once", all)
	}
}

// Joining a dial on behalf of the person gives it the person's budget: a HELLO that waited goes.
func TestAskedJoinsADialThatWaits(t *testing.T) {
	w, a, b := pair(t)
	for i := range helloPrefixBurst {
		a.Dial(w.now, netip.AddrPortFrom(b.addr.Addr(), uint16(9000+i)), nil)
	}
	a.Punch(w.now, []netip.AddrPort{b.addr}, b.self, 0, false)
	w.run(100 * time.Millisecond)
	if a.Live(b.self.ID) {
		t.Fatal("there was budget")
	}
	if err := a.DialAsked(w.now, b.addr, nil); err != nil {
		t.Fatal(err)
	}
	w.run(100 * time.Millisecond)
	if !a.Live(b.self.ID) {
		t.Error(fmt.Sprint("the person waits: ", a.dialer.dials[b.addr]))
	}
}

// What is sent again has the length that the registry says, whatever it is about: the head
// of a short byte string is shorter than that of a long one.
func TestResentIsPaddedToTheByte(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	use := preferred(a.links[b.self.ID].list)
	for n := 1; n < 30; n++ {
		got := len(a.seal(use, []wire.Message{text(uint64(n), strings.Repeat("x", n))}, wire.ResentSize))
		if got != wire.ResentSize {
			t.Errorf("a text of %d bytes makes %d", n, got)
		}
	}
}
