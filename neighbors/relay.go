package neighbors

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions"
)

// Bounds of what we do through relays.
const (
	maxRelays = 64   // relays ever used in this run: their numbers are never given out again
	maxWays   = 1024 // sessions that a common neighbour brought us together with
)

// relays is our side of relaying: the nodes that carry our datagrams, and the sessions to which
// a common neighbour introduced us.
type relays struct {
	next    time.Time                     // when the next way is due
	numbers map[sessions.SessionID]uint32 // of dgram.RelayAddr; at most maxRelays
	nodes   []sessions.SessionID          // by number, from 1
	ways    map[sessions.SessionID]*way   // at most maxWays
}

// way is how we met a session, and our attempts to reach it directly.
type way struct {
	id    sessions.SessionID
	by    sessions.SessionID // who introduced us
	relay bool               // and relays
	began time.Time
	next  time.Time        // when to ask for another introduction, while there is only a relay
	tries int              // introductions so far
	eager int              // introductions still to ask for, even with a direct path, because our network has changed
	addrs []netip.AddrPort // those tried last; at most as many as a message has
	why   string           // why there is no direct path
	// carried says that it was last reached through the relay.
	carried bool
}

func newRelays() relays {
	return relays{numbers: map[sessions.SessionID]uint32{}, ways: map[sessions.SessionID]*way{}}
}

// number returns the number of a relay, a new one if it was not used before.
func (r *relays) number(id sessions.SessionID) (uint32, bool) {
	if n, ok := r.numbers[id]; ok {
		return n, true
	}
	if len(r.nodes) == maxRelays {
		return 0, false
	}
	r.nodes = append(r.nodes, id)
	r.numbers[id] = uint32(len(r.nodes))
	return r.numbers[id], true
}

// node returns the relay with that number.
func (r *relays) node(number uint32) (sessions.SessionID, bool) {
	if number == 0 || int(number) > len(r.nodes) {
		return sessions.SessionID{}, false
	}
	return r.nodes[number-1], true
}

// direct returns where a session is written to; ok is false when there is no
// association or only one through a relay.
func (n *Node) direct(id sessions.SessionID) (addr netip.AddrPort, rtt time.Duration, ok bool) {
	addr, rtt, ok = n.ep.Path(wire.PeerID(id))
	return addr, rtt, ok && !dgram.Relayed(addr.Addr())
}

// throughRelay returns the relay through which a session is written to.
func (n *Node) throughRelay(id sessions.SessionID) (relay sessions.SessionID, ok bool) {
	addr, _, live := n.ep.Path(wire.PeerID(id))
	number, _, relayed := dgram.RelayParts(addr)
	if !live || !relayed {
		return relay, false
	}
	return n.relays.node(number)
}

// carry puts a datagram for somebody behind a relay into a message to that relay.
// No relay is reached through another.
func (n *Node) carry(now time.Time, d dgram.Datagram) {
	number, peer, _ := dgram.RelayParts(d.To)
	relay, ok := n.relays.node(number)
	if _, _, direct := n.direct(relay); !ok || !direct || !n.left.IsZero() && n.Left() {
		return // as if lost
	}
	n.ep.Send(now, wire.PeerID(relay), wire.Message{Body: wire.Relay{Session: peer, Datagram: d.Bytes}})
}

// relayReceived takes a relayed datagram: one from somebody for us or, if we relay, one from a
// neighbour for another.
func (n *Node) relayReceived(now time.Time, r dgram.Received, m wire.Relay) {
	from := sessions.SessionID(r.From)
	if at, _, ok := n.direct(from); !ok || at != r.Addr {
		return // through another relay, or from an unproved address
	}
	if n.cfg.Seed {
		n.pass(now, from, r.Addr, m)
		return
	}
	number, used := n.relays.numbers[from]
	if source := sessions.SessionID(m.Session); !used || source == n.self || source == from {
		return
	}
	o := n.ep.Opener().OpenRelayed(now, dgram.RelayAddr(number, m.Session), m.Datagram)
	if !o.Empty() {
		n.ep.Receive(now, o)
	}
}

// dialThrough contacts a session through a relay, unless it is already written to that way and
// answers. Keys from before the relay was gone reach nobody.
func (n *Node) dialThrough(now time.Time, relay sessions.SessionID, want dgram.Peer) {
	id := sessions.SessionID(want.ID)
	if at, ok := n.throughRelay(id); ok && at == relay && n.edges[id] != nil && n.edges[id].online {
		return
	}
	if number, ok := n.relays.number(relay); ok {
		_ = n.dial(now, dgram.RelayAddr(number, want.ID), []dgram.Peer{want}) // out of budget: the next introduction will try again
	}
}

// way returns the way of a session, made if there is room.
func (n *Node) way(now time.Time, id sessions.SessionID) *way {
	w := n.relays.ways[id]
	if w == nil {
		if len(n.relays.ways) == maxWays {
			n.relays.forget(n)
		}
		w = &way{id: id}
		n.relays.ways[id] = w
	}
	if w.tries == 0 || now.Sub(w.began) >= meetAgain {
		w.began, w.tries = now, 0
	}
	return w
}

// forget makes room: first it drops ways that are not in use, then the oldest.
func (r *relays) forget(n *Node) {
	var worst *way
	rank := func(w *way) int {
		if n.ep.Live(wire.PeerID(w.id)) {
			return 1
		}
		return 0
	}
	for _, id := range r.wayIDs() {
		w := r.ways[id]
		if worst == nil || rank(w) < rank(worst) || rank(w) == rank(worst) && w.began.Before(worst.began) {
			worst = w
		}
	}
	delete(r.ways, worst.id)
}

// wayIDs lists the sessions in a fixed order.
func (r *relays) wayIDs() []sessions.SessionID {
	ids := make([]sessions.SessionID, 0, len(r.ways))
	for id := range r.ways {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b sessions.SessionID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}
