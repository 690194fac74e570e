package neighbors

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// maxOutlets bounds the ways by which one announcement leaves.
const maxOutlets = 128

// Surroundings is where a node stands: what the system says of its interfaces. Who
// looks at them does it outside and hands each change over by Loop.Do.
type Surroundings struct {
	Listen     []netip.AddrPort // our sockets' addresses, a usable one first
	Interfaces []netip.Prefix   // our addresses with their prefixes: what is private and near may be dialled
	Guests     []netip.Prefix   // of these, where nobody but guests of this machine can be, or nobody at all
	Outlets    []dgram.Outlet   // by which announcements leave
}

// Equal says that nothing has changed.
func (s Surroundings) Equal(t Surroundings) bool {
	return slices.Equal(s.Listen, t.Listen) && slices.Equal(s.Interfaces, t.Interfaces) &&
		slices.Equal(s.Guests, t.Guests) && slices.Equal(s.Outlets, t.Outlets)
}

// outer lists those of our addresses that lead to other machines. Containers and virtual
// machines come and go all day: to nobody else that is a change of where we are.
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

// near says that an address is on an own link.
func (l *links) near(a netip.Addr) bool {
	if a.IsLoopback() || a.IsLinkLocalUnicast() {
		return true
	}
	a = a.WithZone("")
	return slices.ContainsFunc(*l.own.Load(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// crowd says that an address is a broadcast address of an own link, or the
// network's own, which old systems take for one.
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

// privateBlocks are the ranges of which each network takes its own (RFC 1918, RFC 4193).
var privateBlocks = [...]netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fc00::/7"),
}

// onSite says that an address is private, of a range of which we have an address too.
// Who is seen there, with no NAT between, is in the same private network: another
// floor's, behind the same router.
func (n *Node) onSite(a netip.Addr) bool {
	for _, block := range privateBlocks {
		if block.Contains(a) {
			return slices.ContainsFunc(n.cfg.Interfaces, func(p netip.Prefix) bool { return block.Contains(p.Addr()) })
		}
	}
	return false
}

// SetSurroundings takes what has changed about our interfaces. true: the links that we
// announce ourselves on are others; whoever calls tells that to the Sources (WakeSource).
func (n *Node) SetSurroundings(now time.Time, s Surroundings) (links bool) {
	n.links.set(s.Interfaces)
	s.Outlets = s.Outlets[:min(len(s.Outlets), maxOutlets)]
	moved := !slices.Equal(outer(n.cfg.Listen, n.cfg.Guests), outer(s.Listen, s.Guests))
	links = !slices.Equal(n.cfg.Outlets, s.Outlets)
	n.cfg.Listen, n.cfg.Interfaces, n.cfg.Guests, n.cfg.Outlets = s.Listen, s.Interfaces, s.Guests, s.Outlets
	for _, id := range n.edgeIDs() {
		n.reclass(n.edges[id]) // who is on our link may be another one now
	}
	if moved {
		n.changed(now)
	}
	n.wake(now)
	return links
}

// announce says HELLO on all our links for a Source; false: there is none.
func (n *Node) announce(now time.Time, source int) bool {
	if len(n.cfg.Outlets) == 0 || n.cfg.LoopbackOnly || !n.left.IsZero() {
		return false
	}
	n.announcer = source
	n.ep.Announce(now, n.cfg.Outlets)
	n.wake(now)
	return true
}

// metOnLink: somebody answered an announcement, or by whatever way, from our own
// link. Both sides know it of each other.
func (n *Node) metOnLink(id sessions.SessionID) {
	if e := n.edges[id]; e != nil && e.user != n.user {
		e.link = true
		n.book.SetEdge(e.user, true)
		n.reclass(e)
	}
}

// leftLink: a session that was met on the link is gone.
func (n *Node) leftLink(e *edge) {
	e.link = false
	n.reclass(e)
	for _, id := range n.onlineSessions(e.user) {
		if n.edges[id].link {
			return
		}
	}
	n.book.SetEdge(e.user, false)
}

// linkView is what the announcing Source knows: who was met and is here.
func (n *Node) linkView(v *PresenceView) {
	for _, id := range n.edgeIDs() {
		e := n.edges[id]
		if !e.link {
			continue
		}
		if label := n.book.Label(e.user); !slices.Contains(v.Users, label) {
			v.Users = append(v.Users, label)
		}
		if at, _, ok := n.ep.Path(dgram.PeerID(id)); ok {
			v.Addrs = append(v.Addrs, at)
		}
	}
}
