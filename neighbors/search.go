package neighbors

import (
	"bytes"
	"time"

	"darkchat/sessions"
)

// A network that was in pieces grows together from memory (paper, sections 3.1 and 6):
// each of the missing is called for ever with back-off (missing.go), and of all of them
// together one every Profile.Search. The first to come back, or to be told of, is a sign
// that the pieces touch again: then all who were lost are called at once.

const (
	hopeGap    = 10 * time.Second // between two such signs that are heeded
	hopeSpread = time.Second      // in which the calls leave
	hopeTime   = 24 * time.Hour   // who was lost longer ago is not called for it
)

// search is the walk through the missing.
type search struct {
	next  time.Time          // when one of them is called
	last  sessions.SessionID // who was called last
	hoped time.Time          // the last sign
}

// advanceSearch calls one of the missing whom our user knows, when it is time.
func (n *Node) advanceSearch(now time.Time) (next time.Time) {
	s := &n.search
	if !due(s.next, now) {
		return s.next
	}
	s.next = time.Time{}
	if n.cfg.Seed || !n.left.IsZero() {
		return time.Time{}
	}
	// The next one by session id, as on a ring.
	var after, first *edge
	for _, e := range n.edges { // the order does not matter
		if e.online || e.redialAt.IsZero() || !n.known(e) {
			continue
		}
		if bytes.Compare(e.id[:], s.last[:]) > 0 && (after == nil || bytes.Compare(e.id[:], after.id[:]) < 0) {
			after = e
		}
		if first == nil || bytes.Compare(e.id[:], first.id[:]) < 0 {
			first = e
		}
	}
	if after == nil {
		after = first
	}
	if after == nil {
		return time.Time{} // nobody is missing
	}
	s.last = after.id
	if known, ok := n.book.Session(after.id); ok {
		n.dialSession(now, known)
	}
	s.next = now.Add(n.spread(n.cfg.Profile.Search))
	return s.next
}

// searchSoon begins the walk, if it does not go on.
func (n *Node) searchSoon(now time.Time) {
	if n.search.next.IsZero() && !n.cfg.Seed {
		n.search.next = now.Add(n.spread(n.cfg.Profile.Search))
		n.wake(n.search.next)
	}
}

// sighted: a neighbour says that somebody is there whom we do not reach. If our user
// knows him he is called, and the neighbour asked to bring us together.
func (n *Node) sighted(now time.Time, id sessions.SessionID, by *edge) {
	s, ok := n.book.Session(id)
	e := n.edges[id]
	if !ok || e != nil && e.online || !n.book.Trust(s.User).Known() {
		return
	}
	if e == nil || e.lostAt.IsZero() {
		if e = n.edge(id, s.User); e == nil {
			return
		}
	} else {
		n.hope(now)
	}
	if now.Sub(e.sightedAt) < seekFirst {
		return
	}
	e.sightedAt = now
	if e.redialAt.IsZero() || e.redialAt.After(now) {
		n.miss(now, e, now)
	}
	n.askOne(now, by, find{user: s.User})
}

// cameBack: somebody who was lost is here again.
func (n *Node) cameBack(now time.Time, e *edge) {
	if !e.lostAt.IsZero() {
		e.lostAt = time.Time{}
		n.hope(now)
	}
}

// hope calls all who were lost, since one of them is seen again.
func (n *Node) hope(now time.Time) {
	if !n.search.hoped.IsZero() && now.Sub(n.search.hoped) < hopeGap || n.cfg.Seed {
		return
	}
	n.search.hoped = now
	for _, id := range n.edgeIDs() {
		e := n.edges[id]
		if e.online || e.lostAt.IsZero() || now.Sub(e.lostAt) > hopeTime {
			continue
		}
		n.miss(now, e, now.Add(4*(n.spread(hopeSpread)-hopeSpread)))
	}
	for _, w := range n.seeking {
		w.soon(now)
	}
	n.seekAt = time.Time{}
	n.wake(now)
}
