package main

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"darkchat/neighbors"
	"darkchat/neighbors/lan"
)

// iface is one interface of this machine with its addresses.
type iface struct {
	lan.Interface
	name    string
	flags   net.Flags
	virtual bool         // it leads only to this machine's own guests and tunnels
	routed  []netip.Addr // source addresses of default routes through it, one a family
}

// virtualNames are the names that container engines, hypervisors and clusters give to interfaces
// that connect their guests to this machine.
var virtualNames = regexp.MustCompile(`^(docker|br-[0-9a-f]{12}$|veth|virbr|vnet|vmnet|vboxnet|cni|flannel|cali|podman|lxcbr|lxdbr)`)

// interfaces lists the interfaces that are up, sorted by index. One that cannot be examined is left
// out; the next look comes soon.
func interfaces() (list []iface) {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	out := wayOut()
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		f := iface{name: i.Name, flags: i.Flags, Interface: lan.Interface{
			Index: i.Index, Multicast: i.Flags&net.FlagMulticast != 0, Broadcast: i.Flags&net.FlagBroadcast != 0,
		}}
		f.virtual = virtualNames.MatchString(i.Name) || i.Flags&net.FlagPointToPoint != 0
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				if ip, ok := netip.AddrFromSlice(n.IP); ok {
					ones, _ := n.Mask.Size()
					f.Prefixes = append(f.Prefixes, netip.PrefixFrom(ip.Unmap(), ones))
					if slices.Contains(out, ip.Unmap()) {
						f.routed = append(f.routed, ip.Unmap())
					}
				}
			}
		}
		slices.SortFunc(f.Prefixes, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b iface) int { return a.Index - b.Index })
	return list
}

// wayOut returns the source addresses of the default routes. Connecting a UDP socket sends nothing;
// the far ends are addresses reserved for documentation.
func wayOut() (list []netip.Addr) {
	for _, to := range [][2]string{{"udp4", "192.0.2.1:9"}, {"udp6", "[2001:db8::1]:9"}} {
		conn, err := net.Dial(to[0], to[1])
		if err != nil {
			continue // no default route in this family
		}
		list = append(list, conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap())
		_ = conn.Close() // nothing was sent on it
	}
	return list
}

// announces says whether we announce ourselves there: not without a link, nor where there are only
// guests of this machine, unless -interfaces names the interface.
func (f iface) announces(chosen *regexp.Regexp) bool {
	switch {
	case f.flags&net.FlagLoopback != 0 || f.flags&net.FlagRunning == 0:
		return false
	case chosen != nil:
		return chosen.MatchString(f.name)
	}
	return !f.virtual
}

// inside says that only guests of this machine can be there or, without a link, nobody. Other
// machines do not care whether such interfaces come and go. Tunnels are not meant, nor interfaces
// with a default route.
func (f iface) inside() bool {
	guests := virtualNames.MatchString(f.name) || f.flags&net.FlagRunning == 0
	return guests && f.flags&(net.FlagLoopback|net.FlagPointToPoint) == 0 && len(f.routed) == 0
}

// ground is what the socket and the flags say about a node's surroundings (its local network).
type ground struct {
	local  netip.AddrPort // of the socket
	chosen *regexp.Regexp // -interfaces; nil: announces decides
}

// surroundings says where others can reach the socket, the best address first, the prefixes of our
// interfaces, and how announcements leave. A socket on one address is reached only there, and is
// announced only on the link of that address.
func (g ground) surroundings(all []iface) neighbors.LocalNetwork {
	var s neighbors.LocalNetwork
	var heard []lan.Interface
	var first, last, alone []netip.Prefix
	var routed []netip.Addr
	at := g.local.Addr().Unmap()
	for _, i := range all {
		s.Interfaces = append(s.Interfaces, i.Prefixes...)
		if !i.announces(g.chosen) {
			last = append(last, i.Prefixes...)
			if i.inside() {
				s.Guests = append(s.Guests, i.Prefixes...)
			}
			continue
		}
		if i.linkLocal() {
			alone = append(alone, i.Prefixes...)
		} else {
			first, routed = append(first, i.Prefixes...), append(routed, i.routed...)
		}
		if !at.IsUnspecified() {
			i.Prefixes = slices.DeleteFunc(slices.Clone(i.Prefixes), func(p netip.Prefix) bool { return p.Addr() != at })
		}
		heard = append(heard, i.Interface)
	}
	slices.SortFunc(s.Interfaces, func(a, b netip.Prefix) int { return strings.Compare(a.String(), b.String()) })
	if !at.IsUnspecified() {
		s.Listen = []netip.AddrPort{netip.AddrPortFrom(at, g.local.Port())}
	} else {
		for _, a := range usable(routed, first, last, alone, g.local.Addr().Is4()) {
			s.Listen = append(s.Listen, netip.AddrPortFrom(a, g.local.Port()))
		}
	}
	four, six := at.Is4() || at.IsUnspecified(), !g.local.Addr().Is4() && !at.Is4()
	s.Outlets = lan.Outlets(heard, four, six)
	return s
}

// linkLocal says that an interface has only self-assigned addresses, as with a cable between two
// machines, or in a network whose DHCP is down.
func (f iface) linkLocal() bool {
	made := func(p netip.Prefix) bool { return p.Addr().IsLinkLocalUnicast() }
	return slices.ContainsFunc(f.Prefixes, made) && !slices.ContainsFunc(f.Prefixes, func(p netip.Prefix) bool { return !made(p) })
}

// usable orders the addresses of our interfaces: first those of the default routes, then those on a
// link with others, each time IPv4 first, since people type it, then IPv6; then IPv4 link-local ones
// of links where there are no others (alone); and loopback only if there is nothing else. IPv6
// link-local addresses are left out: they need a zone, which means nothing to another machine. four:
// the socket has no IPv6.
func usable(routed []netip.Addr, first, last, alone []netip.Prefix, four bool) []netip.Addr {
	var v4, v6, made []netip.Addr
	for _, p := range alone {
		// A host route is not a link: some use such an address for a service on this machine.
		if p.Addr().Is4() && !p.IsSingleIP() {
			made = append(made, p.Addr())
		}
	}
	for _, list := range [2][]netip.Prefix{first, last} {
		for _, p := range list {
			switch a := p.Addr(); {
			case a.IsLoopback() || a.IsLinkLocalUnicast():
			case a.Is4():
				v4 = append(v4, a)
			case !four:
				v6 = append(v6, a)
			}
		}
	}
	later := func(a netip.Addr) int {
		if slices.Contains(routed, a) {
			return 0
		}
		return 1
	}
	if len(v4)+len(v6)+len(made) == 0 {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	all := append(v4, v6...)
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return later(a) - later(b) })
	return append(all, made...)
}
