package dgram

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// captured returns the datagrams of one kind that pass, in order.
func captured(w *network, kind wire.PacketKind) *[]flying {
	var list []flying
	w.pass = func(f flying) bool {
		if f.kind() == kind {
			list = append(list, f)
		}
		return true
	}
	return &list
}

// TestStolenRecord: a record is worth nothing without the session key in it, in a
// HANDSHAKE as in an ACCEPT.
func TestStolenRecord(t *testing.T) {
	w, a, b := pair(t)
	thief := newNode(t, 3, "203.0.113.9:9")
	w.nodes = append(w.nodes, thief)
	thief.record = a.record
	thief.Dial(w.now, b.addr, nil)
	w.run(20 * time.Second)
	if count[Associated](b) != 0 || b.Counters().Of(DroppedRecord) == 0 {
		t.Fatal("b believed a stolen record")
	}
	thief.record = b.record
	a.Dial(w.now, thief.addr, nil)
	w.run(20 * time.Second)
	if count[Associated](a) != 0 || last[Unanswered](a).Stage != StageRefused {
		t.Fatal("a believed a stolen record")
	}
}

// TestLaxCheck: the session key in a record is compared here too, whatever Check says.
func TestLaxCheck(t *testing.T) {
	w, a, _ := pair(t)
	lax := newNodeWith(t, 4, "198.51.100.4:4", func(c *Config) {
		c.Check = func(record, static []byte) (Peer, error) { return testCheck(record, record[38:70]) }
	})
	thief := newNode(t, 3, "203.0.113.9:9")
	w.nodes = append(w.nodes, thief, lax)
	thief.record = a.record
	thief.Dial(w.now, lax.addr, nil)
	w.run(20 * time.Second)
	if count[Associated](lax) != 0 || lax.Counters().Of(DroppedRecord) == 0 {
		t.Fatal("a record of another key was believed")
	}
}

// TestCookieIsOfOneAddress: a HANDSHAKE from elsewhere than its HELLO is dropped
// before it costs anything.
func TestCookieIsOfOneAddress(t *testing.T) {
	w, a, b := pair(t)
	w.pass = func(f flying) bool {
		if f.kind() != wire.PacketHandshake {
			return true
		}
		for _, from := range []string{"192.0.2.1:1001", "192.0.2.2:1000"} {
			moved := f
			moved.from = netip.MustParseAddrPort(from)
			w.deliver(moved)
		}
		return false
	}
	a.Dial(w.now, b.addr, nil)
	w.run(100 * time.Millisecond)
	if c := b.Counters(); c.Of(DroppedCookie) != 2 || c.Of(AssociationsMade) != 0 {
		t.Fatalf("%d cookies refused", c.Of(DroppedCookie))
	}
}

// TestTwoReaders: two readers open the same HANDSHAKE before the loop has seen either.
func TestTwoReaders(t *testing.T) {
	w, a, b := pair(t)
	w.pass = func(f flying) bool {
		if f.kind() != wire.PacketHandshake {
			return true
		}
		first := b.Opener().Open(w.now, f.from, netip.Addr{}, f.bytes)
		second := b.Opener().Open(w.now, f.from, netip.Addr{}, f.bytes)
		b.Receive(w.now, first)
		b.Receive(w.now, second)
		w.turn(b)
		return false
	}
	a.Dial(w.now, b.addr, nil)
	w.run(100 * time.Millisecond)
	if c := b.Counters(); c.Of(AssociationsMade) != 1 || c.Of(DroppedUsed) != 1 {
		t.Fatalf("%d associations", c.Of(AssociationsMade))
	}
}

// TestOvertakenAccept: DATA that arrives before the ACCEPT is not challenged: its keys
// are on the way.
func TestOvertakenAccept(t *testing.T) {
	w, a, b := pair(t)
	w.pass = func(f flying) bool {
		if f.kind() == wire.PacketAccept {
			f.at = w.now.Add(5 * w.delay)
			w.queue = append(w.queue, f)
			return false
		}
		return true
	}
	b.Send(w.now, a.self.ID, text(1, string(bytes.Repeat([]byte("x"), 300))))
	a.Dial(w.now, b.addr, b.want())
	w.run(31 * time.Millisecond)
	b.Send(w.now, a.self.ID, text(2, string(bytes.Repeat([]byte("y"), 300))))
	b.links[a.self.ID].sender.ResetPath(false)
	b.sendData(w.now, b.links[a.self.ID].list[0], []wire.Message{text(2, string(bytes.Repeat([]byte("y"), 300)))}, 0)
	w.run(10 * time.Second)
	if a.Counters().Of(SentChallenge) != 0 || count[Received](a) < 2 {
		t.Fatalf("%d CHALLENGEs, %d texts", a.Counters().Of(SentChallenge), count[Received](a))
	}
}

// TestOwnKey: nobody is let in with our own session key, ourselves least of all.
func TestOwnKey(t *testing.T) {
	w, a, _ := pair(t)
	twin := newNode(t, 1, "203.0.113.9:9")
	w.nodes = append(w.nodes, twin)
	twin.Dial(w.now, a.addr, nil)
	w.run(20 * time.Second)
	if a.Live(a.self.ID) || twin.Counters().Of(DroppedSelf) == 0 {
		t.Fatal("talks to itself")
	}
}

// TestReplayedHandshake: a HANDSHAKE that comes again gives the kept ACCEPT or
// nothing, in its own epoch, in the next one, and afterwards.
func TestReplayedHandshake(t *testing.T) {
	w, a, b := pair(t)
	shakes := captured(w, wire.PacketHandshake)
	w.connect(a, b)
	made := b.Counters().Of(AssociationsMade)
	again := (*shakes)[0]
	for _, wait := range []time.Duration{0, epochTime, epochTime + 30*time.Second, 10 * time.Minute} {
		w.run(began.Add(wait + 2*time.Second).Sub(w.now))
		before := b.state()
		w.deliver(again)
		if b.state() != before {
			t.Fatalf("%v later it changes something", wait)
		}
		bent := again
		bent.bytes = bytes.Clone(again.bytes)
		bent.bytes[len(bent.bytes)-1] ^= 1
		w.deliver(bent)
		if b.state() != before || b.Counters().Of(AssociationsMade) != made {
			t.Fatalf("%v later, bent, it changes something", wait)
		}
	}
	c := b.Counters()
	if c.Of(DroppedRepeated) == 0 || c.Of(DroppedUsed) == 0 || c.Of(DroppedCookie) == 0 {
		t.Fatalf("repeated %d, used %d, cookie %d", c.Of(DroppedRepeated), c.Of(DroppedUsed), c.Of(DroppedCookie))
	}
}

// TestKeptAccept: an ACCEPT that was lost is sent again byte for byte, and the texts
// of the HANDSHAKE are not received twice.
func TestKeptAccept(t *testing.T) {
	w, a, b := pair(t)
	var accepts [][]byte
	w.pass = func(f flying) bool {
		if f.kind() == wire.PacketAccept {
			accepts = append(accepts, f.bytes)
			return len(accepts) > 1
		}
		return f.kind() != wire.PacketData || len(accepts) > 1
	}
	a.Send(w.now, b.self.ID, text(1, "once"))
	a.Dial(w.now, b.addr, b.want())
	w.run(1300 * time.Millisecond)
	if len(accepts) != 2 || !bytes.Equal(accepts[0], accepts[1]) {
		t.Fatalf("%d ACCEPTs, or different ones", len(accepts))
	}
	if count[Associated](a) != 1 || count[Associated](b) != 1 || b.Counters().Of(AssociationsMade) != 1 {
		t.Fatal("not one association")
	}
	for _, as := range b.links[a.self.ID].list {
		if as.reply.bytes != nil {
			t.Fatal("a confirmed association keeps its ACCEPT")
		}
	}
}

// TestKeptAcceptIsNoGun: repeating somebody's HANDSHAKE brings them at most ten ACCEPTs a
// second.
func TestKeptAcceptIsNoGun(t *testing.T) {
	w, a, b := pair(t)
	shakes := captured(w, wire.PacketHandshake)
	pass := w.pass
	w.pass = func(f flying) bool {
		return pass(f) && f.from == a.addr && f.kind() != wire.PacketData || f.kind() == wire.PacketChallenge
	}
	a.Dial(w.now, b.addr, b.want())
	w.run(30 * time.Millisecond)
	a.endDialTo(b.addr)
	for range 1000 {
		w.run(time.Millisecond)
		w.deliver((*shakes)[0])
	}
	if n := b.Counters().Of(SentAccept); n < 5 || n > 11 {
		t.Fatalf("%d ACCEPTs", n)
	}
}

// TestEpochRollsOver: a handshake begun in one epoch ends in the next; one whose
// cookie is too old starts again and ends too.
func TestEpochRollsOver(t *testing.T) {
	for _, delay := range []time.Duration{10 * time.Second, 50 * time.Second, 130 * time.Second} {
		w, a, b := pair(t)
		other := newNode(t, 3, "203.0.113.9:9")
		w.nodes = append(w.nodes, other)
		other.Dial(w.now, b.addr, nil) // the epoch begins
		w.run(55 * time.Second)
		var waiting []flying
		w.pass = func(f flying) bool {
			if f.kind() == wire.PacketHandshake && waiting == nil {
				waiting = append(waiting, f)
				return false
			}
			return f.kind() != wire.PacketHandshake || f.from != a.addr || len(waiting) == 0
		}
		a.Dial(w.now, b.addr, b.want())
		w.run(100 * time.Millisecond)
		a.timers.Stop(&a.dialer.dials[b.addr].timer) // a does nothing but wait
		w.run(delay)
		w.pass = func(flying) bool { return true }
		other.Dial(w.now, b.addr, nil) // the epoch rolls over
		w.run(time.Second)
		w.deliver(waiting[0])
		w.run(time.Second)
		if got, want := b.Live(a.self.ID), delay < 60*time.Second; got != want {
			t.Fatalf("after %v: accepted %v", delay, got)
		}
	}
}

// TestSingleUseFull: when the memory is full new handshakes are dropped, entries
// never are, and room comes back with the epoch's end.
func TestSingleUseFull(t *testing.T) {
	w, a, b := pair(t)
	shakes := captured(w, wire.PacketHandshake)
	w.connect(a, b)
	b.table.most = 1
	c := newNode(t, 3, "203.0.113.9:9")
	w.nodes = append(w.nodes, c)
	c.Dial(w.now, b.addr, b.want())
	w.run(5 * time.Second)
	if c.Live(b.self.ID) || b.Counters().Of(DroppedFull) == 0 {
		t.Fatal("a handshake without room")
	}
	w.deliver((*shakes)[0])
	if b.Counters().Of(AssociationsMade) != 1 {
		t.Fatal("an entry was pushed out")
	}
	c.endDialTo(b.addr)
	w.run(3 * time.Minute)
	c.Dial(w.now, b.addr, b.want())
	w.run(5 * time.Second)
	if !c.Live(b.self.ID) {
		t.Fatal("no room after the epoch")
	}
}

// TestSimultaneousOpen: both call at once; two associations, both sides send on the
// same one, and nothing is lost.
func TestSimultaneousOpen(t *testing.T) {
	w, a, b := pair(t)
	a.Send(w.now, b.self.ID, text(1, "from a"))
	b.Send(w.now, a.self.ID, text(1, "from b"))
	a.Dial(w.now, b.addr, b.want())
	b.Dial(w.now, a.addr, a.want())
	w.run(300 * time.Millisecond)
	la, lb := a.links[b.self.ID], b.links[a.self.ID]
	if len(la.list) != 2 || len(lb.list) != 2 {
		t.Fatalf("%d and %d associations", len(la.list), len(lb.list))
	}
	if preferred(la.list).hash != preferred(lb.list).hash {
		t.Fatal("the sides send on different ones")
	}
	if a.texts() != "from b" || b.texts() != "from a" || last[Settled](a).ID != 1 || last[Settled](b).ID != 1 {
		t.Fatalf("a has %q, b %q", a.texts(), b.texts())
	}
	if x, y := preferred(la.list), la.list[0]; string(x.hash[:]) > string(y.hash[:]) {
		t.Fatal("not the smaller hash")
	}
}

// TestAtMostFour: a peer that calls again and again holds four associations.
func TestAtMostFour(t *testing.T) {
	w, a, b := pair(t)
	for range 7 {
		a.restart()
		w.connect(a, b)
		w.run(5 * time.Second)
	}
	if n := len(b.links[a.self.ID].list); n != maxPerPeer {
		t.Fatalf("%d associations", n)
	}
	b.Send(w.now, a.self.ID, text(1, "to the newest"))
	w.run(20 * time.Millisecond)
	if a.texts() != "to the newest" {
		t.Fatal("b writes to an old one")
	}
	if len(b.table.keys) != maxPerPeer || len(b.table.sending) != maxPerPeer {
		t.Fatal("something is left of the others")
	}
}
