package lan_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors/lan"
)

// besieger is a host of the link that is no node: it answers every announcement with false
// CHALLENGEs, and announces itself, from some addresses of its own.
type besieger struct {
	bed     *bed
	hosts   int
	answers int // for one announcement
	calls   int // announcements a second
	seen    map[string]bool
	said    int
}

func (b *bed) besiege(x besieger) *besieger {
	x.bed, x.seen = b, map[string]bool{}
	b.seen = x.hear
	return &x
}

func (x *besieger) addr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 'a', 1, byte(1 + i%x.hosts)}), uint16(1000+i/x.hosts%60000))
}

// hear answers an announcement, the first time that it passes.
func (x *besieger) hear(from, to netip.AddrPort, b []byte) {
	if to.Port() != lan.Port || len(b) != helloSize || !from.Addr().Is4() || x.seen[string(b[3:15])] {
		return
	}
	x.seen[string(b[3:15])] = true
	for i := range x.answers {
		c := append([]byte{0x85, 18, 0x4c}, b[3:15]...)
		for _, n := range []int{16, 32, 32} {
			if c = append(c, 0x50); n == 32 {
				c = append(c[:len(c)-1], 0x58, 32)
			}
			for j := range n {
				c = append(c, byte(i>>(j%2*8)), byte(j))[:len(c)+1]
			}
		}
		x.bed.net.Send(x.bed.now, x.addr(i), from, c)
	}
}

// run lets time pass, in which it announces itself.
func (x *besieger) until(d time.Duration, what string, f func() bool) {
	x.bed.t.Helper()
	for end := x.bed.now.Add(d); !f(); {
		if !x.bed.now.Before(end) {
			x.bed.t.Fatalf("not within %v: %s", d, what)
		}
		for range x.calls / 100 {
			x.said++
			h := announcement(byte(x.said))
			copy(h[3:15], fmt.Sprintf("%012d", x.said))
			for _, host := range x.bed.hosts {
				// By unicast to the port of announcements: the link of this bed gives a group
				// to its members alone.
				x.bed.net.Send(x.bed.now, x.addr(x.said), netip.AddrPortFrom(host.links[0].Prefixes[0].Addr(), lan.Port), h)
			}
		}
		x.bed.run(10 * time.Millisecond)
	}
}

// Whatever a host of the link answers and announces, two newcomers see each other within 3 s.
func TestDiscoveryUnderSiege(t *testing.T) {
	for _, x := range []besieger{
		{hosts: 1, answers: 70}, {hosts: 20, answers: 70}, {hosts: 1, answers: 5000}, {hosts: 20, answers: 5000},
		{hosts: 1, calls: 300}, {hosts: 20, calls: 300}, {hosts: 20, answers: 5000, calls: 300},
	} {
		t.Run(fmt.Sprintf("%d answers and %d calls of %d", x.answers, x.calls, x.hosts), func(t *testing.T) {
			for seed := range uint64(3) {
				b := newBed(t, 700+seed, simnet.Profile{Delay: time.Millisecond})
				siege := b.besiege(x)
				b.join("ann", "a")
				begin := b.now
				siege.until(20*time.Second, "time passes", func() bool { return b.now.Sub(begin) > 5*time.Second })
				b.join("bob", "a")
				b.join("cat", "a")
				siege.until(3*time.Second, "all see all", b.met)
			}
		})
	}
}
