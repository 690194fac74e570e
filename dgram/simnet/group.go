package simnet

import (
	"bytes"
	"net/netip"
	"time"
)

// link is one segment of the network: what a host there sends to a group is heard by the
// members of that group there, including itself, and by nobody else.
type link struct {
	name  string
	group netip.AddrPort
}

// member is a listener of a group: an address on an event heap, or a Conn.
type member struct {
	host netip.Addr
	conn *Conn // nil: deliveries at host and the group's port
}

// Join makes host hear a group, or a broadcast address, on a segment: each datagram
// becomes a Delivery to host and the group's port. A host joins once for each of its
// addresses, and sends to the group from one of them. Its own datagrams reach it without
// loss, delay or duplication.
func (n *Net) Join(segment string, group netip.AddrPort, host netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.join(segment, group, member{host: host.Unmap()})
}

// Hear is Join for a bubble: the socket returned hears the group, and nothing else.
// Several may share one host, as programs that share a port do.
func (n *Net) Hear(segment string, group netip.AddrPort, host netip.Addr) *Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.open(netip.AddrPortFrom(host.Unmap(), group.Port()))
	n.join(segment, group, member{host.Unmap(), c})
	return c
}

func (n *Net) join(segment string, group netip.AddrPort, m member) {
	if n.groups == nil {
		n.groups = map[link][]member{}
	}
	at := link{segment, plain(group)}
	if n.groups[at] == nil {
		n.links = append(n.links, at) // the order of a map must not reach the trace
	}
	n.groups[at] = append(n.groups[at], m)
}

// plain is a group's address without the interface (zone) by which it is sent.
func plain(group netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(group.Addr().Unmap().WithZone(""), group.Port())
}

// Leave takes host off a segment, as if its cable were pulled: it hears nothing there, nor
// is it heard.
func (n *Net) Leave(segment string, host netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, at := range n.links {
		if at.name != segment {
			continue
		}
		var rest []member
		for _, m := range n.groups[at] {
			if m.host != host.Unmap() {
				rest = append(rest, m)
			}
		}
		n.groups[at] = rest
	}
}

// listeners lists the members that hear what from sends to a group; group is false if to is
// not a group.
func (n *Net) listeners(from, to netip.AddrPort) (list []member, group bool) {
	for _, at := range n.links {
		if at.group != plain(to) {
			continue
		}
		group = true
		for _, m := range n.groups[at] {
			if m.host == from.Addr() {
				list = append(list, n.groups[at]...)
				break
			}
		}
	}
	return list, group
}

// say handles a datagram to a group on the event heap; false: to is not a group.
func (n *Net) say(now time.Time, from, to netip.AddrPort, b []byte) bool {
	list, group := n.listeners(from, to)
	for _, m := range list {
		at := netip.AddrPortFrom(m.host, to.Port())
		delays, fate := n.plan(from, at, len(b))
		if m.host == from.Addr() {
			delays, fate = []time.Duration{0}, "its own"
		}
		n.fly(now, from, at, b, delays, fate)
	}
	return group
}

// sayTo is say in a bubble.
func (n *Net) sayTo(d Delivery) bool {
	list, group := n.listeners(d.From, d.To)
	for _, m := range list {
		if m.conn == nil {
			continue
		}
		copied := Delivery{d.From, m.conn.local, bytes.Clone(d.Bytes)}
		delays, fate := n.plan(d.From, m.conn.local, len(d.Bytes))
		n.trace.note(time.Now(), d.From, m.conn.local, d.Bytes, fate)
		for _, wait := range delays {
			time.AfterFunc(wait, func() { m.conn.take(copied) })
		}
	}
	return group
}

// take keeps a datagram for the reader of a socket that hears a group.
func (c *Conn) take(d Delivery) {
	select {
	case <-c.closed:
	case c.arrived <- d:
	default: // full: lost
	}
}
