package book

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"darkchat/sessions/identity"
)

// The errors of Resolve besides AmbiguousError.
var (
	ErrUnknownName    = errors.New("nobody of that name is known")
	ErrUnknownSession = errors.New("no such session is known")
)

// An AmbiguousError says that a typed name can mean several users or sessions.
type AmbiguousError struct {
	Typed      string
	Candidates []string // what to type instead, sorted; at most maxCandidates
	More       int      // how many further ones there are
}

// maxCandidates is how many an AmbiguousError names.
const maxCandidates = 8

func (e *AmbiguousError) Error() string { return e.Typed + " is ambiguous: " + e.List() }

// List is the candidates in one line, with how many more there are.
func (e *AmbiguousError) List() string {
	s := strings.Join(e.Candidates, ", ")
	if e.More > 0 {
		s += fmt.Sprintf(" and %d more", e.More)
	}
	return s
}

// Resolve finds the key that a typed name means, and the session if one is given: "ann", "ann~k7f2"
// with at least 4 characters of the fingerprint, "ann/7f3a" with any unique beginning of a session
// id. Our own name means us as long as nobody else claims it. It never guesses: the errors are
// ErrUnknownName, ErrUnknownSession and *AmbiguousError.
func (b *Book) Resolve(typed string) (identity.UserKey, *identity.SessionID, error) {
	who, session, addressed := strings.Cut(typed, "/")
	name, digits, short := strings.Cut(who, "~")
	mapped, err := identity.MapName(name)
	if err != nil {
		return identity.UserKey{}, nil, ErrUnknownName
	}
	var u *user
	switch {
	case short:
		u, err = b.byDigits(typed, mapped, strings.ToLower(strings.ReplaceAll(digits, "-", "")))
	case mapped == b.selfName && len(b.index.claimants(mapped)) == 0:
		return b.ownSession(session, addressed)
	default:
		if u = b.meant(mapped); u == nil {
			err = b.unclear(typed, mapped)
		}
	}
	if err != nil {
		return identity.UserKey{}, nil, err
	}
	if !addressed {
		return u.Key, nil, nil
	}
	id, err := b.sessionOf(typed, u, session)
	return u.Key, id, err
}

// ownSession is what our own name means.
func (b *Book) ownSession(session string, addressed bool) (identity.UserKey, *identity.SessionID, error) {
	if !addressed {
		return b.self, nil, nil
	}
	u, ok := b.users[b.self]
	if !ok {
		return b.self, nil, ErrUnknownSession
	}
	id, err := b.sessionOf(session, u, session)
	return b.self, id, err
}

// byDigits finds the user of that name whose fingerprint begins with digits. A beginning can be forged,
// so of several the pinned one is meant.
func (b *Book) byDigits(typed, mapped, digits string) (*user, error) {
	if len(digits) < minDigits {
		return nil, ErrUnknownName
	}
	all := slices.Clone(b.index.claims[mapped])
	for _, u := range b.index.pins[mapped] {
		if u.mapped != mapped {
			all = append(all, u)
		}
	}
	all = slices.DeleteFunc(all, func(u *user) bool { return !strings.HasPrefix(u.digits, digits) })
	if len(all) == 1 {
		return all[0], nil
	}
	known := slices.DeleteFunc(slices.Clone(all), func(u *user) bool { return !u.Trust.Known() })
	if len(known) == 1 {
		return known[0], nil
	}
	if len(all) == 0 {
		return nil, ErrUnknownName
	}
	return nil, b.ambiguous(typed, all)
}

// unclear returns the error for a plain name that does not mean one user, with what it may mean.
func (b *Book) unclear(typed, mapped string) error {
	users := b.index.claimants(mapped)
	if len(users) == 0 {
		users = b.index.claims[mapped] // several, all blocked
	}
	if len(users) == 0 {
		return ErrUnknownName
	}
	return b.ambiguous(typed, users)
}

// ambiguous names the likeliest candidates: people the user knows, then those met first.
func (b *Book) ambiguous(typed string, users []*user) error {
	users = slices.SortedFunc(slices.Values(users), func(x, y *user) int {
		if x.Trust.Known() != y.Trust.Known() {
			if x.Trust.Known() {
				return -1
			}
			return 1
		}
		return cmp.Or(x.FirstSeen.Compare(y.FirstSeen), identity.CompareKeys(x.Key, y.Key))
	})
	named := min(len(users), maxCandidates)
	e := &AmbiguousError{Typed: typed, More: len(users) - named}
	for _, u := range users[:named] {
		e.Candidates = append(e.Candidates, b.label(u))
	}
	slices.Sort(e.Candidates)
	return e
}

// sessionOf finds the one session of u whose id begins with prefix.
func (b *Book) sessionOf(typed string, u *user, prefix string) (*identity.SessionID, error) {
	prefix = strings.ToLower(prefix)
	var found []identity.SessionID
	for _, s := range u.sessions {
		if prefix != "" && strings.HasPrefix(s.ID.String(), prefix) {
			found = append(found, s.ID)
		}
	}
	switch len(found) {
	case 0:
		return nil, ErrUnknownSession
	case 1:
		return &found[0], nil
	}
	e := &AmbiguousError{Typed: typed}
	for _, id := range found {
		e.Candidates = append(e.Candidates, b.label(u)+"/"+id.String())
	}
	slices.Sort(e.Candidates)
	named := min(len(found), maxCandidates)
	e.Candidates, e.More = e.Candidates[:named], len(found)-named
	return nil, e
}
