package neighbors

import (
	"bytes"
	"io"
	"maps"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// Bounds of pulling.
const (
	listPage       = 1000 // bytes of records in one page, so that it fits a datagram
	listRecords    = 4    // in one page, as the wire allows
	listPages      = 32   // pages pulled from one neighbour in one go
	maxRecordPulls = 4096 // records that we lack and somebody has; as many as maxSubjects
	pullsAtOnce    = 256  // of them asked for at a time,
	pullsOfOne     = 16   // and of one neighbour, which may never give or refuse one:

	pullPatience = time.Second // after this another teller is asked too
)

// recordPulls is the records that we lack and somebody told of (record pulls).
type recordPulls struct {
	queue  []recordPull          // at most maxRecordPulls
	flying map[uint64]recordPull // by the id of the request; at most pullsAtOnce
	next   time.Time             // when one of them has waited for too long
}

type recordPull struct {
	id    identity.SessionID
	by    identity.SessionID // the last to tell of it, which is asked
	tries int
	next  time.Time // when another teller is asked too; zero: one was
}

// askForList pulls a neighbour's list: what it knows propagates to us (paper, section 2.2). Only
// people our user knows are asked, no seeds: a seed joins nobody to everybody.
func (g *gossip) askForList(now time.Time, e *edge) {
	if e == nil || g.cfg.Seed || e.seed || e.user == g.own.user || !g.ep.Live(wire.PeerID(e.id)) || !g.edges.known(e) {
		return
	}
	e.pull = pull{compare: g.claims.toldBy[e.id] > 0}
	g.askForPage(now, e, nil)
	e.refreshAt = now.Add(g.spread(g.cfg.Profile.Refresh))
	g.edges.plan(e)
}

// askForPage asks for the page after cursor. The digest of what we hold is made anew for each
// page, since the one before has changed it.
func (g *gossip) askForPage(now time.Time, e *edge, cursor []byte) {
	e.pull.pages++
	e.pull.cursor = cursor
	id := g.ep.NextID()
	var digest []byte
	if e.pull.compare {
		var salt [8]byte
		io.ReadFull(g.cfg.Random, salt[:])
		digest = wire.Digest(salt, g.claims.held(e.id))
	}
	if g.ep.Send(now, wire.PeerID(e.id), wire.Message{ID: id, Body: wire.ListRequest{Digest: digest, Cursor: cursor, Credit: 1}}) {
		e.pull.request = id
	}
}

// listRequested answers with summaries of our own neighbours, or with the records of one. A peer
// without an edge to us gets an empty list, as if we had no friends (the rule of the 2010
// program).
func (g *gossip) listRequested(now time.Time, s book.Session, r dgram.Received, q wire.ListRequest) {
	page := wire.List{Request: r.Message.ID}
	asker := g.edges.byID[s.ID]
	if g.cfg.Seed {
		asker = nil
	}
	switch {
	case len(q.Of) == 0:
		fillPage(&page, g.told(asker), q)
	case asker != nil:
		g.fillRecords(&page, asker, q.Of)
	}
	g.ep.Send(now, r.From, wire.Message{ID: g.ep.NextID(), Body: page})
}

// told lists our summaries of all neighbours that an asker is told of, by session id; a nil asker
// is told of nobody. They are few enough to make the list anew for each question (costList).
func (g *gossip) told(asker *edge) (list []wire.Summary) {
	if asker == nil {
		return nil
	}
	for _, id := range g.edges.edgeIDs() {
		if e := g.edges.byID[id]; g.edges.tells(e, asker) {
			if s, ok := g.edges.summaryOf(e); ok {
				list = append(list, s)
			}
		}
	}
	return list
}

// fillPage fills a page with the summaries of list behind the request's cursor, from the buckets
// that differ from its digest. It overwrites list.
func fillPage(page *wire.List, list []wire.Summary, q wire.ListRequest) {
	page.Total = uint64(len(list))
	if page.Buckets, page.Part = wire.Differing(q.Digest, list); page.Part {
		list = slices.DeleteFunc(list, func(s wire.Summary) bool { return !page.Buckets.Has(s.Session) })
	}
	i, _ := slices.BinarySearchFunc(list, q.Cursor, func(s wire.Summary, c []byte) int {
		if len(c) > 0 && bytes.Compare(s.Session[:], c) <= 0 {
			return -1
		}
		return 1
	})
	end := min(i+newsPage, len(list))
	page.Summaries = list[i:end]
	if end < len(list) && end > i {
		page.Next = list[end-1].Session[:]
	}
}

// fillRecords fills a page with the record of one session, or those of one user's sessions.
func (g *gossip) fillRecords(page *wire.List, asker *edge, of []byte) {
	room := listPage
	for _, id := range g.edges.edgeIDs() {
		e := g.edges.byID[id]
		if !bytes.Equal(of, id[:]) && !bytes.Equal(of, e.user[:]) || !g.edges.tells(e, asker) {
			continue
		}
		s, ok := g.book.Session(id)
		sum, _ := g.edges.summaryOf(e)
		if !ok || len(page.Records) == listRecords || len(s.Record) > room {
			continue
		}
		room -= len(s.Record) + 3
		page.Records = append(page.Records, s.Record)
		page.Summaries = append(page.Summaries, sum)
	}
	page.Total = uint64(len(page.Records))
}

// listReceived takes a page of a list. A page that answers no
// request of ours is dropped. Records are hearsay: they make names known, nobody online.
func (g *gossip) listReceived(now time.Time, from book.Session, r dgram.Received, l wire.List) {
	e := g.edges.byID[from.ID]
	if w, ok := g.pulls.flying[l.Request]; ok && w.by == from.ID {
		g.pullEnded(l.Request, w)
		g.recordsReceived(now, w, from, r.Addr, l)
		g.sendPulls(now)
		return
	}
	if e == nil || e.pull.request != l.Request {
		return
	}
	cursor := e.pull.cursor
	e.pull.request = 0
	for _, gone := range g.claims.replace(e.id, cursor, &l) {
		g.reconsider(now, gone)
	}
	g.heardSummaries(now, e, l.Summaries, true)
	if bytes.Compare(l.Next, cursor) > 0 && e.pull.pages < listPages {
		g.askForPage(now, e, l.Next)
	}
}

// recordsReceived takes the record of a session that a neighbour told of.
func (g *gossip) recordsReceived(now time.Time, w recordPull, from book.Session, addr netip.AddrPort, l wire.List) {
	got := false
	for _, signed := range l.Records {
		rec, err := g.verify(signed)
		if err != nil || rec.Session != w.id || rec.User == g.own.user {
			continue // not what was asked for
		}
		got = true
		g.happened(now, recordBrought{rec, signed})
		if g.isNear(addr) || g.onSite(addr.Addr()) {
			g.dialNear(now, rec.Session, addr.Addr())
		}
	}
	r := g.claims.subject(w.id)
	switch {
	case r == nil:
	case got:
		if by := g.edges.byID[from.ID]; by != nil {
			g.again(now, r, by)
		}
	default:
		g.pullFromAnother(now, r, w)
	}
}

// again looks at a rumor again once its record is known.
func (g *gossip) again(now time.Time, r *subject, by *edge) {
	if e := g.edges.byID[r.id]; e == nil || !e.online {
		if state, _ := g.claims.via(r); state == Online || state == Away {
			g.happened(now, sighted{r.id, by})
		}
	}
	g.reconsider(now, r)
}

// pullRecord queues the pull of a record from the neighbour that told of it.
func (g *gossip) pullRecord(now time.Time, id, by identity.SessionID) {
	for _, w := range g.pulls.flying {
		if w.id == id && (w.by == by || !w.next.IsZero()) {
			return // a request that is overdue does not keep another one from going
		}
	}
	i := slices.IndexFunc(g.pulls.queue, func(w recordPull) bool { return w.id == id })
	if i < 0 {
		if len(g.pulls.queue) < maxRecordPulls {
			g.pulls.queue = append(g.pulls.queue, recordPull{id: id, by: by})
		}
		return
	}
	// Do not wait for a neighbour that has too many requests already.
	if e := g.edges.byID[g.pulls.queue[i].by]; e == nil || e.limits.asking >= pullsOfOne {
		g.pulls.queue[i].by = by
	}
}

// pullFromAnother asks the next teller when one did not give the record. Only tellers that claim
// to have it are asked, each once, so a sequence number that nobody signed costs others nothing.
func (g *gossip) pullFromAnother(now time.Time, r *subject, w recordPull) {
	known, ok := g.book.Session(w.id)
	i := slices.IndexFunc(r.tellers, func(t claim) bool { return t.by == w.by })
	for k := range r.tellers {
		t := r.tellers[(i+1+k)%len(r.tellers)]
		if e := g.edges.byID[t.by]; t.by == w.by || e == nil || !e.online || ok && t.seq <= known.Seq {
			continue
		}
		if len(g.pulls.queue) < maxRecordPulls && w.tries < len(r.tellers) {
			g.pulls.queue = append(g.pulls.queue, recordPull{id: w.id, by: t.by, tries: w.tries + 1})
		}
		return
	}
}

// sendPulls sends as many requests for records as may be under way. A neighbour with too many of
// them holds up only the records that it was to give.
func (g *gossip) sendPulls(now time.Time) {
	queue := g.pulls.queue
	kept := queue[:0]
	for i, w := range queue {
		if len(g.pulls.flying) >= pullsAtOnce {
			kept = append(kept, queue[i:]...)
			break
		}
		e := g.edges.byID[w.by]
		if e == nil || !e.online {
			continue
		}
		if e.limits.asking >= pullsOfOne {
			kept = append(kept, w)
			continue
		}
		id := g.ep.NextID()
		if g.ep.Send(now, wire.PeerID(w.by), wire.Message{ID: id, Body: wire.ListRequest{Of: w.id[:], Credit: 1}}) {
			w.next = now.Add(max(pullPatience, 2*g.ep.Trip(wire.PeerID(w.by))))
			g.pulls.flying[id] = w
			g.pulls.next = earliest(g.pulls.next, w.next)
			g.wake(w.next)
			e.limits.asking++
		}
	}
	g.pulls.queue = kept
}

// advancePulls asks others too for records that somebody has not given in time.
func (g *gossip) advancePulls(now time.Time) (next time.Time) {
	if !due(g.pulls.next, now) {
		return g.pulls.next
	}
	g.pulls.next = time.Time{}
	for _, id := range slices.Sorted(maps.Keys(g.pulls.flying)) {
		w := g.pulls.flying[id]
		if !due(w.next, now) {
			g.pulls.next = earliest(g.pulls.next, w.next)
			continue
		}
		w.next = time.Time{}
		g.pulls.flying[id] = w
		if r := g.claims.subject(w.id); r != nil {
			g.pullFromAnother(now, r, w)
		}
	}
	g.sendPulls(now)
	return g.pulls.next
}

// pullEnded: a request for a record was answered, or given up.
func (g *gossip) pullEnded(id uint64, w recordPull) {
	delete(g.pulls.flying, id)
	if e := g.edges.byID[w.by]; e != nil {
		e.limits.asking = max(e.limits.asking-1, 0)
	}
}

// requestLapsed: a request for a list was not answered.
func (g *gossip) requestLapsed(now time.Time, l dgram.Lapsed) {
	if w, ok := g.pulls.flying[l.ID]; ok && w.by == identity.SessionID(l.Peer) {
		g.pullEnded(l.ID, w)
		if r := g.claims.subject(w.id); r != nil && !w.next.IsZero() {
			g.pullFromAnother(now, r, w)
		}
		g.sendPulls(now)
		return
	}
	if e := g.edges.byID[identity.SessionID(l.Peer)]; e != nil && e.pull.request == l.ID {
		e.pull.request = 0
		e.refreshAt = now.Add(g.spread(g.cfg.Profile.Search))
		g.edges.plan(e)
	}
}

// pullSender asks whoever brings a copy for its sender's record, which says whose key must
// have signed it. Strangers can fill only a part of that queue.
func (g *gossip) pullSender(now time.Time, from identity.SessionID, by book.Session) {
	if g.edges.payer(by.ID).Class == budget.Stranger && len(g.pulls.queue) >= maxRecordPulls/4 || !g.affords(now, by, costSignature) {
		return
	}
	g.pullRecord(now, from, by.ID)
	g.sendPulls(now)
}
