package lan_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/neighbors/lan"
)

// first bytes of the packets that announcements are made of.
const (
	helloSize     = 112
	challengeSize = 100
)

// Five who start at once see each other within 3 s, each told once of each; \presence
// names them.
func TestFiveOnOneLink(t *testing.T) {
	for seed := range uint64(10) {
		b := newBed(t, seed+1, simnet.Profile{Delay: time.Millisecond})
		for _, name := range []string{"ann", "bob", "cat", "dan", "eve"} {
			b.join(name, "a")
		}
		b.until(3*time.Second, "all see all", b.met)
		b.run(time.Minute)
		for _, h := range b.hosts {
			if n := count[neighbors.CameOnline](h); n != 4 {
				t.Errorf("%s was told %d times that somebody came", h.name, n)
			}
			if v := h.node.Presence(); len(v) != 1 || v[0].Source != "lan" || len(v[0].Users) != 4 {
				t.Errorf("%s: %+v", h.name, v)
			}
		}
	}
}

// Also when a third of all is lost: the announcements go on.
func TestLossyLink(t *testing.T) {
	for seed := range uint64(10) {
		b := newBed(t, seed+100, simnet.Profile{Delay: time.Millisecond, Loss: 0.3})
		for _, name := range []string{"ann", "bob", "cat", "dan", "eve"} {
			b.join(name, "a")
		}
		b.until(20*time.Second, "all see all", b.met)
	}
}

// Multicast, or broadcast, or one family, is enough; and so is a link where nothing
// is configured but link-local addresses.
func TestOneWayIsEnough(t *testing.T) {
	for _, only := range []func(*host){
		func(h *host) { h.links[0].Broadcast, h.links[0].Prefixes = false, h.links[0].Prefixes[:1] },
		func(h *host) { h.links[0].Multicast = false },
		func(h *host) { h.links[0].Prefixes = h.links[0].Prefixes[1:] },
	} {
		b := newBed(t, 7, simnet.Profile{Delay: time.Millisecond})
		ann, bob := b.join("ann", "a"), b.join("bob", "a")
		for _, h := range b.hosts {
			h.node = nil
			only(h)
		}
		ann.start()
		bob.start()
		b.until(2*time.Second, "they see each other", b.met)
	}
}

// Two people who share two links and two families are one entry each, told once, even if one of the
// links is pulled.
func TestTwoLinksOneEntry(t *testing.T) {
	b := newBed(t, 3, simnet.Profile{Delay: time.Millisecond})
	ann, bob := b.join("ann", "a", "b"), b.join("bob", "a", "b")
	b.until(2*time.Second, "they see each other", b.met)
	b.run(10 * time.Minute)
	for _, h := range b.hosts {
		if n := count[neighbors.CameOnline](h); n != 1 {
			t.Errorf("%s was told %d times", h.name, n)
		}
		users := h.node.Users(neighbors.FilterAll)
		if len(users) != 1 || len(users[0].Sessions) != 1 {
			t.Errorf("%s knows %+v", h.name, users)
		}
	}
	for _, h := range b.hosts {
		for _, p := range h.links[0].Prefixes {
			b.net.Leave("a", p.Addr())
		}
		for _, p := range ann.links[0].Prefixes {
			for _, q := range bob.links[0].Prefixes {
				b.net.Cut(p.Addr(), q.Addr())
			}
		}
	}
	pulled := ann.links
	ann.links = ann.links[1:]
	ann.links[0].Index = 1
	ann.rewired()
	b.run(30 * time.Second)
	if !b.met() {
		t.Errorf("after %v of %v they do not see each other", ann.links, pulled)
	}
}

// Where announcements do not pass, one ping of one host finds the others there: on a link that holds them
// back, and on the next link of the same site. A node from elsewhere is told of nobody.
func TestPingFindsTheRest(t *testing.T) {
	for _, where := range []string{"a", "b", "elsewhere"} {
		b := newBed(t, 9, simnet.Profile{Delay: time.Millisecond})
		bob, cat := b.join("bob", "a"), b.join("cat", "a")
		b.until(2*time.Second, "bob and cat see each other", b.met)
		segment := where[:1]
		ann := b.join("ann", segment)
		if where == "elsewhere" {
			ann.links[0].Prefixes = []netip.Prefix{netip.MustParsePrefix("203.0.113.9/24")}
		}
		for _, h := range b.hosts {
			for _, p := range h.links[0].Prefixes {
				b.net.Leave("a", p.Addr())
			}
		}
		ann.start() // without having heard anybody
		ann.screen = nil
		if _, err := ann.node.Ping(b.now, netip.AddrPortFrom(bob.links[0].Prefixes[0].Addr(), bob.port)); err != nil {
			t.Fatal(err)
		}
		ann.turn()
		b.run(3 * time.Second)
		if !sees(ann, "bob") || sees(ann, "cat") != (where != "elsewhere") || sees(cat, "ann") != (where != "elsewhere") {
			t.Errorf("from %s: ann sees bob %v, cat %v; cat sees ann %v", where, sees(ann, "bob"), sees(ann, "cat"), sees(cat, "ann"))
		}
	}
}

func sees(h *host, name string) bool {
	for _, u := range h.node.Users(neighbors.FilterOnline) {
		if u.Name == name || strings.HasPrefix(u.Name, name+"~") {
			return true
		}
	}
	return false
}

// A node that comes later is seen at once, even by those that no longer announce themselves; one that says
// goodbye is offline at once; and a new program at an old address is met again.
func TestComingAndGoing(t *testing.T) {
	b := newBed(t, 4, simnet.Profile{Delay: time.Millisecond})
	ann, bob := b.join("ann", "a"), b.join("bob", "a")
	b.run(time.Hour)
	if count[neighbors.WentOffline](ann)+count[neighbors.WentOffline](bob) > 0 {
		t.Fatal("somebody was lost")
	}
	cat := b.join("cat", "a")
	b.until(time.Second, "cat is seen", b.met)
	cat.node.Leave(b.now)
	cat.turn()
	b.until(time.Second, "cat is gone", func() bool { return count[neighbors.WentOffline](ann) == 1 && count[neighbors.WentOffline](bob) == 1 })
	cat.node = nil
	b.run(time.Minute)
	bob.node = nil // no goodbye, and another key at the same address
	bob.start()
	bob.screen = nil
	b.until(2500*time.Millisecond, "bob is seen again", func() bool {
		return count[neighbors.CameOnline](bob) == 1 && count[neighbors.CameOnline](ann) == 3
	})
}

// The announcements back off, with jitter; an arrival brings one more, a change of
// our interfaces begins anew; with no link there is none.
func TestBackOff(t *testing.T) {
	b := newBed(t, 5, simnet.Profile{Delay: time.Millisecond})
	ann := b.join("ann", "a")
	var at []time.Duration
	begin, own := b.now, ann.links[0].Prefixes[0].Addr()
	b.seen = func(from, to netip.AddrPort, _ []byte) {
		if to == lan.Group4 && from.Addr() == own {
			at = append(at, b.now.Sub(begin))
		}
	}
	b.run(time.Hour)
	if len(at) < 16 || len(at) > 20 {
		t.Errorf("%d announcements in an hour: %v", len(at), at)
	}
	for i := 1; i < len(at); i++ {
		least := min(time.Second<<i, 5*time.Minute)
		if gap := at[i] - at[i-1]; gap < least || gap > least*5/4 {
			t.Errorf("announcement %d after %v, want %v and a quarter more at most", i, gap, least)
		}
	}
	at, begin = nil, b.now
	b.join("bob", "a")
	b.run(11 * time.Second)
	if len(at) != 1 || at[0] < 2*time.Second {
		t.Errorf("somebody came: announced at %v", at)
	}
	at, begin = nil, b.now
	ann.links[0].Broadcast = false
	ann.rewired()
	b.run(10 * time.Second)
	if len(at) != 4 {
		t.Errorf("the interfaces changed: announced at %v", at)
	}
	at, ann.links = nil, nil
	ann.rewired()
	b.run(time.Hour)
	if len(at) > 0 {
		t.Errorf("without a link announced at %v", at)
	}
}

// A HELLO to the group is answered by nobody when its source is not on the link, is a
// broadcast address, or has no port; and the answer is one CHALLENGE, smaller.
func TestWhoIsAnswered(t *testing.T) {
	b := newBed(t, 6, simnet.Profile{})
	ann := b.join("ann", "a")
	b.run(time.Minute)
	hello := make([]byte, helloSize)
	var sent []string
	b.seen = func(_, to netip.AddrPort, datagram []byte) {
		if !to.Addr().IsMulticast() && to.Port() != lan.Port {
			sent = append(sent, fmt.Sprint(to, " ", len(datagram)))
		}
	}
	for i, from := range []string{
		"203.0.113.7:6789", "10.98.0.9:6789", "[2001:db8::1]:6789", // not on the link
		"10.97.15.255:6789", "10.97.0.0:6789", "255.255.255.255:6789", "224.0.0.1:6789", "10.97.0.9:0",
		"10.97.0.9:7", "[fd00:0:0:61::9]:7", // on the link
	} {
		copy(hello, announcement(byte(i)))
		ann.node.Receive(b.now, ann.opener.OpenAnnouncement(b.now, netip.MustParseAddrPort(from), hello))
		ann.turn()
		if len(sent) > 0 && i == 0 {
			t.Error("answered at once")
		}
		b.run(20 * time.Millisecond)
	}
	b.run(5 * time.Second)
	want := fmt.Sprintf("10.97.0.9:7 %d and [fd00:0:0:61::9]:7 %d", challengeSize, challengeSize)
	if got := strings.Join(sent, ", "); len(sent) != 2 || !strings.Contains(got, "10.97.0.9:7 100") || !strings.Contains(got, "[fd00:0:0:61::9]:7 100") {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// announcement is a HELLO with a nonce of one repeated byte.
func announcement(b byte) []byte {
	h := append([]byte{0x83, 17, 0x4c}, strings.Repeat(string(rune('A'+b)), 12)...)
	h = append(h, 0x58, 95)
	return append(h, make([]byte, 95)...)
}

// Ten on a link: what finding each other costs when nobody comes or goes.
func TestIdleCost(t *testing.T) {
	b := newBed(t, 8, simnet.Profile{Delay: time.Millisecond})
	for i := range 10 {
		b.join(string(rune('a'+i))+"nn", "a")
	}
	b.until(3*time.Second, "all see all", b.met)
	discovery, all := 0, 0
	b.seen = func(_, to netip.AddrPort, datagram []byte) {
		size := len(datagram) + 14 + 8 + 20 // Ethernet, UDP, IPv4
		if to.Addr().Is6() {
			size += 20
		}
		all += size
		if len(datagram) == helloSize || len(datagram) == challengeSize && datagram[1] == 18 {
			discovery += size
		}
	}
	begin := discovery
	rate := func(bytes int, d time.Duration) float64 { return float64(bytes) / 10 / d.Seconds() }
	b.run(time.Minute)
	first := discovery - begin
	discovery, all = 0, 0
	b.run(10 * time.Minute)
	idle := rate(discovery, 10*time.Minute)
	t.Logf("discovery of 10 nodes: %.1f B/s a node and interface in the first minute, %.1f B/s in the 10 minutes after it, headers counted; %.1f B/s with the signs of life",
		rate(first, time.Minute), idle, rate(all, 10*time.Minute))
	if idle > 5 {
		t.Errorf("%.1f bytes a second", idle)
	}
}
