package neighbors_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// When somebody crashes, each of their sixteen friends asks a few neighbours at a time, not all:
// a request fills a datagram.
func TestFewAreAskedForTheMissing(t *testing.T) {
	v := newVillage(t, 31, simnet.Profile{Delay: 5 * time.Millisecond}, 24, 8)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	v.run(30 * time.Second)
	v.nodes[3].kill()
	asked := map[netip.AddrPort]int{}
	var from netip.AddrPort
	v.tapped = func(d simnet.Delivery) { from = d.From }
	v.opened = func(_ *person, o dgram.Opened) {
		if line := o.Summary(); strings.Contains(line, " find") && !strings.Contains(line, " by=") {
			asked[from]++
		}
	}
	total := 0
	for range 60 {
		clear(asked)
		v.run(time.Second)
		for _, n := range asked {
			total += n
			if n > 7 {
				t.Errorf("one asked %d within a second", n)
			}
		}
	}
	if total == 0 || total > 16*7*6 {
		t.Errorf("%d requests", total)
	}
}

// A friend behind a seed is online again soon after coming back, though they tell nobody but the
// seed: those who missed them had asked it.
func TestSeedTellsOfReturn(t *testing.T) {
	b := newBed(t, 32, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	seed := b.seedNode()
	ann, _ := b.behind("ann", simnet.Symmetric)
	bob, _ := b.behind("bob", simnet.Symmetric)
	ann.meet(seed)
	bob.meet(seed)
	ann.add("bob")
	b.until(2*time.Second, "they meet", func() bool { return ann.sees("bob") && bob.sees("ann") })
	b.run(10 * time.Second)
	bob.leave()
	b.run(5 * time.Minute)
	bob.start()
	b.until(5*time.Second, "bob is back", func() bool { return ann.sees("bob") })
}
