package book

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"darkchat/sessions/identity"
)

// Names that look alike but differ, such as paco in Latin and in Cyrillic letters. Source: UTS 39
// 4, skeletons.

// looksOf returns what a name looks like, both as it is written and in the mapped case in which names
// are compared. Two names look alike if they share one of these.
func looksOf(name string) (looks []string) {
	mapped, err := identity.MapName(name)
	if err != nil {
		mapped = name
	}
	for _, n := range []string{name, mapped} {
		look := skeleton(strings.ToLower(skeleton(n)))
		if !slices.Contains(looks, look) {
			looks = append(looks, look)
		}
	}
	return looks
}

// skeleton replaces each rune by what it looks like (UTS 39 4, without what names cannot have:
// default-ignorable characters and more than one direction).
func skeleton(name string) string {
	return norm.NFD.String(drawnLike(norm.NFD.String(name)))
}

func drawnLike(s string) string {
	var b strings.Builder
	for _, r := range s {
		i, ok := slices.BinarySearchFunc(confusables[:], r, func(c struct {
			from rune
			to   string
		}, r rune) int {
			return cmp.Compare(c.from, r)
		})
		if ok {
			b.WriteString(confusables[i].to)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// look updates the entry in b.index.looks of a user who is known, or no longer is.
func (x *index) look(u *user) {
	x.unlook(u)
	if u.Key == x.self || !u.Trust.Known() || u.Name == "" {
		return
	}
	u.looks = looksOf(u.Name)
	for _, look := range u.looks {
		x.looks[look] = append(x.looks[look], u)
	}
}

func (x *index) unlook(u *user) {
	for _, look := range u.looks {
		removeFrom(x.looks, look, u)
	}
	u.looks = nil
}

// like is the different name that the name of u looks like: ours, or what to type for a known user; of
// several the first by key. Empty: none.
func (b *Book) like(u *user) string {
	if u.Key == b.self || u.Trust == TrustBlocked {
		return ""
	}
	looks := looksOf(u.Name)
	if u.mapped != b.selfName && alike(looks, b.ownLooks) {
		return b.selfName
	}
	var first *user
	for _, look := range looks {
		for _, x := range b.index.looks[look] {
			if x != u && x.mapped != u.mapped && (first == nil || identity.CompareKeys(x.Key, first.Key) < 0) {
				first = x
			}
		}
	}
	if first == nil {
		return ""
	}
	return b.label(first)
}

func alike(x, y []string) bool {
	return slices.ContainsFunc(x, func(look string) bool { return slices.Contains(y, look) })
}

// Alike lists the users whose names look like that of one user, sorted by key. It examines all users, so
// it is only for acts of this node's user.
func (b *Book) Alike(key identity.UserKey) (list []identity.UserKey) {
	u, ok := b.users[key]
	if !ok || key == b.self {
		return nil
	}
	looks := looksOf(u.Name)
	for _, x := range b.users {
		if x != u && x.Key != b.self && x.Trust != TrustBlocked && x.mapped != u.mapped && alike(looks, looksOf(x.Name)) {
			list = append(list, x.Key)
		}
	}
	slices.SortFunc(list, identity.CompareKeys)
	return list
}
