package neighbors

import (
	"errors"
	"fmt"
	"strings"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// resolve finds whom a typed name means; the error says what to do when that is unclear.
func (co *core) resolve(typed string) (identity.UserKey, *identity.SessionID, error) {
	user, session, err := co.book.Resolve(typed)
	var several *book.AmbiguousError
	switch {
	case err == nil && user == co.own.user:
		return user, session, yourself(typed)
	case err == nil:
		return user, session, nil
	case errors.As(err, &several):
		if err := co.places.hintedError(typed, true); err != nil {
			return user, nil, err // a fingerprint is given, and none of these users has it
		}
		return user, nil, fmt.Errorf("%s can mean %s: type one of them", typed, several.List())
	}
	if who, _, ok := strings.Cut(typed, "/"); ok {
		if user, _, err := co.book.Resolve(who); err == nil && user != co.own.user {
			return user, nil, fmt.Errorf("%s has no session that begins like that: \\sessions %s lists them", who, who)
		}
	}
	if err := co.places.hintedError(typed, false); err != nil {
		return user, nil, err
	}
	if co.isOwnName(typed) {
		return user, nil, yourself(typed)
	}
	return user, nil, fmt.Errorf("nobody called %s is known here: \\add %s asks others for them, \\ping HOST [PORT] reaches them", typed, typed)
}

func yourself(typed string) error { return fmt.Errorf("%s is you (%w)", typed, ErrYourself) }

// isOwnName says whether the person typed their own name.
func (co *core) isOwnName(typed string) bool {
	typed, _, _ = strings.Cut(typed, "/")
	name, print, whole := cutLast(typed, '~')
	digits := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "")) }
	return sameName(name, co.cfg.Name) && (!whole || len(digits(print)) >= 4 && strings.HasPrefix(digits(identity.Fingerprint(co.own.user)), digits(print)))
}

// reserve tells dgram the last addresses of people our user knows, so that a flood of
// handshakes leaves room for them.
func (co *core) reserve() { co.ep.Reserve(co.book.KnownAddrs()) }
