package dgram

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func noneNear(netip.Addr) bool { return false }

func TestPrefixes(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.254", true},
		{"192.0.2.1", "192.0.3.1", false},
		{"2001:db8:0:1200::1", "2001:db8:0:12ff::1", true},
		{"2001:db8:0:1200::1", "2001:db8:0:1300::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		if got := prefixOf(netip.MustParseAddr(c.a)) == prefixOf(netip.MustParseAddr(c.b)); got != c.same {
			t.Errorf("%s and %s: same %v", c.a, c.b, got)
		}
	}
}

// TestHelloBudget: one destination prefix gets one HELLO a second beyond its burst,
// the next prefix is not concerned, and all together have a bound.
func TestHelloBudget(t *testing.T) {
	c := newContacts(noneNear, false)
	to := func(s string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(s), 7) }
	granted := 0
	for ms := range 10_000 {
		if _, ok := c.take(began.Add(time.Duration(ms)*time.Millisecond), to(fmt.Sprintf("198.51.100.%d", ms%256)), false); ok {
			granted++
		}
	}
	if granted < helloPrefixBurst+8 || granted > helloPrefixBurst+10 {
		t.Fatalf("%d HELLOs to one prefix in 10 s", granted)
	}
	now := began.Add(10 * time.Second)
	if _, ok := c.take(now, to("198.51.101.1"), false); !ok {
		t.Fatal("another prefix suffers")
	}
	c.take(now, to("198.51.100.1"), false)
	at, ok := c.take(now, to("198.51.100.1"), false)
	if ok {
		t.Fatal("over the budget")
	}
	if _, ok := c.take(at, to("198.51.100.1"), false); !ok {
		t.Fatal("not even at the time that was said")
	}
	granted = 0
	for i := range 2000 {
		if _, ok := c.take(at, to(fmt.Sprintf("10.%d.%d.1", i/250, i%250)), false); ok {
			granted++
		}
	}
	if granted > helloBurst {
		t.Fatalf("%d HELLOs at once", granted)
	}
}

func TestDialErrors(t *testing.T) {
	a := newNode(t, 1, "192.0.2.1:1")
	for _, s := range []string{"0.0.0.0:7", "[::]:7", "224.0.0.1:7", "[ff02::1]:7", "255.255.255.255:7", "192.0.2.9:0"} {
		if err := a.Dial(began, netip.MustParseAddrPort(s), nil); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", s, err)
		}
	}
	var err error
	for i := range helloPrefixBurst + 1 {
		err = a.Dial(began, netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), uint16(i+1)), nil)
	}
	if !errors.Is(err, ErrBudget) {
		t.Errorf("over the budget: %v", err)
	}
	if err = a.Dial(began, netip.MustParseAddrPort("[::ffff:198.51.100.1]:1"), nil); err != nil || len(a.dialer.dials) != helloPrefixBurst {
		t.Errorf("a mapped address does not join: %v, %d dials", err, len(a.dialer.dials))
	}
}

// TestReserve: a flood out of a pinned user's own prefix does not keep them out.
func TestReserve(t *testing.T) {
	a := newAdmission(noneNear, false)
	friend := netip.MustParseAddrPort("198.51.100.1:1")
	a.setReserved([]netip.Addr{friend.Addr()})
	for i := range 5000 {
		a.handshake(began, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(2 + i%250)}), 1))
		a.handshake(began, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, byte(i), byte(i / 256), 1}), 1))
	}
	if a.handshake(began, netip.MustParseAddrPort("198.51.100.200:1")) || a.handshake(began, netip.MustParseAddrPort("192.0.2.1:1")) {
		t.Fatal("the flood did not use everything up")
	}
	if !a.handshake(began, friend) {
		t.Fatal("the friend is kept out")
	}
	admitted := 0
	for range 1000 {
		if a.handshake(began, friend) {
			admitted++
		}
	}
	if admitted > shakeReservedBurst {
		t.Fatalf("the reserve of one address gave %d", admitted)
	}
}

// TestLinkAdmission: programs of one machine do not share one small bucket.
func TestLinkAdmission(t *testing.T) {
	a := newAdmission(func(a netip.Addr) bool { return a.IsLoopback() }, true)
	for port := range uint16(200) {
		for range 50 {
			if !a.handshake(began, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port+1)) {
				t.Fatalf("port %d", port)
			}
		}
	}
}

// Many from few places use up what all share, and a newcomer from elsewhere gets in all the same.
func TestNewcomersAreAdmittedInAFlood(t *testing.T) {
	own := netip.MustParsePrefix("10.0.0.0/24")
	a := newAdmission(own.Contains, false)
	now := time.Unix(1e9, 0)
	refused := 0
	for i := range 30_000 { // ten seconds of it: from 60 hosts of the link, and from 60 networks
		now = now.Add(time.Millisecond / 3)
		host := netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + i/2%60)})
		if i%2 == 0 {
			host = netip.AddrFrom4([4]byte{203, byte(i / 2 % 60), 113, 7})
		}
		if !a.handshake(now, netip.AddrPortFrom(host, uint16(1000+i))) {
			refused++
		}
		if i%3000 == 2999 {
			for _, newcomer := range []netip.AddrPort{
				netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(100 + i/3000)}), 6789),
				netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i / 3000), 7}), 6789),
			} {
				if !a.handshake(now, newcomer) {
					t.Errorf("%v is refused after %v", newcomer, now.Sub(time.Unix(1e9, 0)))
				}
			}
		}
	}
	if refused < 25_000 {
		t.Errorf("only %d of the flood were refused", refused)
	}
}

// Peers that send without end use up the common share of peers that are not pinned, but do not drown
// peers that say little.
func TestWhoTalksWithoutEndDrownsNobody(t *testing.T) {
	a := newAdmission(func(netip.Addr) bool { return false }, false)
	now := time.Unix(1e9, 0)
	loud := make([]association, 201)
	var quiet association
	heard, opened := 0, 0
	for i := range 400_000 { // ten seconds
		now = now.Add(25 * time.Microsecond)
		if a.data(now, &loud[i%len(loud)].reading) {
			opened++
		}
		if i > 160_000 && i%20_000 == 19_999 && a.data(now, &quiet.reading) { // from the fifth second on
			heard++
		}
	}
	if heard != 12 {
		t.Errorf("%d of 12 were heard", heard)
	}
	if most := dataAllBurst + dataQuietBurst + 10*(dataAllRate+dataQuietRate); opened > most {
		t.Errorf("%d are more than %d", opened, most)
	}
}
