package neighbors

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// Bounds of what others tell us about our own address.
const (
	maxObservations = 16 // observers remembered; the oldest goes
	maxAdopted      = 2  // one address of each family
)

// reflexive is what we look like from outside: the reflexive addresses, at which others see us
// (RFC 8489), and the kind of NAT.
type reflexive struct {
	*core
	seen      []observation    // oldest first, at most maxObservations, one for each observer and family
	adopted   []netip.AddrPort // those that enough observers agree on, IPv4 first; at most maxAdopted
	symmetric bool             // each destination sees a different port of ours
	changed   bool             // since the record was last signed
	signed    time.Time        // when the record last said where we are
	keepSign  time.Time        // when a NAT was last seen to forget us, or our network changed
}

// reset forgets what others saw: our own network has changed.
func (rx *reflexive) reset() {
	rx.seen, rx.adopted, rx.symmetric, rx.changed, rx.signed = nil, nil, false, false, time.Time{}
}

// observation is one observer's observation. We remember everybody's, since our user may get to know
// the observer; it counts while the observer is known, or is a seed that was named.
type observation struct {
	by   identity.SessionID
	from netip.Addr // the observer's
	addr netip.AddrPort
	at   time.Time
	old  bool // of a mapping that has been replaced, as another observer saw
}

// tellWhere tells a neighbour at which address we see it, once for each address: it cannot know
// by itself what its NAT does.
func (rx *reflexive) tellWhere(now time.Time, id identity.SessionID, addr netip.AddrPort) {
	e := rx.edges.byID[id]
	if e == nil || e.told == addr || addr.Addr().IsLoopback() || dgram.Relayed(addr.Addr()) || rx.edgeIsOwn(e) {
		return
	}
	e.told = addr
	rx.ep.Send(now, wire.PeerID(id), wire.Message{ID: rx.ep.NextID(), Body: wire.Online{Observed: addr}})
}

func (co *core) edgeIsOwn(e *edge) bool { return e.user == co.own.user }

// observed takes a neighbour's observation of our own address. A neighbour on our own link does
// not see us from outside.
func (rx *reflexive) observed(now time.Time, by identity.SessionID, from, addr netip.AddrPort) {
	if at, _, ok := rx.direct(by); !ok || at != from || rx.links.near(from.Addr()) || !outward(addr) {
		return
	}
	o := rx
	same := func(s observation) bool { return s.by == by && s.addr.Addr().Is4() == addr.Addr().Is4() }
	if i := slices.IndexFunc(o.seen, same); i >= 0 && o.seen[i].addr != addr && !o.seen[i].old && rx.counts(by) {
		// The mapping has changed. Observations of the old one must not be compared with
		// it, or the NAT would look as if each destination had its own port.
		for j := range o.seen {
			o.seen[j].old = o.seen[j].old || o.seen[j].addr.Addr().Is4() == addr.Addr().Is4()
		}
	}
	o.seen = slices.DeleteFunc(o.seen, same)
	if len(o.seen) == maxObservations && !rx.forgetObservation(by) {
		return
	}
	o.seen = append(o.seen, observation{by: by, from: from.Addr(), addr: addr, at: now})
	rx.classifyNAT(now)
}

// forgetObservation makes room for an observer's sighting: the oldest that does not count goes or,
// if the new one counts, the oldest of all.
func (rx *reflexive) forgetObservation(by identity.SessionID) bool {
	o := rx
	i := slices.IndexFunc(o.seen, func(s observation) bool { return !rx.counts(s.by) })
	if i < 0 {
		if !rx.counts(by) {
			return false
		}
		i = 0
	}
	o.seen = slices.Delete(o.seen, i, i+1)
	return true
}

// counts says whether an observer's sighting of us counts.
func (rx *reflexive) counts(observer identity.SessionID) bool {
	return rx.edges.payer(observer).Class <= budget.Seed
}

// observers are the sightings that count, by observers that are here, of one family, the newest
// first.
func (rx *reflexive) observers(four bool) (list []observation) {
	for _, s := range slices.Backward(rx.seen) {
		if s.addr.Addr().Is4() == four && rx.edges.isOnline(s.by) && rx.counts(s.by) {
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

// classifyNAT adopts the addresses that a majority of the counting observers report, and classifies the
// NAT: whether the port depends on the destination. Observers in one network count once. A single
// observer is believed only if it is a seed that the person named.
func (rx *reflexive) classifyNAT(now time.Time) {
	o := rx
	var adopted []netip.AddrPort
	hard := false
	for _, four := range []bool{true, false} {
		words := rx.observers(four)
		if addr, ok := rx.majority(words); ok {
			adopted = append(adopted, addr)
		}
		hard = hard || portsDiffer(words)
	}
	if !slices.Equal(adopted, o.adopted) || hard != o.symmetric {
		if len(o.adopted) > 0 {
			rx.mappingLost(now)
		}
		o.adopted, o.symmetric = adopted, hard
		o.changed = true
		rx.wake(now)
	}
}

// majority is the address at which more than half of the observers' networks see us, by the
// newest sighting of each: at least two networks, or a single one with a seed that the person
// named in it.
func (rx *reflexive) majority(words []observation) (addr netip.AddrPort, ok bool) {
	voted := map[netip.Prefix]bool{}
	votes := map[netip.AddrPort]int{}
	sure, best := false, 0
	for _, s := range words {
		network := neighborhood(s.from)
		at, _, _ := rx.direct(s.by)
		sure = sure || rx.places.named(s.by, at)
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
func portsDiffer(words []observation) bool {
	voted := map[netip.Addr]bool{}
	ports := map[uint16]int{}
	best := 0
	for _, s := range words {
		first := words[0]
		if s.old || voted[s.from] || s.addr.Addr() != first.addr.Addr() || first.at.Sub(s.at) > observationTime {
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

// advance puts what we learnt into our record, now and then. A seed's record stays as it
// is: people reach a seed at the address they were given.
func (rx *reflexive) advance(now time.Time) (next time.Time) {
	o := rx
	if !o.changed || rx.cfg.Seed || !rx.own.left.IsZero() {
		return time.Time{}
	}
	if at := o.signed.Add(signGap); !o.signed.IsZero() && at.After(now) {
		return at
	}
	o.changed, o.signed = false, now
	if slices.Equal(rx.recordAddrs(), rx.own.record.Addrs) && o.symmetric == (rx.own.record.Flags&identity.FlagHardNAT != 0) {
		return time.Time{}
	}
	rx.happened(now, restated{}) // without a number the next change will try again
	return time.Time{}
}

// recordAddrs lists the addresses for our record: those of the machine, and those that others
// see.
func (rx *reflexive) recordAddrs() (list []identity.Address) {
	add := func(scope uint8, a netip.AddrPort) {
		if len(list) < identity.MaxAddrs && !slices.ContainsFunc(list, func(b identity.Address) bool { return b.Addr == a }) {
			list = append(list, identity.Address{Scope: scope, Addr: a})
		}
	}
	host := rx.cfg.Listen
	if room := identity.MaxAddrs - len(rx.adopted); len(host) > room {
		host = host[:room]
	}
	for _, a := range host {
		if !a.Addr().IsUnspecified() && a.Addr().Zone() == "" {
			add(identity.ScopeHost, a)
		}
	}
	for _, a := range rx.adopted {
		add(identity.ScopeObserved, a)
	}
	return list
}

// agreed says whether two observers see us at one address and port.
func (rx *reflexive) agreed() bool {
	for _, four := range []bool{true, false} {
		words := rx.observers(four)
		for i, s := range words {
			if slices.ContainsFunc(words[:i], func(t observation) bool { return t.addr == s.addr && t.from != s.from }) {
				return true
			}
		}
	}
	return false
}

// behindNAT says whether, as far as we know, a NAT stands between us and the outside.
func (rx *reflexive) behindNAT() bool {
	return slices.ContainsFunc(rx.adopted, func(a netip.AddrPort) bool { return !rx.ownAddr(a.Addr()) })
}

// seenElsewhere says whether all see us at one address, and it is not our own.
func (rx *reflexive) seenElsewhere(at []netip.AddrPort) bool {
	return len(at) > 0 && !rx.ownAddr(at[0].Addr()) &&
		!slices.ContainsFunc(at, func(a netip.AddrPort) bool { return a.Addr() != at[0].Addr() })
}

// nat says what kind of NAT we are behind.
func (rx *reflexive) nat() NAT {
	switch {
	case rx.symmetric:
		return NATHard
	case len(rx.adopted) == 0:
		return NATUnknown
	case !rx.behindNAT():
		return NATNone
	case rx.agreed():
		return NATEasy
	}
	return NATSome // one observer alone cannot tell more
}
