package neighbors

import (
	"time"

	"darkchat/sessions"
)

// A network that was in pieces grows together from memory (paper, sections 3.1 and 6):
// each of the missing is called for ever with back-off (missing.go), and of all of them
// together one every Profile.Search. The first to come back, or to be told of, is a sign
// that the pieces touch again: then all who were lost are called at once.

const (
	hopeGap    = 10 * time.Second // between two such signs that are heeded; doubles
	hopeLast   = 10 * time.Minute // up to this while nobody comes back
	hopeSpread = time.Second      // in which the calls leave
	hopeTime   = 24 * time.Hour   // who was lost longer ago is not called for it
	echoGap    = 30 * time.Second // between two such signs of neighbours' neighbours; doubles as well

	sightingsAtOnce = 32          // of those whom we miss, by one neighbour: the first has all called anyway;
	sightingsGap    = time.Minute // then one so often
)

// search is the walk through the missing.
type search struct {
	next  time.Time          // when one of them is called
	last  sessions.SessionID // who was called last
	hoped time.Time          // the last sign
	gap   time.Duration      // till the next one is heeded
	echo  time.Time          // the last sign two edges away
	wait  time.Duration      // till the next of those is heeded
}

// advanceSearch calls one of the missing whom our user knows, when it is time, whether or
// not there was a place for an edge to them: it is how those are found for whom there was none.
func (n *Node) advanceSearch(now time.Time) (next time.Time) {
	s := &n.search
	if !due(s.next, now) {
		return s.next
	}
	s.next = time.Time{}
	if n.cfg.Seed || !n.left.IsZero() {
		return time.Time{}
	}
	missing, ok := n.book.NextKnown(s.last, func(s sessions.Session) bool {
		return !n.isOnline(s.ID) && len(s.Seen) > 0
	})
	if !ok {
		return time.Time{} // nobody is missing
	}
	s.last = missing.ID
	n.dialSession(now, missing)
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
// knows him he is called, and the neighbour asked to bring us together. It may be a lie:
// it changes no back-off, and is heeded so often only.
func (n *Node) sighted(now time.Time, id sessions.SessionID, by *edge) {
	s, ok := n.book.Session(id)
	e := n.edges[id]
	if !ok || e != nil && (e.online || now.Sub(e.sightedAt) < seekFirst) || !n.book.Trust(s.User).Known() ||
		!by.sightings.take(now, sightingsAtOnce, sightingsGap) {
		return
	}
	if e == nil || e.lostAt.IsZero() {
		if e = n.edge(id, s.User); e == nil {
			return
		}
	} else {
		n.hope(now)
	}
	e.sightedAt = now
	n.callAt(e, now)
	n.askOne(now, by, find{user: s.User})
}

// callAt has a missing one called at a time, or sooner. The back-off goes on.
func (n *Node) callAt(e *edge, at time.Time) {
	e.redialAt = earliest(e.redialAt, at)
	n.searchSoon(at)
	n.plan(e)
}

// cameBack: somebody who was lost is here again. Of strangers, and of one who comes and
// goes, that is no sign.
func (n *Node) cameBack(now time.Time, e *edge) {
	if e.lostAt.IsZero() {
		return
	}
	e.lostAt = time.Time{}
	if n.known(e) && e.flaps.decayed(now) <= flapMost {
		n.search.gap, n.search.wait = 0, 0
		n.hope(now)
	}
}

// hope calls all who were lost, since one of them is seen again.
func (n *Node) hope(now time.Time) {
	h := &n.search
	if !h.hoped.IsZero() && now.Sub(h.hoped) < max(h.gap, hopeGap) || n.cfg.Seed {
		return
	}
	h.hoped, h.gap = now, min(max(2*h.gap, hopeGap), hopeLast)
	n.callLost(now)
	for _, w := range n.seeking {
		w.soon(now)
	}
	n.seekAt = time.Time{}
	n.wake(now)
}

// echo: a neighbour has found somebody again whom he had lost. So pieces of the network
// may touch again elsewhere, and whoever hears of it helps to join them. In a network where
// people come and go all the time that is rarely so.
func (n *Node) echo(now time.Time) {
	h := &n.search
	if !h.echo.IsZero() && now.Sub(h.echo) < max(h.wait, echoGap) || n.cfg.Seed {
		return
	}
	if n.callLost(now) > 0 {
		h.echo, h.wait = now, min(max(2*h.wait, echoGap), hopeLast)
	}
}

// callLost calls all who were lost in the last day, within a second.
func (n *Node) callLost(now time.Time) (called int) {
	for _, id := range n.edgeIDs() {
		e := n.edges[id]
		if e.online || e.lostAt.IsZero() || now.Sub(e.lostAt) > hopeTime {
			continue
		}
		n.callAt(e, now.Add(4*(n.spread(hopeSpread)-hopeSpread)))
		called++
	}
	return called
}
