package book

import (
	"cmp"
	"slices"
	"time"

	"darkchat/sessions/identity"
)

// Pin keeps a user because of an act of this node's user, and binds the name that they go by now
// to the key. It may be repeated, say after a rename. The errors are ErrUnknownUser, ErrBlocked and
// ErrFull.
func (b *Book) Pin(key identity.UserKey) error { return b.keep(key, TrustPinned) }

// Verify keeps a user whose fingerprint was compared. The errors are Pin's.
func (b *Book) Verify(key identity.UserKey) error { return b.keep(key, TrustVerified) }

func (b *Book) keep(key identity.UserKey, t Trust) error {
	u, ok := b.users[key]
	switch {
	case !ok:
		return ErrUnknownUser
	case u.Trust == TrustBlocked:
		return ErrBlocked
	case u.Trust == TrustNew && b.keptUsers() >= b.limits.Kept:
		return ErrFull
	}
	if u.pin != u.mapped {
		b.unpin(u)
		u.pin = u.mapped
		b.index.pins[u.pin] = append(b.index.pins[u.pin], u)
		b.userChanged(u)
	}
	b.setTrust(u, max(u.Trust, t))
	return nil
}

// Block refuses a user's texts from now on. Unblock restores the trust from before. The errors are
// ErrUnknownUser and ErrFull.
func (b *Book) Block(key identity.UserKey) error {
	u, ok := b.users[key]
	switch {
	case !ok || key == b.self:
		return ErrUnknownUser
	case u.Trust == TrustBlocked:
		return nil
	case u.Trust == TrustNew && b.keptUsers() >= b.limits.Kept:
		return ErrFull
	}
	u.before = u.Trust
	b.setTrust(u, TrustBlocked)
	return nil
}

// Unblock takes Block back. A user who was new before is forgotten if none of their sessions is
// remembered; sessions beyond the bounds go when the next record comes. The error is ErrUnknownUser.
func (b *Book) Unblock(key identity.UserKey) error {
	u, ok := b.users[key]
	if !ok {
		return ErrUnknownUser
	}
	if u.Trust != TrustBlocked {
		return nil
	}
	b.setTrust(u, u.before)
	if u.Trust == TrustNew && len(u.sessions) == 0 {
		b.removeUser(u)
	}
	return nil
}

// Contact makes sure that a key is pinned under a name, whether or not it was ever heard of, as for a
// line of a contacts file. The errors are ErrName and Pin's.
func (b *Book) Contact(now time.Time, key identity.UserKey, name string) error {
	if err := identity.CheckName(name); err != nil {
		return err
	}
	if _, ok := b.users[key]; !ok {
		if b.keptUsers() >= b.limits.Kept {
			return ErrFull
		}
		u := newUser(key, now)
		b.addUser(u)
		b.rename(now, u, identity.Record{Name: name}, &Outcome{}, true)
	}
	return b.keep(key, TrustPinned)
}

// SetEdge notes that a user was met on the LAN, or is no longer near.
func (b *Book) SetEdge(key identity.UserKey, near bool) {
	if u, ok := b.users[key]; ok && u.Edge != near {
		u.Edge = near
		b.userChanged(u)
	}
}

// maxNamed bounds the users whose nodes were ever named as seeds.
const maxNamed = 64

// SetNamed notes that the user of this node named that user's node as a seed. Such a user is kept, and
// makes no room for strangers: a seed that was used once is a seed in later runs too.
func (b *Book) SetNamed(key identity.UserKey) {
	if u, ok := b.users[key]; ok && !u.Named && len(b.NamedSeeds()) < maxNamed {
		u.Named = true
		b.userChanged(u)
	}
}

// NamedSeeds lists the users whose nodes were named as seeds, sorted by key.
func (b *Book) NamedSeeds() (list []identity.UserKey) {
	for key, u := range b.users {
		if u.Named {
			list = append(list, key)
		}
	}
	slices.SortFunc(list, identity.CompareKeys)
	return list
}

// NamedSeed says whether the user of this node ever named that user's node as a seed.
func (b *Book) NamedSeed(key identity.UserKey) bool {
	u, ok := b.users[key]
	return ok && u.Named
}

// Tell notes that the person was told of a first contact, so that it is told only once.
func (b *Book) Tell(key identity.UserKey) {
	if u, ok := b.users[key]; ok && !u.Told {
		u.Told = true
		b.userChanged(u)
	}
}

func (b *Book) keptUsers() int { return len(b.users) - b.news }

// setTrust moves a user, with all sessions, to another trust class.
func (b *Book) setTrust(u *user, t Trust) {
	if u.Trust == t {
		return
	}
	from, to := classOf(u.Trust), classOf(t)
	if from == classNew {
		b.index.unplace(u)
		b.news--
	}
	if to == classNew {
		b.news++
	}
	u.Trust = t
	b.index.look(u)
	b.userChanged(u)
	b.Hasten(u.Key)
	if from == to {
		return
	}
	slices.SortFunc(u.sessions, func(x, y *entry) int {
		return cmp.Or(x.LastHeard.Compare(y.LastHeard), identity.CompareIDs(x.ID, y.ID))
	})
	for _, s := range u.sessions {
		b.classes[from].remove(s)
		b.classes[to].put(s)
	}
}

func (b *Book) unpin(u *user) {
	if u.pin != "" {
		removeFrom(b.index.pins, u.pin, u)
		u.pin = ""
	}
}
