package book

import (
	"cmp"
	"slices"
	"time"

	"darkchat/sessions/identity"
)

// acquaintance is how long a user whom nobody pinned must have been around to be worth a call when
// they are missing. Identities made up for a flood do not stay that long.
const acquaintance = 10 * time.Minute

// Acquainted says whether a user whom nobody pinned has been around for long.
func (b *Book) Acquainted(key identity.UserKey) bool {
	u, ok := b.users[key]
	return ok && u.Trust == TrustNew && u.around() >= acquaintance
}

// around is the time between the first and the last time that a user was heard of.
func (u *user) around() time.Duration {
	last := u.LastSeen // an earlier run may have stored it before its sessions
	for _, s := range u.sessions {
		if s.LastHeard.After(last) {
			last = s.LastHeard
		}
	}
	return last.Sub(u.FirstSeen)
}

// AcquaintedUsers lists users whom nobody pinned and who have been around for long, no more than most of
// them, the longest first.
func (b *Book) AcquaintedUsers(most int) []identity.UserKey {
	var list []*user
	for key, u := range b.users {
		if b.Acquainted(key) {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(x, y *user) int {
		return cmp.Or(cmp.Compare(y.around(), x.around()), identity.CompareKeys(x.Key, y.Key))
	})
	keys := make([]identity.UserKey, 0, min(len(list), most))
	for _, u := range list[:min(len(list), most)] {
		keys = append(keys, u.Key)
	}
	return keys
}

// KnownUsers lists the users that are pinned or verified, our own aside, sorted by key.
func (b *Book) KnownUsers() (list []identity.UserKey) {
	for key, u := range b.users {
		if u.Trust.Known() && key != b.self {
			list = append(list, key)
		}
	}
	slices.SortFunc(list, identity.CompareKeys)
	return list
}

// NextKnown returns the session of a pinned or verified user that comes next after an id, on the ring
// of ids, among those for which want holds; ok is false if there is none.
func (b *Book) NextKnown(behind identity.SessionID, want func(Session) bool) (next Session, ok bool) {
	var first, after *entry
	for key, u := range b.users { // the order does not matter: we look for the smallest
		if !u.Trust.Known() || key == b.self {
			continue
		}
		for _, s := range u.sessions {
			if !want(s.Session) {
				continue
			}
			if first == nil || identity.CompareIDs(s.ID, first.ID) < 0 {
				first = s
			}
			if identity.CompareIDs(s.ID, behind) > 0 && (after == nil || identity.CompareIDs(s.ID, after.ID) < 0) {
				after = s
			}
		}
	}
	if after == nil {
		after = first
	}
	if after == nil {
		return Session{}, false
	}
	return after.Session, true
}
