package identity

import (
	"encoding/binary"
	"net/netip"
)

// AppendAddr writes an address as the wire has it: IP || port. Source:
// spec/wire.md 4.5.
func AppendAddr(b []byte, a netip.AddrPort) []byte {
	b = append(b, a.Addr().Unmap().AsSlice()...)
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// ParseAddr reads what AppendAddr wrote. It refuses port 0, and IPv4 addresses mapped
// into IPv6: an address has one encoding.
func ParseAddr(b []byte) (netip.AddrPort, bool) {
	if len(b) != 6 && len(b) != 18 {
		return netip.AddrPort{}, false
	}
	ip, _ := netip.AddrFromSlice(b[:len(b)-2])
	port := binary.BigEndian.Uint16(b[len(b)-2:])
	return netip.AddrPortFrom(ip, port), port != 0 && !ip.Is4In6()
}

// PrefixOf is the network that shares one allowance for strangers: a /24 or a /56, where one
// owner may have all addresses. A whole office may share a private prefix, so there it is the
// address itself. This machine has none: programs on it need no addresses to be many.
func PrefixOf(a netip.AddrPort) (netip.Prefix, bool) {
	ip := a.Addr().Unmap().WithZone("")
	bits := 56
	switch {
	case ip.IsPrivate() || ip.IsLinkLocalUnicast():
		bits = ip.BitLen()
	case !ip.IsGlobalUnicast():
		return netip.Prefix{}, false
	case ip.Is4():
		bits = 24
	}
	p, err := ip.Prefix(bits)
	return p, err == nil
}
