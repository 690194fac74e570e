package neighbors

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// Bounds of what others tell us about our own address.
const (
	maxSightings = 16 // observers remembered; the oldest goes
	maxAdopted   = 2  // one address of each family
)

// outside is what we look like from outside: the addresses at which others see us (STUN's
// reflexive addresses, and the kind of NAT).
type outside struct {
	seen    []sighting       // oldest first, at most maxSightings, one for each observer and family
	adopted []netip.AddrPort // those that enough observers agree on, IPv4 first; at most maxAdopted
	hard    bool             // each destination sees a different port of ours
	changed bool             // since the record was last signed
	signed  time.Time        // when the record last said where we are
}

// sighting is one observer's observation. We remember everybody's, since our user may get to know
// the observer; it counts while the observer is known, or is a seed that was named.
type sighting struct {
	by   sessions.SessionID
	from netip.Addr // the observer's
	addr netip.AddrPort
	at   time.Time
	old  bool // of a mapping that has been replaced, as another observer saw
}

// tellWhere tells a neighbour at which address we see it, once for each address: it cannot know
// by itself what its NAT does.
func (n *Node) tellWhere(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	e := n.edges[id]
	if e == nil || e.told == addr || addr.Addr().IsLoopback() || dgram.Relayed(addr.Addr()) || n.edgeIsOwn(e) {
		return
	}
	e.told = addr
	n.ep.Send(now, dgram.PeerID(id), dgram.Message{ID: n.ep.NextID(), Body: dgram.Online{Observed: addr}})
}

func (n *Node) edgeIsOwn(e *edge) bool { return e.user == n.user }

// observed takes a neighbour's observation of our own address. A neighbour on our own link does
// not see us from outside.
func (n *Node) observed(now time.Time, by sessions.SessionID, from, addr netip.AddrPort) {
	if at, _, ok := n.direct(by); !ok || at != from || n.links.near(from.Addr()) || !outward(addr) {
		return
	}
	o := &n.outside
	same := func(s sighting) bool { return s.by == by && s.addr.Addr().Is4() == addr.Addr().Is4() }
	if i := slices.IndexFunc(o.seen, same); i >= 0 && o.seen[i].addr != addr && !o.seen[i].old && n.counts(by) {
		// The mapping has changed. Observations of the old one must not be compared with
		// it, or the NAT would look as if each destination had its own port.
		for j := range o.seen {
			o.seen[j].old = o.seen[j].old || o.seen[j].addr.Addr().Is4() == addr.Addr().Is4()
		}
	}
	o.seen = slices.DeleteFunc(o.seen, same)
	if len(o.seen) == maxSightings && !n.forgetSighting(by) {
		return
	}
	o.seen = append(o.seen, sighting{by: by, from: from.Addr(), addr: addr, at: now})
	n.judge(now)
}

// forgetSighting makes room for an observer's sighting: the oldest that does not count goes or,
// if the new one counts, the oldest of all.
func (n *Node) forgetSighting(by sessions.SessionID) bool {
	o := &n.outside
	i := slices.IndexFunc(o.seen, func(s sighting) bool { return !n.counts(s.by) })
	if i < 0 {
		if !n.counts(by) {
			return false
		}
		i = 0
	}
	o.seen = slices.Delete(o.seen, i, i+1)
	return true
}

// counts says whether an observer's sighting of us counts.
func (n *Node) counts(observer sessions.SessionID) bool {
	return n.payer(observer).Class <= budget.Seed
}

// observers are the sightings that count, by observers that are here, of one family, the newest
// first.
func (n *Node) observers(four bool) (list []sighting) {
	for _, s := range slices.Backward(n.outside.seen) {
		if s.addr.Addr().Is4() == four && n.isOnline(s.by) && n.counts(s.by) {
			list = append(list, s)
		}
	}
	return list
}

// outward says whether an address can be ours as seen from outside.
func outward(a netip.AddrPort) bool {
	ip := a.Addr()
	return a.Port() != 0 && ip.IsGlobalUnicast() && !ip.Is4In6() && !dgram.Relayed(ip)
}

// named says whether the person named that node as a seed, in this run or an earlier one.
func (n *Node) named(id sessions.SessionID, at netip.AddrPort) bool {
	s, ok := n.book.Session(id)
	return ok && (n.book.NamedSeed(s.User) || n.hintedSeed(s, at))
}

// hintedSeed says whether the person named the node at an address as a seed: by address alone,
// or by name if its record says that it is a seed.
func (n *Node) hintedSeed(s sessions.Session, at netip.AddrPort) bool {
	for _, p := range n.plugins {
		for _, h := range p.hints {
			if h.addr == at && (h.user == "" || s.Flags&sessions.FlagSeed != 0 && n.fits(h, s)) {
				return true
			}
		}
	}
	return false
}

// judge adopts the addresses that a majority of the counting observers report, and classifies the
// NAT: whether the port depends on the destination. Observers in one network count once. A single
// observer is believed only if it is a seed that the person named.
func (n *Node) judge(now time.Time) {
	o := &n.outside
	var adopted []netip.AddrPort
	hard := false
	for _, four := range []bool{true, false} {
		words := n.observers(four)
		if addr, ok := n.majority(words); ok {
			adopted = append(adopted, addr)
		}
		hard = hard || portsDiffer(words)
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

// majority is the address at which more than half of the observers' networks see us, by the
// newest sighting of each: at least two networks, or a single one with a seed that the person
// named in it.
func (n *Node) majority(words []sighting) (addr netip.AddrPort, ok bool) {
	voted := map[netip.Prefix]bool{}
	votes := map[netip.AddrPort]int{}
	sure, best := false, 0
	for _, s := range words {
		network := neighborhood(s.from)
		at, _, _ := n.direct(s.by)
		sure = sure || n.named(s.by, at)
		if voted[network] {
			continue
		}
		voted[network] = true
		if votes[s.addr]++; votes[s.addr] > best {
			best, addr = votes[s.addr], s.addr
		}
	}
	return addr, 2*best > len(voted) && (best > 1 || sure)
}

// portsDiffer says whether each observer sees a different port of ours: of those that saw us
// lately at one IP address, no more than half agree on a port.
func portsDiffer(words []sighting) bool {
	voted := map[netip.Addr]bool{}
	ports := map[uint16]int{}
	best := 0
	for _, s := range words {
		first := words[0]
		if s.old || voted[s.from] || s.addr.Addr() != first.addr.Addr() || first.at.Sub(s.at) > sightingTime {
			continue
		}
		voted[s.from] = true
		ports[s.addr.Port()]++
		best = max(best, ports[s.addr.Port()])
	}
	return len(voted) > 1 && 2*best <= len(voted)
}

// neighborhood is the network within which several observers count as one.
func neighborhood(a netip.Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// advanceOutside puts what we learnt into our record, now and then. A seed's record stays as it
// is: people reach a seed at the address they were given.
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
	n.happened(now, restated{}) // without a number the next change will try again
	return time.Time{}
}

// recordAddrs lists the addresses for our record: those of the machine, and those that others
// see.
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
func (n *Node) agreed() bool {
	for _, four := range []bool{true, false} {
		words := n.observers(four)
		for i, s := range words {
			if slices.ContainsFunc(words[:i], func(t sighting) bool { return t.addr == s.addr && t.from != s.from }) {
				return true
			}
		}
	}
	return false
}

// hidden says whether, as far as we know, a NAT stands between us and the outside.
func (n *Node) hidden() bool {
	return slices.ContainsFunc(n.outside.adopted, func(a netip.AddrPort) bool { return !n.ownAddr(a.Addr()) })
}

// ownAddr says whether an address belongs to this machine.
func (n *Node) ownAddr(a netip.Addr) bool {
	return slices.ContainsFunc(n.cfg.Listen, func(l netip.AddrPort) bool { return l.Addr() == a }) ||
		slices.ContainsFunc(n.cfg.Interfaces, func(p netip.Prefix) bool { return p.Addr() == a })
}
