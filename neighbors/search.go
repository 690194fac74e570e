package neighbors

import (
	"time"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// A network that fell into pieces grows together again from memory (paper, sections 3.1 and 6):
// each missing session is called for ever with back-off (missing.go), and on top of that one of
// them every Profile.Search. The first to come back, or to be told of, is a sign that the pieces
// touch again: then all that were lost are called at once.

const (
	hopeGap    = 10 * time.Second // between two signs that we act on; doubles
	hopeLast   = 10 * time.Minute // up to this while nobody comes back
	hopeSpread = time.Second      // over which the calls are spread
	hopeTime   = 24 * time.Hour   // sessions lost longer ago are not called
	echoGap    = 30 * time.Second // between two signs at neighbours that we act on; doubles as well

	sightingsAtOnce = 32          // by one neighbour of sessions that we miss, at once: the first has all of them called anyway;
	sightingsGap    = time.Minute // then one per gap
)

// search is the walk through the missing sessions.
type search struct {
	next  time.Time          // when the next one is called
	last  identity.SessionID // the one called last
	hoped time.Time          // the last sign
	gap   time.Duration      // until we act on the next one
	echo  time.Time          // the last sign at a neighbour
	wait  time.Duration      // until we act on the next of those
}

// advanceSearch calls, when it is time, one missing session of somebody our user knows. Unlike
// redial it needs no edge, so it also finds people for whom there was no room among the edges.
func (lk *lookups) advanceSearch(now time.Time) (next time.Time) {
	s := &lk.search
	if !due(s.next, now) {
		return s.next
	}
	s.next = time.Time{}
	if lk.cfg.Seed || !lk.own.left.IsZero() {
		return time.Time{}
	}
	missing, ok := lk.book.NextKnown(s.last, func(s book.Session) bool {
		return !lk.edges.isOnline(s.ID) && len(s.Seen) > 0
	})
	if !ok {
		return time.Time{} // nobody is missing
	}
	s.last = missing.ID
	lk.dialSession(now, missing)
	s.next = now.Add(lk.spread(lk.cfg.Profile.Search))
	return s.next
}

// searchSoon begins the walk, unless it is under way.
func (lk *lookups) searchSoon(now time.Time) {
	if lk.search.next.IsZero() && !lk.cfg.Seed {
		lk.search.next = now.Add(lk.spread(lk.cfg.Profile.Search))
		lk.wake(lk.search.next)
	}
}

// sighted: a neighbour says that a session is there which we do not reach. If our user knows its
// user, we call it and ask the neighbour to introduce us. It may be a lie, so it leaves the
// back-off alone and is rate-limited.
func (lk *lookups) sighted(now time.Time, id identity.SessionID, by *edge) {
	s, ok := lk.book.Session(id)
	e := lk.edges.byID[id]
	if !ok || e != nil && (e.online || now.Sub(e.said.sightedAt) < seekFirst) || !lk.book.Trust(s.User).Known() ||
		!by.said.sightings.take(now, sightingsAtOnce, sightingsGap) {
		return
	}
	if e == nil || e.lostAt.IsZero() {
		if e = lk.edges.edge(id, s.User); e == nil {
			return
		}
	} else {
		lk.hope(now)
	}
	e.said.sightedAt = now
	lk.callAt(e, now)
	lk.finder.askOne(now, by, find{user: s.User})
}

// callAt has a missing session called at a time, or sooner. The back-off goes on.
func (lk *lookups) callAt(e *edge, at time.Time) {
	e.redialAt = earliest(e.redialAt, at)
	lk.searchSoon(at)
	lk.edges.plan(e)
}

// cameBack: a lost session is here again. With strangers, and with somebody who comes and goes,
// that is not a sign.
func (lk *lookups) cameBack(now time.Time, e *edge) {
	if e.lostAt.IsZero() {
		return
	}
	e.lostAt = time.Time{}
	if lk.edges.known(e) && e.flaps.decayed(now) <= flapMost {
		lk.search.gap, lk.search.wait = 0, 0
		lk.hope(now)
	}
}

// hope calls all lost sessions, because one of them has been seen again.
func (lk *lookups) hope(now time.Time) {
	h := &lk.search
	if !h.hoped.IsZero() && now.Sub(h.hoped) < max(h.gap, hopeGap) || lk.cfg.Seed {
		return
	}
	h.hoped, h.gap = now, min(max(2*h.gap, hopeGap), hopeLast)
	lk.callLost(now)
	for _, w := range lk.seeking {
		w.soon(now)
	}
	lk.seekAt = time.Time{}
	lk.wake(now)
}

// echo: a neighbour has found a session again that it had lost. So pieces of the network may touch
// again elsewhere, and everybody who hears of it helps to join them. The doubling wait makes this
// rare in a network where people come and go all the time.
func (lk *lookups) echo(now time.Time) {
	h := &lk.search
	if !h.echo.IsZero() && now.Sub(h.echo) < max(h.wait, echoGap) || lk.cfg.Seed {
		return
	}
	if lk.callLost(now) > 0 {
		h.echo, h.wait = now, min(max(2*h.wait, echoGap), hopeLast)
	}
}

// callLost calls all sessions that were lost in the last day, within a second.
func (lk *lookups) callLost(now time.Time) (called int) {
	for _, id := range lk.edges.edgeIDs() {
		e := lk.edges.byID[id]
		if e.online || e.lostAt.IsZero() || now.Sub(e.lostAt) > hopeTime {
			continue
		}
		lk.callAt(e, now.Add(4*(lk.spread(hopeSpread)-hopeSpread)))
		called++
	}
	return called
}
