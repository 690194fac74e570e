package dgram

import "net/netip"

// prefixOf is the unit in which addresses are limited: /24 of IPv4, /56 of IPv6, all of
// which usually belongs to one customer of a provider (spec/wire.md 6.3).
func prefixOf(a netip.Addr) netip.Prefix {
	bits := 56
	switch {
	case a.Is4():
		bits = 24
	case Relayed(a):
		bits = relayBits // everything that one relay brings
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// unmapped turns a v4-mapped address into the IPv4 address in it, so that a host has only one
// form of address.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// reachable says whether a datagram may be sent there at all.
func reachable(a netip.AddrPort) bool {
	ip := a.Addr()
	return a.Port() != 0 && ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() &&
		ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// near says whether an address is limited by address and port rather than by prefix, because a
// whole office, or all programs of a machine, share that prefix.
type near func(netip.Addr) bool
