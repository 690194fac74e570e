package neighbors

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram"
	"darkchat/sessions"
)

// explosions keeps \explode from being a weapon: two hops, once a minute for
// each origin, the same record passed on once.
type explosions struct {
	last    time.Time // of our own
	under   *request
	sent    map[uint64]bool                               // ids of the requests under way; at most edges
	origins *simplelru.LRU[sessions.SessionID, time.Time] // as relay: when we passed on for whom
}

// explodeOrigins bounds a relay's memory of origins; the oldest goes.
const explodeOrigins = 4096

func newExplosions() explosions {
	origins, err := simplelru.NewLRU[sessions.SessionID, time.Time](explodeOrigins, nil)
	if err != nil {
		panic("BUG: the bound of origins must be positive")
	}
	return explosions{origins: origins}
}

// Explode asks every neighbour to tell every neighbour of theirs that this user
// is online at this address (paper, figure 2).
func (n *Node) Explode(now time.Time) (Token, error) {
	x := &n.explode
	if wait := x.last.Add(explodeGap).Sub(now); !x.last.IsZero() && wait > 0 {
		return 0, fmt.Errorf("the neighbours were asked a moment ago; wait %d s", int(wait.Seconds())+1)
	}
	live := n.live()
	if len(live) == 0 {
		return 0, fmt.Errorf("there is no neighbour to ask: \\ping HOST [PORT] reaches a first one")
	}
	q, err := n.request(now, explodeAll, explodeWait)
	if err != nil {
		return 0, err
	}
	x.last, x.under, x.sent = now, q, map[uint64]bool{}
	q.next = q.deadline
	for _, e := range live {
		id := n.ep.NextID()
		p := dgram.Ping{Scope: dgram.ScopeExplode, Record: n.signed}
		p.Ticket = n.ticket(now, e.id, p)
		x.sent[id] = true
		n.ep.Send(now, dgram.PeerID(e.id), dgram.Message{ID: id, Body: p})
	}
	q.asked, q.unknown = len(live), len(live)
	return q.token, nil
}

// exploded counts the neighbours that took our request.
func (n *Node) exploded(_ time.Time, a dgram.Settled) {
	x := &n.explode
	if !x.sent[a.ID] {
		return
	}
	delete(x.sent, a.ID)
	if a.Result == dgram.ResultDelivered {
		x.under.unknown--
	}
	if len(x.sent) == 0 {
		n.end(x.under, n.failure(x.under))
	}
}

// passOn gives the record of a neighbour that explodes to all our other
// neighbours. They do not pass it on.
func (n *Node) passOn(now time.Time, origin sessions.Session, addr netip.AddrPort, p dgram.Ping) dgram.Result {
	rec, err := sessions.Verify(p.Record)
	at, _, live := n.ep.Path(dgram.PeerID(origin.ID))
	if err != nil || rec.Session != origin.ID || !live || at != addr || !ticketHolds(rec, n.self, p) {
		return dgram.ResultUnknownRecipient
	}
	if last, ok := n.explode.origins.Get(origin.ID); ok && now.Sub(last) < explodeGap {
		return dgram.ResultBusy
	}
	n.explode.origins.Add(origin.ID, now)
	if n.cfg.Seed {
		return dgram.ResultDelivered // it joins nobody to everybody
	}
	for _, e := range n.live() {
		if e.id == origin.ID || e.user == origin.User {
			continue
		}
		half := dgram.Ping{
			Scope: dgram.ScopeExplode, Session: origin.ID[:], Record: p.Record,
			Addrs: []netip.AddrPort{addr}, By: n.self[:], Ticket: p.Ticket,
		}
		n.ep.Send(now, dgram.PeerID(e.id), dgram.Message{ID: n.ep.NextID(), Body: half})
	}
	return dgram.ResultDelivered
}

// hearsay: a neighbour passed on the record of one of its neighbours. We learn
// it; we dial only whom our user knows.
func (n *Node) hearsay(now time.Time, rec sessions.Record, by sessions.Session, r dgram.Received, p dgram.Ping) {
	if !ticketHolds(rec, by.ID, p) {
		return
	}
	if last, ok := n.intro.numbers.Get(rec.Session); ok && p.Ticket.Number <= last {
		return
	}
	n.intro.numbers.Add(rec.Session, p.Ticket.Number)
	n.learn(now, rec.Session, rec, p.Record, r.Addr, false)
	e := n.edges[rec.Session]
	if !n.book.Trust(rec.User).Known() || e != nil && e.online {
		return
	}
	s, ok := n.book.Session(rec.Session)
	if !ok {
		return
	}
	for _, a := range p.Addrs {
		if n.dialable(a, r.Addr.Addr()) {
			n.dial(now, a, []dgram.Peer{peerOf(s)})
		}
	}
}
