package dgram

import (
	"context"
	"net"
	"net/netip"
	"syscall"
)

// readBuffer is asked for, in bytes; the system may give less. It holds the
// datagrams of a burst while the readers are busy.
const readBuffer = 1 << 20

// LocalSize is the room that a reader needs for the control data of a datagram.
const LocalSize = 64

// system has the methods of socketOptions on the systems that are known to have
// what they need (udp_linux.go). Elsewhere a node runs without them: its datagrams
// may be fragmented, and a host with several addresses may answer from another one.
type system struct{}

type socketOptions interface {
	// set prepares a new socket. What the system refuses is done without.
	set(fd uintptr, network string)
	// share lets other programs have the same port.
	share(fd uintptr)
	// parse and append are ParseLocal and AppendLocal.
	parse(oob []byte) (local netip.Addr, index int)
	append(oob []byte, local netip.Addr, index int) []byte
}

func options() (socketOptions, bool) {
	var s any = system{} // asks at run time, so that no system needs a file of empty methods
	o, ok := s.(socketOptions)
	return o, ok
}

// Listen opens the UDP socket of a node. An unspecified IPv6 address is dual stack.
// Datagrams are sent with the don't-fragment bit where the system has one, and the
// own address that each was sent to is reported where it can be (ParseLocal).
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

// ParseLocal returns the own address that a datagram was sent to, from the control
// data that came with it; the zero Addr when it is not said. It is never mapped.
func ParseLocal(oob []byte) netip.Addr {
	if o, ok := options(); ok && len(oob) > 0 {
		local, _ := o.parse(oob)
		return local
	}
	return netip.Addr{}
}

// parseInterface returns the index of the interface that a datagram came in by; 0 when
// it is not said.
func parseInterface(oob []byte) int {
	if o, ok := options(); ok && len(oob) > 0 {
		_, index := o.parse(oob)
		return index
	}
	return 0
}

// AppendLocal appends the control data that sends a datagram to the address to
// from the own address local, as Datagram gives them. A zero local appends nothing.
func AppendLocal(oob []byte, local, to netip.Addr) []byte {
	local, to = local.Unmap(), to.Unmap()
	o, ok := options()
	if !ok || !local.IsValid() || local.IsMulticast() || local.IsUnspecified() || local.Is4() != to.Is4() {
		return oob
	}
	return o.append(oob, local, 0)
}

// AppendControl appends the control data that sends d as it wants to be sent.
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
