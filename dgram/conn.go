package dgram

import (
	"net"
	"net/netip"
)

// Conn is the part of *net.UDPConn that is used, so that a simulated network can
// stand in for it. Reads may be called by many goroutines at once; after Close
// they return net.ErrClosed. A write must not keep b or oob.
type Conn interface {
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)
	LocalAddr() net.Addr
	Close() error
}

var _ Conn = (*net.UDPConn)(nil)
