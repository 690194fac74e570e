package neighbors_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

// office adds people who share one address on the outside.
func (b *bed) office(size int) (list []*person) {
	inside := netip.MustParsePrefix("10.0.9.0/24")
	b.net.Behind(inside, netip.MustParseAddr("203.0.113.5"), simnet.Restricted, 2*time.Minute)
	for i := range size {
		p := b.join(fmt.Sprintf("w%02d", i))
		p.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 9, byte(2 + i)}), 6789)
		p.start()
		list = append(list, p)
	}
	return list
}

func (p *person) seesAll(list []*person) bool {
	return !slices.ContainsFunc(list, func(q *person) bool { return q.node != nil && !p.sees(q.name) })
}

// Many people behind one address, and new to bob, write to bob: every line is delivered, and they
// stay in sight: all of ten, and of more as many as one network may have edges.
func TestOfficeBehindOneAddress(t *testing.T) {
	for _, size := range []int{10, 30} {
		b := newBed(t, 900+uint64(size), simnet.Profile{Delay: 10 * time.Millisecond})
		bob := b.join("bob")
		people := b.office(size)
		for i, p := range people {
			p.ping(bob)
			b.run(300 * time.Millisecond)
			if i%10 == 9 {
				b.run(4 * time.Second) // handshakes of one network are limited
			}
		}
		b.until(20*time.Second, "all know bob", func() bool {
			return !slices.ContainsFunc(people, func(p *person) bool { return !p.sees("bob") })
		})
		for round := range 3 {
			for _, p := range people {
				p.say("bob", fmt.Sprintf("%s %d", p.name, round))
			}
			b.until(20*time.Second, "all are delivered", func() bool { return len(bob.texts()) == (round+1)*size })
			if !bob.seesAll(people[:10]) {
				t.Fatalf("%d people, round %d: bob does not see them", size, round)
			}
			b.run(3 * time.Minute)
		}
		if !bob.seesAll(people[:10]) || len(bob.node.Users(neighbors.FilterAll)) != size {
			t.Errorf("%d people: bob has lost some", size)
		}
	}
}

// When a network is full of users who are here, one more is refused: those who are here notice nothing,
// and the newcomer costs us a handshake now and then. A user that the person asks for is let in and,
// once some have gone, so is the newcomer.
func TestFullNetworkRefusesNewcomers(t *testing.T) {
	b := newBed(t, 940, simnet.Profile{Delay: 10 * time.Millisecond})
	bob := b.join("bob")
	honest := b.join("ann")
	honest.addr = netip.MustParseAddrPort("203.0.113.1:6789")
	honest.start()
	honest.meet(bob)
	var crowd []*raw
	for i := range 63 {
		r := b.attacker(10+i, fmt.Sprintf("m%02d", i), fmt.Sprintf("203.0.113.%d:6789", 10+i))
		r.meets(bob)
		crowd = append(crowd, r)
	}
	cleo := b.join("cleo")
	cleo.addr = netip.MustParseAddrPort("203.0.113.200:6789")
	cleo.start()
	before := b.spent[cleo.addr.Addr()]
	keepUp := func(d time.Duration) {
		for end := b.now.Add(d); b.now.Before(end); {
			for _, r := range crowd {
				r.ep.Probe(b.now, bob.id())
				r.turn()
			}
			b.run(20 * time.Second)
		}
	}
	for range 5 {
		cleo.ping(bob)
		keepUp(20 * time.Second)
	}
	if bob.sees("cleo") || !bob.sees("ann") {
		t.Fatal("who is here was pushed out for a newcomer")
	}
	if got := b.spent[cleo.addr.Addr()] - before; got > 20_000 {
		t.Errorf("the refused newcomer costs %d bytes", got)
	}
	honest.say("bob", "hello")
	b.until(5*time.Second, "ann's text", func() bool { return len(bob.texts()) == 1 })
	bob.meet(cleo)
	cleo.say("bob", "let in")
	b.until(5*time.Second, "cleo's text", func() bool { return len(bob.texts()) == 2 })
	b.raws = nil // they leave
	b.run(5 * time.Minute)
	dan := b.join("dan")
	dan.addr = netip.MustParseAddrPort("203.0.113.201:6789")
	dan.start()
	dan.meet(bob)
	if !bob.sees("ann") {
		t.Error("ann is gone")
	}
}

// A peer with whom we share keys, but whom we have forgotten, is asked for the record at
// once: what it says arrives.
func TestForgottenPeerIsAskedAgain(t *testing.T) {
	b := newBed(t, 941, simnet.Profile{Delay: 10 * time.Millisecond})
	bob := b.join("bob")
	r := b.attacker(1, "ann", "203.0.113.9:6789")
	r.meets(bob)
	b.run(time.Minute)
	b.raws = nil // it is away
	b.until(5*time.Minute, "bob has lost ann", func() bool { return !bob.sees("ann") })
	b.run(3 * time.Minute)
	if bob.node.Prune(b.now, 0) != 1 {
		t.Fatal("ann is still known")
	}
	b.raws = []*raw{r}
	began := b.now
	r.ep.Send(b.now, bob.id(), wire.Message{ID: 7, Body: wire.Text{Parts: 1, Sent: 1, Text: "still here"}})
	r.turn()
	b.until(5*time.Second, "the text", func() bool { return len(bob.texts()) == 1 })
	if d := b.now.Sub(began); d > time.Second {
		t.Errorf("it took %v", d)
	}
}
