package neighbors_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// communities joins people who know nearly everybody of their own community, and of each
// other community one or two people.
func communities(t *testing.T, seed uint64, p simnet.Profile, number, size int) *village {
	v := &village{bed: newBed(t, seed, p)}
	rng := rand.New(rand.NewPCG(seed, 9))
	for range number * size {
		v.join("p" + string(rune('a'+len(v.nodes)/26)) + string(rune('a'+len(v.nodes)%26)))
	}
	for c := range number {
		for i := range size {
			for j := range i {
				if rng.IntN(10) < 5 || j == i-1 {
					v.befriend(c*size+i, c*size+j)
				}
			}
		}
		v.befriend(c*size, (c+1)%number*size+1)
		v.befriend(c*size+rng.IntN(size-1)+1, (c+2)%number*size+2)
	}
	return v
}

// tally counts what datagrams carried, as their receivers opened them.
type tally struct{ explode, passed, online, other int }

func (c *tally) watch(v *village) {
	v.opened = func(_ *person, o dgram.Opened) {
		line := o.Summary()
		switch {
		case strings.Contains(line, "explode") && strings.Contains(line, " by="):
			c.passed++
		case strings.Contains(line, "explode"):
			c.explode++
		case strings.Contains(line, "declareOnline") && strings.Contains(line, "record="):
			c.online++
		default:
			c.other++
		}
	}
}

// \explode costs at most n1 + 2 x n2 datagrams with the record, reaches all within two
// edges, and draws no storm of answers (paper, 2.2: n^2 of each).
func TestPaperExplodeIsCheap(t *testing.T) {
	v := communities(t, 41, simnet.Profile{Delay: 5 * time.Millisecond}, 5, 12)
	v.until(20*time.Second, "all know all within two edges", v.knowAll)
	v.run(20 * time.Second)
	for _, i := range []int{0, 4, 13, 26, 59} {
		v.run(2 * time.Minute)
		one, two := v.within(i)
		p := v.nodes[i]
		var c tally
		c.watch(v)
		p.screen = nil
		do(p, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Explode(now) })
		v.run(1500 * time.Millisecond)
		v.opened = nil
		e := all[neighbors.Exploded](p)
		if len(e) != 1 || e[0].Neighbors != len(one) || e[0].Reached != len(one) || e[0].Beyond != len(two) || len(e[0].Silent) != 0 {
			t.Errorf("%d neighbours, %d beyond; it says %+v", len(one), len(two), e)
		}
		most := len(one) + 2*len(two)
		if records := c.explode + c.passed + c.online; records > most || records < len(one)+len(two) || e[0].Datagrams != records {
			t.Errorf("n1 %d, n2 %d: %+v are more than %d datagrams with the record; it says %d", len(one), len(two), c, most, e[0].Datagrams)
		}
		t.Logf("n1 %d, n2 %d: %+v of at most %d; acks, answers and all else beside it %d", len(one), len(two), c, most, c.other)
		if c.other > 4*most+40 { // acks, and what goes on anyway
			t.Errorf("a storm: %+v", c)
		}
		if _, err := p.node.Explode(v.now); err == nil || !strings.Contains(err.Error(), "wait ") {
			t.Errorf("a second one at once: %v", err)
		}
	}
}

// A hundred who explode at once delay no text by more than a second, not even of those
// that are typed in the same moment.
func TestTextsPassExplosions(t *testing.T) {
	v := communities(t, 42, simnet.Profile{Delay: 5 * time.Millisecond}, 10, 10)
	v.until(20*time.Second, "all know all within two edges", v.knowAll)
	v.run(20 * time.Second)
	for i, p := range v.nodes {
		do(p, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Explode(now) })
		one, _ := v.within(i)
		p.say(v.nodes[one[0]].name, "in the middle of it")
	}
	read := func() bool {
		for i, p := range v.nodes {
			one, _ := v.within(i)
			if got := v.nodes[one[0]].texts(); !slices.Contains(got, "in the middle of it") || p.last().State != neighbors.Delivered {
				return false
			}
		}
		return true
	}
	began := v.now
	v.until(time.Second, "all texts are read and acknowledged", read)
	t.Logf("%d texts read and acknowledged after %v", len(v.nodes), v.now.Sub(began))
	for i := range 10 {
		p := v.nodes[10*i]
		p.say(v.nodes[10*i+1].name, "a moment later")
		v.until(time.Second, "a text to a neighbour", func() bool { return slices.Contains(v.nodes[10*i+1].texts(), "a moment later") })
	}
}

// With relays that have just died and loss, all whom a living relay was to tell still hear
// of it: each target has two where it can.
func TestPaperExplodeWithDeadRelays(t *testing.T) {
	v := communities(t, 43, simnet.Profile{Delay: 5 * time.Millisecond}, 3, 9)
	v.until(20*time.Second, "all know all within two edges", v.knowAll)
	v.run(20 * time.Second)
	v.net.SetProfile(simnet.Profile{Delay: 5 * time.Millisecond, Loss: 0.05})
	one, two := v.within(0)
	v.nodes[one[0]].kill()
	heard := map[*person]bool{}
	v.opened = func(to *person, o dgram.Opened) {
		if strings.Contains(o.Summary(), "explode") {
			heard[to] = true
		}
	}
	do(v.nodes[0], func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Explode(now) })
	v.until(3*time.Second, "it ends", func() bool { return count[neighbors.Exploded](v.nodes[0]) == 1 })
	v.run(3 * time.Second)
	e := all[neighbors.Exploded](v.nodes[0])[0]
	reached := 0
	for _, j := range two {
		if heard[v.nodes[j]] {
			reached++
		}
	}
	if reached < e.Beyond || e.Reached >= len(one) || !slices.Contains(e.Silent, v.nodes[one[0]].name) {
		t.Errorf("%d of %d beyond heard of it; it says %+v", reached, len(two), e)
	}
	missed := 0
	for _, j := range two {
		alone := slices.ContainsFunc(v.edges, func(e [2]int) bool { return e == [2]int{one[0], j} || e == [2]int{j, one[0]} })
		if !heard[v.nodes[j]] && !alone {
			missed++
		}
	}
	if missed > 0 {
		t.Errorf("%d of %d did not hear of it", missed, len(two))
	}
}
