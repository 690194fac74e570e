package sessions

import (
	"errors"
	"slices"
	"strings"
)

// minDigits is how much of a fingerprint a label shows, unless two keys of one
// name share that much.
const minDigits = 4

// ErrFingerprint says that something is no whole fingerprint.
var ErrFingerprint = errors.New("a fingerprint has 16 letters and digits, such as k7f2-9qxd-m3ra-u5wt")

// Label is what the person types for a key: the plain name when it means this
// key, else name and fingerprint as "ann~k7f2". It is "" for an unknown key.
// Source: spec/theory.md 9.
func (b *Book) Label(key UserKey) string {
	if u, ok := b.users[key]; ok {
		return b.label(u)
	}
	return ""
}

func (b *Book) label(u *user) string {
	if u.Key == b.self || b.meant(u.mapped) == u {
		return u.Name
	}
	n := minDigits
	for _, other := range b.claims[u.mapped] {
		if other == u {
			continue
		}
		for n < len(u.digits) && strings.HasPrefix(other.digits, u.digits[:n]) {
			n++
		}
	}
	return u.Name + "~" + u.digits[:n]
}

// meant is the one user that a plain name means: the key that is pinned under
// it, or the only one that claims it. It is nil when there is none, and for our
// own name. Blocked users do not count.
func (b *Book) meant(mapped string) *user {
	if mapped == b.selfName {
		return nil
	}
	if digits, ok := b.expected[mapped]; ok {
		for _, u := range b.claims[mapped] {
			if u.digits == digits {
				return u
			}
		}
		return nil
	}
	var pinned *user
	for _, u := range b.pins[mapped] {
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
	for _, u := range b.claims[mapped] {
		if u.Trust == TrustBlocked {
			continue
		}
		if only != nil {
			return nil
		}
		only = u
	}
	if only == nil && len(b.claims[mapped]) == 1 {
		return b.claims[mapped][0] // the blocked one, who must be named to be unblocked
	}
	return only
}

// maxExpected bounds the names that Expect keeps.
const maxExpected = 4096

// Expect has a name mean the key with that fingerprint alone, whoever claims it
// and whoever was pinned under it: a file of people says so. It is not stored.
// The error is ErrName, ErrFingerprint or ErrFull.
func (b *Book) Expect(name, fingerprint string) error {
	mapped, err := MapName(name)
	if err == nil {
		err = CheckName(name)
	}
	digits := strings.ToLower(strings.ReplaceAll(fingerprint, "-", ""))
	switch {
	case err != nil:
		return err
	case len(digits) != len(fingerprintDigits(b.self)):
		return ErrFingerprint
	case b.expected[mapped] == "" && len(b.expected) >= maxExpected:
		return ErrFull
	}
	b.expected[mapped] = digits
	return nil
}

// claimants are the users, blocked ones aside, that a name may mean: those that
// go by it, and the one it was pinned for.
func (b *Book) claimants(mapped string) []*user {
	var list []*user
	for _, u := range b.claims[mapped] {
		if u.Trust != TrustBlocked {
			list = append(list, u)
		}
	}
	for _, u := range b.pins[mapped] {
		if u.Trust != TrustBlocked && u.mapped != mapped {
			list = append(list, u)
		}
	}
	return list
}

// Named lists the keys that go by a name, sorted. The name is compared in its
// mapped form.
func (b *Book) Named(name string) []UserKey {
	mapped, err := MapName(name)
	if err != nil {
		return nil
	}
	var list []UserKey
	for _, u := range b.claims[mapped] {
		list = append(list, u.Key)
	}
	slices.SortFunc(list, compareKeys)
	return list
}

func (b *Book) claim(u *user) {
	if u.Key != b.self {
		b.claims[u.mapped] = append(b.claims[u.mapped], u)
	}
}

func (b *Book) unclaim(u *user) { removeFrom(b.claims, u.mapped, u) }

func removeFrom(names map[string][]*user, name string, u *user) {
	rest := slices.DeleteFunc(names[name], func(x *user) bool { return x == u })
	if len(rest) == 0 {
		delete(names, name)
	} else {
		names[name] = rest
	}
}
