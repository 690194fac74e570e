package book

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/sessions/identity"
)

// SetLive gives the Book the node's function that says who is here: something authentic came from the
// session lately, or the node keeps in touch with it. Without it the Book believes its own Presence. A
// session that is here is never forgotten to make room for a newcomer.
func (b *Book) SetLive(live func(now time.Time, id identity.SessionID) bool) { b.alive = live }

// live says that a session counts as online when room is made: only if it authenticated to us, not on
// hearsay.
func (b *Book) live(now time.Time, s *entry) bool {
	switch {
	case !s.Heard || s.Online == PresenceOffline:
		return false
	case b.alive != nil:
		return b.alive(now, s.ID)
	}
	return s.Online != PresenceUnknown
}

// here says whether any session of the user counts as online.
func (b *Book) here(now time.Time, u *user) bool {
	return slices.ContainsFunc(u.sessions, func(s *entry) bool { return b.live(now, s) })
}

// shrink brings strangers back within their bounds to make room for newcomer, which may be nil. If all
// others are here the newcomer goes. Kept users are not touched: they have caps of their own.
func (b *Book) shrink(now time.Time, newcomer *entry) {
	c := b.classes[classNew]
	for c.len() > b.limits.Sessions || b.news > b.limits.Users {
		s, ok := c.victim(func(s *entry) bool { return s == newcomer || s.owner.Named || b.live(now, s) })
		switch {
		case ok:
		case newcomer == nil || classOf(newcomer.owner.Trust) != classNew || b.byID[newcomer.ID] != newcomer:
			return // all are here; further newcomers find no room
		default:
			s = newcomer
		}
		b.drop(now, s)
	}
}

// place counts a new user under the network from which its key authenticated. If that network already
// has as many new users as allowed, the one silent for longest of those not here goes. If all are here
// place returns false, and the user stays counted where it was.
func (b *Book) place(now time.Time, u *user, from netip.AddrPort) bool {
	p, counted := identity.PrefixOf(from)
	if u.Trust != TrustNew || u.prefix == p || !counted || b.limits.NewPerPrefix < 0 {
		return true
	}
	for len(b.index.nearby[p]) >= b.limits.NewPerPrefix {
		quiet := b.quietest(now, b.index.nearby[p])
		if quiet == nil {
			return false
		}
		b.dropUser(now, quiet)
	}
	b.index.unplace(u)
	u.prefix = p
	b.index.nearby[p] = append(b.index.nearby[p], u)
	return true
}

func (x *index) unplace(u *user) {
	if !u.prefix.IsValid() {
		return
	}
	rest := slices.DeleteFunc(x.nearby[u.prefix], func(x *user) bool { return x == u })
	if len(rest) == 0 {
		delete(x.nearby, u.prefix)
	} else {
		x.nearby[u.prefix] = rest
	}
	u.prefix = netip.Prefix{}
}

// quietest is the new user of the list that is not here and was silent for longest; nil if all are
// here.
func (b *Book) quietest(now time.Time, list []*user) (quiet *user) {
	for _, u := range list {
		if u.Trust == TrustNew && !u.Named && (quiet == nil || compareQuiet(u, quiet) < 0) && !b.here(now, u) {
			quiet = u
		}
	}
	return quiet
}

func compareQuiet(x, y *user) int {
	if c := x.LastSeen.Compare(y.LastSeen); c != 0 {
		return c
	}
	return identity.CompareKeys(x.Key, y.Key)
}

// Prune forgets sessions until n are left, and returns how many it forgot. The longest silent go
// first: those of blocked users, then of new users, then those beyond the last 4 of each pinned
// user. Sessions that are online stay, however many they are (the paper, 3.2).
func (b *Book) Prune(now time.Time, n int) int {
	before := len(b.byID)
	for _, class := range []int{classBlocked, classNew, classKept} {
		for _, s := range b.classes[class].list.Values() { // oldest first
			if len(b.byID) <= n {
				break
			}
			if !b.live(now, s) && (class != classKept || s.owner.rank(s) >= keptSessions) {
				b.drop(now, s)
			}
		}
	}
	return before - len(b.byID)
}

// drop forgets a session. If it had said goodbye it leaves a tombstone behind. A new user goes with their
// last session.
func (b *Book) drop(now time.Time, s *entry) {
	u := s.owner
	b.classes[classOf(u.Trust)].remove(s)
	u.remove(s)
	delete(b.byID, s.ID)
	b.sessionChanged(s)
	if s.State == identity.StateGone {
		b.tombstones.raise(now, s.ID, s.Seq, u.Trust.Known())
	}
	b.userChanged(u) // to keep when the user was last seen
	if u.Trust == TrustNew && len(u.sessions) == 0 {
		b.removeUser(u)
	}
}

func (b *Book) dropUser(now time.Time, u *user) {
	for len(u.sessions) > 0 {
		b.drop(now, u.sessions[0])
	}
	b.removeUser(u)
}

func (b *Book) removeUser(u *user) {
	if b.users[u.Key] != u {
		return
	}
	b.index.unclaim(u)
	b.unpin(u)
	b.index.unplace(u)
	delete(b.users, u.Key)
	if u.Trust == TrustNew {
		b.news--
	}
	b.userChanged(u)
}
