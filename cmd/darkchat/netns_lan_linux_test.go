package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"darkchat/neighbors/lan"
)

// People on one LAN who start the program and say nothing but their name.

const (
	twoLimit   = 2 * time.Second
	fiveLimit  = 3 * time.Second
	restLimit  = 5 * time.Second // from \ping to the rest of that LAN
	lanSegment = "lan"
)

var people = []string{"ann", "bob", "cyd", "dan", "eve"}

func lanRows() []netnsRow {
	return []netnsRow{
		{name: "lan-two", what: "two hosts on one bridge, no default route", run: lanTwo},
		{name: "lan-five", what: "five hosts on one bridge", run: lanFive},
		{name: "lan-v6", what: "two hosts with link-local IPv6 addresses only", run: lanV6},
		{name: "lan-mtu", what: "two hosts, MTU 1280", run: lanMTU},
		{name: "lan-clutter", what: "a dead docker0 and a tun device", run: lanClutter},
		{name: "lan-guests", what: "containers come and go on a host, an interface each 4.4 s", when: inFull, run: lanGuests},
		{name: "lan-cards", what: "two hosts with two cards, IPv4 and IPv6: one entry each", run: lanCards},
		{name: "lan-left-out", what: "an interface that -interfaces leaves out is deaf to announcements", run: lanLeftOut},
		{name: "lan-same-host", what: "two programs on one host", run: lanSameHost},
		{name: "rest-blocked-host", what: "multicast blocked for one of five; it says \\ping to one", run: restBlockedHost},
		{name: "rest-blocked-lan", what: "multicast blocked for all; four say \\ping to the first", run: restBlockedLAN},
		{name: "rest-subnet", what: "a host of another subnet says \\ping to one of three", run: restSubnet},
	}
}

// onLAN plugs so many hosts, h1.., into one bridge.
func (l *lab) onLAN(count int) []*host {
	l.t.Helper()
	l.segment(lanSegment)
	var hosts []*host
	for i := range count {
		h := l.host(fmt.Sprintf("h%d", i+1)).plug("eth0", lanSegment, fmt.Sprintf("10.10.0.%d/24", 11+i))
		hosts = append(hosts, h)
	}
	return hosts
}

// everybody starts one program a host and waits until all see all. It returns
// how long that took from the last start.
func everybody(hosts ...*host) ([]*node, time.Duration) {
	var nodes []*node
	var began time.Time
	for i, h := range hosts {
		began = time.Now()
		nodes = append(nodes, h.launch(people[i]))
	}
	return nodes, allSeeAll(nodes).Sub(began)
}

// allSeeAll waits until everybody said that all others are online. It returns when.
func allSeeAll(nodes []*node) time.Time {
	var last time.Time
	for _, n := range nodes {
		for _, other := range nodes {
			if n != other {
				last = latest(last, n.waitOnline(other))
			}
		}
	}
	return last
}

func lanTwo(r *row) {
	hosts := r.onLAN(2)
	const times = 10
	var took []time.Duration
	for range times {
		nodes, t := everybody(hosts...)
		took = append(took, t)
		talk(nodes[0], nodes[1], "hello")
		nodes[0].quit()
		nodes[1].quit()
	}
	slices.Sort(took)
	r.within("median of 10", (took[times/2-1]+took[times/2])/2, twoLimit)
	r.measured("slowest %s", short(took[times-1]))
}

func lanFive(r *row) {
	hosts := r.onLAN(5)
	for _, h := range hosts {
		h.gateway("10.10.0.1") // nobody has this address
	}
	nodes, took := everybody(hosts...)
	r.within("all see all", took, fiveLimit)
	r.measured("text %s", short(talk(nodes[0], nodes[4], "hello")))
}

// seeEachOther is the end of the rows with two hosts.
func (r *row) seeEachOther(hosts ...*host) []*node {
	r.Helper()
	nodes, took := everybody(hosts...)
	r.within("see each other", took, twoLimit)
	r.measured("text %s", short(talk(nodes[0], nodes[1], "hello")))
	return nodes
}

func lanV6(r *row) {
	r.segment(lanSegment)
	r.seeEachOther(r.host("h1").plug("eth0", lanSegment), r.host("h2").plug("eth0", lanSegment))
}

func lanMTU(r *row) {
	hosts := r.onLAN(2)
	for _, h := range hosts {
		h.mtu("eth0", 1280)
	}
	r.seeEachOther(hosts...)
}

func lanClutter(r *row) {
	hosts := r.onLAN(2)
	for _, h := range hosts {
		h.clutter()
	}
	r.seeEachOther(hosts...)
}

func lanCards(r *row) {
	hosts := r.onLAN(2)
	r.segment("other")
	for i, h := range hosts {
		h.addr("add", "eth0", fmt.Sprintf("fd0d:c:1::%d/64", 11+i))
		h.plug("eth1", "other", fmt.Sprintf("10.20.0.%d/24", 11+i), fmt.Sprintf("fd0d:c:2::%d/64", 11+i))
	}
	nodes := r.seeEachOther(hosts...)
	// The announcements of the other card and family have come by now.
	nodes[0].seenBy(time.Now().Add(2*time.Second), func(event) bool { return false })
	for _, n := range nodes {
		if c := n.count(func(e event) bool { return e.Event == "online" }); c != 1 {
			r.Errorf("%s said online %d times of one session", n.name, c)
		}
	}
}

func lanSameHost(r *row) {
	h := r.onLAN(1)[0]
	r.seeEachOther(h, h)
}

func restBlockedHost(r *row) {
	hosts := r.onLAN(5)
	hosts[4].unicastOnly("eth0")
	nodes, _ := everybody(hosts[:4]...)
	r.introduced(hosts[4].darkchat("eve"), "10.10.0.11", nodes)
}

func restSubnet(r *row) {
	r.twoLANs(3)
	nodes, _ := everybody(r.hosts["a1"], r.hosts["a2"], r.hosts["a3"])
	r.introduced(r.hosts["b1"].darkchat("eve"), "10.1.0.11", nodes)
}

// introduced lets a newcomer ping the first of some people who know each other, and
// waits until the newcomer and all of them see each other.
func (r *row) introduced(eve *node, addr string, others []*node) {
	r.Helper()
	began := time.Now()
	met(eve, others[0], addr)
	r.within("sees the rest", allSeeAll(append([]*node{eve}, others...)).Sub(began), restLimit)
	r.measured("text %s", short(talk(eve, others[len(others)-1], "hello")))
}

func restBlockedLAN(r *row) {
	hosts := r.onLAN(5)
	var nodes []*node
	for i, h := range hosts {
		h.unicastOnly("eth0")
		nodes = append(nodes, h.darkchat(people[i]))
	}
	began := time.Now()
	for _, n := range nodes[1:] {
		met(n, nodes[0], "10.10.0.11")
	}
	r.within("all see all", allSeeAll(nodes).Sub(began), restLimit)
	r.measured("text %s", short(talk(nodes[1], nodes[4], "hello")))
}

// lanLeftOut puts ann on two LANs, of which one is chosen: bob, on the other one, announces bob's
// node, by broadcast too, and gets no answer; cyd, on the chosen one, does.
func lanLeftOut(r *row) {
	r.segment("left")
	r.segment("right")
	both := r.host("h1").plug("eth0", "left", "10.10.1.11/24").plug("eth1", "right", "10.10.2.11/24")
	left, right := r.host("h2").plug("eth0", "left", "10.10.1.12/24"), r.host("h3").plug("eth0", "right", "10.10.2.12/24")
	ann := both.launch("ann", "-interfaces", "^eth0$")
	bob, cyd := right.launch("bob"), left.launch("cyd")
	began := time.Now()
	r.within("the one chosen", latest(ann.waitOnline(cyd), cyd.waitOnline(ann)).Sub(began), twoLimit)
	met := func(e event) bool { return e.Event == "online" }
	if _, ok := bob.seenBy(began.Add(twoLimit+2*time.Second), met); ok {
		r.Error("bob was answered on the link that was left out")
	}
}

// lanGuests has containers come and go on a host: a bridge with an address, and a port.
func lanGuests(r *row) {
	hosts := r.onLAN(2)
	nodes, _ := everybody(hosts...)
	nodes[0].passes(8 * time.Second) // the first, close ones
	from := nodes[1].mark()
	calls := hosts[1].announcements()
	const times, apart = 8, 4400 * time.Millisecond
	for i := range times {
		if i%2 == 0 {
			hosts[0].ip("link add br-0123456789ab type bridge", "addr add 172.18.0.1/16 dev br-0123456789ab", "link set br-0123456789ab up",
				"link add veth0a1b2c type veth peer name veth1a1b2c", "link set veth0a1b2c master br-0123456789ab up", "link set veth1a1b2c up")
		} else {
			hosts[0].ip("link del veth0a1b2c", "link del br-0123456789ab")
		}
		nodes[0].passes(apart)
	}
	heard := calls()
	r.measured("%d packets to all of the link in %s", heard, short(times*apart))
	// Both nodes announce themselves twice in that time, or three times, each by three packets.
	if heard > 3*2*3 {
		r.Errorf("%d packets to all of the link", heard)
	}
	if list, _ := nodes[1].since(from); len(list) > 0 {
		r.Errorf("bob was told %v", list)
	}
}

// announcements has a host count the packets to everybody on its links that it gets. Their
// number comes from what is returned.
func (h *host) announcements() (count func() int) {
	h.lab.t.Helper()
	h.nft(fmt.Sprintf("table inet calls {\nchain in { type filter hook input priority 0; udp dport %d counter; }\n}\n", lan.Port))
	return func() (n int) {
		h.lab.t.Helper()
		list := h.lab.run("", "ip", "netns", "exec", h.space, "nft", "list", "table", "inet", "calls")
		if _, err := fmt.Sscanf(list[strings.Index(list, "packets "):], "packets %d", &n); err != nil {
			h.lab.t.Fatalf("%v in %s", err, list)
		}
		return n
	}
}

// passes lets time pass.
func (n *node) passes(d time.Duration) {
	n.seenBy(time.Now().Add(d), func(event) bool { return false })
}
