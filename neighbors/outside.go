package neighbors

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// Bounds of what others tell us about our own address.
const (
	maxSightings = 16 // observers that are remembered; the oldest goes
	maxAdopted   = 2  // one address of each family
)

// outside is what we look like from outside: the addresses that others saw us at.
type outside struct {
	seen    []sighting       // oldest first, at most maxSightings, one for each observer
	adopted []netip.AddrPort // that enough of them agree on, IPv4 first; at most maxAdopted
	hard    bool             // each destination sees another port of us
	changed bool             // the record must say so
	signed  time.Time        // when it last did
}

// sighting is one observer's word.
type sighting struct {
	by   sessions.SessionID
	from netip.Addr // the observer's
	addr netip.AddrPort
	at   time.Time
	sure bool // the observer is a seed that the person named
}

// tellWhere tells a neighbour at which address we see it, once for each address: it
// cannot know by itself what its NAT makes of it.
func (n *Node) tellWhere(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	e := n.edges[id]
	if e == nil || e.told == addr || addr.Addr().IsLoopback() || dgram.Relayed(addr.Addr()) || n.edgeIsOwn(e) {
		return
	}
	e.told = addr
	n.ep.Send(now, dgram.PeerID(id), dgram.Message{ID: n.ep.NextID(), Body: dgram.Online{Observed: addr}})
}

func (n *Node) edgeIsOwn(e *edge) bool { return e.user == n.user }

// observed takes a neighbour's word for our own address. Who is on our own link
// sees no outside.
func (n *Node) observed(now time.Time, by sessions.SessionID, from, addr netip.AddrPort) {
	if at, _, ok := n.direct(by); !ok || at != from || n.links.near(from.Addr()) || !outward(addr) {
		return
	}
	o := &n.outside
	same := func(s sighting) bool { return s.by == by && s.addr.Addr().Is4() == addr.Addr().Is4() }
	if i := slices.IndexFunc(o.seen, same); i >= 0 && o.seen[i].addr != addr {
		// The mapping is another one now. What others saw of the old one must not be
		// compared with it: the NAT would look as if each destination had its own port.
		o.seen = slices.DeleteFunc(o.seen, func(s sighting) bool { return s.addr.Addr().Is4() == addr.Addr().Is4() })
	}
	o.seen = slices.DeleteFunc(o.seen, same)
	if len(o.seen) == maxSightings {
		o.seen = o.seen[1:]
	}
	o.seen = append(o.seen, sighting{by, from.Addr(), addr, now, n.named(by, from)})
	n.judge(now)
}

// outward says whether an address can be our own as others see it.
func outward(a netip.AddrPort) bool {
	ip := a.Addr()
	return a.Port() != 0 && ip.IsGlobalUnicast() && !ip.Is4In6() && !dgram.Relayed(ip)
}

// named says whether the person named that node as a seed.
func (n *Node) named(id sessions.SessionID, at netip.AddrPort) bool {
	s, ok := n.book.Session(id)
	if !ok || s.Flags&sessions.FlagSeed == 0 {
		return false
	}
	for _, p := range n.plugins {
		for _, h := range p.hints {
			if h.addr == at {
				return true
			}
		}
	}
	return false
}

// judge adopts the addresses that one named seed, or observers in two prefixes, tell
// of, and finds out whether the port depends on who looks.
func (n *Node) judge(now time.Time) {
	o := &n.outside
	var adopted []netip.AddrPort
	hard := false
	for _, four := range []bool{true, false} {
		for i := len(o.seen) - 1; i >= 0; i-- { // the newest counts
			s := o.seen[i]
			if s.addr.Addr().Is4() != four {
				continue
			}
			agreed := s.sure
			for _, t := range o.seen[:i] {
				if t.addr.Addr() != s.addr.Addr() || t.from == s.from || s.at.Sub(t.at) > sightingTime {
					continue
				}
				hard = hard || t.addr.Port() != s.addr.Port()
				agreed = agreed || t.addr == s.addr && neighborhood(t.from) != neighborhood(s.from)
			}
			if agreed {
				adopted = append(adopted, s.addr)
			}
			break
		}
	}
	if !slices.Equal(adopted, o.adopted) || hard != o.hard {
		if len(o.adopted) > 0 {
			n.mappingLost(now)
		}
		o.adopted, o.hard = adopted, hard
		o.changed = true
		n.wake(now)
	}
}

// neighborhood is the unit in which observers count as different ones.
func neighborhood(a netip.Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// advanceOutside puts what was learnt into our record, now and then. A seed's stays
// as it is: it is reached where its people were told.
func (n *Node) advanceOutside(now time.Time) (next time.Time) {
	o := &n.outside
	if !o.changed || n.cfg.Seed || !n.left.IsZero() {
		return time.Time{}
	}
	if at := o.signed.Add(signGap); !o.signed.IsZero() && at.After(now) {
		return at
	}
	o.changed, o.signed = false, now
	if slices.Equal(n.recordAddrs(), n.record.Addrs) && o.hard == (n.record.Flags&sessions.FlagHardNAT != 0) {
		return time.Time{}
	}
	_ = n.redeclare(now) // the next change tries again
	return time.Time{}
}

// redeclare signs our record anew and hands it to every neighbour.
func (n *Node) redeclare(now time.Time) error {
	if err := n.sign(n.presence()); err != nil {
		return err // without a number the old record stands a while longer
	}
	for _, e := range n.live() {
		n.ep.Send(now, dgram.PeerID(e.id), dgram.Message{ID: n.ep.NextID(), Body: dgram.Online{Record: n.signed, Observed: e.told}})
	}
	return nil
}

// recordAddrs lists the addresses for our record: those of the machine, and those
// that others see.
func (n *Node) recordAddrs() (list []sessions.Address) {
	add := func(scope uint8, a netip.AddrPort) {
		if len(list) < sessions.MaxAddrs && !slices.ContainsFunc(list, func(b sessions.Address) bool { return b.Addr == a }) {
			list = append(list, sessions.Address{Scope: scope, Addr: a})
		}
	}
	host := n.cfg.Listen
	if room := sessions.MaxAddrs - len(n.outside.adopted); len(host) > room {
		host = host[:room]
	}
	for _, a := range host {
		if !a.Addr().IsUnspecified() && a.Addr().Zone() == "" {
			add(sessions.ScopeHost, a)
		}
	}
	for _, a := range n.outside.adopted {
		add(sessions.ScopeObserved, a)
	}
	return list
}

// agreed says whether two observers see us at one address and port.
func (o *outside) agreed() bool {
	for i, s := range o.seen {
		for _, t := range o.seen[:i] {
			if t.addr == s.addr && t.from != s.from {
				return true
			}
		}
	}
	return false
}

// hidden says whether a NAT stands between us and the outside, as far as is known.
func (n *Node) hidden() bool {
	return slices.ContainsFunc(n.outside.adopted, func(a netip.AddrPort) bool { return !n.ownAddr(a.Addr()) })
}

// ownAddr says whether an address is one of this machine's.
func (n *Node) ownAddr(a netip.Addr) bool {
	return slices.ContainsFunc(n.cfg.Listen, func(l netip.AddrPort) bool { return l.Addr() == a }) ||
		slices.ContainsFunc(n.cfg.Interfaces, func(p netip.Prefix) bool { return p.Addr() == a })
}
