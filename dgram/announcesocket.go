package dgram

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// AnnounceSocket is a socket on which announcements are heard, at one port that all nodes of a host
// share. Each also has a chat port of its own, because a unicast datagram to a shared port
// reaches only one of them. Datagrams read from it go to Opener.OpenCall; nothing is ever
// sent from it. Join may be called by a different goroutine than the one that reads.
type AnnounceSocket struct {
	*net.UDPConn
	group  netip.Addr
	joined map[int]bool // by interface; bounded by the host's interfaces

	// The interfaces on which announcements count. The system also hands over what comes in
	// on others: broadcasts, and groups that another program has joined there.
	allowedInterfaces atomic.Pointer[[]int]
}

var _ Conn = (*AnnounceSocket)(nil)

// errShare: as far as we know, several programs cannot share a port on this system.
var errShare = errors.New("a port cannot be shared on this system")

// ListenAnnounce opens the socket for announcements to a group, and for broadcasts to its port. It
// hears no group before Join.
func ListenAnnounce(group netip.AddrPort) (*AnnounceSocket, error) {
	network, any := "udp4", netip.IPv4Unspecified()
	if group.Addr().Is6() {
		network, any = "udp6", netip.IPv6Unspecified()
	}
	o, ok := options()
	if !ok {
		return nil, errShare
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			o.share(fd)
			o.set(fd, network)
		})
	}}
	p, err := lc.ListenPacket(context.Background(), network, netip.AddrPortFrom(any, group.Port()).String())
	if err != nil {
		return nil, err
	}
	conn, ok := p.(*net.UDPConn)
	if !ok {
		panic("BUG: a UDP listener is a UDPConn")
	}
	return &AnnounceSocket{UDPConn: conn, group: group.Addr(), joined: map[int]bool{}}, nil
}

// Join hears the group on exactly these interfaces, given by index. If one refuses, the
// others are joined all the same, and the next call tries it again.
func (e *AnnounceSocket) Join(interfaces []int) {
	allowed := slices.Clone(interfaces)
	e.allowedInterfaces.Store(&allowed)
	wanted := map[int]bool{}
	for _, i := range interfaces {
		wanted[i] = true
		if !e.joined[i] && e.member(i, true) == nil {
			e.joined[i] = true
		}
	}
	for i := range e.joined {
		if !wanted[i] {
			_ = e.member(i, false) // it may be gone, and our membership with it already
			delete(e.joined, i)
		}
	}
}

// ReadMsgUDPAddrPort reads the next datagram that came in on an interface of Join. Where the
// system does not say which interface that was, it reads all.
func (e *AnnounceSocket) ReadMsgUDPAddrPort(b, _ []byte) (n, oobn, flags int, addr netip.AddrPort, err error) {
	var oob [LocalSize]byte
	for {
		n, oobn, flags, addr, err = e.UDPConn.ReadMsgUDPAddrPort(b, oob[:])
		if err != nil {
			return n, 0, flags, addr, err
		}
		allowed := e.allowedInterfaces.Load()
		if i := parseInterface(oob[:oobn]); i == 0 || allowed != nil && slices.Contains(*allowed, i) {
			return n, 0, flags, addr, nil
		}
	}
}

func (e *AnnounceSocket) member(index int, join bool) error {
	at, group := &net.Interface{Index: index}, &net.UDPAddr{IP: e.group.AsSlice()}
	four, six := ipv4.NewPacketConn(e.UDPConn), ipv6.NewPacketConn(e.UDPConn)
	switch {
	case e.group.Is4() && join:
		return four.JoinGroup(at, group)
	case e.group.Is4():
		return four.LeaveGroup(at, group)
	case join:
		return six.JoinGroup(at, group)
	}
	return six.LeaveGroup(at, group)
}
