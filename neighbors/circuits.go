package neighbors

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram"
	"darkchat/dgram/timing"
	"darkchat/dgram/wire"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// relay carries datagrams for others, and takes those that others carry.
type relay struct {
	*core
	circuits circuits
}

// circuits is a seed's side of relaying: who writes to whom, within quotas. It carries one
// packet of the protocol at a time, sealed between the two ends, to a session associated with
// us, never to an address. Nothing passes until both have written to each other: that is how
// they ask for a circuit.
//
// Each end pays for a circuit once it has used it (pool Circuits). When there is no room, a
// circuit that only one side ever used gives way before one that both use.
type circuits struct {
	budget *budget.Ledger
	alone  *simplelru.LRU[pairKey, *circuit] // used by one side so far, the longest idle first
	talk   *simplelru.LRU[pairKey, *circuit] // used by both; the pool Circuits bounds both lists
	of     map[identity.SessionID]int        // circuits of each session
	count  relayCount
}

// pairKey is two session ids in order.
type pairKey [16]byte

// relayCount is what a relay counts.
type relayCount struct {
	passed, unknown, unasked, full, quota, rate uint64
}

// circuit is one pair; side 0 is the smaller session id.
type circuit struct {
	key    pairKey
	began  time.Time // of the period in which bytes are counted
	used   [2]time.Time
	bytes  [2]int
	payers [2]*budget.Payer // per side, once it has used it
	pace   timing.Bucket    // of its datagrams
}

func newCircuits(l *budget.Ledger) circuits {
	most := int(l.Most(budget.Circuits, budget.Own)) + 1 // the pool says when it is full
	alone, err := simplelru.NewLRU[pairKey, *circuit](most, nil)
	talk, err2 := simplelru.NewLRU[pairKey, *circuit](most, nil)
	if err != nil || err2 != nil {
		panic("BUG: the bound of circuits must be positive")
	}
	return circuits{budget: l, alone: alone, talk: talk, of: map[identity.SessionID]int{}}
}

// pass carries one datagram from a neighbour to another, or counts why not.
func (rl *relay) pass(now time.Time, from identity.SessionID, addr netip.AddrPort, m wire.Relay) {
	c := &rl.circuits
	to := identity.SessionID(m.Session)
	e := rl.edges.byID[to]
	if _, _, ok := rl.direct(to); !ok || e == nil || !e.online || to == from {
		c.count.unknown++
		return
	}
	p, side := c.circuit(now, from, to, rl.edges.payer(from))
	switch {
	case p == nil:
		c.count.full++
		return
	case now.Sub(p.used[1-side]) >= circuitTime:
		c.count.unasked++ // the other end has not written to them
		return
	case p.bytes[side]+len(m.Datagram) > circuitBytes:
		c.count.quota++
		return
	case !p.pace.Take(now, 1):
		c.count.rate++
		return
	}
	p.bytes[side] += len(m.Datagram)
	if rl.ep.Send(now, wire.PeerID(to), wire.Message{Body: wire.Relay{Session: wire.PeerID(from), Datagram: m.Datagram}}) {
		c.count.passed++
	}
}

// circuit returns the pair's circuit and notes that one side uses it; nil: there is no room
// for another one.
func (c *circuits) circuit(now time.Time, from, to identity.SessionID, by budget.Payer) (p *circuit, side int) {
	first, second := from, to
	if bytes.Compare(from[:], to[:]) > 0 {
		first, second, side = to, from, 1
	}
	key := pairKey(append(first[:], second[:]...))
	p, talks := c.talk.Get(key)
	if !talks {
		p, _ = c.alone.Get(key)
	}
	fresh := p == nil
	if fresh {
		p = &circuit{key: key, began: now, pace: timing.NewBucket(circuitRate, circuitBurst)}
	}
	if p.payers[side] == nil {
		if !c.claim(now, by, p) {
			return nil, side
		}
		p.payers[side] = &by
	}
	p.used[side] = now
	switch {
	case fresh:
		c.alone.Add(key, p)
		c.of[first]++
		c.of[second]++
	case !talks && p.payers[1-side] != nil:
		c.alone.Remove(key)
		c.talk.Add(key, p)
	}
	if now.Sub(p.began) >= circuitTime {
		p.began, p.bytes = now, [2]int{}
	}
	return p, side
}

// claim finds room for one more use of circuits by a payer: an idle circuit gives way, but never
// the circuit for which the room is wanted.
func (c *circuits) claim(now time.Time, by budget.Payer, but *circuit) bool {
	for !c.budget.Fits(budget.Circuits, by, 1) && c.makeRoom(now, by, but) {
	}
	return c.budget.Claim(budget.Circuits, by, 1)
}

// makeRoom ends the circuit that was idle longest, if it was idle long enough, those used by
// only one side first. A payer whose own share is used up ends one of their own.
func (c *circuits) makeRoom(now time.Time, by budget.Payer, but *circuit) bool {
	own := c.budget.OwnFull(budget.Circuits, by, 1)
	for _, l := range []struct {
		of   *simplelru.LRU[pairKey, *circuit]
		idle time.Duration
	}{{c.alone, circuitAlone}, {c.talk, circuitTime}} {
		for _, key := range l.of.Keys() { // oldest first
			p, _ := l.of.Peek(key)
			if now.Sub(p.last()) < l.idle {
				break
			}
			if p != but && (!own || p.paidBy(by)) {
				c.end(p)
				return true
			}
		}
	}
	return false
}

// paidBy says whether a key or network pays for a side of it.
func (p *circuit) paidBy(by budget.Payer) bool {
	for _, payer := range p.payers {
		if payer != nil && (payer.Key == by.Key || payer.Prefix == by.Prefix && by.Prefix.IsValid()) {
			return true
		}
	}
	return false
}

func (c *circuits) end(p *circuit) {
	for _, payer := range p.payers {
		if payer != nil {
			c.budget.Free(budget.Circuits, *payer, 1)
		}
	}
	c.alone.Remove(p.key)
	c.talk.Remove(p.key)
	for _, id := range [2]identity.SessionID{identity.SessionID(p.key[:8]), identity.SessionID(p.key[8:])} {
		if c.of[id]--; c.of[id] == 0 {
			delete(c.of, id)
		}
	}
}

// leave ends the circuits of a session that is gone.
func (c *circuits) leave(id identity.SessionID) {
	if c.of[id] == 0 {
		return
	}
	for _, l := range [2]*simplelru.LRU[pairKey, *circuit]{c.alone, c.talk} {
		for _, p := range l.Values() {
			if bytes.Equal(p.key[:8], id[:]) || bytes.Equal(p.key[8:], id[:]) {
				c.end(p)
			}
		}
	}
}

// len is how many there are.
func (c *circuits) len() int { return c.alone.Len() + c.talk.Len() }

func (p *circuit) last() time.Time {
	if p.used[0].After(p.used[1]) {
		return p.used[0]
	}
	return p.used[1]
}

// relayStats are the counters of relaying.
func (rl *relay) relayStats() []Stat {
	c := rl.circuits.count
	return []Stat{
		{"relay_circuits", uint64(rl.circuits.len())}, {"relay_passed", c.passed}, {"relay_unknown", c.unknown},
		{"relay_unasked", c.unasked}, {"relay_full", c.full}, {"relay_quota", c.quota}, {"relay_rate", c.rate},
	}
}

// carry puts a datagram for somebody behind a relay into a message to that relay.
// No relay is reached through another.
func (rl *relay) carry(now time.Time, d dgram.Datagram) {
	number, peer, _ := dgram.RelayParts(d.To)
	relay, ok := rl.ways.node(number)
	if _, _, direct := rl.direct(relay); !ok || !direct {
		return // as if lost
	}
	rl.ep.Send(now, wire.PeerID(relay), wire.Message{Body: wire.Relay{Session: peer, Datagram: d.Bytes}})
}

// relayReceived takes a relayed datagram: one from somebody for us or, if we relay, one from a
// neighbour for another.
func (rl *relay) relayReceived(now time.Time, r dgram.Received, m wire.Relay) {
	from := identity.SessionID(r.From)
	if at, _, ok := rl.direct(from); !ok || at != r.Addr {
		return // through another relay, or from an unproved address
	}
	if rl.cfg.Seed {
		rl.pass(now, from, r.Addr, m)
		return
	}
	number, used := rl.ways.numbers[from]
	if source := identity.SessionID(m.Session); !used || source == rl.own.session || source == from {
		return
	}
	o := rl.ep.Opener().OpenRelayed(now, dgram.RelayAddr(number, m.Session), m.Datagram)
	if !o.Empty() {
		rl.ep.Receive(now, o)
	}
}
