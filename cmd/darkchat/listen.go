package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"darkchat/dgram"
)

// listen opens the socket. A client's busy default port is replaced by a free one, which notice
// tells; any other failure is an error that says what to do.
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
		return nil, "", fmt.Errorf("port %d needs more rights than this program has: give a -p above 1023", c.port)
	}
	return nil, "", fmt.Errorf("no UDP socket: %w", err)
}

func portOf(conn *net.UDPConn) uint16 {
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}
