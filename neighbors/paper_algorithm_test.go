package neighbors_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// 3.1: "Each node must keep track of all nodes that are within two edge traversals", and
// of nobody else.
func TestPaperTwoEdgeTraversals(t *testing.T) {
	v := newVillage(t, 1006, paperWeather(), 9, 1)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	v.run(20 * time.Second)
	for i, p := range v.nodes {
		one, two := v.within(i)
		for j, q := range v.nodes {
			_, known := q.node.Believes(identity.SessionID(p.id()))
			if near := i == j || slices.Contains(one, j) || slices.Contains(two, j); i != j && known != near {
				t.Errorf("%s knows %s: %v; within two edges: %v", q.name, p.name, known, near)
			}
		}
	}
}

// 3.1: "When a node changes state, it sends a notification to all nodes in its list of
// relevant nodes." Away, back, gone and there again.
func TestPaperChangeOfState(t *testing.T) {
	v := newVillage(t, 1007, paperWeather(), 8, 1)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	v.run(5 * time.Second)
	p := v.nodes[3]
	one, two := v.within(3)
	all := append(one, two...)
	id := p.id()
	for _, away := range []bool{true, false} {
		do(p, func(now time.Time, n *neighbors.Node) (bool, error) { return n.Away(now, away) })
		want := neighbors.Online
		if away {
			want = neighbors.Away
		}
		v.until(time.Second, "all within two edges know that it is "+string(want), func() bool { return v.believe(all, id, want) })
		v.run(time.Second)
	}
	p.leave()
	if !v.believe(all, id, neighbors.Offline) {
		t.Error("not all know that it left")
	}
	p.start()
	v.until(time.Second, "all know that it is there again", func() bool { return v.believe(all, id, neighbors.Online) })
}

// 3.1, figure 3 and footnote 6: "if nodes R and E have lost their connection to each
// other", because both have changed their addresses, "node C or node Q could facilitate
// the re-establishment of the connection".
func TestPaperCommonNeighbourReestablishes(t *testing.T) {
	v := &village{bed: newBed(t, 1008, paperWeather())}
	for _, name := range []string{"r", "e", "c"} {
		v.join(name)
	}
	r, e := v.nodes[0], v.nodes[1]
	v.befriend(0, 1)
	v.befriend(0, 2)
	v.befriend(1, 2)
	v.until(5*time.Second, "all know all", v.knowAll)
	for _, p := range []*person{r, e} {
		p.addr = movedFrom(p)
		p.node.SetLocalNetwork(v.now, neighbors.LocalNetwork{Listen: []netip.AddrPort{p.addr}})
		p.turn()
	}
	r.say("e", "where are you?")
	v.until(10*time.Second, "the text finds e", func() bool { return len(e.texts()) == 1 })
	if count[neighbors.WentOffline](r)+count[neighbors.WentOffline](e) > 0 {
		t.Error("they called each other lost")
	}
}

// 3.1, footnote 7: "Of two nodes, only one need know the other's location for a connection
// to be established. In sending a message to node R, node E necessarily reveals its
// location."
func TestPaperSenderRevealsItsLocation(t *testing.T) {
	b := newBed(t, 1009, paperWeather())
	r, e := b.join("r"), b.join("e")
	r.meet(e)
	b.run(3 * time.Second)
	e.addr = movedFrom(e) // and nobody tells e's node
	e.say("r", "from here")
	b.until(2*time.Second, "r reads it", func() bool { return len(r.texts()) == 1 })
	r.say("e", "I see you")
	b.until(2*time.Second, "e reads the answer at its new address", func() bool { return len(e.texts()) == 1 })
}

// 3.1: "Only in cases where nodes are completely stranded would nodes need to poll the
// server": a node that has neighbours sends it only signs of life.
func TestPaperOnlyTheStrandedPollTheServer(t *testing.T) {
	v := &village{bed: newBed(t, 1010, paperWeather())}
	seed := v.seedNode()
	ann, bob := v.join("ann"), v.join("bob")
	for _, p := range []*person{ann, bob} {
		p.meet(seed)
	}
	ann.meet(bob)
	v.run(time.Minute)
	asked := 0
	v.opened = func(to *person, o dgram.Opened) {
		if to == seed && (strings.Contains(o.Summary(), "find") || strings.Contains(o.Summary(), "UserList")) {
			asked++
		}
	}
	v.run(10 * time.Minute)
	if asked > 0 {
		t.Errorf("the server was asked %d times", asked)
	}
}

// 3.1: the same if neither was running in between: a common neighbour joins them as soon as one of
// them comes back elsewhere.
func TestPaperCommonNeighbourJoinsTheLost(t *testing.T) {
	b := newBed(t, 22, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob, carol := b.join("ann"), b.join("bob"), b.join("carol")
	ann.meet(bob)
	ann.say("bob", "first")
	bob.say("ann", "first")
	ann.meet(carol)
	bob.meet(carol)
	for _, p := range []*person{ann, bob} { // carol knows both, and both know carol
		do(carol, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, p.name) })
	}
	b.run(2 * time.Second)
	bob.kill()
	ann.kill()
	b.run(30 * time.Second)
	// Both have new addresses: nobody but carol can tell them.
	bob.addr = movedFrom(bob)
	ann.addr = movedFrom(ann)
	bob.start()
	ann.start()
	b.until(time.Minute, "they see each other", func() bool { return ann.sees("bob") && bob.sees("ann") })
}

// 3.1: the notifications are in time: after a join, a leave and a crash all within two
// edges know it.
func TestPaperTwoEdgesKnow(t *testing.T) {
	for _, loss := range []float64{0, 0.05} {
		v := newVillage(t, 11, simnet.Profile{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond}, 16, 2)
		v.until(10*time.Second, "all know all within two edges", v.knowAll)
		v.net.SetProfile(simnet.Profile{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: loss})
		one, two := v.within(3)
		all := append(slices.Clone(one), two...)
		p := v.nodes[3]
		id := p.id()
		v.run(30 * time.Second)

		p.kill()
		began := v.now
		v.until(8*time.Second, "the crash is known within two edges", func() bool {
			return v.believe(all, id, neighbors.Offline)
		})
		t.Logf("loss %.2f: crash known after %v", loss, v.now.Sub(began))

		p.start()
		began = v.now
		v.until(5*time.Second, "the return is known within two edges", func() bool {
			return v.believe(all, id, neighbors.Online)
		})
		t.Logf("loss %.2f: join known after %v", loss, v.now.Sub(began))
		v.run(10 * time.Second)

		p.node.Leave(v.now)
		p.turn()
		began = v.now
		v.until(2*time.Second, "the leave is known within two edges", func() bool {
			return v.believe(all, id, neighbors.Offline)
		})
		t.Logf("loss %.2f: leave known after %v", loss, v.now.Sub(began))
	}
}

// 3.1: "Each edge represents a direct, two-way association between two clients": the one that was
// called has the edge too.
func TestPaperEdgesAreTwoWay(t *testing.T) {
	b := newBed(t, 1023, paperWeather())
	ann, bob := b.join("ann"), b.join("bob")
	ann.ping(bob)
	b.until(time.Second, "both see each other", func() bool { return ann.sees("bob") && bob.sees("ann") })
	bob.say("ann", "from who was called")
	b.until(time.Second, "ann reads it", func() bool { return len(ann.texts()) == 1 })
}

// 3.1: "In a serverless setting this node simply has server-like capabilities, by nature of
// its close connection to many other nodes": a node connected to two others joins them.
func TestPaperServerLikeByConnections(t *testing.T) {
	b := newBed(t, 1024, paperWeather())
	hub := b.join("c")
	var all []*person
	for i := range 6 {
		p := b.join(string(rune('p' + i)))
		p.meet(hub)
		all = append(all, p)
	}
	for _, p := range all {
		do(hub, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, p.name) })
	}
	all[0].befriends(all[5])
	b.until(2*time.Second, "they are joined", func() bool { return all[0].sees(all[5].name) && all[5].sees(all[0].name) })
}

// 3.1: "In this way, a server-free graph can maintain robust and redundant connections
// between nodes": with the best connected one dead, all others go on.
func TestPaperServerFreeIsRobust(t *testing.T) {
	v := newVillage(t, 1025, paperWeather(), 9, 1)
	v.join("hub")
	for i := range 9 {
		v.befriend(9, i)
	}
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	v.run(20 * time.Second)
	v.nodes[9].kill()
	v.run(2 * time.Minute)
	v.edges = slices.DeleteFunc(v.edges, func(e [2]int) bool { return e[0] == 9 || e[1] == 9 })
	if !v.knowAll() {
		t.Error("not all know all within two edges of them")
	}
	for i, p := range v.nodes[:9] {
		q := v.nodes[(i+1)%9]
		p.say(q.name, "all the same")
		v.until(time.Second, "they write on", func() bool { return len(q.texts()) == 1 })
	}
}

// 3.1: the other half of "only in cases where nodes are completely stranded": those that are get help
// from the server.
func TestPaperTheStrandedPollTheServer(t *testing.T) {
	b := newBed(t, 1026, paperWeather())
	seed, ann, bob := b.seedNode(), b.join("ann"), b.join("bob")
	ann.meet(seed)
	bob.meet(seed)
	ann.meet(bob)
	ann.say("bob", "hello")
	bob.say("ann", "hello")
	b.run(2 * time.Second)
	ann.kill()
	bob.kill()
	b.run(time.Minute)
	ann.addr, bob.addr = movedFrom(ann), movedFrom(bob)
	ann.start()
	bob.start()
	b.until(20*time.Second, "they see each other again", func() bool { return ann.sees("bob") && bob.sees("ann") })
}

// 3.1: "The more interconnected the clusters of nodes, the healthier the network stays as
// individual nodes come and go": two who both moved find each other where others know
// both, and do not where the only ones between them have gone.
func TestPaperInterconnectedIsHealthier(t *testing.T) {
	healed := map[int]bool{}
	for _, reach := range []int{1, 3} {
		v := newVillage(t, 1027, paperWeather(), 12, reach)
		v.until(20*time.Second, "all know all within two edges", v.knowAll)
		a, b := v.nodes[2], v.nodes[3]
		v.nodes[1].kill()
		v.nodes[4].kill()
		for _, p := range []*person{a, b} {
			p.kill()
			p.addr = movedFrom(p)
		}
		v.run(time.Minute)
		a.start()
		b.start()
		v.run(2 * time.Minute)
		healed[reach] = a.sees(b.name) && b.sees(a.name)
	}
	if healed[1] || !healed[3] {
		t.Errorf("healed by neighbours on each side: %v", healed)
	}
}
