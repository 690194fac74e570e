package neighbors_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

const natTimeout = 30 * time.Second

// behind adds a person on a network of his own behind a NAT.
func (b *bed) behind(name string, k simnet.Kind) (*person, *simnet.NAT) {
	p := b.join(name)
	i := byte(len(b.nodes))
	inside := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, i, 0}), 24)
	nat := b.net.Behind(inside, netip.AddrFrom4([4]byte{203, 0, i, 1}), k, natTimeout)
	p.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, i, 2}), 6789)
	p.start()
	return p, nat
}

// path is how p reaches the user, as the last event said.
func (p *person) path(user string) string {
	path := ""
	for _, c := range all[neighbors.PathChange](p) {
		if c.User == user {
			path = c.Path
		}
	}
	return path
}

// Behind two NATs, with a seed outside: the first text comes through the relay
// within half a second; the way becomes direct within three, where NATs let it,
// and goes on when the seed is gone.
func TestNATPairs(t *testing.T) {
	kinds := []simnet.Kind{simnet.Cone, simnet.Restricted, simnet.FullCone, simnet.Remap, simnet.Symmetric}
	for i, k := range kinds {
		for j, l := range kinds {
			t.Run(fmt.Sprintf("%v-%v", k, l), func(t *testing.T) {
				b := newBed(t, uint64(300+10*i+j), simnet.Profile{Delay: 20 * time.Millisecond})
				seed := b.seedNode()
				ann, _ := b.behind("ann", k)
				bob, _ := b.behind("bob", l)
				ann.meet(seed)
				bob.meet(seed)
				begin := b.now
				ann.add("bob")
				b.until(500*time.Millisecond, "bob is added", func() bool { return count[neighbors.Done](ann) == 1 })
				ann.say("bob", "hello")
				b.until(begin.Add(500*time.Millisecond).Sub(b.now), "the first text", func() bool { return len(bob.texts()) == 1 })
				b.run(begin.Add(3 * time.Second).Sub(b.now))
				want := neighbors.PathDirect
				open := func(k simnet.Kind) bool { return k == simnet.Restricted || k == simnet.FullCone }
				if k == simnet.Symmetric && !open(l) || l == simnet.Symmetric && !open(k) {
					want = neighbors.PathRelay
				}
				if x, y := ann.path("bob"), bob.path("ann"); x != want || y != want {
					t.Fatalf("ann's path %q, bob's %q, want %q", x, y, want)
				}
				bob.say("ann", "and back")
				b.until(time.Second, "the answer", func() bool { return len(ann.texts()) == 1 })
				if want == neighbors.PathRelay {
					b.run(5 * time.Minute)
					ann.say("bob", "still there?")
					b.until(time.Second, "the relay still carries", func() bool { return len(bob.texts()) == 2 })
					return
				}
				seed.kill()
				for n := range 5 {
					b.run(time.Minute)
					ann.say("bob", "without the seed")
					b.until(time.Second, "the direct way goes on", func() bool { return len(bob.texts()) == 2+n })
				}
			})
		}
	}
}
