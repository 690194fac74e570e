package neighbors_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// pairing is two people behind NATs who know each other by a seed outside.
type pairing struct {
	*bed
	ann, bob   *person
	natA, natB []*simnet.NAT // from inside outwards
}

// carrier puts another NAT before the one that was made last, as providers do.
func (b *bed) carrier(near *simnet.NAT, k simnet.Kind) *simnet.NAT {
	i := byte(len(b.nodes))
	inside := netip.AddrFrom4([4]byte{100, 64, i, 2})
	near.Renumber(inside)
	return b.net.Behind(netip.PrefixFrom(inside, 24), netip.AddrFrom4([4]byte{203, 0, i, 1}), k, natTimeout)
}

func newPairing(t *testing.T, seed uint64, delay time.Duration, k, l simnet.Kind, carrier string) *pairing {
	t.Helper()
	b := newBed(t, seed, simnet.Profile{Delay: delay})
	p := &pairing{bed: b}
	s := b.seedNode()
	join := func(name string, k simnet.Kind) (*person, []*simnet.NAT) {
		who, nat := b.behind(name, k)
		nats := []*simnet.NAT{nat}
		if carrier == name {
			nats = append(nats, b.carrier(nat, simnet.Cone))
		}
		who.meet(s)
		return who, nats
	}
	p.ann, p.natA = join("ann", k)
	p.bob, p.natB = join("bob", l)
	p.ann.addKey(p.bob)
	p.bob.addKey(p.ann)
	b.until(3*time.Second, "a direct way", p.direct)
	p.reads(both, "one", time.Second)
	return p
}

// direct says whether both reach each other directly, as \net shows it.
func (p *pairing) direct() bool {
	reached := func(a *person, user string) bool {
		for _, w := range a.node.Net().Ways {
			if w.User == user {
				return w.Path == neighbors.PathDirect
			}
		}
		return false
	}
	return reached(p.ann, "bob") && reached(p.bob, "ann")
}

// Who writes.
const (
	both = iota
	onlyAnn
	onlyBob
)

// reads has them write at once, and it is read within d.
func (p *pairing) reads(writers int, text string, d time.Duration) {
	p.t.Helper()
	a, b := len(p.ann.texts()), len(p.bob.texts())
	if writers != onlyBob {
		p.ann.say("bob", text)
		b++
	}
	if writers != onlyAnn {
		p.bob.say("ann", text)
		a++
	}
	p.until(d, text+" is read", func() bool { return len(p.ann.texts()) == a && len(p.bob.texts()) == b })
}

// changes of NATs: what happens to those of one side, from inside outwards.
var forgotten = []struct {
	what   string
	change func(p *pairing)
}{
	{"forgotten by one", func(p *pairing) { flush(p.natA) }},
	{"forgotten by both", func(p *pairing) { flush(p.natA); flush(p.natB) }},
	{"one moved", func(p *pairing) { renumber(p.natA, [4]byte{203, 0, 2, 99}) }}, // in one prefix with the old one
	{"both moved", func(p *pairing) {
		renumber(p.natA, [4]byte{203, 0, 77, 1})
		renumber(p.natB, [4]byte{203, 0, 3, 99})
	}},
}

func flush(nats []*simnet.NAT) {
	for _, r := range nats {
		r.Flush()
	}
}

// renumber gives the outermost NAT another address; those inside forget.
func renumber(nats []*simnet.NAT, outside [4]byte) {
	flush(nats)
	nats[len(nats)-1].Renumber(netip.AddrFrom4(outside))
}

// At any time after two nodes met, NATs forget the pair, or a home gets a new address unknown to those
// inside. Both sides read on within three seconds, or ten if only one of them writes, and directly again
// within ten if their NATs allow it, not through a relay for ever.
func TestForgottenPairIsDirectAgain(t *testing.T) {
	kinds := []simnet.Kind{simnet.Cone, simnet.Restricted, simnet.FullCone, simnet.Remap, simnet.Symmetric}
	for i, k := range kinds {
		for j, l := range kinds {
			if k == simnet.Symmetric && !opens(l) || l == simnet.Symmetric && !opens(k) {
				continue
			}
			for c, change := range forgotten {
				for w, wait := range []time.Duration{0, 100 * time.Millisecond, 2 * time.Second} {
					if testing.Short() && w != (i+j+c)%3 {
						continue
					}
					delay := time.Millisecond
					if (j+w)%2 == 1 {
						delay = 20 * time.Millisecond
					}
					t.Run(fmt.Sprintf("%v-%v %s after %v", k, l, change.what, wait), func(t *testing.T) {
						p := newPairing(t, uint64(7000+1000*i+100*j+10*c+w), delay, k, l, "")
						p.forgets(change.change, wait, (i+j+c+w)%3)
					})
				}
			}
		}
	}
}

// The same with a carrier's NAT before that of a home, and a restricted NAT on the other side.
func TestForgottenBehindCarrier(t *testing.T) {
	for i, who := range []string{"ann", "bob"} {
		for c, change := range forgotten {
			for w, wait := range []time.Duration{0, time.Second} {
				t.Run(fmt.Sprintf("of %s %s after %v", who, change.what, wait), func(t *testing.T) {
					k, l := simnet.Cone, simnet.Restricted
					if who == "bob" {
						k, l = l, k
					}
					newPairing(t, uint64(17000+100*i+10*c+w), 10*time.Millisecond, k, l, who).forgets(change.change, wait, w)
				})
			}
		}
	}
}

// A side that does not write still trusts the path that its NAT has closed: when the other side is
// introduced to it, it looks for the other all the same.
func TestClosedWayIsOpenedAgain(t *testing.T) {
	for i, k := range []simnet.Kind{simnet.Cone, simnet.Restricted, simnet.Remap} {
		t.Run(k.String(), func(t *testing.T) {
			p := newPairing(t, uint64(18000+i), 10*time.Millisecond, k, k, "")
			p.run(40 * time.Second)
			p.reads(both, "one and a half", time.Second)
			p.run(time.Second) // the next probe, which would open it, is far off
			p.natA[0].Close(netip.AddrFrom4([4]byte{203, 0, 3, 1}))
			p.reads(onlyBob, "two", 3*time.Second)
			p.run(500 * time.Millisecond)
			if !p.direct() {
				t.Errorf("not direct: %+v, %+v", p.ann.node.Net().Ways, p.bob.node.Net().Ways)
			}
			p.reads(onlyBob, "three", 100*time.Millisecond)
		})
	}
}

// opens says whether such a NAT lets in other ports of an address that was written to.
func opens(k simnet.Kind) bool { return k == simnet.Restricted || k == simnet.FullCone }

func (p *pairing) forgets(change func(*pairing), wait time.Duration, writers int) {
	p.t.Helper()
	p.run(wait)
	change(p)
	began := p.now
	limit := 3 * time.Second
	if writers != both {
		limit = 10 * time.Second // the other side finds out by a probe, 5 s after it last heard anything
	}
	p.reads(writers, "two", limit)
	for !p.direct() && p.now.Sub(began) < 10*time.Second {
		p.run(10 * time.Millisecond)
	}
	if !p.direct() {
		p.t.Fatalf("not direct again: %+v, %+v", p.ann.node.Net().Ways, p.bob.node.Net().Ways)
	}
	p.run(time.Minute)
	p.reads(both, "three", time.Second)
	if !p.direct() {
		p.t.Error("it does not stay direct")
	}
	for _, who := range []*person{p.ann, p.bob} {
		if n := count[neighbors.WentOffline](who); n > 0 {
			p.t.Errorf("%s saw %d go offline", who.name, n)
		}
	}
}

// A goodbye reaches those whom a relay carries it to: the relay is left last.
func TestGoodbyeThroughARelay(t *testing.T) {
	b := newBed(t, 19000, simnet.Profile{Delay: 10 * time.Millisecond})
	seed := b.seedNode()
	ann, _ := b.behind("ann", simnet.Symmetric)
	bob, _ := b.behind("bob", simnet.Symmetric)
	ann.meet(seed)
	bob.meet(seed)
	ann.befriends(bob)
	b.until(2*time.Second, "they meet", func() bool { return ann.sees("bob") && bob.sees("ann") })
	b.run(10 * time.Second)
	bob.node.Leave(b.now)
	bob.turn()
	b.until(300*time.Millisecond, "all have heard it", bob.node.Left)
	bob.kill()
	for _, p := range []*person{ann, seed} {
		if gone := all[neighbors.WentOffline](p); len(gone) != 1 || gone[0].Reason != neighbors.ReasonDeclared {
			t.Errorf("%s saw %+v", p.name, gone)
		}
	}

	bob.start()
	b.until(time.Minute, "bob is back", func() bool { return ann.sees("bob") })
	b.run(10 * time.Second)
	ann.kill() // and answers no goodbye
	bob.node.Leave(b.now)
	bob.turn()
	b.run(1400 * time.Millisecond)
	if gone := all[neighbors.WentOffline](seed); len(gone) != 2 || gone[1].Reason != neighbors.ReasonDeclared {
		t.Errorf("the relay saw %+v", gone)
	}
}
