package simnet

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// maxArrived bounds what one Conn keeps unread; one more is lost, as with a socket.
const maxArrived = 1024

// firstPort is the first port given to a Conn that asks for any.
const firstPort = 49152

// Conn is a socket on the network: the subset of *net.UDPConn that dgram uses. It
// parks on channels, so in a synctest bubble its readers are idle goroutines. Make
// it inside the bubble that uses it.
type Conn struct {
	net     *Net
	local   netip.AddrPort
	arrived chan Delivery
	closed  chan struct{}
	once    sync.Once
}

// Listen opens a socket at addr, on any free port if its port is 0. An address that
// is taken is a mistake in a test: it panics.
func (n *Net) Listen(addr netip.AddrPort) *Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr = unmap(addr)
	if addr.Port() == 0 {
		port := uint16(firstPort)
		for n.conns[netip.AddrPortFrom(addr.Addr(), port)] != nil {
			port++
		}
		addr = netip.AddrPortFrom(addr.Addr(), port)
	}
	if n.conns[addr] != nil {
		panic("BUG: address in use: " + addr.String())
	}
	c := n.open(addr)
	n.conns[addr] = c
	return c
}

func (n *Net) open(addr netip.AddrPort) *Conn {
	return &Conn{net: n, local: addr, arrived: make(chan Delivery, maxArrived), closed: make(chan struct{})}
}

// ReadMsgUDPAddrPort waits for a datagram. One that does not fit into b is truncated,
// flagged with MSG_TRUNC. After Close the error is net.ErrClosed.
func (c *Conn) ReadMsgUDPAddrPort(b, _ []byte) (n, oobn, flags int, addr netip.AddrPort, err error) {
	select {
	case <-c.closed: // even if something arrived
		return 0, 0, 0, netip.AddrPort{}, net.ErrClosed
	default:
	}
	select {
	case <-c.closed:
		return 0, 0, 0, netip.AddrPort{}, net.ErrClosed
	case d := <-c.arrived:
		if n = copy(b, d.Bytes); n < len(d.Bytes) {
			flags = syscall.MSG_TRUNC
		}
		return n, 0, flags, d.From, nil
	}
}

// WriteMsgUDPAddrPort sends b, which it copies. A datagram that is too large for the
// network is refused with EMSGSIZE, as by a socket with the don't-fragment bit.
func (c *Conn) WriteMsgUDPAddrPort(b, _ []byte, to netip.AddrPort) (n, oobn int, err error) {
	select {
	case <-c.closed:
		return 0, 0, net.ErrClosed
	default:
	}
	if len(b) > MTU {
		return 0, 0, syscall.EMSGSIZE
	}
	c.net.write(Delivery{c.local, unmap(to), bytes.Clone(b)})
	return len(b), 0, nil
}

// write schedules the arrival of copies of d as the profile says.
func (n *Net) write(d Delivery) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sayTo(d) {
		return
	}
	d.From = n.leave(time.Now(), d.From, d.To)
	delays, fate := n.plan(d.From, d.To, len(d.Bytes))
	n.trace.note(time.Now(), d.From, d.To, d.Bytes, fate)
	for _, wait := range delays {
		time.AfterFunc(wait, func() { n.arrive(d) })
	}
}

// arrive hands d to the Conn that has the address by now.
func (n *Net) arrive(d Delivery) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cuts[pairOf(d.From.Addr(), d.To.Addr())] {
		return
	}
	to, ok := n.enter(time.Now(), d.From, d.To)
	c := n.conns[to]
	if !ok || c == nil {
		return
	}
	d.To = to
	select {
	case c.arrived <- d:
	default: // full: lost
	}
}

// LocalAddr returns the address as a *net.UDPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// Close frees the address and ends every call with net.ErrClosed.
func (c *Conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		c.net.mu.Lock()
		if c.net.conns[c.local] == c {
			delete(c.net.conns, c.local)
		}
		c.net.mu.Unlock()
		close(c.closed)
		err = nil
	})
	return err
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
