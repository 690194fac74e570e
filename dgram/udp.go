package dgram

import (
	"context"
	"net"
	"net/netip"
	"syscall"
)

// readBuffer is the receive buffer we ask for, in bytes; the system may give less. It holds a burst
// of datagrams while the readers are busy.
const readBuffer = 1 << 20

// LocalSize is the size of the buffer that a reader needs for a datagram's control data.
const LocalSize = 64

// system has the methods of socketOptions on systems known to support them (udp_linux.go).
// Elsewhere a node runs without them: its datagrams may be fragmented, and a host with several
// addresses may answer from the wrong one.
type system struct{}

type socketOptions interface {
	// set prepares a new socket, without the options that the system refuses.
	set(fd uintptr, network string)
	// share lets other programs use the same port.
	share(fd uintptr)
	// parse and append are ParseLocal and AppendLocal.
	parse(oob []byte) (local netip.Addr, index int)
	append(oob []byte, local netip.Addr, index int) []byte
}

func options() (socketOptions, bool) {
	var s any = system{} // asked at run time, so that no system needs a file of empty methods
	o, ok := s.(socketOptions)
	return o, ok
}

// Listen opens the UDP socket of a node. An unspecified IPv6 address is dual stack. Where the system
// can, datagrams are sent with the don't-fragment bit, and the address of ours to which each received
// one was sent is reported (ParseLocal).
func Listen(addr netip.AddrPort) (*net.UDPConn, error) {
	network := "udp"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		o, ok := options()
		if !ok {
			return nil
		}
		return c.Control(func(fd uintptr) { o.set(fd, network) })
	}}
	p, err := lc.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	conn, ok := p.(*net.UDPConn)
	if !ok {
		panic("BUG: a UDP listener is a UDPConn")
	}
	_ = conn.SetReadBuffer(readBuffer) // a smaller one works too
	return conn, nil
}

// ParseLocal returns the address of ours to which a datagram was sent, from the control data that
// came with it; the zero Addr if it is not there. It is never a v4-mapped one.
func ParseLocal(oob []byte) netip.Addr {
	if o, ok := options(); ok && len(oob) > 0 {
		local, _ := o.parse(oob)
		return local
	}
	return netip.Addr{}
}

// parseInterface returns the index of the interface on which a datagram came in; 0 if it is not
// there.
func parseInterface(oob []byte) int {
	if o, ok := options(); ok && len(oob) > 0 {
		_, index := o.parse(oob)
		return index
	}
	return 0
}

// AppendLocal appends the control data that makes a datagram to the address to leave from our address
// local, as in Datagram. A zero local appends nothing.
func AppendLocal(oob []byte, local, to netip.Addr) []byte {
	local, to = local.Unmap(), to.Unmap()
	o, ok := options()
	if !ok || !local.IsValid() || local.IsMulticast() || local.IsUnspecified() || local.Is4() != to.Is4() {
		return oob
	}
	return o.append(oob, local, 0)
}

// AppendControl appends the control data with which d must be sent.
func (d Datagram) AppendControl(oob []byte) []byte {
	o, ok := options()
	if !ok || d.Interface == 0 {
		return AppendLocal(oob, d.Local, d.To.Addr())
	}
	local := d.Local.Unmap()
	if four := d.To.Addr().Unmap().Is4(); !local.IsValid() || local.Is4() != four {
		local = netip.IPv6Unspecified()
		if four {
			local = netip.IPv4Unspecified()
		}
	}
	return o.append(oob, local, d.Interface)
}
