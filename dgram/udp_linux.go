package dgram

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

var _ socketOptions = system{}

// set asks for the don't-fragment bit and for the local address of each datagram. PROBE sets the bit
// but ignores path MTU reports: nothing is ever longer than MaxDatagram anyway.
func (system) set(fd uintptr, network string) {
	s := int(fd)
	_ = unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	_ = unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	if network == "udp4" {
		return
	}
	_ = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	_ = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

func (system) parse(oob []byte) (local netip.Addr, index int) {
	for len(oob) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			// ipi_ifindex, and ipi_spec_dst: the address to answer from
			return netip.AddrFrom4([4]byte(data[4:8])), int(binary.NativeEndian.Uint32(data))
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(data[:16])).Unmap(), int(binary.NativeEndian.Uint32(data[16:]))
		}
		oob = rest
	}
	return netip.Addr{}, 0
}

func (system) append(oob []byte, local netip.Addr, index int) []byte {
	if local.Is4() {
		return append(oob, unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(index), Spec_dst: local.As4()})...)
	}
	return append(oob, unix.PktInfo6(&unix.Inet6Pktinfo{Ifindex: uint32(index), Addr: local.As16()})...)
}

// share asks for both options: with the first alone, programs of two users cannot share a port; with
// the second alone, neither can two programs of which only one sets it.
func (system) share(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}
