package neighbors

import (
	"bytes"
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// circuits is a seed's side of relaying: who writes to whom, within quotas. It
// carries one packet of the protocol at a time, sealed between the two, to a
// session that is associated with us and never to an address. Nothing passes
// before both have written to each other: that is how they ask for it.
type circuits struct {
	pairs map[[16]byte]*circuit // by the two session ids in order; at most maxCircuits
	hosts map[netip.Addr]int    // circuits of each address; as many as pairs, twice
	count relayCount
}

// relayCount is what a relay counts.
type relayCount struct {
	passed, unknown, unasked, full, quota, rate uint64
}

// circuit is one pair; side 0 is the smaller session id.
type circuit struct {
	key    [16]byte
	began  time.Time // of the time that the bytes are counted in
	used   [2]time.Time
	bytes  [2]int
	hosts  [2]netip.Addr
	tokens float64
	filled time.Time
}

func newCircuits() circuits {
	return circuits{pairs: map[[16]byte]*circuit{}, hosts: map[netip.Addr]int{}}
}

// pass carries one datagram from a neighbour to another, or counts why not.
func (n *Node) pass(now time.Time, from sessions.SessionID, addr netip.AddrPort, m dgram.Relay) {
	c := &n.circuits
	to := sessions.SessionID(m.Session)
	e := n.edges[to]
	if _, _, ok := n.direct(to); !ok || e == nil || !e.online || to == from {
		c.count.unknown++
		return
	}
	p, side := c.circuit(now, from, to, addr.Addr())
	switch {
	case p == nil:
		c.count.full++
		return
	case now.Sub(p.used[1-side]) >= circuitTime:
		c.count.unasked++ // the other one has not written to him
		return
	case p.bytes[side]+len(m.Datagram) > circuitBytes:
		c.count.quota++
		return
	case !p.allow(now):
		c.count.rate++
		return
	}
	p.bytes[side] += len(m.Datagram)
	if n.ep.Send(now, dgram.PeerID(to), dgram.Message{Body: dgram.Relay{Session: dgram.PeerID(from), Datagram: m.Datagram}}) {
		c.count.passed++
	}
}

// circuit returns the pair's circuit, with the use by one side noted; nil: there is
// no room for another one.
func (c *circuits) circuit(now time.Time, from, to sessions.SessionID, host netip.Addr) (p *circuit, side int) {
	first, second := from, to
	if bytes.Compare(from[:], to[:]) > 0 {
		first, second, side = to, from, 1
	}
	key := [16]byte(append(first[:], second[:]...))
	if p = c.pairs[key]; p == nil {
		if c.hosts[host] >= circuitsPerHost || len(c.pairs) >= maxCircuits && !c.makeRoom(now) {
			return nil, side
		}
		p = &circuit{key: key, began: now, tokens: circuitBurst, filled: now}
		c.pairs[key] = p
	}
	if p.hosts[side] != host {
		if c.hosts[host] >= circuitsPerHost {
			return nil, side
		}
		c.release(p, side)
		p.hosts[side] = host
		c.hosts[host]++
	}
	p.used[side] = now
	if now.Sub(p.began) >= circuitTime {
		p.began, p.bytes = now, [2]int{}
	}
	return p, side
}

// makeRoom ends the circuit that was idle longest, if it was idle long enough.
func (c *circuits) makeRoom(now time.Time) bool {
	var worst *circuit
	for _, p := range c.pairs {
		if worst == nil || p.last().Before(worst.last()) || p.last().Equal(worst.last()) && bytes.Compare(p.key[:], worst.key[:]) < 0 {
			worst = p
		}
	}
	idle := circuitTime
	if worst.used[0].IsZero() || worst.used[1].IsZero() {
		idle = circuitAlone
	}
	if now.Sub(worst.last()) < idle {
		return false
	}
	c.end(worst)
	return true
}

func (c *circuits) end(p *circuit) {
	for side := range p.hosts {
		c.release(p, side)
	}
	delete(c.pairs, p.key)
}

// release takes one side's address off the count.
func (c *circuits) release(p *circuit, side int) {
	host := p.hosts[side]
	if !host.IsValid() {
		return
	}
	if c.hosts[host]--; c.hosts[host] == 0 {
		delete(c.hosts, host)
	}
	p.hosts[side] = netip.Addr{}
}

// leave ends the circuits of a session that is gone.
func (c *circuits) leave(id sessions.SessionID) {
	for key, p := range c.pairs {
		if bytes.Equal(key[:8], id[:]) || bytes.Equal(key[8:], id[:]) {
			c.end(p)
		}
	}
}

func (p *circuit) last() time.Time {
	if p.used[0].After(p.used[1]) {
		return p.used[0]
	}
	return p.used[1]
}

// allow takes one of the pair's datagrams a second.
func (p *circuit) allow(now time.Time) bool {
	p.tokens = min(circuitBurst, p.tokens+now.Sub(p.filled).Seconds()*circuitRate)
	p.filled = now
	if p.tokens < 1 {
		return false
	}
	p.tokens--
	return true
}
