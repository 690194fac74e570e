package neighbors_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/neighbors/seed"
)

// named is the Source of -sip with one host.
func named(host string) *seed.Source {
	s := seed.New([]string{host})
	s.Resolved(host, []netip.AddrPort{netip.MustParseAddrPort(host)})
	return s
}

// After 3 s the person is told, once, of a named seed that does not answer; from then on \add says so at
// once, and \net lists it. A person who has named a seed is not told to name one.
func TestSilentSeedIsToldEarly(t *testing.T) {
	const dead = "198.18.200.7:8888"
	b := newBed(t, 831, simnet.Profile{Delay: 10 * time.Millisecond})
	ann := b.join("ann", named(dead))
	notices := func() (n int) {
		for _, e := range all[neighbors.Notice](ann) {
			if strings.Contains(e.Text, dead) {
				n++
			}
		}
		return n
	}
	if v := ann.node.Net(); len(v.Silent) != 0 {
		t.Errorf("at the start %v are silent", v.Silent)
	}
	ann.add("bob")
	b.run(2900 * time.Millisecond)
	if notices() != 0 || count[neighbors.Failed](ann) != 0 {
		t.Fatalf("too early: %v", ann.lines())
	}
	b.run(300 * time.Millisecond)
	if notices() != 1 {
		t.Fatalf("after 3 s ann is told %v", ann.lines())
	}
	failed := all[neighbors.Failed](ann)
	if len(failed) != 1 || !strings.Contains(failed[0].Text, dead) || strings.Contains(failed[0].Text, "-sip") {
		t.Fatalf("the add ends with %v", failed)
	}
	if v := ann.node.Net(); len(v.Silent) != 1 || v.Silent[0] != dead || v.NAT != neighbors.NATUnknown {
		t.Errorf("%+v", v)
	}
	b.run(5 * time.Minute)
	if notices() != 1 {
		t.Errorf("told %d times", notices())
	}
	carol := b.join("carol")
	carol.add("bob")
	b.run(2 * time.Second)
	if failed := all[neighbors.Failed](carol); len(failed) != 1 || !strings.Contains(failed[0].Text, "-sip") {
		t.Errorf("who named none is told %v", failed)
	}
}

// A seed that answers is not called silent, and if it goes later it is told of like everybody else.
func TestSeedThatAnswersIsNotSilent(t *testing.T) {
	b := newBed(t, 832, simnet.Profile{Delay: 300 * time.Millisecond})
	s := b.seedNode()
	ann := b.join("ann", named(s.addr.String()))
	b.run(20 * time.Second)
	s.kill()
	b.run(time.Minute)
	if v := ann.node.Net(); len(v.Silent) != 1 || count[neighbors.WentOffline](ann) != 1 || count[neighbors.Notice](ann) != 0 {
		t.Errorf("%v is silent, and ann saw %v", v.Silent, ann.lines())
	}
	s.start()
	b.until(2*time.Minute, "it is back", func() bool { return len(ann.node.Net().Silent) == 0 })
}

// One seed that sees us elsewhere than we are: there is a NAT, of a kind not known.
func TestOneSeedShowsThatThereIsANAT(t *testing.T) {
	for _, byHand := range []bool{false, true} {
		b := newBed(t, 833, simnet.Profile{Delay: 10 * time.Millisecond})
		s := b.seedNode()
		ann, _ := b.behind("ann", simnet.Restricted)
		if byHand {
			ann.meet(s)
			do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, s.name) })
		} else {
			ann.sources = []neighbors.Source{named(s.addr.String())}
			ann.start()
		}
		b.until(20*time.Second, "the seed has told", func() bool { return len(ann.node.Net().Observed) > 0 })
		if v := ann.node.Net(); v.NAT != neighbors.NATSome || v.Observed[0].Addr() == ann.addr.Addr() {
			t.Errorf("by hand %v: %v at %v", byHand, v.NAT, v.Observed)
		}
	}
}
