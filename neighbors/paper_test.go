package neighbors_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// The paper of 2010 as tests: one for each sentence of its sections 2 to 4, and of its
// conclusion, that says how a network of nodes behaves. Its flags (2.1) are tested in
// cmd/darkchat, its macros (2.2, figure 2) in package shell.

func paperWeather() simnet.Profile { return simnet.Profile{Delay: 5 * time.Millisecond} }

func (p *person) believes(of *person) neighbors.State {
	s, _ := p.node.Believes(identity.SessionID(of.id()))
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
	ann.befriends(bob)
	bob.befriends(cat)
	v.until(5*time.Second, "ann and bob, bob and cat are joined", func() bool { return ann.sees("bob") && bob.sees("cat") })
	bob.say("ann", "hello")
	v.run(2 * time.Second)
	seed.kill()
	v.run(time.Minute)
	ann.say("bob", "without it")
	v.until(time.Second, "they write on", func() bool { return len(bob.texts()) == 1 })
	ann.screen = nil
	ann.befriends(cat)
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
// a node that moved, and whose old address is useless, is known at the new one within two edges.
func TestPaperExplodeSpreadsAnAddress(t *testing.T) {
	v := newVillage(t, 1005, paperWeather(), 8, 1)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	p := v.nodes[2]
	_, two := v.within(2)
	old := p.addr
	p.addr = movedFrom(p)
	p.node.SetLocalNetwork(v.now, neighbors.LocalNetwork{Listen: []netip.AddrPort{p.addr}})
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

// 2.1: "Before a network is formed, a server may be necessary to provide a seed for the
// network topology." Two who know nobody but a seed find each other by \add, and go on
// without it.
func TestPaperSeedBeginsTheTopology(t *testing.T) {
	b := newBed(t, 20, simnet.Profile{Delay: 10 * time.Millisecond})
	seed, ann, bob := b.seedNode(), b.join("ann"), b.join("bob")
	ann.meet(seed)
	bob.meet(seed)
	if ann.sees("bob") {
		t.Fatal("the seed joined everybody to everybody")
	}
	ann.befriends(bob)
	b.until(3*time.Second, "bob is added", func() bool { return count[neighbors.Done](ann) == 1 })
	var online, done int
	for i, e := range ann.screen {
		switch e := e.(type) {
		case neighbors.CameOnline:
			if e.User == "bob" {
				online = i
			}
		case neighbors.Done:
			done = i
		}
	}
	if online == 0 || online > done {
		t.Fatal("online must come before the end of \\add")
	}
	seed.kill()
	ann.say("bob", "without the seed")
	b.until(3*time.Second, "bob reads it", func() bool { return len(bob.texts()) == 1 })
}

// 2.2, figure 2: explode asks "every adjacent node to notify every adjacent node that this
// user is online at this address", once; a second one says how long to wait.
func TestPaperExplode(t *testing.T) {
	b := newBed(t, 23, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, hub, carol := b.join("ann"), b.join("hub"), b.join("carol")
	hub.meet(ann)
	hub.meet(carol)
	carol.say("hub", "hello")
	do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Explode(now) })
	b.until(5*time.Second, "it ends", func() bool { return count[neighbors.Exploded](ann) == 1 })
	if x := all[neighbors.Exploded](ann)[0]; x.Neighbors != 1 || x.Reached != 1 {
		t.Fatalf("cost %+v", x)
	}
	b.until(time.Second, "carol knows ann", func() bool { _, err := carol.node.Sessions("ann"); return err == nil })
	if _, err := ann.node.Explode(b.now); err == nil || !strings.Contains(err.Error(), "wait") {
		t.Fatalf("a second one: %v", err)
	}
}

// 2.2, figure 2: quit leaves "the program gracefully": declareOffline (figure 4) moves that
// one session offline at once; the fault of the 2010 program was that it stayed online.
func TestPaperQuitIsGraceful(t *testing.T) {
	b := newBed(t, 3, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.node.Leave(b.now)
	bob.turn()
	b.until(100*time.Millisecond, "ann is told", func() bool { return count[neighbors.WentOffline](ann) == 1 })
	if w := all[neighbors.WentOffline](ann)[0]; w.Reason != neighbors.ReasonDeclared {
		t.Fatalf("reason %s", w.Reason)
	}
	b.until(100*time.Millisecond, "bob may go", bob.node.Left)
	if ann.sees("bob") {
		t.Fatal("ann still sees bob")
	}
}

// 2: "The only purpose of the server is to act as a secondary or backup repository for
// storing information about the network": a node that has lost all memory finds its people there.
func TestPaperServerIsABackupRepository(t *testing.T) {
	b := newBed(t, 1020, paperWeather())
	seed, ann, bob := b.seedNode(), b.join("ann"), b.join("bob")
	ann.meet(seed)
	bob.meet(seed)
	ann.befriends(bob)
	b.until(3*time.Second, "they are joined", func() bool { return ann.sees("bob") && bob.sees("ann") })
	ann.leave()
	bob.addr = movedFrom(bob)
	bob.kill()
	bob.start()
	b.run(time.Minute)
	ann.disk = map[string][]byte{}
	ann.start()
	if _, err := ann.node.Chat(b.now, "bob"); err == nil {
		t.Fatal("ann was to remember nothing")
	}
	ann.meet(seed)
	ann.screen = nil
	ann.add("bob")
	b.until(3*time.Second, "the server knows where bob is", func() bool { return count[neighbors.Done](ann) == 1 && ann.sees("bob") })
}

// 2.2: "The listed macros are made available before the client has necessarily made
// successful contact with a server or other clients, allowing one to use the ping macro to
// manually connect to another client or server."
func TestPaperMacrosBeforeAnyContact(t *testing.T) {
	b := newBed(t, 1021, paperWeather())
	ann := b.join("ann")
	for _, f := range []neighbors.Filter{neighbors.FilterAll, neighbors.FilterOnline, neighbors.FilterOffline} {
		if list := ann.node.Users(f); len(list) != 0 {
			t.Errorf("%s lists %v", f, list)
		}
	}
	if _, err := ann.node.Chat(b.now, "bob"); err == nil {
		t.Error("somebody never heard of can be written to")
	}
	if _, err := ann.node.Explode(b.now); err == nil || !strings.Contains(err.Error(), "\\ping") {
		t.Errorf("explode with nobody adjacent says %v", err)
	}
	ann.add("bob")
	b.until(neighbors.AddTimeout, "an add ends, and says what to do", func() bool {
		f := all[neighbors.Failed](ann)
		return len(f) == 1 && strings.Contains(f[0].Text, "\\ping")
	})
	bob, seed := b.join("bob"), b.seedNode()
	for _, p := range []*person{bob, seed} {
		ann.ping(p)
		b.until(time.Second, "ping connects to "+p.name, func() bool { return ann.sees(p.name) && p.sees("ann") })
	}
}

// 2.2: "The node would then get responses back, acquiring information": a node two edges away
// that knows the exploding one, and had lost it, answers by calling it. So "streamlined
// versions of explode can keep the topology regenerating without relying on the
// (potentially offline) central server".
func TestPaperExplodeRegenerates(t *testing.T) {
	v := &village{bed: newBed(t, 1026, paperWeather())}
	for _, name := range []string{"x", "c", "f"} {
		v.join(name)
	}
	x, c, f := v.nodes[0], v.nodes[1], v.nodes[2]
	v.befriend(0, 1)
	v.befriend(0, 2)
	v.befriend(1, 2)
	v.until(5*time.Second, "all know all", v.knowAll)
	x.kill()
	v.run(time.Minute)
	// x comes back elsewhere and remembers c alone.
	// What c would tell f of it is lost.
	x.addr, x.disk = movedFrom(x), map[string][]byte{}
	v.net.Cut(c.addr.Addr(), f.addr.Addr())
	x.start()
	x.meet(c)
	v.run(3 * time.Second)
	v.net.Heal(c.addr.Addr(), f.addr.Addr())
	v.run(time.Second)
	if x.sees("f") || !c.sees("f") {
		t.Fatal("f was not to know of it")
	}
	do(x, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Explode(now) })
	v.until(2*time.Second, "f has answered", func() bool { return x.sees("f") && f.sees("x") })
}
