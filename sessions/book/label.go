package book

import (
	"slices"
	"strings"
	"time"

	"darkchat/sessions/identity"
)

// minDigits is how much of a fingerprint a label shows, unless two keys of one name share that
// much.
const minDigits = 4

// Label is what the person types for a key: the plain name when it means this
// key, else name and fingerprint as "ann~k7f2". It is "" for an unknown key.
// Source: spec/theory.md 9.
func (b *Book) Label(key identity.UserKey) string {
	if u, ok := b.users[key]; ok {
		return b.label(u)
	}
	return ""
}

func (b *Book) label(u *user) string {
	if u.Key == b.self || b.meant(u.mapped) == u {
		return u.Name
	}
	// The claimants are sorted, so the one most like u is next to it.
	n, list := minDigits, b.index.claims[u.mapped]
	i, _ := findDigits(list, u.digits)
	for _, other := range list[max(i-1, 0):min(i+2, len(list))] {
		for other != u && n < len(u.digits) && strings.HasPrefix(other.digits, u.digits[:n]) {
			n++
		}
	}
	return u.Name + "~" + u.digits[:n]
}

func findDigits(list []*user, digits string) (int, bool) {
	return slices.BinarySearchFunc(list, digits, func(u *user, digits string) int { return strings.Compare(u.digits, digits) })
}

// meant is the one user that a plain name means: the key pinned under it, or the only one that claims
// it. It is nil if there is none, and for our own name. Blocked users do not count.
func (b *Book) meant(mapped string) *user {
	if mapped == b.selfName {
		return nil
	}
	if digits, ok := b.expected[mapped]; ok {
		list := b.index.claims[mapped]
		if i, ok := findDigits(list, digits); ok {
			return list[i]
		}
		return nil
	}
	var pinned *user
	for _, u := range b.index.pins[mapped] {
		if u.Trust == TrustBlocked {
			continue
		}
		if pinned != nil {
			return nil
		}
		pinned = u
	}
	if pinned != nil {
		return pinned
	}
	var only *user
	for _, u := range b.index.claims[mapped] {
		if u.Trust == TrustBlocked {
			continue
		}
		if only != nil {
			return nil
		}
		only = u
	}
	if only == nil && len(b.index.claims[mapped]) == 1 {
		return b.index.claims[mapped][0] // the blocked one, who must have a name to be unblocked
	}
	return only
}

// maxExpected bounds the names that Expect keeps.
const maxExpected = 4096

// Expect makes a name mean only the key with that fingerprint, whoever claims it or was pinned under
// it, because a contacts file says so. It is not stored. The error is ErrName, ErrFingerprint or
// ErrFull.
func (b *Book) Expect(name, fingerprint string) error {
	mapped, err := identity.MapName(name)
	if err == nil {
		err = identity.CheckName(name)
	}
	digits := strings.ToLower(strings.ReplaceAll(fingerprint, "-", ""))
	switch {
	case err != nil:
		return err
	case len(digits) != len(identity.FingerprintDigits(b.self)):
		return identity.ErrFingerprint
	case b.expected[mapped] == "" && len(b.expected) >= maxExpected:
		return ErrFull
	}
	b.expected[mapped] = digits
	return nil
}

// claimants are the users, apart from blocked ones, that a name may mean: those that go by it, and the
// one pinned under it.
func (x *index) claimants(mapped string) []*user {
	var list []*user
	for _, u := range x.claims[mapped] {
		if u.Trust != TrustBlocked {
			list = append(list, u)
		}
	}
	for _, u := range x.pins[mapped] {
		if u.Trust != TrustBlocked && u.mapped != mapped {
			list = append(list, u)
		}
	}
	return list
}

// takenFrom says whether the name that u claims belongs to another: somebody pinned goes by it, or a
// contacts file gives it to another key.
func (b *Book) takenFrom(u *user) bool {
	if digits, ok := b.expected[u.mapped]; ok && digits != u.digits {
		return true
	}
	return slices.ContainsFunc(b.index.claimants(u.mapped), func(x *user) bool { return x != u && x.Trust.Known() })
}

// maxClaimants is how many new users may go by one name: more than a person would compare. A seed has
// many of one name who do not know each other.
const (
	maxClaimants     = 32
	maxClaimantsSeed = 1024
)

// seat makes room for u among the new users of a name: the one silent for longest goes, if it is not
// here and silent for longer than u. It returns false if there is no such user.
func (b *Book) seat(now time.Time, u *user, mapped string, invited bool) bool {
	if u.Trust != TrustNew || invited || b.expected[mapped] == u.digits {
		return true
	}
	for {
		others := 0
		for _, x := range b.index.claims[mapped] {
			if x != u && x.Trust == TrustNew {
				others++
			}
		}
		if others < b.limits.SameName {
			return true
		}
		quiet := b.quietest(now, b.index.claims[mapped])
		if quiet == nil || quiet == u || !b.here(now, u) && compareQuiet(u, quiet) < 0 {
			return false
		}
		b.dropUser(now, quiet)
	}
}

// Named lists the keys that go by a name, sorted. The name is compared in its
// mapped form.
func (b *Book) Named(name string) []identity.UserKey {
	mapped, err := identity.MapName(name)
	if err != nil {
		return nil
	}
	var list []identity.UserKey
	for _, u := range b.index.claims[mapped] {
		list = append(list, u.Key)
	}
	slices.SortFunc(list, identity.CompareKeys)
	return list
}

func (x *index) claim(u *user) {
	if u.Key != x.self {
		list := x.claims[u.mapped]
		i, _ := findDigits(list, u.digits)
		x.claims[u.mapped] = slices.Insert(list, i, u)
	}
	x.look(u)
}

func (x *index) unclaim(u *user) {
	removeFrom(x.claims, u.mapped, u)
	x.unlook(u)
}

func removeFrom(names map[string][]*user, name string, u *user) {
	rest := slices.DeleteFunc(names[name], func(x *user) bool { return x == u })
	if len(rest) == 0 {
		delete(names, name)
	} else {
		names[name] = rest
	}
}
