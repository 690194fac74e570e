package sessions

import (
	"net/netip"
	"slices"
	"time"
)

// shrink brings strangers back within their bounds. It touches no user that is
// kept: those are bounded by their own caps.
func (b *Book) shrink(now time.Time) {
	c := b.classes[classNew]
	for c.len() > b.limits.Sessions || b.news > b.limits.Users {
		s, ok := c.victim()
		if !ok {
			return
		}
		b.drop(now, s)
	}
}

// place counts a new user under the network that its key authenticated from. When
// that network has more new users than it may, the one of them that was silent
// longest leaves, an online one only if all are.
func (b *Book) place(now time.Time, u *user, from netip.AddrPort) {
	p, counted := prefixOf(from)
	if u.Trust != TrustNew || u.prefix == p || b.limits.NewPerPrefix < 0 {
		return
	}
	b.unplace(u)
	if !counted {
		return
	}
	for len(b.nearby[p]) >= b.limits.NewPerPrefix {
		b.dropUser(now, slices.MinFunc(b.nearby[p], compareQuiet))
	}
	u.prefix = p
	b.nearby[p] = append(b.nearby[p], u)
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

func compareQuiet(x, y *user) int {
	if x.anyLive() != y.anyLive() {
		if y.anyLive() {
			return -1
		}
		return 1
	}
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
		for _, s := range b.classes[class].offline.Values() { // oldest first
			if len(b.byID) <= n {
				break
			}
			if class != classKept || s.owner.rank(s) >= keptSessions {
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
