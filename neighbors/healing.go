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
	healGap       = 10 * time.Second // between two signs that we act on; doubles
	healGapMost   = 10 * time.Minute // up to this while nobody comes back
	healSpread    = time.Second      // over which the calls are spread
	healTime      = 24 * time.Hour   // sessions lost longer ago are not called
	secondHandGap = 30 * time.Second // between two signs at neighbours that we act on; doubles as well

	sightingsAtOnce = 32          // by one neighbour of sessions that we miss, at once: the first has all of them called anyway;
	sightingsGap    = time.Minute // then one per gap
)

// healing is the walk through the missing sessions.
type healing struct {
	next   time.Time          // when the next one is called
	last   identity.SessionID // the one called last
	healed time.Time          // the last sign
	gap    time.Duration      // until we act on the next one
	echo   time.Time          // the last sign at a neighbour
	wait   time.Duration      // until we act on the next of those
}

// advanceHealing calls, when it is time, one missing session of somebody our user knows. Unlike
// redial it needs no edge, so it also finds people for whom there was no room among the edges.
func (lk *lookups) advanceHealing(now time.Time) (next time.Time) {
	s := &lk.healing
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

// healSoon begins the walk, unless it is under way.
func (lk *lookups) healSoon(now time.Time) {
	if lk.healing.next.IsZero() && !lk.cfg.Seed {
		lk.healing.next = now.Add(lk.spread(lk.cfg.Profile.Search))
		lk.wake(lk.healing.next)
	}
}

// sighted: a neighbour says that a session is there which we do not reach. If our user knows its
// user, we call it and ask the neighbour to introduce us. It may be a lie, so it leaves the
// back-off alone and is rate-limited.
func (lk *lookups) sighted(now time.Time, id identity.SessionID, by *edge) {
	s, ok := lk.book.Session(id)
	e := lk.edges.byID[id]
	if !ok || e != nil && (e.online || now.Sub(e.limits.sightedAt) < seekFirst) || !lk.book.Trust(s.User).Known() ||
		!by.limits.sightings.Take(now, 1) {
		return
	}
	if e == nil || e.lostAt.IsZero() {
		if e = lk.edges.edge(id, s.User); e == nil {
			return
		}
	} else {
		lk.redialAllLost(now)
	}
	e.limits.sightedAt = now
	lk.redialAt(e, now)
	lk.finder.askOne(now, by, find{user: s.User})
}

// redialAt has a missing session called at a time, or sooner. The back-off goes on.
func (lk *lookups) redialAt(e *edge, at time.Time) {
	e.redialAt = earliest(e.redialAt, at)
	lk.healSoon(at)
	lk.edges.plan(e)
}

// recovered: a lost session is here again. With strangers, and with somebody who comes and goes,
// that is not a sign.
func (lk *lookups) recovered(now time.Time, e *edge) {
	if e.lostAt.IsZero() {
		return
	}
	e.lostAt = time.Time{}
	if lk.edges.known(e) && e.damping.decayed(now) <= dampingLimit {
		lk.healing.gap, lk.healing.wait = 0, 0
		lk.redialAllLost(now)
	}
}

// redialAllLost calls all lost sessions, because one of them has been seen again.
func (lk *lookups) redialAllLost(now time.Time) {
	h := &lk.healing
	if !h.healed.IsZero() && now.Sub(h.healed) < max(h.gap, healGap) || lk.cfg.Seed {
		return
	}
	h.healed, h.gap = now, min(max(2*h.gap, healGap), healGapMost)
	lk.redialLost(now)
	for _, w := range lk.byUser {
		w.soon(now)
	}
	lk.nextAt = time.Time{}
	lk.wake(now)
}

// healAtSecondHand: a neighbour has found a session again that it had lost. So pieces of the network may touch
// again elsewhere, and everybody who hears of it helps to join them. The doubling wait makes this
// rare in a network where people come and go all the time.
func (lk *lookups) healAtSecondHand(now time.Time) {
	h := &lk.healing
	if !h.echo.IsZero() && now.Sub(h.echo) < max(h.wait, secondHandGap) || lk.cfg.Seed {
		return
	}
	if lk.redialLost(now) > 0 {
		h.echo, h.wait = now, min(max(2*h.wait, secondHandGap), healGapMost)
	}
}

// redialLost calls all sessions that were lost in the last day, within a second.
func (lk *lookups) redialLost(now time.Time) (called int) {
	for _, id := range lk.edges.edgeIDs() {
		e := lk.edges.byID[id]
		if e.online || e.lostAt.IsZero() || now.Sub(e.lostAt) > healTime {
			continue
		}
		lk.redialAt(e, now.Add(4*(lk.spread(healSpread)-healSpread)))
		called++
	}
	return called
}
