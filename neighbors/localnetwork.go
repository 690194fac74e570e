package neighbors

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"darkchat/dgram"
)

// maxOutlets bounds the outlets of one announcement.
const maxOutlets = 128

// LocalNetwork is the local network: what the system says of our interfaces. The code that
// watches them runs outside and hands each change over by Loop.Do.
type LocalNetwork struct {
	Listen     []netip.AddrPort // our sockets' addresses, a usable one first
	Interfaces []netip.Prefix   // our addresses with their prefixes: private addresses in them may be dialled
	Guests     []netip.Prefix   // those of them in which only guests of this machine can be, or nobody
	Outlets    []dgram.Outlet   // by which announcements leave
}

// Equal says that nothing has changed.
func (s LocalNetwork) Equal(t LocalNetwork) bool {
	return slices.Equal(s.Listen, t.Listen) && slices.Equal(s.Interfaces, t.Interfaces) &&
		slices.Equal(s.Guests, t.Guests) && slices.Equal(s.Outlets, t.Outlets)
}

// outer lists those of our addresses that lead to other machines. Containers and virtual machines
// come and go all day: for others that does not change where we are.
func outer(listen []netip.AddrPort, guests []netip.Prefix) []netip.AddrPort {
	return slices.DeleteFunc(slices.Clone(listen), func(a netip.AddrPort) bool {
		return slices.ContainsFunc(guests, func(p netip.Prefix) bool { return p.Addr() == a.Addr() })
	})
}

// links tells which addresses are on our own links. The readers ask it while the
// loop changes it.
type links struct {
	own atomic.Pointer[[]netip.Prefix]
}

func newLinks(own []netip.Prefix) *links {
	l := &links{}
	l.set(own)
	return l
}

func (l *links) set(own []netip.Prefix) {
	own = slices.Clone(own)
	l.own.Store(&own)
}

// near says that an address is on one of our own links.
func (l *links) near(a netip.Addr) bool {
	if a.IsLoopback() || a.IsLinkLocalUnicast() {
		return true
	}
	a = a.WithZone("")
	return slices.ContainsFunc(*l.own.Load(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// crowd says that an address is a broadcast address of one of our own links, or the network
// address, which old systems treat as one.
func (l *links) crowd(a netip.Addr) bool {
	return a.Is4() && slices.ContainsFunc(*l.own.Load(), func(p netip.Prefix) bool {
		return p.Addr().Is4() && p.Bits() < 31 && p.Contains(a) && (a == p.Masked().Addr() || a == Broadcast(p))
	})
}

// Broadcast returns the directed broadcast address of an IPv4 prefix; the zero Addr if
// it has none.
func Broadcast(p netip.Prefix) netip.Addr {
	if !p.Addr().Is4() || p.Bits() >= 31 || p.Bits() < 0 {
		return netip.Addr{}
	}
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// privateBlocks are the private ranges that every network may use for itself (RFC 1918, RFC 4193).
var privateBlocks = [...]netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fc00::/7"),
}

// onSite says that an address is private, of a range in which we have an address too. A peer seen
// there, with no NAT between, is in the same private network: on another floor, say, behind the
// same router.
func (co *core) onSite(a netip.Addr) bool {
	for _, block := range privateBlocks {
		if block.Contains(a) {
			return slices.ContainsFunc(co.cfg.Interfaces, func(p netip.Prefix) bool { return block.Contains(p.Addr()) })
		}
	}
	return false
}

// isNear says that an address is that of another host on one of our own links.
func (co *core) isNear(a netip.AddrPort) bool {
	return co.links.near(a.Addr()) && !a.Addr().IsLoopback()
}

// ownAddr says whether an address belongs to this machine.
func (co *core) ownAddr(a netip.Addr) bool {
	return slices.ContainsFunc(co.cfg.Listen, func(l netip.AddrPort) bool { return l.Addr() == a }) ||
		slices.ContainsFunc(co.cfg.Interfaces, func(p netip.Prefix) bool { return p.Addr() == a })
}

// together says whether two addresses belong to one place, as far as we can see: one public
// address, one IPv6 subnet, or both on our own link.
func (co *core) together(a, b netip.AddrPort) bool {
	x, y := a.Addr(), b.Addr()
	return oneHome(x, y) || co.links.near(x) && co.links.near(y)
}

// oneHome says whether two addresses may be behind one router.
func oneHome(a, b netip.Addr) bool {
	return a == b || a.Is6() && b.Is6() && neighborSubnet(a) == neighborSubnet(b)
}

// neighborSubnet is the IPv6 subnet of one link.
func neighborSubnet(a netip.Addr) netip.Prefix {
	p, _ := a.WithZone("").Prefix(64)
	return p
}
