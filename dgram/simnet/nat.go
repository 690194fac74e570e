package simnet

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Kind says what a NAT does, in the words of RFC 4787: how it maps an inside
// address to an outside one, and what it lets in.
type Kind uint8

// The kinds. All of them drop datagrams that nobody inside has asked for.
const (
	Cone       Kind = iota // maps independently of the endpoint, port kept; lets in by address and port: the usual home router
	Restricted             // the same, lets in by address
	FullCone               // the same, lets in everybody once there is a mapping
	Remap                  // as Cone, but the port is not kept, and changes after each expiry
	Symmetric              // a different port for each destination; lets in by address and port
)

// String returns the kind's name.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

var kindNames = [...]string{"cone", "restricted", "fullcone", "remap", "symmetric"}

// Bounds of one NAT, and the first of the ports that it gives out by itself.
const (
	maxMappings  = 4096
	maxAsked     = 4096 // destinations of one mapping
	firstMapping = 20001
)

// NAT is a router that hides the hosts of a prefix behind one address. Its methods
// are as safe for many goroutines as those of its Net.
type NAT struct {
	net     *Net
	inside  netip.Prefix
	outside netip.Addr
	kind    Kind
	timeout time.Duration
	hairpin bool

	mappings []*mapping // oldest first, at most maxMappings
	port     uint16     // the next to give out
}

// mapping is one outside port and the inside address that it stands for.
type mapping struct {
	inside netip.AddrPort
	port   uint16
	to     netip.AddrPort               // Symmetric alone: for this destination
	asked  map[netip.AddrPort]time.Time // at most maxAsked
	used   time.Time                    // last, in either direction
}

// Behind puts a NAT in front of all hosts of a prefix, which must not belong to another
// NAT. timeout is how long a mapping lives after the last datagram through it. The outside
// address may itself be in the prefix of another NAT: carrier-grade double NAT.
func (n *Net) Behind(inside netip.Prefix, outside netip.Addr, k Kind, timeout time.Duration) *NAT {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := &NAT{net: n, inside: inside.Masked(), outside: outside, kind: k, timeout: timeout, port: firstMapping}
	n.nats = append(n.nats, r)
	return r
}

// Hairpin lets hosts inside reach each other by the outside address.
func (r *NAT) Hairpin(on bool) {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	r.hairpin = on
}

// Flush forgets all mappings, as a router does on a restart.
func (r *NAT) Flush() {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	r.mappings = nil
}

// Renumber gives the router another outside address, as a provider does: mappings of the old
// one are forgotten.
func (r *NAT) Renumber(outside netip.Addr) {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	r.outside, r.mappings = outside, nil
}

// Close ends the permission of one host outside to answer, as if only the router's entry for
// that host had expired.
func (r *NAT) Close(host netip.Addr) {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	for _, m := range r.mappings {
		maps.DeleteFunc(m.asked, func(to netip.AddrPort, _ time.Time) bool { return to.Addr() == host })
	}
}

// natOf returns the NAT in front of an address, nil if there is none.
func (n *Net) natOf(a netip.Addr) *NAT {
	for _, r := range n.nats {
		if r.inside.Contains(a.Unmap()) {
			return r
		}
	}
	return nil
}

// leave takes a datagram through the NATs on its way out and returns the source that it has
// afterwards.
func (n *Net) leave(now time.Time, from, to netip.AddrPort) netip.AddrPort {
	for range len(n.nats) {
		r := n.natOf(from.Addr())
		if r == nil || r.inside.Contains(to.Addr().Unmap()) {
			break
		}
		from = r.out(now, from, to)
	}
	return from
}

// enter takes a datagram through the NATs on its way in. ok is false when one of
// them drops it, or when it comes from outside for a hidden host.
func (n *Net) enter(now time.Time, from, to netip.AddrPort) (at netip.AddrPort, ok bool) {
	var through *NAT
	for {
		if r := n.natOf(to.Addr()); r != nil && r != through && !r.inside.Contains(from.Addr().Unmap()) {
			return to, false
		}
		i := slices.IndexFunc(n.nats, func(r *NAT) bool { return r.outside == to.Addr().Unmap() })
		if i < 0 {
			return to, true
		}
		through = n.nats[i]
		if to, ok = through.in(now, from, to); !ok {
			return to, false
		}
	}
}

// out maps a source, and notes which destination it asked.
func (r *NAT) out(now time.Time, from, to netip.AddrPort) netip.AddrPort {
	r.expire(now)
	key := netip.AddrPort{}
	if r.kind == Symmetric {
		key = to
	}
	i := slices.IndexFunc(r.mappings, func(m *mapping) bool { return m.inside == from && m.to == key })
	if i < 0 {
		if len(r.mappings) == maxMappings {
			r.mappings = r.mappings[1:]
		}
		i = len(r.mappings)
		r.mappings = append(r.mappings, &mapping{inside: from, to: key, port: r.choose(from.Port()), asked: map[netip.AddrPort]time.Time{}})
	}
	m := r.mappings[i]
	if _, known := m.asked[to]; known || len(m.asked) < maxAsked {
		m.asked[to] = now
	}
	m.used = now
	return netip.AddrPortFrom(r.outside, m.port)
}

// choose returns a free outside port.
func (r *NAT) choose(own uint16) uint16 {
	free := func(p uint16) bool {
		return p != 0 && !slices.ContainsFunc(r.mappings, func(m *mapping) bool { return m.port == p })
	}
	if r.kind != Remap && r.kind != Symmetric && free(own) {
		return own
	}
	for {
		p := r.port
		if r.port += 7; r.port < firstMapping {
			r.port = firstMapping
		}
		if free(p) {
			return p
		}
	}
}

// in maps a destination back, if the mapping lets the source in.
func (r *NAT) in(now time.Time, from, to netip.AddrPort) (netip.AddrPort, bool) {
	r.expire(now)
	if from.Addr() == r.outside && !r.hairpin {
		return to, false
	}
	for _, m := range r.mappings {
		if m.port != to.Port() {
			continue
		}
		if !m.lets(r.kind, from) {
			return to, false
		}
		m.used = now
		if _, asked := m.asked[from]; asked {
			m.asked[from] = now
		}
		return m.inside, true
	}
	return to, false
}

// lets says whether the mapping lets a source in.
func (m *mapping) lets(k Kind, from netip.AddrPort) bool {
	if _, asked := m.asked[from]; asked || k == FullCone {
		return true
	}
	if k == Restricted {
		for to := range m.asked {
			if to.Addr() == from.Addr() {
				return true
			}
		}
	}
	return false
}

// expire forgets permissions and mappings that were not used for the timeout.
func (r *NAT) expire(now time.Time) {
	r.mappings = slices.DeleteFunc(r.mappings, func(m *mapping) bool {
		for to, at := range m.asked {
			if now.Sub(at) >= r.timeout {
				delete(m.asked, to)
			}
		}
		return now.Sub(m.used) >= r.timeout
	})
}
