package neighbors

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// remember looks for the sessions we remember, so that a node finds its people again with every
// seed switched off (paper, section 3.2: offline sessions "jump-start" the network). Of users
// that our user does not know it calls only a few who have been around for long, so a flood of
// strangers leaves no work behind.
func (n *Node) remember(now time.Time) {
	for _, user := range n.book.KnownUsers() {
		n.seek(now, user)
	}
	if n.cfg.Seed {
		return // its clients come by themselves
	}
	for _, user := range n.book.NamedSeeds() {
		n.missAll(now, user)
	}
	for _, user := range n.book.AcquaintedUsers(maxAcquainted) {
		n.missAll(now, user)
	}
}

// maxAcquainted bounds the users that are called at the start though nobody pinned them.
const maxAcquainted = 16

// missed says whether we call a session again when it is gone: if its user is known, was met on
// our link, or has been around for long. A seed calls only people its own user knows.
func (n *Node) missed(e *edge) bool {
	if n.cfg.Seed || e.payer.Class != budget.Stranger {
		return e.payer.Class <= budget.Seed || !n.cfg.Seed
	}
	return n.book.Acquainted(e.user)
}

// miss begins to ping a session that is not reachable.
func (n *Node) miss(now time.Time, e *edge, first time.Time) {
	e.redialWait, e.redialAt = 0, first
	n.searchSoon(first)
	n.plan(e)
}

// redial pings a missing session at the addresses where its key once authenticated to us, for
// ever, with back-off. While texts wait for it the back-off stays short.
func (n *Node) redial(now time.Time, e *edge) {
	e.redialAt = time.Time{}
	if e.online {
		return
	}
	s, ok := n.book.Session(e.id)
	if u, known := n.book.User(e.user); !ok || !known || u.Trust == sessions.TrustBlocked {
		return
	}
	wait := time.Second // the budget is spent: again soon, without back-off
	if n.mayCall(now, e) && n.dialSession(now, s) {
		last := redialLast
		waits := n.outbox.Waiting(e.id)
		if waits {
			last = retryFirst * 4
		}
		if waits || n.outbox.Queued(e.user) {
			e.tries++
		}
		e.redialWait = min(max(2*e.redialWait, redialFirst), last)
		wait = n.spread(e.redialWait)
	}
	e.redialAt = now.Add(wait)
}

// mayCall says whether we may say HELLO to a missing session. For people known only the node's
// own budget counts.
func (n *Node) mayCall(now time.Time, e *edge) bool {
	return n.budget.Spend(now, budget.Hellos, e.payer, helloCost)
}

// helloCost is how many HELLOs one unanswered dial sends (spec/theory.md 2.1).
const helloCost = 5

// dialSession says HELLO to a known session wherever its key authenticated to us; false when the
// budget allowed no HELLO. If a text waits for somebody known, the person asked for it.
func (n *Node) dialSession(now time.Time, s sessions.Session) bool {
	waits := n.outbox.Waiting(s.ID) || n.outbox.Queued(s.User)
	return n.callSession(now, s, waits && n.book.Trust(s.User).Known())
}

// callSession is dialSession; asked: the person waits for it.
func (n *Node) callSession(now time.Time, s sessions.Session, asked bool) bool {
	dial, want := n.dial, []dgram.Peer{peerOf(s)}
	if asked {
		dial = n.dialAsked
	}
	tried, spent := false, false
	for _, seen := range s.Seen {
		if !n.dialable(seen.Addr, netip.Addr{}) {
			continue
		}
		if err := dial(now, seen.Addr, want); errors.Is(err, dgram.ErrBudget) {
			spent = true
		} else {
			tried = true
		}
	}
	return tried || !spent
}

// seek looks for a user who has no session online: at remembered addresses now, and by asking
// seeds and neighbours.
func (n *Node) seek(now time.Time, user sessions.UserKey) {
	n.missAll(now, user)
	if w := n.seeker(user); w != nil {
		w.left = false
		w.soon(now)
		n.seekAt = time.Time{}
		n.wake(w.next)
	}
}

// await asks seeds for a user: they tell of a return only those who asked.
func (n *Node) await(now time.Time, user sessions.UserKey) {
	if w := n.seeker(user); w != nil {
		w.left, w.wait, w.next = true, 0, now.Add(n.spread(redialFirst))
		n.seekAt = time.Time{}
		n.wake(w.next)
	}
}

// seeker returns a user's seeker, made if there is none; nil: there is no room.
func (n *Node) seeker(user sessions.UserKey) *seeker {
	w := n.seeking[user]
	if w == nil && len(n.seeking) < int(n.budget.Most(budget.Edges, budget.Own)) {
		w = &seeker{}
		n.seeking[user] = w
	}
	return w
}

// missAll begins to ping the sessions of a user that are not online, where they last were.
func (n *Node) missAll(now time.Time, user sessions.UserKey) {
	n.searchSoon(now)
	for _, s := range n.book.SessionsOf(user) {
		if len(s.Seen) == 0 {
			continue
		}
		if e := n.edge(s.ID, user); e != nil && !e.online {
			n.miss(now, e, now)
		}
	}
}

// seeker asks others for one missing user, with back-off. There are at most as many as edges.
type seeker struct {
	next  time.Time
	wait  time.Duration
	asked time.Time // last
	left  bool      // they said goodbye: neighbours tell us unasked when they are back
}

// soon brings the next request forward: at once, unless the last was a moment ago.
func (w *seeker) soon(now time.Time) {
	w.wait, w.next = 0, now
	if at := w.asked.Add(askAgain); !w.asked.IsZero() && at.After(now) {
		w.next = at
	}
}

// advanceSeekers asks for the missing users that are due.
func (n *Node) advanceSeekers(now time.Time) (next time.Time) {
	switch {
	case len(n.seeking) == 0:
		return time.Time{}
	case n.seekAt.After(now):
		return n.seekAt
	}
	defer func() { n.seekAt = next }()
	for _, user := range n.seekingKeys() {
		w := n.seeking[user]
		if !w.next.After(now) {
			if len(n.onlineSessions(user)) > 0 {
				delete(n.seeking, user)
				continue
			}
			if n.askAbout(now, user, !w.left) > 0 || w.left {
				w.wait = min(max(2*w.wait, seekFirst), seekLast)
				w.next, w.asked = now.Add(n.spread(w.wait)), now
			} else {
				w.next = now.Add(time.Second) // nobody to ask yet
			}
		}
		next = earliest(next, w.next)
	}
	return next
}

func peerOf(s sessions.Session) dgram.Peer {
	return dgram.Peer{ID: dgram.PeerID(s.ID), User: [32]byte(s.User), Static: s.Static, Seq: s.Seq}
}

// dial says HELLO at addr. want names the sessions that may be there; empty:
// whoever answers.
func (n *Node) dial(now time.Time, addr netip.AddrPort, want []dgram.Peer) error {
	n.wake(now)
	return n.ep.Dial(now, addr, want)
}

// dialable tells whether addr may be dialled at all. Addresses from messages are hints: never
// private or link-local unless we have an interface in that prefix, or both the address and its
// teller are on our site; nor loopback unless the teller is on loopback. The zero teller is the
// person, a Source or our own memory, which may name any unicast address.
func (n *Node) dialable(addr netip.AddrPort, teller netip.Addr) bool {
	a := addr.Addr()
	switch {
	case !addr.IsValid() || addr.Port() == 0 || a.IsUnspecified() || a.IsMulticast() || dgram.Relayed(a):
		return false
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case n.cfg.LoopbackOnly && !a.IsLoopback():
		return false
	case !teller.IsValid():
		return true
	case a.IsLoopback():
		return teller.IsLoopback()
	case a.IsPrivate() || a.IsLinkLocalUnicast() || carrierGrade.Contains(a):
		for _, p := range n.cfg.Interfaces {
			if p.Contains(a.WithZone("")) {
				return true
			}
		}
		return n.onSite(a) && n.onSite(teller)
	}
	return true
}

// seekingKeys lists the missing users in a fixed order.
func (n *Node) seekingKeys() []sessions.UserKey {
	keys := make([]sessions.UserKey, 0, len(n.seeking))
	for k := range n.seeking {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b sessions.UserKey) int { return bytes.Compare(a[:], b[:]) })
	return keys
}

// seedsNews: a seed says that somebody we asked it for is there. What it says of others is
// ignored.
func (n *Node) seedsNews(now time.Time, seed *edge, list []dgram.Summary) {
	if !n.askable(seed) {
		return
	}
	for _, s := range list {
		known, ok := n.book.Session(sessions.SessionID(s.Session))
		if w := n.seeking[known.User]; ok && w != nil && now.Sub(w.asked) >= askAgain {
			w.asked, w.wait, w.next = now, 0, now.Add(n.spread(seekFirst))
			n.seekAt = time.Time{}
			n.askOne(now, seed, find{user: known.User})
		}
	}
}
