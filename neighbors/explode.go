package neighbors

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

const (
	explodeRelays  = 2    // neighbours that pass on to one target, where that many can
	explodeTargets = 64   // in one request, as the wire allows
	explodeMost    = 256  // targets that we serve for one origin in explodeGap
	explodeOrigins = 4096 // that a relay remembers; the oldest goes
	maxSilent      = 16   // names of neighbours that did not answer
)

// explosions keeps \explode from being a weapon: two hops, once a minute for each
// origin, each target from one or two relays.
type explosions struct {
	last    time.Time // of our own
	under   *request
	asked   map[uint64]asked                                 // requests under way, by id; at most two for each edge and 64 targets
	cost    int                                              // datagrams with our record, ours and those asked for
	beyond  map[identity.SessionID]bool                      // targets whose relay took the request; at most maxSubjects
	origins *simplelru.LRU[identity.SessionID, explodeState] // as relay
}

// asked is one request of an explode.
type asked struct {
	neighbor identity.SessionID
	targets  []wire.PeerID
	refused  bool
}

// explodeState is what a relay did for one origin.
type explodeState struct {
	since   time.Time
	targets int
}

func newExplosions() explosions {
	origins, err := simplelru.NewLRU[identity.SessionID, explodeState](explodeOrigins, nil)
	if err != nil {
		panic("BUG: the bound of origins must be positive")
	}
	return explosions{origins: origins}
}

// explodeNow asks every neighbour to tell every neighbour of theirs that this user
// is online at this address (paper, figure 2).
func (rq *requests) explodeNow(now time.Time) (Token, error) {
	x := &rq.explode
	if wait := x.last.Add(explodeGap).Sub(now); !x.last.IsZero() && wait > 0 {
		return 0, fmt.Errorf("the neighbours were asked a moment ago; wait %d s", int(wait.Seconds())+1)
	}
	live := rq.edges.live()
	if len(live) == 0 {
		return 0, fmt.Errorf("there is no neighbour to ask: \\ping HOST [PORT] reaches a first one")
	}
	q, err := rq.request(now, explodeAll, explodeWait)
	if err != nil {
		return 0, err
	}
	x.last, x.under, x.cost = now, q, 0
	x.asked, x.beyond = map[uint64]asked{}, map[identity.SessionID]bool{}
	q.next = q.deadline
	plan := rq.assign(live)
	for _, e := range live {
		targets, known := plan[e.id]
		switch {
		case e.seed || known && len(targets) == 0:
			rq.explodeTo(now, e, wire.Online{Record: rq.own.signed}, nil) // it has nobody to tell, but should know too
		case !known:
			rq.explodeTo(now, e, rq.explodePing(now, e, nil), nil) // it has not told us whom it knows: pass on to all of them
		}
		for len(targets) > 0 {
			some := targets[:min(len(targets), explodeTargets)]
			targets = targets[len(some):]
			rq.explodeTo(now, e, rq.explodePing(now, e, some), some)
		}
	}
	q.asked = len(live)
	return q.token, nil
}

func (rq *requests) explodePing(now time.Time, e *edge, targets []wire.PeerID) wire.Ping {
	p := wire.Ping{Scope: wire.ScopeExplode, Record: rq.own.signed, Targets: targets}
	p.Ticket = rq.finder.signTicket(now, e.id, p)
	return p
}

func (rq *requests) explodeTo(now time.Time, e *edge, body wire.Body, targets []wire.PeerID) {
	id := rq.ep.NextID()
	if rq.ep.Send(now, wire.PeerID(e.id), wire.Message{ID: id, Body: body}) {
		rq.explode.asked[id] = asked{neighbor: e.id, targets: targets}
		rq.explode.cost += 1 + len(targets)
	}
}

// assign gives each session two edges away to one or two of the neighbours that tell of it, so
// that it hears of us once or twice and not from all of them. A neighbour that has told us
// nothing yet is not in the plan.
func (rq *requests) assign(live []*edge) map[identity.SessionID][]wire.PeerID {
	plan := map[identity.SessionID][]wire.PeerID{}
	here := map[identity.SessionID]bool{}
	for _, e := range live {
		here[e.id] = true
	}
	targets := rq.claims.of.Values()
	slices.SortFunc(targets, func(a, b *subject) int { // those that few can tell come first
		return cmp.Or(cmp.Compare(len(a.tellers), len(b.tellers)), bytes.Compare(a.id[:], b.id[:]))
	})
	for _, r := range targets {
		var by []identity.SessionID
		for _, t := range r.tellers {
			if here[t.by] {
				if _, ok := plan[t.by]; !ok {
					plan[t.by] = nil // told us something
				}
				if said := saidState(t.state); said != Offline {
					by = append(by, t.by)
				}
			}
		}
		if here[r.id] || r.id == rq.own.session {
			continue
		}
		slices.SortStableFunc(by, func(a, b identity.SessionID) int { return cmp.Compare(len(plan[a]), len(plan[b])) })
		for _, id := range by[:min(len(by), explodeRelays)] {
			plan[id] = append(plan[id], wire.PeerID(r.id))
		}
	}
	return plan
}

// exploded counts the neighbours that took our request.
func (rq *requests) exploded(a dgram.Settled) {
	x := &rq.explode
	q, ok := x.asked[a.ID]
	if !ok || q.neighbor != identity.SessionID(a.Peer) {
		return
	}
	if a.Result == wire.ResultDelivered {
		delete(x.asked, a.ID)
		for _, t := range q.targets {
			x.beyond[identity.SessionID(t)] = true
		}
	} else {
		q.refused = true
		x.asked[a.ID] = q
	}
	for _, q := range x.asked {
		if !q.refused {
			return
		}
	}
	rq.end(x.under, rq.explodeEnd())
}

// explodeEnd returns the result of an explode.
func (rq *requests) explodeEnd() Exploded {
	x := &rq.explode
	missed := map[identity.SessionID]bool{}
	for _, q := range x.asked {
		missed[q.neighbor] = true
	}
	e := Exploded{
		Token: x.under.token, Neighbors: x.under.asked, Reached: x.under.asked - len(missed),
		Beyond: len(x.beyond), Datagrams: x.cost,
	}
	for id := range missed {
		if s, ok := rq.book.Session(id); ok {
			e.Silent = append(e.Silent, rq.book.Label(s.User))
		}
	}
	slices.Sort(e.Silent)
	e.Silent = slices.Compact(e.Silent)
	e.Silent = e.Silent[:min(len(e.Silent), maxSilent)]
	x.asked = nil
	return e
}

// passOn gives the record of a neighbour that explodes to our neighbours: to those it names, or
// to all. They do not pass it on.
func (rq *requests) passOn(now time.Time, origin book.Session, addr netip.AddrPort, p wire.Ping) wire.Result {
	rec, err := rq.verify(p.Record)
	at, _, live := rq.ep.Path(wire.PeerID(origin.ID))
	from := rq.edges.byID[origin.ID]
	if err != nil || rec.Session != origin.ID || !live || at != addr || from == nil || !rq.ticketHolds(rec, rq.own.session, p) {
		return wire.ResultUnknownRecipient
	}
	targets := rq.passTargets(from, p.Targets)
	st, _ := rq.explode.origins.Get(origin.ID)
	if now.Sub(st.since) >= explodeGap {
		st = explodeState{since: now}
	} else if len(p.Targets) == 0 || st.targets+len(targets) > explodeMost {
		return wire.ResultBusy
	}
	st.targets += max(len(targets), 1)
	rq.explode.origins.Add(origin.ID, st)
	for _, e := range targets {
		half := wire.Ping{
			Scope: wire.ScopeExplode, Session: origin.ID[:], Record: p.Record,
			Addrs: []netip.AddrPort{addr}, By: rq.own.session[:], Ticket: p.Ticket,
		}
		rq.ep.Send(now, wire.PeerID(e.id), wire.Message{ID: rq.ep.NextID(), Body: half})
	}
	return rq.finder.tickets.give(origin.ID, p.Ticket.Number, wire.ResultDelivered)
}

// passTargets lists the neighbours to which an origin's record goes: only those that we tell the
// origin about anyway. A seed joins nobody to everybody.
func (rq *requests) passTargets(from *edge, named []wire.PeerID) (list []*edge) {
	if rq.cfg.Seed {
		return nil
	}
	for _, e := range rq.edges.live() {
		if e == from || e.user == from.user || e.seed || rq.edgeIsOwn(e) {
			continue
		}
		if rq.edges.tells(e, from) && len(list) < explodeMost && (len(named) == 0 || slices.Contains(named, wire.PeerID(e.id))) {
			list = append(list, e)
		}
	}
	return list
}

// explodeHeard: a neighbour passed on the record of one of its neighbours. We learn the record,
// but dial only people our user knows.
func (rq *requests) explodeHeard(now time.Time, rec identity.Record, by book.Session, r dgram.Received, p wire.Ping) {
	if !rq.ticketHolds(rec, by.ID, p) {
		return
	}
	if !rq.finder.tickets.fresh(rec.Session, p.Ticket.Number) {
		return
	}
	rq.happened(now, recordBrought{rec, p.Record})
	e := rq.edges.byID[rec.Session]
	if !rq.book.Trust(rec.User).Known() || e != nil && e.online {
		return
	}
	s, ok := rq.book.Session(rec.Session)
	if !ok {
		return
	}
	for _, a := range p.Addrs[:min(len(p.Addrs), 1)] { // the neighbour has seen the origin at one address
		if rq.dialable(a, r.Addr.Addr()) {
			rq.dial(now, a, []dgram.Peer{peerOf(s)})
		}
	}
}
