package dgram

import (
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// drawn counts the bytes between two nodes.
type drawn struct{ out, back int }

// vanishes has a shake hands with b and vanish before it says a DATA, while b has much to
// say to it. repeats: it repeats its HANDSHAKE. The bytes of the handshake and after.
func vanishes(t *testing.T, b *node, repeats bool) (d drawn) {
	t.Helper()
	a := newNode(t, 1, "192.0.2.1:1000")
	w := newNetwork(t, a, b)
	w.pass = func(f flying) bool {
		switch {
		case f.from == a.addr && f.kind() == wire.PacketData:
			return false // it is gone
		case f.from == a.addr && f.kind() == wire.PacketHandshake:
			d.out += len(f.bytes)
		case f.from == b.addr && f.kind() != wire.PacketChallenge:
			d.back += len(f.bytes)
			return !repeats || f.kind() != wire.PacketAccept
		}
		return true
	}
	if err := a.Dial(w.now, b.addr, b.want()); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		b.Send(w.now, a.self.ID, text(uint64(i+1), strings.Repeat("x", 1000)))
	}
	w.run(200 * time.Millisecond)
	for range 30 {
		b.Probe(w.now, a.self.ID)
		w.run(time.Second)
	}
	w.run(10 * time.Minute)
	return d
}

// Who shook hands and vanished draws at most three times the bytes that came, whatever
// there is to say; what comes again counts. There is no timer that asks in vain.
func TestVanishedDrawsThriceAtMost(t *testing.T) {
	for _, repeats := range []bool{false, true} {
		b := newNode(t, 2, "198.51.100.2:2000")
		d := vanishes(t, b, repeats)
		if d.out == 0 || d.back == 0 || d.back > maxDraw*d.out {
			t.Errorf("repeats %v: %d bytes draw %d", repeats, d.out, d.back)
		}
		if b.Live(newNode(t, 1, "192.0.2.1:1000").self.ID) || count[Confirmed](b) != 0 {
			t.Error("it is still there, or confirmed")
		}
	}
}

// What waited goes as soon as the caller shows that it has the keys, and the owner is told.
func TestConfirmedLetsGo(t *testing.T) {
	w, a, b := pair(t)
	for i := range 20 {
		b.Send(w.now, a.self.ID, text(uint64(i+1), strings.Repeat("x", 1000)))
	}
	w.connect(a, b)
	if len(strings.Fields(a.texts())) != 20 {
		t.Errorf("%d texts", len(strings.Fields(a.texts())))
	}
	if m := last[Associated](b); m.Confirmed || !last[Associated](a).Confirmed {
		t.Errorf("%+v", m)
	}
	if c := last[Confirmed](b); count[Confirmed](b) != 1 || c.Peer != a.self.ID || c.Addr != a.addr || !c.Fresh || count[Confirmed](a) != 0 {
		t.Errorf("%+v", c)
	}
	if !a.Endpoint.Confirmed(b.self.ID) || !b.Endpoint.Confirmed(a.self.ID) {
		t.Error("not confirmed")
	}
}

// The probe by which a caller that has nothing to say confirms its keys may be lost: it goes
// again, three times in all, until it is answered. What must be answered serves as well.
func TestAssurance(t *testing.T) {
	for lost := range uint64(assureSends + 1) {
		w, a, b := pair(t)
		left := lost
		w.pass = func(f flying) bool {
			if f.kind() == wire.PacketData && left > 0 {
				left--
				return false
			}
			return true
		}
		if err := a.Dial(w.now, b.addr, b.want()); err != nil {
			t.Fatal(err)
		}
		w.run(30 * time.Second)
		if got := count[Confirmed](b) == 1; got != (lost < assureSends) {
			t.Errorf("%d lost: confirmed %v", lost, got)
		}
		if n := a.Counters().Of(SentData); n != min(lost+1, assureSends) {
			t.Errorf("%d lost: %d DATA", lost, n)
		}
	}
	w, a, b := pair(t)
	if err := a.Dial(w.now, b.addr, b.want()); err != nil {
		t.Fatal(err)
	}
	w.run(25 * time.Millisecond)
	for i := range uint64(100) { // more than the HANDSHAKE has room for
		a.Send(w.now, b.self.ID, text(i+1, strings.Repeat("x", 100)))
	}
	w.run(30 * time.Second)
	if len(strings.Fields(b.texts())) != 100 || a.ids.probe != 0 {
		t.Errorf("%d texts, %d probes", len(strings.Fields(b.texts())), a.ids.probe)
	}
}

// A lost ACCEPT is re-sent without being asked for, so that both sides know of each other though the
// caller says nothing more; three in all, and never more than the caller paid for.
func TestAcceptAgain(t *testing.T) {
	for lost := range acceptSends + 1 {
		w, a, b := pair(t)
		shakes, accepts, left := 0, 0, lost
		w.pass = func(f flying) bool {
			switch f.kind() {
			case wire.PacketHandshake:
				shakes++
				return shakes == 1
			case wire.PacketAccept:
				accepts++
				left--
				return left < 0
			case wire.PacketHello:
				return shakes == 0
			}
			return true
		}
		if err := a.Dial(w.now, b.addr, b.want()); err != nil {
			t.Fatal(err)
		}
		w.run(2500 * time.Millisecond)
		if got := count[Confirmed](b) == 1; got != (lost < 2) || accepts != min(lost+1, 2) {
			t.Errorf("%d lost: %d ACCEPTs, confirmed %v", lost, accepts, got)
		}
		w.run(10 * time.Second)
		if accepts > acceptSends {
			t.Errorf("%d ACCEPTs", accepts)
		}
	}
}
