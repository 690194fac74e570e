package dgram

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"darkchat/dgram/wire"
)

// checkCache fails if the cache is out of its bounds or its parts disagree.
func checkCache(t interface{ Fatalf(string, ...any) }, c *cache, alive map[*association]bool) {
	outsideBounds := c.probation.Len() > c.fresh() || c.protected.Len() > c.room-c.fresh()
	counted, members := 0, map[segment]int{}
	for _, list := range c.unproved {
		counted += len(list)
		if len(list) > maxUnprovedPrefix || len(list) == 0 {
			t.Fatalf("a crowd of %d", len(list))
		}
	}
	for a := range alive {
		members[a.segment]++
		if a.proof.counted != (crowd{}) {
			counted--
		}
	}
	if outsideBounds || counted != 0 || members[probation] != c.probation.Len() || members[protected] != c.protected.Len() || members[outside] != 0 {
		t.Fatalf("probation %d, protected %d of %d; members %v; counted too many: %d", c.probation.Len(), c.protected.Len(), c.room, members, counted)
	}
}

// TestCacheBounds: whatever happens, the bounds hold, and a pinned association stays.
func TestCacheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alive := map[*association]bool{}
		var order []*association
		c := newCache(rapid.IntRange(4, 40).Draw(t, "room"), func(a *association) {
			if a.segment == pinned || !alive[a] {
				t.Fatalf("evicted from segment %d", a.segment)
			}
			delete(alive, a)
		})
		for i := range rapid.IntRange(1, 300).Draw(t, "steps") {
			if len(order) == 0 || rapid.IntRange(0, 2).Draw(t, "new") > 0 {
				a := &association{local: uint32(i + 1)}
				a.path.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i % 2), byte(i % 12)}), 1)
				alive[a] = true
				order = append(order, a)
				c.add(a, crowdOf(a.path.to, i%5 == 0))
			} else if a := order[rapid.IntRange(0, len(order)-1).Draw(t, "which")]; alive[a] {
				switch rapid.IntRange(0, 4).Draw(t, "what") {
				case 0:
					c.confirmed(a)
				case 1:
					c.used(a, true)
				case 2:
					c.pin(a, true)
				case 3:
					c.pin(a, false)
				case 4:
					delete(alive, a)
					c.remove(a)
				}
			}
			checkCache(t, c, alive)
		}
	})
}

// TestFloodOfFreshKeys: a thousand strangers with valid keys from everywhere push
// out neither a neighbour nor whoever exchanges datagrams.
func TestFloodOfFreshKeys(t *testing.T) {
	w, friend, node := pair(t)
	node.config.MaxAssociations = 16
	node.restart()
	regular := newNode(t, 3, "192.0.2.3:3")
	w.nodes = append(w.nodes, regular)
	node.Pin(friend.self.ID, true)
	w.connect(friend, node)
	w.connect(regular, node)
	for i := range uint64(3) {
		regular.Send(w.now, node.self.ID, text(i+1, "x"))
		w.run(100 * time.Millisecond)
	}
	for i := range 120 {
		stranger := newNode(t, byte(4+i), fmt.Sprintf("203.%d.113.7:7", i))
		w.nodes = append(w.nodes[:3], stranger)
		stranger.Dial(w.now, node.addr, nil)
		w.run(50 * time.Millisecond)
		checkCache(t, node.cache, aliveIn(node))
	}
	if !node.Live(friend.self.ID) || !node.Live(regular.self.ID) {
		t.Fatal("a friend's keys were flushed")
	}
	c := node.Counters()
	if c.Of(AssociationsEvicted) < 100 || len(node.table.keys) > 17 || len(node.table.sending) != len(node.table.keys) || len(node.links) > 17 {
		t.Fatalf("%d evicted, %d keys, %d links", c.Of(AssociationsEvicted), len(node.table.keys), len(node.links))
	}
}

func aliveIn(n *node) map[*association]bool {
	alive := map[*association]bool{}
	for _, a := range n.table.keys {
		alive[a] = true
	}
	return alive
}

// TestCrowdPushesOutItsOwn: one host that never confirms fills its own bound only.
func TestCrowdPushesOutItsOwn(t *testing.T) {
	w, victim, node := pair(t)
	w.connect(victim, node)
	w.pass = func(f flying) bool { return f.kind() != wire.PacketAccept }
	for i := range 2 * maxUnprovedAddr {
		fake := newNode(t, byte(10+i), "203.0.113.7:7")
		w.nodes = append(w.nodes[:2], fake)
		fake.Dial(w.now, node.addr, nil)
		w.run(4 * time.Second)
	}
	if n := len(node.table.keys); n != 1+maxUnprovedAddr || !node.Live(victim.self.ID) {
		t.Fatalf("%d associations", n)
	}
	w.run(forgetUnused + time.Minute)
	if n := len(node.table.keys); n != 1 {
		t.Fatalf("%d associations after all of them went unused", n)
	}
}
