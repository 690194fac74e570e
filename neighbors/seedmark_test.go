package neighbors_test

import (
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// A seed is marked as a seed when it comes, when it goes, and in the list of users; a person is not.
func TestSeedIsToldAsOne(t *testing.T) {
	b := newBed(t, 62, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob, rock := b.join("ann"), b.join("bob"), b.join("rock")
	rock.seed = true
	rock.start()
	ann.meet(bob)
	ann.meet(rock)
	rock.leave()
	bob.leave()
	b.run(5 * time.Second)
	came, went, new := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, e := range ann.screen {
		switch e := e.(type) {
		case neighbors.CameOnline:
			came[e.User] = e.Seed
		case neighbors.WentOffline:
			went[e.User] = e.Seed
		case neighbors.FirstContact:
			new[e.User] = e.Seed
		}
	}
	listed := map[string]bool{}
	for _, u := range ann.node.Users(neighbors.FilterAll) {
		listed[u.Name] = u.Seed
	}
	for what, marks := range map[string]map[string]bool{"came": came, "went": went, "new": new, "listed": listed} {
		if seed, ok := marks["rock"]; !ok || !seed {
			t.Errorf("%s: the seed is no seed (%v)", what, marks)
		}
		if seed, ok := marks["bob"]; !ok || seed {
			t.Errorf("%s: bob is a seed, or missing (%v)", what, marks)
		}
	}
}
