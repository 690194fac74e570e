package dgram

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

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
		if f.from == a.addr && f.kind() == wire.PacketData {
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

// TestPathOracle: the holder of a spoofed address hands the challenge on to the true
// peer. Its answer comes from where the peer is, and nothing moves.
func TestPathOracle(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	evil := netip.MustParseAddrPort("203.0.113.66:6")
	w.pass = func(f flying) bool {
		switch {
		case f.to == evil:
			f.to = a.addr
			w.put(f)
			return false
		case f.from == a.addr && len(f.bytes) > 200:
			f.from = evil
			w.put(f)
			return false
		}
		return true
	}
	a.Send(w.now, b.self.ID, text(1, string(bytes.Repeat([]byte("x"), 300))))
	w.run(5 * time.Second)
	if b.Counters().Of(PathsChallenged) == 0 || count[Moved](b) != 0 {
		t.Fatalf("%d challenges, moved %d times", b.Counters().Of(PathsChallenged), count[Moved](b))
	}
}

// TestSmallStray: DATA that is not longer than a path challenge brings none.
func TestSmallStray(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	w.move(a, "203.0.113.77:7777")
	a.Probe(w.now, b.self.ID)
	w.run(50 * time.Millisecond)
	if b.Counters().Of(ReceivedData) != 2 || b.Counters().Of(PathsChallenged) != 0 {
		t.Fatalf("%d challenges", b.Counters().Of(PathsChallenged))
	}
	a.Probe(w.now, b.self.ID) // the second one is padded
	w.run(50 * time.Millisecond)
	if count[Moved](b) != 1 {
		t.Fatal("not followed")
	}
}

// TestUprootedIsFound: whose own network has changed sends nothing so short that the new
// address is not asked for: be it a probe, an ack or news, the first one is followed.
func TestUprootedIsFound(t *testing.T) {
	for name, say := range map[string]func(w *network, a, b *node){
		"probe": func(w *network, a, b *node) { a.Probe(w.now, b.self.ID) },
		"news": func(w *network, a, b *node) {
			a.Send(w.now, b.self.ID, wire.Message{Body: wire.List{Summaries: []wire.Summary{{Session: b.self.ID}}}})
		},
		"ack": func(w *network, a, b *node) {
			a.Settle(w.now, Handle{peer: b.self.ID, kind: wire.KindText, id: 1, attempt: 1}, wire.ResultDelivered, 0)
		},
	} {
		w, a, b := pair(t)
		w.connect(a, b)
		w.move(a, "203.0.113.77:7777")
		a.Uprooted()
		say(w, a, b)
		w.run(50 * time.Millisecond)
		if m := last[Moved](b); m.To != a.addr {
			t.Errorf("%s: not followed", name)
		}
		small := 0
		w.pass = func(f flying) bool {
			if f.from == a.addr && len(f.bytes) < wire.MinProvoking {
				small++
			}
			return true
		}
		for range 2 { // the answer to the first probe went to where we were
			say(w, a, b)
			w.run(50 * time.Millisecond)
		}
		if small == 0 {
			t.Errorf("%s: padded for ever", name)
		}
	}
}

// TestUnansweredIsFound: a NAT gave a node another address, and it does not know. When
// what it asked is not answered in time all else that it sends is long enough, too.
func TestUnansweredIsFound(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	w.move(a, "203.0.113.77:7777")
	a.Probe(w.now, b.self.ID)
	w.run(time.Second)
	if count[Moved](b) != 0 {
		t.Fatal("a short probe is followed: nothing is tried here")
	}
	a.Send(w.now, b.self.ID, wire.Message{Body: wire.List{Summaries: []wire.Summary{{Session: b.self.ID}}}})
	w.run(50 * time.Millisecond)
	if count[Moved](b) != 1 {
		t.Fatal("not followed")
	}
}

// TestLateDatagram: an old datagram from an old address does not move the path back.
func TestLateDatagram(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	var late *flying
	w.pass = func(f flying) bool {
		if late == nil && f.kind() == wire.PacketData && f.from == a.addr {
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
