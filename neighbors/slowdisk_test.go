package neighbors_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// A line leaves, and is reported as queued or sent, only when it is on the disk, even if its reader comes,
// or an ack makes room, while it is being written, and even to a friend who is to keep it. (The bed
// checks each event.)
func TestNothingLeavesBeforeItIsWritten(t *testing.T) {
	for wait := time.Duration(0); wait < 60*time.Millisecond; wait += 2 * time.Millisecond {
		b := newBed(t, 80, simnet.Profile{Delay: 5 * time.Millisecond})
		ann, bob := b.join("ann"), b.join("bob")
		ann.meet(bob)
		bob.kill()
		b.run(30 * time.Second)
		ann.slow = func() time.Duration { return 40 * time.Millisecond }
		bob.start()
		b.run(wait)
		ann.say("bob", "one")
		b.run(7 * time.Millisecond)
		ann.say("bob", "two")
		b.until(time.Minute, "both arrive", func() bool { return len(ann.node.Outbox()) == 0 })
		if got := bob.texts(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("after %v: bob reads %q", wait, got)
		}
		if states := states(ann); !forward(states) {
			t.Errorf("after %v: ann is told %v", wait, states)
		}
	}
}

// A node killed while its disk is slow has lost nothing that its person was told of, or that
// somebody read, and each line is where the person was told it is.
func TestKilledWhileTheDiskIsSlow(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	for round := range rounds {
		seed := uint64(8100 + round)
		b := newBed(t, seed, simnet.Profile{
			Loss: 0.2, Duplicate: 0.1, Reorder: 0.2, Delay: 5 * time.Millisecond, Jitter: 10 * time.Millisecond,
		})
		r := rand.New(rand.NewPCG(seed, 1))
		ann, bob, carol := b.join("ann"), b.join("bob"), b.join("carol") // carol may keep copies
		ann.meet(bob)
		ann.meet(carol)
		bob.meet(carol)
		for _, p := range []*person{ann, bob, carol} {
			p.slow = func() time.Duration { return time.Duration(r.IntN(40)) * time.Millisecond }
		}
		for i := range 60 {
			ann.say("bob", fmt.Sprint("a", i))
			bob.say("ann", fmt.Sprint("b", i))
			b.run(time.Duration(r.IntN(60)) * time.Millisecond)
			if r.IntN(5) == 0 {
				p := []*person{ann, bob}[r.IntN(2)]
				p.kill()
				b.run(time.Duration(r.IntN(20*r.IntN(2000)+1)) * time.Millisecond)
				p.start()
				b.run(time.Duration(r.IntN(100)) * time.Millisecond)
			}
		}
		b.until(20*time.Minute, "all arrive", func() bool { return len(ann.node.Outbox())+len(bob.node.Outbox()) == 0 })
		b.run(time.Minute)
		for i, from := range []*person{ann, bob} {
			to := []*person{bob, ann}[i]
			if !forward(states(from)) {
				t.Errorf("seed %d: %s is told %v", seed, from.name, states(from))
			}
			_, typed := from.history()
			if came := len(unique(to)); came != typed || came < 30 {
				t.Errorf("seed %d: %s read %d lines, the history of %s has %d", seed, to.name, came, from.name, typed)
			}
			last := -1
			for _, text := range unique(to) {
				n := 0
				if _, err := fmt.Sscanf(text[1:], "%d", &n); err != nil || n <= last {
					t.Errorf("seed %d: %s read %q after %d", seed, to.name, text, last)
				}
				last = n
			}
		}
	}
}

// states is what a person was told of each of their lines, in order.
func states(p *person) map[uint64][]neighbors.DeliveryState {
	told := map[uint64][]neighbors.DeliveryState{}
	for _, d := range all[neighbors.Delivery](p) {
		told[d.ID] = append(told[d.ID], d.State)
	}
	return told
}

// forward says whether no line went back.
func forward(told map[uint64][]neighbors.DeliveryState) bool {
	order := []neighbors.DeliveryState{neighbors.Queued, neighbors.Sent, neighbors.Held, neighbors.Delivered}
	for _, list := range told {
		if !slices.IsSortedFunc(list, func(a, b neighbors.DeliveryState) int { return slices.Index(order, a) - slices.Index(order, b) }) {
			return false
		}
	}
	return true
}

// Copies are sealed to a key that is on its owner's disk: any other would be lost with the
// process.
func TestHoldKeyIsWrittenBeforeItIsPublished(t *testing.T) {
	for _, slow := range []bool{true, false} {
		v, ann, bob, _ := triangle(t, 82, simnet.Profile{Delay: 5 * time.Millisecond})
		bob.kill()
		bob.disk = map[string][]byte{} // no key, and nobody in memory
		if slow {
			bob.slow = func() time.Duration { return time.Hour }
		}
		bob.start()
		v.until(time.Minute, "bob is found", func() bool { return ann.sees(bob.name) })
		v.run(10 * time.Second)
		bob.kill()
		v.run(30 * time.Second)
		ann.say(bob.name, "for later")
		v.run(time.Minute)
		if held := ann.last().State == neighbors.Held; held == slow {
			t.Errorf("slow disk %v: held %v", slow, held)
		}
	}
}
