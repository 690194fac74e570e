package dgram

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

// captured returns the datagrams of one kind that pass, in order.
func captured(w *network, kind packetKind) *[]flying {
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
	shakes := captured(w, kindHandshake)
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
		if f.kind() == kindAccept {
			accepts = append(accepts, f.bytes)
			return len(accepts) > 1
		}
		return f.kind() != kindData || len(accepts) > 1
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
		if as.accept != nil {
			t.Fatal("a confirmed association keeps its ACCEPT")
		}
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
			if f.kind() == kindHandshake && waiting == nil {
				waiting = append(waiting, f)
				return false
			}
			return f.kind() != kindHandshake || f.from != a.addr || len(waiting) == 0
		}
		a.Dial(w.now, b.addr, b.want())
		w.run(100 * time.Millisecond)
		a.timers.stop(&a.dials[b.addr].timer) // a does nothing but wait
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
	shakes := captured(w, kindHandshake)
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
	c.Cut(b.addr)
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

// TestRekey: after soft time a text starts fresh keys while it travels under the
// old ones; nothing is resent, nothing is lost.
func TestRekey(t *testing.T) {
	for _, receiveOnly := range []bool{false, true} {
		w, a, b := pair(t)
		w.connect(a, b)
		old := b.links[a.self.ID].list[0]
		from, to := a, b
		if receiveOnly {
			from, to = b, a // a, who called, only receives
		}
		for i := range uint64(40) {
			from.Send(w.now, to.self.ID, text(i+1, "x"))
			w.run(time.Minute)
		}
		if n := count[Received](to); n != 40 {
			t.Fatalf("%d texts", n)
		}
		if old.erased || preferred(b.links[a.self.ID].list) == old || preferred(a.links[b.self.ID].list).hash == old.hash {
			t.Fatal("not on fresh keys, or the old ones are gone already")
		}
		if b.Counters().Of(AssociationsMade) != 2 || count[Associated](a) != 2 || last[Associated](a).Fresh || count[Closed](a) != 0 {
			t.Fatalf("%d associations", b.Counters().Of(AssociationsMade))
		}
		w.run(25 * time.Minute)
		if !old.erased || count[Closed](a)+count[Closed](b) != 0 {
			t.Fatal("the old keys live longer than an hour, or all is gone")
		}
	}
}

// TestRekeyByCount: many datagrams wear keys out as well.
func TestRekeyByCount(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	preferred(a.links[b.self.ID].list).counter = softCount
	a.Send(w.now, b.self.ID, text(1, "x"))
	w.run(time.Second)
	if b.Counters().Of(AssociationsMade) != 2 {
		t.Fatal("no fresh keys")
	}
}

// TestRekeyUnanswered: it is tried once a minute, and nobody is told.
func TestRekeyUnanswered(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	w.run(softTime + 2*time.Minute)
	w.pass = func(f flying) bool { return f.kind() == kindData }
	before := a.Counters().Of(SentHello)
	for i := range uint64(300) {
		a.Send(w.now, b.self.ID, text(i+1, "x"))
		w.run(time.Second)
	}
	if n := a.Counters().Of(SentHello) - before; n < 2 || n > 30 {
		t.Fatalf("%d HELLOs in five minutes", n)
	}
	if count[Unanswered](a) != 0 || count[Received](b) != 300 {
		t.Fatal("it is noticed")
	}
}

// move gives a node another address.
func (w *network) move(n *node, to string) (from netip.AddrPort) {
	from, n.addr = n.addr, netip.MustParseAddrPort(to)
	return from
}

// TestPathChange: a node moves under traffic. The peer follows within a round trip
// or two of its first long enough datagram, and texts get through both ways.
func TestPathChange(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	from := w.move(a, "203.0.113.77:7777")
	for i := range uint64(4) {
		a.Send(w.now, b.self.ID, text(i+1, "on the move, with a long enough text, so that the challenge is smaller"))
		w.run(200 * time.Millisecond)
	}
	w.run(3 * time.Second)
	m := last[Moved](b)
	if count[Moved](b) != 1 || m.Peer != a.self.ID || m.From != from || m.To != a.addr || m.RTT != 20*time.Millisecond {
		t.Fatalf("%d: %+v", count[Moved](b), m)
	}
	b.Send(w.now, a.self.ID, text(1, "welcome"))
	w.run(time.Second)
	if a.texts() != "welcome" || !a.Idle(b.self.ID) || !b.Idle(a.self.ID) {
		t.Fatal("not delivered")
	}
	// Not again at once: there and back would be a way to keep a peer busy.
	w.move(a, "203.0.113.78:7778")
	before := b.Counters().Of(PathsChallenged)
	b.links[a.self.ID].switched = w.now
	a.Send(w.now, b.self.ID, text(9, "on the move, with a long enough text, so that the challenge is smaller"))
	w.run(100 * time.Millisecond)
	if b.Counters().Of(PathsChallenged) != before {
		t.Fatal("challenged within pathSwitch")
	}
	w.run(3 * time.Second)
	a.Send(w.now, b.self.ID, text(10, "and again, with a long enough text, so that the challenge of the path is smaller"))
	w.run(3 * time.Second)
	if count[Moved](b) != 2 {
		t.Fatal("never followed the second move")
	}
}

// TestSpoofedSource: somebody on the way copies datagrams to another source address,
// even faster than the true ones: nothing moves there, and it gets little.
func TestSpoofedSource(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	victim := netip.MustParseAddrPort("203.0.113.66:6")
	var bytesIn, bytesOut int
	w.pass = func(f flying) bool {
		if f.to == victim {
			bytesOut += len(f.bytes)
		}
		if f.from == a.addr && f.kind() == kindData {
			bytesIn += len(f.bytes)
			fast := f
			fast.from, fast.at = victim, w.now.Add(time.Millisecond)
			w.queue = append(w.queue, fast)
		}
		return true
	}
	for i := range uint64(50) {
		a.Send(w.now, b.self.ID, text(i+1, "somebody copies this text and sends it from the address of another host"))
		w.run(100 * time.Millisecond)
	}
	if addr, _, _ := b.Path(a.self.ID); addr != a.addr || count[Moved](b) != 0 {
		t.Fatalf("b writes to %v", addr)
	}
	if count[Received](b) != 50 || b.Counters().Of(PathsChallenged) == 0 || bytesOut*4 > bytesIn {
		t.Fatalf("%d texts, %d challenges, %d B for %d B", count[Received](b), b.Counters().Of(PathsChallenged), bytesOut, bytesIn)
	}
}

// TestLateDatagram: an old datagram from an old address does not move the path back.
func TestLateDatagram(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	var late *flying
	w.pass = func(f flying) bool {
		if late == nil && f.kind() == kindData && f.from == a.addr {
			late = &f
			return false
		}
		return true
	}
	a.Send(w.now, b.self.ID, text(1, string(bytes.Repeat([]byte("x"), 300))))
	w.run(3 * time.Second)
	late.from = netip.MustParseAddrPort("203.0.113.66:6")
	w.deliver(*late)
	if b.Counters().Of(PathsChallenged) != 0 {
		t.Fatal("an overtaken datagram makes a candidate")
	}
}
