package neighbors

import (
	"bytes"
	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"net/netip"
	"slices"
	"time"
)

// lookAtWays makes the next Advance check the ways to others.
func (ws *ways) lookAtWays(now time.Time) {
	ws.next = now
	ws.wake(now)
}

func contains(list []netip.AddrPort, a netip.AddrPort) bool {
	for _, b := range list {
		if a == b {
			return true
		}
	}
	return false
}

// shownAddr is the address at which a session is reached, as the person knows addresses: that of
// the relay, if there is one.
func (ws *ways) shownAddr(addr netip.AddrPort) (shown netip.AddrPort, path string) {
	number, _, relayed := dgram.RelayParts(addr)
	if !relayed {
		return addr, PathDirect
	}
	if relay, ok := ws.node(number); ok {
		shown, _, _ = ws.direct(relay)
	}
	return shown, PathRelay
}

// eagerMeets is how many introductions are asked for after a change, eagerGap apart. The first
// may be lost, so the last comes when a second one may be made (introduceRetry).
const (
	eagerMeets = 4
	eagerGap   = time.Second
)

// maxWaysShown bounds the sessions that \net shows; the rest are counted.
const maxWaysShown = 64

// wayViews lists the sessions we keep in touch with: those that are here, then those of people
// our user knows and misses.
func (ws *ways) wayViews() (list []WayView, more int) {
	ids := ws.edges.edgeIDs()
	for _, online := range [2]bool{true, false} {
		for _, id := range ids {
			e := ws.edges.byID[id]
			s, ok := ws.book.Session(id)
			if !ok || e.online != online || ws.edgeIsOwn(e) || !online && !ws.edges.known(e) {
				continue
			}
			if len(list) == maxWaysShown {
				more++
				continue
			}
			list = append(list, ws.wayView(s, e))
		}
	}
	return list, more
}

func (ws *ways) wayView(s book.Session, e *edge) WayView {
	v := WayView{User: ws.book.Label(s.User), Session: s.ID.String(), Seed: e.seed}
	w := ws.byID[s.ID]
	at, rtt, ok := ws.ep.Path(wire.PeerID(s.ID))
	if !e.online || !ok {
		if len(s.Seen) > 0 {
			v.Addr = s.Seen[0].Addr
		}
		switch {
		case w != nil && w.carried && !ws.edges.isOnline(w.by):
			v.Why = "the relay that carried us is gone"
		case e.stage != "":
			v.Why = e.stage
		case s.State == identity.StateGone:
			v.Why = "said goodbye"
		case !e.lostAt.IsZero():
			v.Why = "no longer answers"
		}
		return v
	}
	v.RTT = rtt
	v.Addr, v.Path = ws.shownAddr(at)
	if relay, through := ws.throughRelay(s.ID); through {
		if r, known := ws.book.Session(relay); known {
			v.Through = ws.book.Label(r.User)
		}
		if v.Why = "a direct path is being looked for"; w != nil && w.why != "" {
			v.Why = w.why
		}
	}
	return v
}

// Bounds of what we do through relays.
const (
	maxRelays = 64   // relays ever used in this run: their numbers are never given out again
	maxWays   = 1024 // sessions that a common neighbour brought us together with
)

// ways is our side of relaying: the nodes that carry our datagrams, and the sessions to which
// a common neighbour introduced us.
type ways struct {
	*core
	next    time.Time                     // when the next way is due
	numbers map[identity.SessionID]uint32 // of dgram.RelayAddr; at most maxRelays
	nodes   []identity.SessionID          // by number, from 1
	byID    map[identity.SessionID]*way   // at most maxWays
}

// way is how we met a session, and our attempts to reach it directly.
type way struct {
	id    identity.SessionID
	by    identity.SessionID // who introduced us
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

func newWays(c *core) *ways {
	return &ways{core: c, numbers: map[identity.SessionID]uint32{}, byID: map[identity.SessionID]*way{}}
}

// number returns the number of a relay, a new one if it was not used before.
func (r *ways) number(id identity.SessionID) (uint32, bool) {
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
func (r *ways) node(number uint32) (identity.SessionID, bool) {
	if number == 0 || int(number) > len(r.nodes) {
		return identity.SessionID{}, false
	}
	return r.nodes[number-1], true
}

// direct returns where a session is written to; ok is false when there is no
// association or only one through a relay.
func (co *core) direct(id identity.SessionID) (addr netip.AddrPort, rtt time.Duration, ok bool) {
	addr, rtt, ok = co.ep.Path(wire.PeerID(id))
	return addr, rtt, ok && !dgram.Relayed(addr.Addr())
}

// throughRelay returns the relay through which a session is written to.
func (ws *ways) throughRelay(id identity.SessionID) (relay identity.SessionID, ok bool) {
	addr, _, live := ws.ep.Path(wire.PeerID(id))
	number, _, relayed := dgram.RelayParts(addr)
	if !live || !relayed {
		return relay, false
	}
	return ws.node(number)
}

// dialThrough contacts a session through a relay, unless it is already written to that way and
// answers. Keys from before the relay was gone reach nobody.
func (ws *ways) dialThrough(now time.Time, relay identity.SessionID, want dgram.Peer) {
	id := identity.SessionID(want.ID)
	if at, ok := ws.throughRelay(id); ok && at == relay && ws.edges.byID[id] != nil && ws.edges.byID[id].online {
		return
	}
	if number, ok := ws.number(relay); ok {
		_ = ws.dial(now, dgram.RelayAddr(number, want.ID), []dgram.Peer{want}) // out of budget: the next introduction will try again
	}
}

// way returns the way of a session, made if there is room.
func (ws *ways) way(now time.Time, id identity.SessionID) *way {
	w := ws.byID[id]
	if w == nil {
		if len(ws.byID) == maxWays {
			ws.forgetWay()
		}
		w = &way{id: id}
		ws.byID[id] = w
	}
	if w.tries == 0 || now.Sub(w.began) >= meetAgain {
		w.began, w.tries = now, 0
	}
	return w
}

// forgetWay makes room: first it drops ways that are not in use, then the oldest.
func (ws *ways) forgetWay() {
	var worst *way
	rank := func(w *way) int {
		if ws.ep.Live(wire.PeerID(w.id)) {
			return 1
		}
		return 0
	}
	for _, id := range ws.wayIDs() {
		w := ws.byID[id]
		if worst == nil || rank(w) < rank(worst) || rank(w) == rank(worst) && w.began.Before(worst.began) {
			worst = w
		}
	}
	delete(ws.byID, worst.id)
}

// wayIDs lists the sessions in a fixed order.
func (r *ways) wayIDs() []identity.SessionID {
	ids := make([]identity.SessionID, 0, len(r.byID))
	for id := range r.byID {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b identity.SessionID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}
