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
	"darkchat/sessions"
)

// The paper of 2010 as tests: one for each sentence of its sections 2 to 4, and of its
// conclusion, that says how a network of nodes behaves. Its flags (2.1) are tested in
// cmd/darkchat, its macros (2.2, figure 2) in package shell.

func paperWeather() simnet.Profile { return simnet.Profile{Delay: 5 * time.Millisecond} }

func (p *person) believes(of *person) neighbors.State {
	s, _ := p.node.Believes(sessions.SessionID(of.id()))
	return s
}

// 2: "With the inclusion of a simple flag, a client can function as a server with very
// few implementation changes." "It has no additional logic": the server is a neighbour
// that one can write to.
func TestPaperServerIsAClientWithAFlag(t *testing.T) {
	b := newBed(t, 1001, paperWeather())
	seed, ann := b.seedNode(), b.join("ann")
	ann.meet(seed)
	ann.say("seed", "hello")
	b.until(time.Second, "the server's user reads it", func() bool { return len(seed.texts()) == 1 })
	seed.say("ann", "and back")
	b.until(time.Second, "ann reads the server's user", func() bool { return len(ann.texts()) == 1 })
}

// 2: "Once the network is fully operational, the server is not needed, as long as enough
// clients remain online that one cluster of edges does not become separated from any
// other."
func TestPaperServerIsNotNeededOnceRunning(t *testing.T) {
	v := &village{bed: newBed(t, 1002, paperWeather())}
	seed := v.seedNode()
	ann, bob, cat := v.join("ann"), v.join("bob"), v.join("cat")
	for _, p := range []*person{ann, bob, cat} {
		p.meet(seed)
	}
	ann.add("bob")
	bob.add("cat")
	v.until(5*time.Second, "ann and bob, bob and cat are joined", func() bool { return ann.sees("bob") && bob.sees("cat") })
	bob.say("ann", "hello")
	v.run(2 * time.Second)
	seed.kill()
	v.run(time.Minute)
	ann.say("bob", "without it")
	v.until(time.Second, "they write on", func() bool { return len(bob.texts()) == 1 })
	ann.screen = nil
	ann.add("cat")
	v.until(5*time.Second, "a neighbour does what the server did", func() bool { return ann.sees("cat") })
}

// 2.2: "Once a connection has been made, information about offline and online users should
// propagate across the network and to the client."
func TestPaperInformationPropagates(t *testing.T) {
	v := &village{bed: newBed(t, 1003, paperWeather())}
	for _, name := range []string{"ann", "hub", "on", "off"} {
		v.join(name)
	}
	ann, on, off := v.nodes[0], v.nodes[2], v.nodes[3]
	v.befriend(1, 2)
	v.befriend(1, 3)
	off.kill()
	v.run(20 * time.Second)
	v.befriend(0, 1)
	v.until(2*time.Second, "ann knows both", func() bool {
		return ann.believes(on) == neighbors.Online && ann.believes(off) == neighbors.Offline
	})
	var names []string
	for _, u := range ann.node.Users(neighbors.FilterAll) {
		names = append(names, u.Name+" "+string(u.State))
	}
	if got := strings.Join(names, ", "); got != "hub online, off offline, on online" {
		t.Errorf("\\users lists %s", got)
	}
}

// 2.2: "Any line of text ... will be sent to all online sessions associated with the
// receiver's username", and its footnote 2, solved: to one session alone.
func TestPaperAllOnlineSessions(t *testing.T) {
	b := newBed(t, 1004, paperWeather())
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	other, third := bob.second(), bob.second()
	other.meet(ann)
	third.meet(ann)
	third.kill()
	b.run(20 * time.Second)
	ann.say("bob", "to all")
	b.until(2*time.Second, "both have it", func() bool { d := ann.last(); return d.Acked == 2 && d.Sessions == 2 })
	ann.say("bob/"+other.node.Self().Session, "to one")
	b.run(2 * time.Second)
	if got, alone := bob.texts(), other.texts(); len(got) != 1 || len(alone) != 2 {
		t.Errorf("the one was shown %q, the other %q", got, alone)
	}
}

// 2.2: explode "attempts to broadcast and propagate its IP address to all adjacent nodes":
// who moved and whose old address is of no use is known at the new one within two edges.
func TestPaperExplodeSpreadsAnAddress(t *testing.T) {
	v := newVillage(t, 1005, paperWeather(), 8, 1)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	p := v.nodes[2]
	_, two := v.within(2)
	old := p.addr
	p.addr = movedFrom(p)
	p.node.SetSurroundings(v.now, neighbors.Surroundings{Listen: []netip.AddrPort{p.addr}})
	p.turn()
	v.run(3 * time.Second)
	do(p, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Explode(now) })
	v.run(3 * time.Second)
	for _, j := range two {
		for _, u := range v.nodes[j].node.Users(neighbors.FilterAll) {
			if u.Name == p.name && u.State != neighbors.Online {
				t.Errorf("%s does not know %s, who moved from %s", v.nodes[j].name, p.name, old)
			}
		}
	}
}

// 3.1: "Each node must keep track of all nodes that are within two edge traversals", and
// of nobody else.
func TestPaperTwoEdgeTraversals(t *testing.T) {
	v := newVillage(t, 1006, paperWeather(), 9, 1)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	v.run(20 * time.Second)
	for i, p := range v.nodes {
		one, two := v.within(i)
		for j, q := range v.nodes {
			_, known := q.node.Believes(sessions.SessionID(p.id()))
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
		p.node.SetSurroundings(v.now, neighbors.Surroundings{Listen: []netip.AddrPort{p.addr}})
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
// server": whoever has neighbours sends it nothing but signs of life.
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

// 3.2: "Even offline nodes are remembered ... this information can be used to jump-start
// the connectivity of the network without invoking the central server."
func TestPaperMemoryJumpStarts(t *testing.T) {
	v := newVillage(t, 1011, paperWeather(), 10, 2)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	v.run(time.Minute)
	for _, p := range v.nodes {
		p.kill()
	}
	v.run(time.Hour)
	for _, p := range v.nodes {
		p.start()
		v.run(time.Second)
	}
	v.until(10*time.Second, "the network is there again", v.knowAll)
}

// 3.2: "We prune the list of sessions on demand to a desired length, favoring online
// sessions (however many) over those that are offline."
func TestPaperPruningFavoursOnline(t *testing.T) {
	b := newBed(t, 1012, paperWeather())
	ann := b.join("ann")
	for i := range 6 {
		p := b.join("p" + string(rune('a'+i)))
		p.meet(ann) // nobody's act of ann's: she pins none of them
		if i < 3 {
			p.leave()
		}
	}
	if n := ann.node.Prune(b.now, 1); n < 3 {
		t.Errorf("%d were forgotten", n)
	}
	for i, name := range []string{"pa", "pb", "pc", "pd", "pe", "pf"} {
		if _, err := ann.node.Sessions(name); (err == nil) != (i >= 3) {
			t.Errorf("%s kept: %v; online: %v", name, err == nil, i >= 3)
		}
	}
}

// 3.3, figure 4: the five messages are what nodes say to each other.
func TestPaperMessageTypes(t *testing.T) {
	v := newVillage(t, 1013, paperWeather(), 5, 1)
	said := map[string]bool{}
	v.opened = func(_ *person, o dgram.Opened) {
		for _, kind := range []string{"declareOnline", "declareOffline", "requestPing", "requestUserList", "deliverKnownList"} {
			if strings.Contains(o.Summary(), kind) {
				said[kind] = true
			}
		}
	}
	v.befriend(0, 2)
	do(v.nodes[1], func(now time.Time, n *neighbors.Node) (bool, error) { return n.Away(now, true) })
	v.run(20 * time.Second)
	v.nodes[3].leave()
	if len(said) != 5 {
		t.Errorf("said: %v", said)
	}
}

// 4: "DarkChat has the useful property of running serverless even when the server is
// available": not one byte of a conversation goes by it.
func TestPaperServerlessWithAServer(t *testing.T) {
	b := newBed(t, 1014, paperWeather())
	seed, ann, bob := b.seedNode(), b.join("ann"), b.join("bob")
	ann.meet(seed)
	bob.meet(seed)
	ann.add("bob")
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
