package neighbors

import (
	"bytes"
	"slices"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// lookups look for people who are not here.
type lookups struct {
	*core
	byUser  map[identity.UserKey]*lookup // known users; at most as many as edges
	nextAt  time.Time                    // when one of seeking is due; zero: to be worked out
	healing healing
}

func newLookups(c *core) *lookups {
	return &lookups{core: c, byUser: map[identity.UserKey]*lookup{}}
}

// remember looks for the sessions we remember, so that a node finds its people again with every
// seed switched off (paper, section 3.2: offline sessions "jump-start" the network). Of users
// that our user does not know it calls only a few who have been around for long, so a flood of
// strangers leaves no work behind.
func (lk *lookups) remember(now time.Time) {
	for _, user := range lk.book.KnownUsers() {
		lk.seek(now, user)
	}
	if lk.cfg.Seed {
		return // its clients come by themselves
	}
	for _, user := range lk.book.NamedSeeds() {
		lk.missAll(now, user)
	}
	for _, user := range lk.book.AcquaintedUsers(maxAcquainted) {
		lk.missAll(now, user)
	}
}

// maxAcquainted bounds the users that are called at the start though nobody pinned them.
const maxAcquainted = 16

// missed says whether we call a session again when it is gone: if its user is known, was met on
// our link, or has been around for long. A seed calls only people its own user knows.
func (lk *lookups) missed(e *edge) bool {
	if lk.cfg.Seed || e.payer.Class != budget.Stranger {
		return e.payer.Class <= budget.Seed || !lk.cfg.Seed
	}
	return lk.book.Acquainted(e.user)
}

// miss begins to ping a session that is not reachable.
func (lk *lookups) miss(now time.Time, e *edge, first time.Time) {
	e.redialWait, e.redialAt = 0, first
	lk.healSoon(first)
	lk.edges.plan(e)
}

// redial pings a missing session at the addresses where its key once authenticated to us, for
// ever, with back-off. While texts wait for it the back-off stays short.
func (lk *lookups) redial(now time.Time, e *edge) {
	e.redialAt = time.Time{}
	if e.online {
		return
	}
	s, ok := lk.book.Session(e.id)
	if u, known := lk.book.User(e.user); !ok || !known || u.Trust == book.TrustBlocked {
		return
	}
	wait := time.Second // the budget is spent: again soon, without back-off
	if lk.mayCall(now, e) && lk.dialSession(now, s) {
		last := redialLast
		waits := lk.outbox.Waiting(e.id)
		if waits {
			last = retryFirst * 4
		}
		if waits || lk.outbox.Queued(e.user) {
			e.send.tries++
		}
		e.redialWait = min(max(2*e.redialWait, redialFirst), last)
		wait = lk.spread(e.redialWait)
	}
	e.redialAt = now.Add(wait)
}

// seek looks for a user who has no session online: at remembered addresses now, and by asking
// seeds and neighbours.
func (lk *lookups) seek(now time.Time, user identity.UserKey) {
	lk.missAll(now, user)
	if w := lk.lookup(user); w != nil {
		w.left = false
		w.soon(now)
		lk.nextAt = time.Time{}
		lk.wake(w.next)
	}
}

// await asks seeds for a user: they tell of a return only those who asked.
func (lk *lookups) await(now time.Time, user identity.UserKey) {
	if w := lk.lookup(user); w != nil {
		w.left, w.wait, w.next = true, 0, now.Add(lk.spread(redialFirst))
		lk.nextAt = time.Time{}
		lk.wake(w.next)
	}
}

// lookup returns a user's seeker, made if there is none; nil: there is no room.
func (lk *lookups) lookup(user identity.UserKey) *lookup {
	w := lk.byUser[user]
	if w == nil && len(lk.byUser) < int(lk.budget.Most(budget.Edges, budget.Own)) {
		w = &lookup{}
		lk.byUser[user] = w
	}
	return w
}

// missAll begins to ping the sessions of a user that are not online, where they last were.
func (lk *lookups) missAll(now time.Time, user identity.UserKey) {
	lk.healSoon(now)
	for _, s := range lk.book.SessionsOf(user) {
		if len(s.Seen) == 0 {
			continue
		}
		if e := lk.edges.edge(s.ID, user); e != nil && !e.online {
			lk.miss(now, e, now)
		}
	}
}

// lookup asks others for one missing user, with back-off. There are at most as many as edges.
type lookup struct {
	next  time.Time
	wait  time.Duration
	asked time.Time // last
	left  bool      // they said goodbye: neighbours tell us unasked when they are back
}

// soon brings the next request forward: at once, unless the last was a moment ago.
func (w *lookup) soon(now time.Time) {
	w.wait, w.next = 0, now
	if at := w.asked.Add(askAgain); !w.asked.IsZero() && at.After(now) {
		w.next = at
	}
}

// advanceLookups asks for the missing users that are due.
func (lk *lookups) advanceLookups(now time.Time) (next time.Time) {
	switch {
	case len(lk.byUser) == 0:
		return time.Time{}
	case lk.nextAt.After(now):
		return lk.nextAt
	}
	defer func() { lk.nextAt = next }()
	for _, user := range lk.users() {
		w := lk.byUser[user]
		if !w.next.After(now) {
			if len(lk.edges.onlineSessions(user)) > 0 {
				delete(lk.byUser, user)
				continue
			}
			if lk.finder.askAbout(now, user, !w.left) > 0 || w.left {
				w.wait = min(max(2*w.wait, seekFirst), seekLast)
				w.next, w.asked = now.Add(lk.spread(w.wait)), now
			} else {
				w.next = now.Add(time.Second) // nobody to ask yet
			}
		}
		next = earliest(next, w.next)
	}
	return next
}

// users lists the missing users in a fixed order.
func (lk *lookups) users() []identity.UserKey {
	keys := make([]identity.UserKey, 0, len(lk.byUser))
	for k := range lk.byUser {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b identity.UserKey) int { return bytes.Compare(a[:], b[:]) })
	return keys
}

// seedsNews: a seed says that somebody we asked it for is there. What it says of others is
// ignored.
func (lk *lookups) seedsNews(now time.Time, seed *edge, list []wire.Summary) {
	if !lk.finder.askable(seed) {
		return
	}
	for _, s := range list {
		known, ok := lk.book.Session(identity.SessionID(s.Session))
		if w := lk.byUser[known.User]; ok && w != nil && now.Sub(w.asked) >= askAgain {
			w.asked, w.wait, w.next = now, 0, now.Add(lk.spread(seekFirst))
			lk.nextAt = time.Time{}
			lk.finder.askOne(now, seed, find{user: known.User})
		}
	}
}
