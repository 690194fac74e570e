package neighbors_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

const natTimeout = 30 * time.Second

// behind adds a person on a network of their own behind a NAT.
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

// Behind two NATs, with a seed outside: the first text comes through the relay within half a second;
// the path becomes direct within three, where the NATs allow it, and survives the end of the seed.
func TestNATPairs(t *testing.T) {
	kinds := []simnet.Kind{simnet.Cone, simnet.Restricted, simnet.FullCone, simnet.Remap, simnet.Symmetric}
	for i, k := range kinds {
		for j, l := range kinds {
			t.Run(fmt.Sprintf("%v-%v", k, l), func(t *testing.T) {
				b := newBed(t, uint64(300+10*i+j), simnet.Profile{Delay: 20 * time.Millisecond})
				b.intro = neighbors.IntroAll
				seed := b.seedNode()
				ann, _ := b.behind("ann", k)
				bob, _ := b.behind("bob", l)
				ann.meet(seed)
				bob.meet(seed)
				begin := b.now
				ann.addKey(bob)
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

// The relay is gone for longer than anybody waits, and comes back: what was typed
// meanwhile arrives, with nobody doing anything.
func TestRelayComesBack(t *testing.T) {
	for _, away := range []time.Duration{3 * time.Second, 20 * time.Second, 5 * time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			b := newBed(t, 400, simnet.Profile{Delay: 20 * time.Millisecond})
			b.intro = neighbors.IntroAll
			seed := b.seedNode()
			ann, _ := b.behind("ann", simnet.Symmetric)
			bob, _ := b.behind("bob", simnet.Symmetric)
			ann.meet(seed)
			bob.meet(seed)
			ann.addKey(bob)
			b.until(500*time.Millisecond, "bob is added", func() bool { return count[neighbors.Done](ann) == 1 })
			ann.say("bob", "one")
			b.until(time.Second, "the first text", func() bool { return len(bob.texts()) == 1 })
			seed.kill()
			b.run(time.Second)
			ann.say("bob", "two")
			b.run(away)
			seed.start()
			b.until(away+30*time.Second, "the text from the time without a relay", func() bool { return len(bob.texts()) == 2 })
		})
	}
}

// In the middle of a conversation one side's NAT forgets everything, or that side moves to
// another network; whoever writes, and whatever the NATs, both go on within ten seconds.
func TestNATChanges(t *testing.T) {
	for i, k := range []simnet.Kind{simnet.Cone, simnet.Remap, simnet.Symmetric} {
		for j, what := range []string{"flushed", "moved", "flushed, only the other writes"} {
			t.Run(fmt.Sprintf("%v-%s", k, what), func(t *testing.T) {
				b := newBed(t, uint64(500+10*i+j), simnet.Profile{Delay: 20 * time.Millisecond})
				b.intro = neighbors.IntroAll
				seed := b.seedNode()
				ann, nat := b.behind("ann", k)
				bob, _ := b.behind("bob", simnet.Cone)
				ann.meet(seed)
				bob.meet(seed)
				ann.addKey(bob)
				b.until(500*time.Millisecond, "bob is added", func() bool { return count[neighbors.Done](ann) == 1 })
				b.run(5 * time.Second)
				ann.say("bob", "one")
				bob.say("ann", "one")
				b.run(10 * time.Second)
				nat.Flush()
				if what == "moved" {
					inside := netip.AddrFrom4([4]byte{10, 99, 0, 2})
					b.net.Behind(netip.PrefixFrom(inside, 24), netip.AddrFrom4([4]byte{203, 99, 0, 1}), k, natTimeout)
					ann.addr = netip.AddrPortFrom(inside, 6789)
					ann.node.SetLocalNetwork(b.now, neighbors.LocalNetwork{Listen: []netip.AddrPort{ann.addr}})
					for _, u := range ann.node.Users(neighbors.FilterAll) {
						if u.State == neighbors.Offline {
							t.Errorf("%s is called offline because we moved", u.Name)
						}
					}
					ann.turn()
				}
				bob.say("ann", "two")
				if j < 2 {
					ann.say("bob", "two")
					b.until(10*time.Second, "bob reads ann", func() bool { return len(bob.texts()) == 2 })
				}
				b.until(10*time.Second, "ann reads bob", func() bool { return len(ann.texts()) == 2 })
				for _, p := range []*person{ann, bob} {
					if n := count[neighbors.WentOffline](p); n > 0 {
						t.Errorf("%s saw %d go offline", p.name, n)
					}
				}
			})
		}
	}
}

// After sleep everybody is unknown until heard again, and nobody is offline.
func TestWakingUp(t *testing.T) {
	b := newBed(t, 600, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	state := func() neighbors.State { return ann.node.Users(neighbors.FilterAll)[0].State }
	b.now = b.now.Add(time.Hour)
	ann.node.Woke(b.now)
	ann.turn()
	if state() != neighbors.Unknown {
		t.Fatalf("bob is %v", state())
	}
	b.run(2 * time.Second)
	if state() != neighbors.Online || count[neighbors.WentOffline](ann) > 0 {
		t.Fatalf("bob is %v", state())
	}
}

// \net says where others see us, what our NAT is like, and why somebody is reached
// through a relay alone. Two observers are needed to tell a hard NAT.
func TestNet(t *testing.T) {
	b := newBed(t, 610, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	seed, other := b.seedNode(), b.seedNode()
	ann, _ := b.behind("ann", simnet.Symmetric)
	bob, _ := b.behind("bob", simnet.Symmetric)
	if v := ann.node.Net(); v.NAT != neighbors.NATUnknown || len(v.Observed) != 0 {
		t.Fatalf("before: %+v", v)
	}
	for _, p := range []*person{ann, bob} {
		p.meet(seed)
		p.meet(other)
	}
	b.run(15 * time.Second)
	v := ann.node.Net()
	if v.NAT != neighbors.NATHard || len(v.Observed) == 0 || v.Observed[0].Addr() != netip.AddrFrom4([4]byte{203, 0, 3, 1}) || len(v.Seeds) != 2 {
		t.Fatalf("%+v", v)
	}
	ann.addKey(bob)
	b.run(20 * time.Second)
	v = ann.node.Net()
	if len(v.Ways) != 3 { // two seeds and bob
		t.Fatalf("%+v", v.Ways)
	}
	for _, w := range v.Ways {
		switch {
		case w.Seed && w.Path == neighbors.PathDirect && w.Addr.Port() == 6789:
		case w.User == "bob" && w.Path == neighbors.PathRelay && w.Through != "" && strings.Contains(w.Why, "both sides"):
		default:
			t.Errorf("%+v", w)
		}
	}
	do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.PingUser(now, "bob") })
	b.run(time.Second)
	if p := all[neighbors.Pong](ann); p[len(p)-1].Path != neighbors.PathRelay || p[len(p)-1].Addr.Port() != 6789 {
		t.Errorf("%+v", p[len(p)-1])
	}

	carol := b.join("carol")
	carol.meet(seed)
	if v := carol.node.Net(); v.NAT != neighbors.NATUnknown {
		t.Errorf("one word of somebody: %v", v.NAT)
	}
	carol.meet(other)
	if v := carol.node.Net(); v.NAT != neighbors.NATNone {
		t.Errorf("on the open network: %v", v.NAT)
	}
}

// When a relay dies the person is told, with the cause, which sessions it carried before those are called
// lost; \net shows nobody as reached who is not.
func TestRelayDies(t *testing.T) {
	b := newBed(t, 620, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	seed := b.seedNode()
	ann, _ := b.behind("ann", simnet.Symmetric)
	bob, _ := b.behind("bob", simnet.Symmetric)
	dan, _ := b.behind("dan", simnet.Symmetric)
	cat := b.join("cat")
	ann.meet(cat)
	for _, p := range []*person{ann, bob, dan} {
		p.meet(seed)
	}
	ann.addKey(bob)
	ann.addKey(dan)
	b.until(2*time.Second, "they are there", func() bool { return ann.sees("bob") && ann.sees("dan") })
	b.run(20 * time.Second)
	dan.node.Leave(b.now)
	dan.turn()
	b.run(2 * time.Second)
	dan.kill()
	ann.screen = nil
	seed.kill()
	b.until(40*time.Second, "bob and the seed are lost", func() bool { return count[neighbors.WentOffline](ann) == 2 })
	told := false
	for _, c := range all[neighbors.PathChange](ann) {
		if c.User == "dan" {
			t.Errorf("dan had left before: %+v", c)
		}
		told = told || c.User == "bob" && c.Path == "" && strings.Contains(c.Why, "the relay seed") && strings.Contains(c.Why, "gone")
	}
	if !told {
		t.Errorf("nobody said that the relay is the cause: %v", ann.lines())
	}
	for _, w := range ann.node.Net().Ways {
		if w.User == "cat" {
			if w.Path != neighbors.PathDirect || !w.Addr.IsValid() {
				t.Errorf("a neighbour that is here: %+v", w)
			}
		} else if w.Path != "" || w.Why == "" || w.RTT != 0 {
			t.Errorf("one that is not reached: %+v", w)
		}
	}
	if v := ann.node.Net(); len(v.Seeds) != 0 || len(v.Ways) < 2 {
		t.Errorf("%+v", v)
	}
}
