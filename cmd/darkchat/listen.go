package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"darkchat/dgram"
)

// listen opens the socket. A busy default port of a client is replaced by a free
// one, which notice tells; any other trouble is an error that says what to do.
func listen(c config) (conn *net.UDPConn, notice string, err error) {
	addr := c.listen
	if !addr.IsValid() {
		addr = netip.IPv6Unspecified() // both families
	}
	conn, err = dgram.Listen(netip.AddrPortFrom(addr, c.port))
	if errors.Is(err, syscall.EAFNOSUPPORT) && !c.listen.IsValid() {
		addr = netip.IPv4Unspecified() // a machine without IPv6
		conn, err = dgram.Listen(netip.AddrPortFrom(addr, c.port))
	}
	switch {
	case err == nil:
		return conn, "", nil
	case errors.Is(err, syscall.EADDRINUSE) && !c.portGiven && !c.seed:
		conn, err = dgram.Listen(netip.AddrPortFrom(addr, 0))
		if err != nil {
			return nil, "", fmt.Errorf("no free UDP port: %w", err)
		}
		return conn, fmt.Sprintf("port %d is taken here; this session listens on %d", c.port, portOf(conn)), nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, "", fmt.Errorf("port %d is taken: end the program that has it, or give another -p (0: any free one)", c.port)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, "", fmt.Errorf("-listen %s is not an address of this machine", c.listen)
	case errors.Is(err, syscall.EACCES):
		return nil, "", fmt.Errorf("port %d may not be used without more rights: give a -p above 1023", c.port)
	}
	return nil, "", fmt.Errorf("no UDP socket: %w", err)
}

func portOf(conn *net.UDPConn) uint16 {
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// surroundings says where others can reach a socket, what one would tell them
// first, and the prefixes of our interfaces. A socket on one address is there
// alone.
func surroundings(conn *net.UDPConn) (reach []netip.AddrPort, near []netip.Prefix) {
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	near = interfacePrefixes()
	if addr := local.Addr().Unmap(); !addr.IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(addr, local.Port())}, near
	}
	four := local.Addr().Is4()
	for _, a := range usable(near, four) {
		reach = append(reach, netip.AddrPortFrom(a, local.Port()))
	}
	return reach, near
}

// usable orders the addresses of our interfaces: IPv4 first, since people type
// it, then IPv6, and loopback only when there is nothing else. Link-local
// addresses need a zone that means nothing to another machine.
func usable(near []netip.Prefix, four bool) []netip.Addr {
	var v4, v6 []netip.Addr
	for _, p := range near {
		switch a := p.Addr(); {
		case a.IsLoopback() || a.IsLinkLocalUnicast():
		case a.Is4():
			v4 = append(v4, a)
		case !four:
			v6 = append(v6, a)
		}
	}
	if len(v4)+len(v6) == 0 {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return append(v4, v6...)
}

// interfacePrefixes lists our interfaces' addresses with their prefix lengths,
// sorted. What cannot be found out is left out: nothing depends on it but hints.
func interfacePrefixes() []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var list []netip.Prefix
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if !ok {
			continue
		}
		ones, _ := n.Mask.Size()
		list = append(list, netip.PrefixFrom(ip.Unmap(), ones))
	}
	slices.SortFunc(list, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return list
}
