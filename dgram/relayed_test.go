package dgram

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// through is the address of a node behind the one relay of these tests.
func through(n *node) netip.AddrPort { return RelayAddr(1, n.self.ID) }

// relayedPair is two nodes that know each other through a relay alone; direct says
// whether they could do without.
func relayedPair(t *testing.T, direct *bool) (*network, *node, *node) {
	a, b := newNode(t, 1, "192.0.2.1:1"), newNode(t, 2, "198.51.100.2:1")
	w := newNetwork(t, a, b)
	w.pass = func(f flying) bool { return *direct || Relayed(f.to.Addr()) }
	if err := a.Dial(w.now, through(b), b.want()); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	if at, _, ok := a.Path(b.self.ID); !ok || at != through(b) || !b.Live(a.self.ID) {
		t.Fatalf("ann writes to %v", at)
	}
	return w, a, b
}

func TestRelayAddr(t *testing.T) {
	a := RelayAddr(7, wire.PeerID{1, 2, 3, 4, 5, 6, 7, 8})
	if relay, peer, ok := RelayParts(a); !ok || relay != 7 || peer != (wire.PeerID{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Fatal(a, relay, peer, ok)
	}
	for _, s := range []string{"192.0.2.1:1", "[2001:db8::1]:1", "[::ffff:32.1.0.45]:1", "[fe80::1%eth0]:1"} {
		if _, _, ok := RelayParts(netip.MustParseAddrPort(s)); ok {
			t.Errorf("%s is behind a relay", s)
		}
	}
}

// The address of somebody behind a relay is nobody's on a socket.
func TestRelayedSourceIsRefusedFromSocket(t *testing.T) {
	n := newNode(t, 1, "192.0.2.1:1")
	hello := wire.AppendHello(nil, make([]byte, wire.NonceSize))
	if o := n.Opener().Open(began, RelayAddr(1, wire.PeerID{9}), netip.Addr{}, hello); o.Reason() != DroppedSource {
		t.Errorf("from a socket: %v", o.Summary())
	}
	if o := n.Opener().OpenRelayed(began, netip.MustParseAddrPort("192.0.2.2:1"), hello); o.Reason() != DroppedSource {
		t.Errorf("from a relay with a socket's address: %v", o.Summary())
	}
	if o := n.Opener().OpenRelayed(began, RelayAddr(1, wire.PeerID{9}), hello); o.Empty() {
		t.Errorf("from a relay: %v", o.Summary())
	}
}

// A cookie got through one relay, or for one session, is worth nothing for another.
func TestRelayedCookieIsBound(t *testing.T) {
	direct := false
	w, a, b := relayedPair(t, &direct)
	var shake []byte
	w.pass = func(f flying) bool {
		if f.kind() == wire.PacketHandshake {
			shake = f.bytes
			return false
		}
		return true
	}
	a.restart()
	if err := a.Dial(w.now, through(b), b.want()); err != nil {
		t.Fatal(err)
	}
	w.run(100 * time.Millisecond)
	if shake == nil {
		t.Fatal("no HANDSHAKE")
	}
	for _, from := range []netip.AddrPort{RelayAddr(2, a.self.ID), RelayAddr(1, wire.PeerID{9})} {
		if o := b.Opener().OpenRelayed(w.now, from, shake); o.Reason() != DroppedCookie {
			t.Errorf("from %v: %v", from, o.Summary())
		}
	}
	if o := b.Opener().OpenRelayed(w.now, through(a), shake); o.Empty() {
		t.Error(o.Summary())
	}
}

// The largest text passes through a relay, in datagrams that fit the message they
// travel in.
func TestRelayedDatagramsFit(t *testing.T) {
	direct := false
	w, a, b := relayedPair(t, &direct)
	longest := 0
	w.pass = func(f flying) bool {
		longest = max(longest, len(f.bytes))
		return true
	}
	for i := range uint64(5) {
		a.Send(w.now, b.self.ID, wire.Message{ID: 1<<31 + i, Body: wire.Text{Prev: 1<<31 + i - 1, Sent: 1 << 41, Part: 40, Parts: 50, Text: strings.Repeat("x", wire.MaxText)}})
	}
	a.Send(w.now, b.self.ID, wire.Message{ID: 1, Body: wire.Ping{Scope: wire.ScopeFind, Name: "carol"}})
	big := wire.List{Request: 1}
	for range wire.MaxListRecords {
		big.Records = append(big.Records, make([]byte, 270))
	}
	b.Send(w.now, a.self.ID, wire.Message{ID: 1, Body: big}) // too large: waits for a direct way
	b.Send(w.now, a.self.ID, text(1, "behind it"))
	w.run(10 * time.Second)
	if n := strings.Count(b.texts(), " ") + 1; n != 5 || a.texts() != "behind it" || count[Lapsed](a) > 0 {
		t.Errorf("%d texts of ann, %q of bob", n, a.texts())
	}
	if longest > wire.MaxRelayed || longest < wire.MaxText {
		t.Errorf("the longest has %d bytes", longest)
	}
}

// The relay serves until a direct way is proved; both sides change over, and the
// keys through the relay stay as a fallback.
func TestDirectWayReplacesRelay(t *testing.T) {
	direct := false
	w, a, b := relayedPair(t, &direct)
	direct = true
	a.Punch(w.now, []netip.AddrPort{b.addr}, b.self, 0, false)
	b.Punch(w.now, []netip.AddrPort{a.addr}, a.self, 5*time.Millisecond, false)
	w.run(time.Second)
	for _, n := range []*node{a, b} {
		other := map[*node]*node{a: b, b: a}[n]
		if at, _, _ := n.Path(other.self.ID); at != other.addr {
			t.Errorf("%v writes to %v", n.addr, at)
		}
		if m := last[Moved](n); count[Moved](n) != 1 || m.From != through(other) || m.To != other.addr {
			t.Errorf("%v: %d times moved, %+v", n.addr, count[Moved](n), m)
		}
	}
	relayed := 0
	w.pass = func(f flying) bool {
		if Relayed(f.to.Addr()) {
			relayed++
		}
		return true
	}
	a.Send(w.now, b.self.ID, text(1, "hello"))
	w.run(time.Second)
	if b.texts() != "hello" || relayed > 0 {
		t.Fatalf("bob reads %q, %d datagrams through the relay", b.texts(), relayed)
	}
}

// Whatever datagrams of the change get lost, both sides end on the same way.
func TestBothEndOnOneWay(t *testing.T) {
	for seed := range uint64(40) {
		direct := false
		w, a, b := relayedPair(t, &direct)
		random := source(seed + 1)
		direct = true
		lossy := w.now.Add(3 * time.Second)
		w.pass = func(f flying) bool { return w.now.After(lossy) || random.Uint64()%3 > 0 }
		a.Punch(w.now, []netip.AddrPort{b.addr}, b.self, 0, false)
		if seed%2 == 0 {
			b.Punch(w.now, []netip.AddrPort{a.addr}, a.self, 5*time.Millisecond, false)
		}
		for i := range uint64(20) {
			a.Send(w.now, b.self.ID, text(1000*seed+i+1, "a"))
			b.Send(w.now, a.self.ID, text(1000*seed+i+1, "b"))
			w.run(time.Second)
		}
		x, _, _ := a.Path(b.self.ID)
		y, _, _ := b.Path(a.self.ID)
		if Relayed(x.Addr()) != Relayed(y.Addr()) {
			t.Fatalf("seed %d: ann writes to %v, bob to %v", seed, x, y)
		}
	}
}

// A direct path that falls silent under traffic gives way to the relay, at both ends, and what was
// sent meanwhile arrives.
func TestSilentWayFallsBack(t *testing.T) {
	direct := false
	w, a, b := relayedPair(t, &direct)
	direct = true
	a.Punch(w.now, []netip.AddrPort{b.addr}, b.self, 0, false)
	w.run(30 * time.Second)
	if at, _, _ := b.Path(a.self.ID); at != a.addr {
		t.Fatal("no direct way")
	}
	direct = false
	a.Send(w.now, b.self.ID, text(1, "hello"))
	w.run(muteAfter - time.Second)
	if count[Silent](a) != 0 {
		t.Fatal("too soon")
	}
	w.run(2 * time.Second)
	if count[Lapsed](a) > 0 {
		a.Send(w.now, b.self.ID, text(1, "hello")) // as its owner does
	}
	w.run(time.Second)
	if b.texts() != "hello" || count[Silent](a) != 1 {
		t.Fatalf("bob reads %q; %d times silent", b.texts(), count[Silent](a))
	}
	b.Send(w.now, a.self.ID, text(1, "back"))
	w.run(500 * time.Millisecond)
	if a.texts() != "back" {
		t.Fatal("bob does not follow")
	}
}

// The HELLOs of one meeting: their times, and at most ten to all addresses.
func TestPunchTimes(t *testing.T) {
	a, b := newNode(t, 1, "192.0.2.1:1"), newNode(t, 2, "198.51.100.2:1")
	w := newNetwork(t, a)
	var at []time.Duration
	to := map[netip.AddrPort]int{}
	w.pass = func(f flying) bool {
		at = append(at, w.now.Sub(began))
		to[f.to]++
		return true
	}
	a.Punch(w.now, []netip.AddrPort{b.addr}, b.self, 50*time.Millisecond, false)
	w.run(time.Minute)
	for i, want := range []int{0, 100, 250, 500, 1000, 2000} {
		d := time.Duration(want) * time.Millisecond
		if len(at) != punchSends || at[i] < 50*time.Millisecond+d*4/5 || at[i] > 50*time.Millisecond+d*6/5 {
			t.Fatalf("at %v", at)
		}
	}
	if count[Unanswered](a) != 1 {
		t.Errorf("%d ends", count[Unanswered](a))
	}
	clear(to)
	var many []netip.AddrPort
	for i := range byte(6) {
		many = append(many, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 100 + i, 1}), 1))
	}
	a.Punch(w.now, append(many, RelayAddr(1, b.self.ID)), b.self, 0, false)
	w.run(time.Minute)
	sum := 0
	for _, n := range to {
		sum += n
	}
	if len(to) != wire.MaxPingAddrs || sum != punchInAll || sum*wire.HelloSize >= wire.IntroductionSize {
		t.Fatalf("%v", to)
	}
}

// The first CHALLENGE wins: the other addresses are left in peace.
func TestPunchStopsAtFirst(t *testing.T) {
	a, b := newNode(t, 1, "192.0.2.1:1"), newNode(t, 2, "198.51.100.2:1")
	w := newNetwork(t, a, b)
	other := netip.MustParseAddrPort("203.0.113.9:1")
	hellos := 0
	w.pass = func(f flying) bool {
		if f.to == other {
			hellos++
		}
		return true
	}
	a.Punch(w.now, []netip.AddrPort{other, b.addr}, b.self, 0, false)
	w.run(10 * time.Second)
	if !a.Live(b.self.ID) || hellos != 1 || count[Unanswered](a) != 0 {
		t.Fatalf("live %v, %d HELLOs elsewhere, %d ends", a.Live(b.self.ID), hellos, count[Unanswered](a))
	}
}
