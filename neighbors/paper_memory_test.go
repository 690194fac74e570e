package neighbors_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"darkchat/neighbors"
)

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
		p.meet(ann) // no act of ann's: it pins none of them
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

// 3.2: "While each node's online/offline status is stored at each linked node, even offline
// nodes are remembered in session variables and kept", here even by the next run.
func TestPaperOfflineAreRemembered(t *testing.T) {
	v := newVillage(t, 1028, paperWeather(), 4, 1)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	p := v.nodes[0]
	one, _ := v.within(0)
	p.leave()
	v.run(time.Hour)
	for _, j := range one {
		q := v.nodes[j]
		q.kill()
		q.start()
		v.run(5 * time.Second)
		offline := q.node.Users(neighbors.FilterOffline)
		if !slices.ContainsFunc(offline, func(u neighbors.UserView) bool {
			return u.Name == p.name && u.State == neighbors.Offline && len(u.Sessions) == 1 && u.Sessions[0].Addr == p.addr
		}) {
			t.Errorf("%s remembers of those who are offline %+v", q.name, offline)
		}
	}
}

// 3.2: "A balance has to be struck between iterating through (potentially useless) old
// addresses for nodes when attempting to reach them, and pruning the oldest away": four of
// a session are kept.
func TestPaperOldAddressesArePruned(t *testing.T) {
	b := newBed(t, 1029, paperWeather())
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.meet(ann)
	home := bob.addr
	var places []netip.AddrPort
	for i := range 7 {
		bob.kill()
		bob.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 19, byte(100 + i), 7}), 6789)
		places = append(places, bob.addr)
		b.run(time.Minute)
		bob.start()
		b.until(time.Minute, "they meet again", func() bool { return ann.sees("bob") })
	}
	bob.kill()
	b.run(time.Minute)
	clear(b.spent)
	b.run(3 * time.Hour)
	if n := b.spent[home.Addr()]; n > 0 {
		t.Errorf("the oldest address gets %d bytes", n)
	}
	for i, a := range places {
		if got := b.spent[a.Addr()]; (got > 0) != (i >= len(places)-4) {
			t.Errorf("place %d of %d gets %d bytes", i, len(places), got)
		}
	}
}
