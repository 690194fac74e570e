package neighbors_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

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

// 3.3, figure 4: declareOnline "sends a message to a specified user notifying it of the
// sender's online state", declareOffline "declares to the specified user that the sender is
// going offline": signed, to each neighbour, and to nobody else.
func TestPaperDeclares(t *testing.T) {
	v := newVillage(t, 1030, paperWeather(), 6, 1)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	p := v.nodes[0]
	one, _ := v.within(0)
	told := map[string][]int{}
	v.opened = func(to *person, o dgram.Opened) {
		for _, kind := range []string{"declareOnline", "declareOffline"} {
			if strings.Contains(o.Summary(), kind) && strings.Contains(o.Summary(), "record=") {
				told[kind] = append(told[kind], slices.Index(v.nodes, to))
			}
		}
	}
	do(p, func(now time.Time, n *neighbors.Node) (bool, error) { return n.Away(now, true) })
	v.run(5 * time.Second)
	p.leave()
	slices.Sort(one)
	for kind, list := range told {
		if slices.Sort(list); !slices.Equal(list, one) {
			t.Errorf("%s went to %v, the neighbours are %v", kind, list, one)
		}
	}
	if len(told) != 2 {
		t.Errorf("said: %v", told)
	}
}

// 3.3, figure 4: requestPing "requests that, if the receiving node can connect to a
// different, specified node, the receiving node forward the sender's connection information
// to the specified node".
func TestPaperRequestPing(t *testing.T) {
	b := newBed(t, 1031, paperWeather())
	c, asker, other := b.seedNode(), b.attacker(1, "asker", "198.19.1.7:6789"), b.attacker(2, "other", "198.19.2.7:6789")
	asker.meets(c)
	other.meets(c)
	other.says(c.id(), wire.Message{ID: 9, Body: other.find(c.id(), "asker", uint64(b.now.UnixMilli()))}, time.Second)
	asker.says(c.id(), wire.Message{ID: 9, Body: asker.find(c.id(), "other", uint64(b.now.UnixMilli()))}, time.Second)
	var forwarded []wire.Ping
	for _, e := range other.events {
		if r, ok := e.(dgram.Received); ok {
			if p, ok := r.Message.Body.(wire.Ping); ok {
				forwarded = append(forwarded, p)
			}
		}
	}
	if len(forwarded) != 1 || !slices.Equal(forwarded[0].Addrs, []netip.AddrPort{asker.addr}) || string(forwarded[0].Record) != string(asker.signed) {
		t.Errorf("the other one got %+v", forwarded)
	}
}

// 3.3, figure 4: requestUserList "asks the receiver to reply with a list of nodes adjacent",
// deliverKnownList delivers it: of people the receiver's user knows, to people that user knows.
func TestPaperUserList(t *testing.T) {
	v := newVillage(t, 1032, paperWeather(), 5, 1)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	p := v.nodes[0]
	one, _ := v.within(0)
	r := v.attacker(1, "rae", "198.19.1.7:6789")
	r.meets(p)
	ask := func() (list []wire.Summary) {
		r.events = nil
		r.says(p.id(), wire.Message{ID: r.ep.NextID(), Body: wire.ListRequest{Credit: 1}}, time.Second)
		for _, e := range r.events {
			if m, ok := e.(dgram.Received); ok {
				if l, ok := m.Message.Body.(wire.List); ok && l.Request > 0 {
					list = append(list, l.Summaries...)
				}
			}
		}
		return list
	}
	if list := ask(); len(list) != 0 {
		t.Errorf("a stranger is told %v", list)
	}
	do(p, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, "rae") })
	list := ask()
	for _, j := range one {
		if !slices.ContainsFunc(list, func(s wire.Summary) bool { return s.Session == v.nodes[j].id() && s.State == 0 }) {
			t.Errorf("%s is missing from %v", v.nodes[j].name, list)
		}
	}
	if len(list) != len(one) {
		t.Errorf("%d nodes are listed, %d are adjacent", len(list), len(one))
	}
}
