package neighbors

import (
	"bytes"
	"io"
	"maps"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// Bounds of pulling.
const (
	listPage    = 1000 // bytes of records in one page, so that it fits a datagram
	listRecords = 4    // in one page, as the wire allows
	listPages   = 32   // pages pulled from one neighbour in one go
	maxWants    = 4096 // records that we lack and somebody has; as many as maxHearsay
	wantsAtOnce = 256  // of them asked for at a time,
	wantsOfOne  = 16   // and of one neighbour, which may never give or refuse one:

	wantPatience = time.Second // after this another teller is asked too
)

// pull is a neighbour's list on its way to us.
type pull struct {
	request uint64 // id of the one under way; 0: none
	cursor  []byte // which it asks to continue after
	compare bool   // by digest with what we hold; false: the whole list is wanted
	pages   int    // so far
}

// wants is the records that we lack and somebody told of (record pulls).
type wants struct {
	queue  []want          // at most maxWants
	flying map[uint64]want // by the id of the request; at most wantsAtOnce
	next   time.Time       // when one of them has waited for too long
}

type want struct {
	id    sessions.SessionID
	by    sessions.SessionID // the last to tell of it, which is asked
	tries int
	next  time.Time // when another teller is asked too; zero: one was
}

// askForList pulls a neighbour's list: what it knows propagates to us (paper, section 2.2). Only
// people our user knows are asked, no seeds: a seed joins nobody to everybody.
func (n *Node) askForList(now time.Time, e *edge) {
	if e == nil || n.cfg.Seed || e.seed || e.user == n.user || !n.ep.Live(dgram.PeerID(e.id)) || !n.known(e) {
		return
	}
	e.pull = pull{compare: n.rumors.toldBy[e.id] > 0}
	n.askForPage(now, e, nil)
	e.refreshAt = now.Add(n.spread(n.cfg.Profile.Refresh))
	n.plan(e)
}

// askForPage asks for the page after cursor. The digest of what we hold is made anew for each
// page, since the one before has changed it.
func (n *Node) askForPage(now time.Time, e *edge, cursor []byte) {
	e.pull.pages++
	e.pull.cursor = cursor
	id := n.ep.NextID()
	var digest []byte
	if e.pull.compare {
		var salt [8]byte
		io.ReadFull(n.cfg.Random, salt[:])
		digest = dgram.Digest(salt, n.rumors.held(e.id))
	}
	if n.ep.Send(now, dgram.PeerID(e.id), dgram.Message{ID: id, Body: dgram.ListRequest{Digest: digest, Cursor: cursor, Credit: 1}}) {
		e.pull.request = id
	}
}

// listRequested answers with summaries of our own neighbours, or with the records of one. A peer
// without an edge to us gets an empty list, as if we had no friends (the rule of the 2010
// program).
func (n *Node) listRequested(now time.Time, s sessions.Session, r dgram.Received, q dgram.ListRequest) {
	page := dgram.List{Request: r.Message.ID}
	asker := n.edges[s.ID]
	if n.cfg.Seed {
		asker = nil
	}
	switch {
	case len(q.Of) == 0:
		fillPage(&page, n.told(asker), q)
	case asker != nil:
		n.fillRecords(&page, asker, q.Of)
	}
	n.ep.Send(now, r.From, dgram.Message{ID: n.ep.NextID(), Body: page})
}

// told lists our summaries of all neighbours that an asker is told of, by session id; a nil asker
// is told of nobody. They are few enough to make the list anew for each question (costList).
func (n *Node) told(asker *edge) (list []dgram.Summary) {
	if asker == nil {
		return nil
	}
	for _, id := range n.edgeIDs() {
		if e := n.edges[id]; n.tells(e, asker) {
			if s, ok := n.summaryOf(e); ok {
				list = append(list, s)
			}
		}
	}
	return list
}

// fillPage fills a page with the summaries of list behind the request's cursor, from the buckets
// that differ from its digest. It overwrites list.
func fillPage(page *dgram.List, list []dgram.Summary, q dgram.ListRequest) {
	page.Total = uint64(len(list))
	if page.Buckets, page.Part = dgram.Differing(q.Digest, list); page.Part {
		list = slices.DeleteFunc(list, func(s dgram.Summary) bool { return !page.Buckets.Has(s.Session) })
	}
	i, _ := slices.BinarySearchFunc(list, q.Cursor, func(s dgram.Summary, c []byte) int {
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

// covers says whether a page asked for behind cursor would tell of a session if its teller had
// it.
func covers(l *dgram.List, cursor []byte, id dgram.PeerID) bool {
	return (!l.Part || l.Buckets.Has(id)) && (len(cursor) == 0 || bytes.Compare(id[:], cursor) > 0) &&
		(len(l.Next) == 0 || bytes.Compare(id[:], l.Next) <= 0)
}

// fillRecords fills a page with the record of one session, or those of one user's sessions.
func (n *Node) fillRecords(page *dgram.List, asker *edge, of []byte) {
	room := listPage
	for _, id := range n.edgeIDs() {
		e := n.edges[id]
		if !bytes.Equal(of, id[:]) && !bytes.Equal(of, e.user[:]) || !n.tells(e, asker) {
			continue
		}
		s, ok := n.book.Session(id)
		sum, _ := n.summaryOf(e)
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
func (n *Node) listReceived(now time.Time, from sessions.Session, r dgram.Received, l dgram.List) {
	e := n.edges[from.ID]
	if w, ok := n.wants.flying[l.Request]; ok && w.by == from.ID {
		n.wantEnded(l.Request, w)
		n.recordsReceived(now, w, from, r.Addr, l)
		n.pumpWants(now)
		return
	}
	if e == nil || e.pull.request != l.Request {
		return
	}
	cursor := e.pull.cursor
	e.pull.request = 0
	for _, gone := range n.rumors.replace(e.id, cursor, &l) {
		n.reconsider(now, gone)
	}
	n.heardSummaries(now, e, l.Summaries, true)
	if bytes.Compare(l.Next, cursor) > 0 && e.pull.pages < listPages {
		n.askForPage(now, e, l.Next)
	}
}

// recordsReceived takes the record of a session that a neighbour told of.
func (n *Node) recordsReceived(now time.Time, w want, from sessions.Session, addr netip.AddrPort, l dgram.List) {
	got := false
	for _, signed := range l.Records {
		rec, err := n.verify(signed)
		if err != nil || rec.Session != w.id || rec.User == n.user {
			continue // not what was asked for
		}
		got = true
		n.happened(now, recordBrought{rec, signed})
		if n.isNear(addr) || n.onSite(addr.Addr()) {
			n.dialNear(now, rec.Session, addr.Addr())
		}
	}
	r := n.rumors.rumor(w.id)
	switch {
	case r == nil:
	case got:
		if by := n.edges[from.ID]; by != nil {
			n.again(now, r, by)
		}
	default:
		n.wantFromAnother(now, r, w)
	}
}

// again looks at a rumor again once its record is known.
func (n *Node) again(now time.Time, r *rumor, by *edge) {
	if e := n.edges[r.id]; e == nil || !e.online {
		if state, _ := n.via(r); state == Online || state == Away {
			n.happened(now, sighted{r.id, by})
		}
	}
	n.reconsider(now, r)
}

// want queues the pull of a record from the neighbour that told of it.
func (n *Node) want(now time.Time, id, by sessions.SessionID) {
	for _, w := range n.wants.flying {
		if w.id == id && (w.by == by || !w.next.IsZero()) {
			return // a request that is overdue does not keep another one from going
		}
	}
	i := slices.IndexFunc(n.wants.queue, func(w want) bool { return w.id == id })
	if i < 0 {
		if len(n.wants.queue) < maxWants {
			n.wants.queue = append(n.wants.queue, want{id: id, by: by})
		}
		return
	}
	// Do not wait for a neighbour that has too many requests already.
	if e := n.edges[n.wants.queue[i].by]; e == nil || e.asking >= wantsOfOne {
		n.wants.queue[i].by = by
	}
}

// wantFromAnother asks the next teller when one did not give the record. Only tellers that claim
// to have it are asked, each once, so a sequence number that nobody signed costs others nothing.
func (n *Node) wantFromAnother(now time.Time, r *rumor, w want) {
	known, ok := n.book.Session(w.id)
	i := slices.IndexFunc(r.tellers, func(t telling) bool { return t.by == w.by })
	for k := range r.tellers {
		t := r.tellers[(i+1+k)%len(r.tellers)]
		if e := n.edges[t.by]; t.by == w.by || e == nil || !e.online || ok && t.seq <= known.Seq {
			continue
		}
		if len(n.wants.queue) < maxWants && w.tries < len(r.tellers) {
			n.wants.queue = append(n.wants.queue, want{id: w.id, by: t.by, tries: w.tries + 1})
		}
		return
	}
}

// pumpWants sends as many requests for records as may be under way. A neighbour with too many of
// them holds up only the records that it was to give.
func (n *Node) pumpWants(now time.Time) {
	queue := n.wants.queue
	kept := queue[:0]
	for i, w := range queue {
		if len(n.wants.flying) >= wantsAtOnce {
			kept = append(kept, queue[i:]...)
			break
		}
		e := n.edges[w.by]
		if e == nil || !e.online {
			continue
		}
		if e.asking >= wantsOfOne {
			kept = append(kept, w)
			continue
		}
		id := n.ep.NextID()
		if n.ep.Send(now, dgram.PeerID(w.by), dgram.Message{ID: id, Body: dgram.ListRequest{Of: w.id[:], Credit: 1}}) {
			w.next = now.Add(max(wantPatience, 2*n.ep.Trip(dgram.PeerID(w.by))))
			n.wants.flying[id] = w
			n.wants.next = earliest(n.wants.next, w.next)
			n.wake(w.next)
			e.asking++
		}
	}
	n.wants.queue = kept
}

// advanceWants asks others too for records that somebody has not given in time.
func (n *Node) advanceWants(now time.Time) (next time.Time) {
	if !due(n.wants.next, now) {
		return n.wants.next
	}
	n.wants.next = time.Time{}
	for _, id := range slices.Sorted(maps.Keys(n.wants.flying)) {
		w := n.wants.flying[id]
		if !due(w.next, now) {
			n.wants.next = earliest(n.wants.next, w.next)
			continue
		}
		w.next = time.Time{}
		n.wants.flying[id] = w
		if r := n.rumors.rumor(w.id); r != nil {
			n.wantFromAnother(now, r, w)
		}
	}
	n.pumpWants(now)
	return n.wants.next
}

// wantEnded: a request for a record was answered, or given up.
func (n *Node) wantEnded(id uint64, w want) {
	delete(n.wants.flying, id)
	if e := n.edges[w.by]; e != nil {
		e.asking = max(e.asking-1, 0)
	}
}

// requestLapsed: a request for a list was not answered.
func (n *Node) requestLapsed(now time.Time, l dgram.Lapsed) {
	if w, ok := n.wants.flying[l.ID]; ok && w.by == sessions.SessionID(l.Peer) {
		n.wantEnded(l.ID, w)
		if r := n.rumors.rumor(w.id); r != nil && !w.next.IsZero() {
			n.wantFromAnother(now, r, w)
		}
		n.pumpWants(now)
		return
	}
	if e := n.edges[sessions.SessionID(l.Peer)]; e != nil && e.pull.request == l.ID {
		e.pull.request = 0
		e.refreshAt = now.Add(n.spread(n.cfg.Profile.Search))
		n.plan(e)
	}
}

// isNear says that an address is that of another host on one of our own links.
func (n *Node) isNear(a netip.AddrPort) bool {
	return n.links.near(a.Addr()) && !a.Addr().IsLoopback()
}

// dialNear says HELLO to a session that a neighbour on our link or site told us of, if its record
// says that it is there too: announcements may not reach it.
func (n *Node) dialNear(now time.Time, id sessions.SessionID, teller netip.Addr) {
	s, ok := n.book.Session(id)
	if e := n.edges[id]; !ok || e != nil && e.online || n.book.Trust(s.User) == sessions.TrustBlocked {
		return
	}
	for _, a := range s.Addrs {
		if (n.isNear(a.Addr) || n.onSite(a.Addr.Addr())) && n.dialable(a.Addr, teller) {
			n.dial(now, a.Addr, []dgram.Peer{peerOf(s)})
		}
	}
}

// wantSender asks whoever brings a copy for its sender's record, which says whose key must
// have signed it. Strangers can fill only a part of that queue.
func (n *Node) wantSender(now time.Time, from sessions.SessionID, by sessions.Session) {
	if n.payer(by.ID).Class == budget.Stranger && len(n.wants.queue) >= maxWants/4 || !n.affords(now, by, costSignature) {
		return
	}
	n.want(now, from, by.ID)
	n.pumpWants(now)
}
