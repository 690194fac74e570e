package neighbors_test

import (
	"slices"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// 4: "DarkChat has the useful property of running serverless even when the server is
// available": not one byte of a conversation goes by it.
func TestPaperServerlessWithAServer(t *testing.T) {
	b := newBed(t, 1014, paperWeather())
	seed, ann, bob := b.seedNode(), b.join("ann"), b.join("bob")
	ann.meet(seed)
	bob.meet(seed)
	ann.befriends(bob)
	b.until(2*time.Second, "they are joined", func() bool { return ann.sees("bob") && bob.sees("ann") })
	b.run(3 * time.Second)
	before := b.spent[seed.addr.Addr()]
	for range 20 {
		ann.say("bob", "a line of the conversation")
		b.run(100 * time.Millisecond)
	}
	if len(bob.texts()) != 20 {
		t.Fatalf("bob was shown %d", len(bob.texts()))
	}
	if got := b.spent[seed.addr.Addr()] - before; got > 400 { // signs of life
		t.Errorf("the server got %d bytes of it", got)
	}
}

// 6: "coordination amongst first responders in case of an emergency ... The network might
// fragment into disconnected pieces entirely, but each piece will still maintain its
// internal topography as intact as possible and continue to ping the missing users in
// case connectivity has been restored." And "getting any message through in any manner
// possible": who walks from one piece to another carries what waits for those there.
func TestPaperFirstResponders(t *testing.T) {
	v := newVillage(t, 1015, paperWeather(), 9, 4) // everybody knows everybody, no server
	v.until(20*time.Second, "all know all", v.knowAll)
	piece := func(i int) int { return i / 3 }
	place := make([]int, len(v.nodes))
	for i := range place {
		place[i] = piece(i)
	}
	apart := func() {
		for i, p := range v.nodes {
			for j, q := range v.nodes {
				if place[i] == place[j] {
					v.net.Heal(p.addr.Addr(), q.addr.Addr())
				} else {
					v.net.Cut(p.addr.Addr(), q.addr.Addr())
				}
			}
		}
	}
	apart()
	v.run(time.Minute)
	for i, p := range v.nodes {
		for j, q := range v.nodes {
			if i != j && p.sees(q.name) != (piece(i) == piece(j)) {
				t.Fatalf("%s sees %s: %v", p.name, q.name, p.sees(q.name))
			}
		}
		to := v.nodes[i/3*3+(i+1)%3]
		p.say(to.name, "within the piece")
		v.run(100 * time.Millisecond)
		if got := to.texts(); len(got) != 1 {
			t.Errorf("%s was shown %q", to.name, got)
		}
	}
	// p00 writes to p03, who is elsewhere; p02 walks there.
	v.nodes[0].say(v.nodes[3].name, "we need water")
	v.until(5*time.Second, "a friend carries it", func() bool { return v.nodes[0].last().State == neighbors.Held })
	place[1], place[2] = 1, 1
	apart()
	v.until(30*time.Second, "it is there", func() bool { return slices.Contains(v.nodes[3].texts(), "we need water") })
	// The pieces touch again.
	for i := range place {
		place[i] = 0
	}
	apart()
	v.until(10*time.Second, "one network again", v.knowAll)
	v.run(20 * time.Second)
	if n := len(slices.DeleteFunc(v.nodes[3].texts(), func(s string) bool { return s != "we need water" })); n != 1 {
		t.Errorf("it was shown %d times", n)
	}
}

// 6: a network of 30 that was in two pieces for ten minutes grows together within ten
// seconds, with no seed: everybody again knows all nodes within two edges, and lines typed in between
// arrive once.
func TestPaperPiecesGrowTogether(t *testing.T) {
	v := newVillage(t, 5, simnet.Profile{Delay: 5 * time.Millisecond}, 30, 2)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	part := func(do func(i, j int)) {
		for i := range 15 {
			for j := 15; j < 30; j++ {
				do(i, j)
			}
		}
	}
	part(func(i, j int) { v.net.Cut(v.nodes[i].addr.Addr(), v.nodes[j].addr.Addr()) })
	v.run(time.Minute)
	for i, p := range v.nodes {
		one, _ := v.within(i)
		for _, j := range one {
			if q := v.nodes[j]; (i < 15) != (j < 15) && p.sees(q.name) {
				t.Fatalf("%s still sees %s", p.name, q.name)
			} else if (i < 15) == (j < 15) && !p.sees(q.name) {
				t.Fatalf("%s does not see %s of its own piece", p.name, q.name)
			}
		}
	}
	v.nodes[13].say("p12", "on this side")
	v.nodes[13].say("p15", "to the other side")
	v.nodes[29].say("p01", "and back")
	v.run(9 * time.Minute)
	part(func(i, j int) { v.net.Heal(v.nodes[i].addr.Addr(), v.nodes[j].addr.Addr()) })
	began := v.now
	v.until(10*time.Second, "all know all within two edges again", v.knowAll)
	t.Logf("grown together after %v", v.now.Sub(began))
	v.run(10 * time.Second)
	for who, want := range map[int]string{12: "on this side", 15: "to the other side", 1: "and back"} {
		if got := v.nodes[who].texts(); len(got) != 1 || got[0] != want {
			t.Errorf("%s was shown %q", v.nodes[who].name, got)
		}
	}
}

// 4: "It saves bandwidth for the server by distributing the traffic workload to the
// clients": of a busy network the server, whom all know, gets less than half of what each
// client gets.
func TestPaperClientsCarryTheTraffic(t *testing.T) {
	v := newVillage(t, 1033, paperWeather(), 8, 2)
	seed := v.seedNode()
	for _, p := range v.nodes[:8] {
		p.meet(seed)
	}
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	v.run(time.Minute)
	clear(v.spent)
	for i := range 600 {
		v.nodes[i%8].say(v.nodes[(i+1)%8].name, "one of many lines")
		v.run(100 * time.Millisecond)
		if i%150 == 75 { // and somebody comes and goes
			v.nodes[4].leave()
			v.nodes[4].start()
		}
	}
	server := v.spent[seed.addr.Addr()]
	for _, p := range v.nodes[:8] {
		if got := v.spent[p.addr.Addr()]; server > got/2 {
			t.Errorf("the server gets %d bytes, %s %d", server, p.name, got)
		}
	}
}

// 4: "All failsafes, backups and system load are tested during regular uptime activity,
// instead of being put to the test only on system failure": when the server fails nothing
// changes for anybody.
func TestPaperServerFailsUnnoticed(t *testing.T) {
	v := newVillage(t, 1034, paperWeather(), 6, 1)
	seed := v.seedNode()
	for _, p := range v.nodes[:6] {
		p.meet(seed)
	}
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	for i := range 240 {
		if i == 60 {
			seed.kill()
		}
		p, q := v.nodes[i%6], v.nodes[(i+1)%6]
		before := len(q.texts())
		p.say(q.name, "a line")
		v.until(200*time.Millisecond, "it is read at once", func() bool { return len(q.texts()) > before })
		v.run(500 * time.Millisecond)
	}
	for _, p := range v.nodes[:6] {
		for _, w := range all[neighbors.WentOffline](p) {
			if w.User != "seed" {
				t.Errorf("%s lost %s", p.name, w.User)
			}
		}
	}
}
