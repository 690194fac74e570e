package dgram

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// acquaintance lets a and b meet, talk and meet again, and returns every datagram
// that was on the way. Some DATA is held back: no node has seen it.
func acquaintance(t *testing.T) (w *network, a, b *node, seen, held []flying) {
	w, a, b = pair(t)
	hold := false
	w.pass = func(f flying) bool {
		if hold && f.kind() == wire.PacketData {
			held = append(held, f)
			return false
		}
		seen = append(seen, f)
		return true
	}
	w.connect(a, b)
	for i := range uint64(5) {
		a.Send(w.now, b.self.ID, text(i+1, "a text of some length, so that it could be challenged if the key were lost"))
		b.Send(w.now, a.self.ID, text(i+1, "short"))
		w.run(time.Second)
	}
	b.Dial(w.now, a.addr, a.want())
	w.run(time.Second)
	hold = true
	a.Send(w.now, b.self.ID, text(6, "held back"))
	b.Send(w.now, a.self.ID, text(6, string(bytes.Repeat([]byte("x"), 200))))
	a.Probe(w.now, b.self.ID)
	w.run(500 * time.Millisecond)
	hold = false
	if len(held) < 3 {
		t.Fatal("nothing was held back")
	}
	return w, a, b, seen, held
}

// bend damages a datagram in one of the usual ways.
func bend(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	switch r.IntN(5) {
	case 0:
		return b[:r.IntN(len(b))]
	case 1:
		return append(b, byte(r.Uint32()))
	case 2: // the first bytes decide what it is
		b[r.IntN(min(len(b), 8))] ^= 1 << r.IntN(8)
	default:
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
	}
	return b
}

// TestNeverLarger is invariant 1: whatever a datagram from an unproved address is
// (new, old, bent, held back by somebody on the way), it causes at most one datagram
// to that address, now or later, and a strictly smaller one.
func TestNeverLarger(t *testing.T) {
	for seed := range uint64(20) {
		w, a, b, seen, held := acquaintance(t)
		r := rand.New(rand.NewPCG(seed, 1))
		all := append(append([]flying(nil), seen...), held...)
		for i := range 100 {
			victim := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 9)
			f := all[r.IntN(len(all))]
			if r.IntN(2) == 0 {
				f.bytes = bend(r, f.bytes)
			}
			f.from = victim
			if r.IntN(2) == 0 {
				f.to = a.addr
			} else {
				f.to = b.addr
			}
			var answers []int
			w.pass = func(g flying) bool {
				if g.to == victim {
					answers = append(answers, len(g.bytes))
				}
				return true
			}
			w.deliver(f)
			w.run(time.Duration(r.IntN(3)) * time.Second)
			if len(answers) > 1 || len(answers) == 1 && answers[0] >= len(f.bytes) {
				t.Fatalf("seed %d: %v of %d B caused %v", seed, f.kind(), len(f.bytes), answers)
			}
		}
	}
}

// state writes down everything that a datagram could change, except counters, rate
// limits and the epochs of cookies.
func (n *node) state() string {
	var s bytes.Buffer
	t := n.table
	fmt.Fprintln(&s, len(n.links), n.unlinked, len(n.dialer.dials), len(t.keys), len(t.attempts), len(t.hellos), len(t.sending),
		len(t.used[0].entries), len(t.used[1].entries), n.cache.probation.Len(), n.cache.protected.Len(), n.timers.Len(),
		len(n.out.datagrams), len(n.out.events), len(n.dirty))
	for _, l := range sortedLinks(n) {
		fmt.Fprintln(&s, l.peer, l.heard, l.near, l.probes, l.candidate, l.switched, l.rekeyed, l.timer.At(),
			len(l.accepting))
		fmt.Fprintf(&s, "%+v\n", *l.sender)
		for _, a := range l.list {
			fmt.Fprintln(&s, a.local, a.remote, a.path, a.counter, a.seen, a.count, a.heard, a.confirmed, a.owes, a.retired, a.segment, len(a.reply.bytes), a.reply.at)
		}
	}
	return s.String()
}

func sortedLinks(n *node) (ls []*link) {
	for id := range 256 {
		for _, l := range n.links {
			if int(l.peer.ID[0]) == id {
				ls = append(ls, l)
			}
		}
	}
	return ls
}

// TestNoUnauthenticatedChange is invariant 2: bytes that do not authenticate change
// nothing but counters, and neither do authentic ones that come again.
func TestNoUnauthenticatedChange(t *testing.T) {
	for seed := range uint64(20) {
		w, a, b, seen, held := acquaintance(t)
		r := rand.New(rand.NewPCG(seed, 2))
		for _, n := range []*node{a, b} {
			if n.Dial(w.now, netip.MustParseAddrPort("192.0.2.200:7"), nil) != nil {
				t.Fatal("no dial")
			}
			w.turn(n)
		}
		for range 300 {
			var f flying
			if r.IntN(3) == 0 {
				f = seen[r.IntN(len(seen))] // once more, as it is
			} else {
				all := append(append([]flying(nil), seen...), held...)
				f = all[r.IntN(len(all))]
				f.bytes = bend(r, f.bytes)
			}
			if r.IntN(3) == 0 {
				f.from = netip.MustParseAddrPort("203.0.113.5:5")
			}
			n := a
			if f.to == b.addr {
				n = b
			}
			before := n.state()
			o := n.Opener().Open(w.now, f.from, netip.Addr{}, f.bytes)
			kind := o.kind
			n.Receive(w.now, o)
			reply := o.reply != nil
			if o.kind == wire.PacketHandshake && o.shake != nil && o.shake.repeat != nil {
				reply = true // the kept ACCEPT
			}
			if reply {
				n.Drain()
				for _, l := range n.links {
					for _, as := range l.list {
						as.reply.at = time.Time{}
					}
				}
				continue
			}
			if after := n.state(); after != before {
				t.Fatalf("seed %d: %v\n%x\nchanged\n%s\nto\n%s", seed, kind, f.bytes, before, after)
			}
		}
	}
}

// TestForgedChallenges is the rest of invariant 2: a CHALLENGE with our echo starts
// at most three handshakes and nothing else, and the true one still gets through.
func TestForgedChallenges(t *testing.T) {
	w, a, b := pair(t)
	mallory := newNode(t, 3, "203.0.113.9:9")
	forged := 0
	w.pass = func(f flying) bool {
		if f.from == a.addr && f.kind() == wire.PacketHello {
			// It sees the HELLO and is faster than b, whose key it knows but does not hold.
			p, _ := wire.ParsePacket(f.bytes)
			for range 2 {
				e := newKey(mallory.random).PublicKey().Bytes()
				fake := wire.AppendChallenge(nil, p.Echo, make([]byte, wire.CookieSize), e, b.self.Static[:])
				w.deliver(flying{from: b.addr, to: a.addr, bytes: fake})
				forged++
			}
			own := wire.AppendChallenge(nil, p.Echo, make([]byte, wire.CookieSize), mallory.self.Static[:], mallory.self.Static[:])
			w.deliver(flying{from: b.addr, to: a.addr, bytes: own})
		}
		return true
	}
	a.Send(w.now, b.self.ID, text(1, "secret"))
	a.Dial(w.now, b.addr, b.want())
	w.run(10 * time.Second)
	if b.texts() != "secret" || forged != 2 {
		t.Fatalf("b has %q after %d forged challenges", b.texts(), forged)
	}
	if n := a.Counters().Of(SentHandshake); n != 3 {
		t.Fatalf("%d HANDSHAKEs", n)
	}
	if a.Counters().Of(DroppedKey) != 1 {
		t.Fatal("the challenger's own key was obeyed")
	}
	leftovers(t, a)
}

// TestAnotherKeyIsToldOfAlone: a CHALLENGE by another key for DATA of ours is told of, and
// causes nothing else; one whose echo is wrong is not even told of.
func TestAnotherKeyIsToldOfAlone(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	use := a.links[b.self.ID].list[0]
	other := newNode(t, 3, "203.0.113.9:9")
	e := newKey(other.random).PublicKey().Bytes()
	before := a.Counters().Of(SentHandshake) + a.Counters().Of(SentHello)
	challenge := func(counter uint64) {
		echo := wire.DataEcho(use.remote, counter)
		w.deliver(flying{from: b.addr, to: a.addr, bytes: wire.AppendChallenge(nil, echo[:], make([]byte, wire.CookieSize), e, other.self.Static[:])})
	}
	challenge(1 << 40) // nothing was sent under it
	if count[Another](a) != 0 {
		t.Error("a guess is told of")
	}
	challenge(1)
	if count[Another](a) != 1 || last[Another](a) != (Another{b.self.ID, b.addr}) {
		t.Errorf("%d are told of", count[Another](a))
	}
	if n := a.Counters().Of(SentHandshake) + a.Counters().Of(SentHello); n != before || !a.Live(b.self.ID) {
		t.Error("it has an effect")
	}
	leftovers(t, a)
}

// TestForgedChallengeForData: it costs a handshake in vain; keys, address and texts
// are as before.
func TestForgedChallengeForData(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	use := a.links[b.self.ID].list[0]
	echo := wire.DataEcho(use.remote, 1)
	other := newNode(t, 3, "203.0.113.9:9")
	for i := range 10 {
		c := bytes.Repeat([]byte{byte(i)}, wire.CookieSize)
		w.deliver(flying{from: b.addr, to: a.addr, bytes: wire.AppendChallenge(nil, echo[:], c, other.self.Static[:], b.self.Static[:])})
	}
	if n := a.Counters().Of(SentHandshake); n != 1+maxChallenges {
		t.Fatalf("%d HANDSHAKEs", n)
	}
	a.Send(w.now, b.self.ID, text(1, "still here"))
	w.run(15 * time.Millisecond)
	if b.texts() != "still here" {
		t.Fatal("the keys were dropped")
	}
	w.run(time.Minute)
	if count[Closed](a)+count[Unanswered](a) != 0 || !a.Live(b.self.ID) {
		t.Fatal("something was torn down")
	}
	leftovers(t, a)
}
