package dgram

import (
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/reliable"
	"darkchat/dgram/wire"
)

// ways of which the round trip takes this long; the first is there, the second back.
var slowWays = []struct{ there, back time.Duration }{
	{600 * time.Millisecond, 600 * time.Millisecond},
	{1500 * time.Millisecond, 1500 * time.Millisecond},
	{2500 * time.Millisecond, 2500 * time.Millisecond},
	{4 * time.Second, 4 * time.Second},
	{7500 * time.Millisecond, 500 * time.Millisecond},
	{100 * time.Millisecond, 4900 * time.Millisecond},
}

// slowPair are two nodes with a slow way between, on their own link or not. sent counts the
// datagrams by kind, and the texts in them.
func slowPair(t *testing.T, link bool, there, back time.Duration) (w *network, a, b *node, sent map[wire.PacketKind]int, texts *int) {
	t.Helper()
	if link {
		a, b = inOffice(t, 1, "10.0.0.1:1"), inOffice(t, 2, "10.0.0.2:2")
	} else {
		a, b = newNode(t, 1, "192.0.2.1:1"), newNode(t, 2, "198.51.100.2:2")
	}
	w = newNetwork(t, a, b)
	sent, texts = map[wire.PacketKind]int{}, new(int)
	w.pass = func(f flying) bool {
		w.delay = back
		if f.from == a.addr {
			w.delay = there
		}
		sent[f.kind()]++
		if f.kind() == wire.PacketData && len(f.bytes) > 500 {
			*texts++
		}
		return true
	}
	return w, a, b, sent, texts
}

// long is a text that is seen in the length of its datagram.
func long(id uint64) wire.Message {
	b := make([]byte, 600)
	for i := range b {
		b[i] = 'x'
	}
	return text(id, string(b))
}

// On a slow way a first contact takes two round trips, HANDSHAKE goes once or, where the
// first wait was too short to see how slow it is, twice, and a text goes once.
func TestSlowFirstContact(t *testing.T) {
	for _, link := range []bool{false, true} {
		for _, way := range slowWays {
			w, a, b, sent, texts := slowPair(t, link, way.there, way.back)
			trip := way.there + way.back
			if err := a.Dial(w.now, b.addr, b.want()); err != nil {
				t.Fatal(err)
			}
			w.run(2*trip + 10*time.Millisecond)
			if !a.Live(b.self.ID) {
				t.Fatalf("link %v, %v: not met after two round trips", link, way)
			}
			if n := sent[wire.PacketHandshake]; n > 1 && (!link || n > 2) {
				t.Errorf("link %v, %v: %d HANDSHAKEs", link, way, n)
			}
			w.run(trip)
			for i := range uint64(5) {
				a.Send(w.now, b.self.ID, long(i+1))
				b.Send(w.now, a.self.ID, long(i+1))
				w.run(3 * trip)
			}
			if *texts != 10 {
				t.Errorf("link %v, %v: 10 texts went %d times", link, way, *texts)
			}
			if got := a.Trip(b.self.ID); got < trip || got > trip*9/8 {
				t.Errorf("link %v, %v: measured %v", link, way, got)
			}
		}
	}
}

// A measured round trip is remembered when the keys are forgotten: another dial sends one HELLO and
// one HANDSHAKE.
func TestSlowWayIsRemembered(t *testing.T) {
	for _, link := range []bool{false, true} {
		for _, way := range slowWays {
			w, a, b, sent, _ := slowPair(t, link, way.there, way.back)
			a.Dial(w.now, b.addr, b.want())
			w.run(time.Minute)
			for range 3 {
				a.Forget(b.self.ID)
				b.Forget(a.self.ID)
				w.run(time.Minute)
				clear(sent)
				a.Dial(w.now, b.addr, nil)
				w.run(time.Minute)
				if !a.Live(b.self.ID) || sent[wire.PacketHello] != 1 || sent[wire.PacketHandshake] != 1 || sent[wire.PacketAccept] != 1 {
					t.Errorf("link %v, %v: live %v, %d HELLOs, %d HANDSHAKEs, %d ACCEPTs", link, way,
						a.Live(b.self.ID), sent[wire.PacketHello], sent[wire.PacketHandshake], sent[wire.PacketAccept])
				}
			}
		}
	}
}

// A text that travels inside the HANDSHAKE goes once, too.
func TestSlowTextInHandshake(t *testing.T) {
	for _, way := range slowWays {
		w, a, b, sent, texts := slowPair(t, false, way.there, way.back)
		a.Send(w.now, b.self.ID, long(1))
		a.Dial(w.now, b.addr, b.want())
		w.run(time.Minute)
		if *texts != 0 || sent[wire.PacketHandshake] > 1 || b.texts() == "" {
			t.Errorf("%v: %d HANDSHAKEs and %d more times", way, sent[wire.PacketHandshake], *texts)
		}
	}
}

// A peer that has only just come does not count as slow: one that answers the last HELLO at once, and
// whose ACCEPT is lost, gets the HANDSHAKE again soon.
func TestLateComerIsNotSlow(t *testing.T) {
	w, a, b, _, _ := slowPair(t, false, time.Millisecond, time.Millisecond)
	here, lost := false, false
	w.delay = time.Millisecond
	w.pass = func(f flying) bool {
		if f.kind() == wire.PacketHandshake && !lost {
			lost = true
			return false
		}
		return here
	}
	a.Dial(w.now, b.addr, nil)
	w.run(12 * time.Second)
	here = true
	w.run(4 * time.Second) // the fifth HELLO comes about 15 s after the first
	for range 40 {
		if lost {
			break
		}
		w.run(100 * time.Millisecond)
	}
	w.run(3 * time.Second)
	if !lost || !a.Live(b.self.ID) {
		t.Errorf("handshake %v, live %v", lost, a.Live(b.self.ID))
	}
}

// After its last HELLO a dial waits for a late answer, even on our own link. Another Dial meanwhile
// starts it anew, and it gives way to a new one.
func TestSpentDialWaits(t *testing.T) {
	a := inOffice(t, 1, "10.0.0.1:1")
	w := newNetwork(t, a)
	hellos := 0
	w.pass = func(flying) bool { hellos++; return false }
	to := netip.MustParseAddrPort("10.0.0.2:2")
	a.Dial(w.now, to, nil)
	w.run(15 * time.Second)
	if _, ok := a.Dialling(to); !ok || hellos != dialSends || count[Unanswered](a) != 0 {
		t.Fatalf("%d HELLOs, dialling %v", hellos, ok)
	}
	a.Dial(w.now, to, nil)
	w.run(15 * time.Second)
	if hellos != 2*dialSends {
		t.Errorf("called again: %d HELLOs", hellos)
	}
	for i := range maxDials - 1 {
		d := a.dialer.newDial(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 3}), uint16(i+1)))
		d.hellos, d.said = 1, w.now
	}
	other := netip.MustParseAddrPort("10.0.0.4:4")
	if err := a.Dial(w.now, other, nil); err != nil || len(a.dialer.dials) > maxDials || count[Unanswered](a) != 0 {
		t.Errorf("with %d dials: %v", len(a.dialer.dials), err)
	}
	w.run(0)
	if _, ok := a.Dialling(to); ok || last[Unanswered](a).Addr != to {
		t.Errorf("it goes on: %v; %+v", ok, last[Unanswered](a))
	}
	if err := a.Dial(w.now, netip.MustParseAddrPort("10.0.0.5:5"), nil); err != ErrDials {
		t.Errorf("none only waits: %v", err)
	}
}

// Only slow paths are remembered, at most maxTrips; none counts as slower than TripMost.
func TestTripsAreBounded(t *testing.T) {
	a := newNode(t, 1, "192.0.2.1:1")
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}) }
	for i := range 2 * maxTrips {
		a.dialer.contacts.trips.note(addr(i), time.Duration(i%2)*time.Hour)
	}
	if n := a.dialer.contacts.trips.of.Len(); n > maxTrips {
		t.Errorf("%d are remembered", n)
	}
	if quick, slow := a.dialer.contacts.trips.trip(addr(2*maxTrips-2)), a.dialer.contacts.trips.trip(addr(2*maxTrips-1)); quick != 0 || slow != reliable.TripMost {
		t.Errorf("remembered %v and %v", quick, slow)
	}
	a.dialer.contacts.trips.note(addr(2*maxTrips-1), time.Millisecond)
	if got := a.dialer.contacts.trips.trip(addr(2*maxTrips - 1)); got != 0 {
		t.Errorf("it is quick by now, and remembered with %v", got)
	}
}

// Two nodes that are introduced meet even on a slow path, with no more HELLOs.
func TestSlowPunch(t *testing.T) {
	for _, way := range slowWays {
		w, a, b, sent, _ := slowPair(t, false, way.there, way.back)
		a.Punch(w.now, []netip.AddrPort{b.addr}, b.self, 0, true)
		b.Punch(w.now, []netip.AddrPort{a.addr}, a.self, 0, true)
		w.run(4 * (way.there + way.back))
		if !a.Live(b.self.ID) || !b.Live(a.self.ID) || sent[wire.PacketHello] > 2*punchSends {
			t.Errorf("%v: live %v and %v, %d HELLOs", way, a.Live(b.self.ID), b.Live(a.self.ID), sent[wire.PacketHello])
		}
	}
}

// A direct way that is slow is not mute before an answer can have come.
func TestSlowWayIsNotMute(t *testing.T) {
	w, a, b, _, _ := slowPair(t, false, 4*time.Second, 4*time.Second)
	a.Dial(w.now, b.addr, b.want())
	w.run(time.Minute)
	for range 10 {
		a.Probe(w.now, b.self.ID)
		w.run(20 * time.Second)
	}
	if count[Silent](a) != 0 {
		t.Errorf("%d times silent", count[Silent](a))
	}
}
