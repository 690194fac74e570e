package sessions

import (
	"net/netip"
	"slices"
	"time"
)

// SetLive gives the Book the word of the node on who is here: something authentic came
// from that session lately, or it is kept in touch with. Without it the Book believes its
// own Presence. Whoever is here is never forgotten to make room for a newcomer.
func (b *Book) SetLive(live func(now time.Time, id SessionID) bool) { b.alive = live }

// live says that a session counts as online when room is made: only what authenticated to
// us does, not what somebody tells.
func (b *Book) live(now time.Time, s *entry) bool {
	switch {
	case !s.Heard || s.Online == PresenceOffline:
		return false
	case b.alive != nil:
		return b.alive(now, s.ID)
	}
	return s.Online != PresenceUnknown
}

// here says whether a session of the user counts as online.
func (b *Book) here(now time.Time, u *user) bool {
	return slices.ContainsFunc(u.sessions, func(s *entry) bool { return b.live(now, s) })
}

// shrink brings strangers back within their bounds, for the newcomer, who may be nil. When
// all others are here the newcomer is the one that goes. It touches no user that is kept:
// those are bounded by their own caps.
func (b *Book) shrink(now time.Time, newcomer *entry) {
	c := b.classes[classNew]
	for c.len() > b.limits.Sessions || b.news > b.limits.Users {
		s, ok := c.victim(func(s *entry) bool { return s == newcomer || s.owner.Named || b.live(now, s) })
		switch {
		case ok:
		case newcomer == nil || classOf(newcomer.owner.Trust) != classNew || b.byID[newcomer.ID] != newcomer:
			return // all are here; those who come next find no room
		default:
			s = newcomer
		}
		b.drop(now, s)
	}
}

// place counts a new user under the network that its key authenticated from. When that
// network has as many new users as it may, the one of them that was silent longest leaves,
// of those that are not here; if all are, place answers false, and the user stays counted
// where it was.
func (b *Book) place(now time.Time, u *user, from netip.AddrPort) bool {
	p, counted := prefixOf(from)
	if u.Trust != TrustNew || u.prefix == p || !counted || b.limits.NewPerPrefix < 0 {
		return true
	}
	for len(b.nearby[p]) >= b.limits.NewPerPrefix {
		quiet := b.quietest(now, b.nearby[p])
		if quiet == nil {
			return false
		}
		b.dropUser(now, quiet)
	}
	b.unplace(u)
	u.prefix = p
	b.nearby[p] = append(b.nearby[p], u)
	return true
}

func (b *Book) unplace(u *user) {
	if !u.prefix.IsValid() {
		return
	}
	rest := slices.DeleteFunc(b.nearby[u.prefix], func(x *user) bool { return x == u })
	if len(rest) == 0 {
		delete(b.nearby, u.prefix)
	} else {
		b.nearby[u.prefix] = rest
	}
	u.prefix = netip.Prefix{}
}

// quietest is the new user of the list that is not here and was silent longest; nil if
// all are here.
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
	return compareKeys(x.Key, y.Key)
}

// Prune forgets sessions until n are left and returns how many it forgot: the
// longest silent first, blocked users', then new users', then those beyond the
// last 4 of each pinned user. Sessions that are online stay, however many they
// are (the paper, 3.2).
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

// drop forgets a session. What it left behind is a floor when it said that it
// was gone. A new user goes with the last session.
func (b *Book) drop(now time.Time, s *entry) {
	u := s.owner
	b.classes[classOf(u.Trust)].remove(s)
	u.remove(s)
	delete(b.byID, s.ID)
	b.sessionChanged(s)
	if s.State == StateGone {
		b.floors.raise(now, s.ID, s.Seq, u.Trust.Known())
	}
	b.userChanged(u) // keeps when the user was last seen
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
	b.unclaim(u)
	b.unpin(u)
	b.unplace(u)
	delete(b.users, u.Key)
	if u.Trust == TrustNew {
		b.news--
	}
	b.userChanged(u)
}
