package neighbors

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"darkchat/sessions"
)

// resolve finds whom a typed name means; the error says what to do when that is unclear.
func (n *Node) resolve(typed string) (sessions.UserKey, *sessions.SessionID, error) {
	user, session, err := n.core.book.Resolve(typed)
	var several *sessions.AmbiguousError
	switch {
	case err == nil && user == n.core.own.user:
		return user, session, yourself(typed)
	case err == nil:
		return user, session, nil
	case errors.As(err, &several):
		if err := n.core.places.hintedError(typed, true); err != nil {
			return user, nil, err // a fingerprint is given, and none of these users has it
		}
		return user, nil, fmt.Errorf("%s can mean %s: type one of them", typed, several.List())
	}
	if who, _, ok := strings.Cut(typed, "/"); ok {
		if user, _, err := n.core.book.Resolve(who); err == nil && user != n.core.own.user {
			return user, nil, fmt.Errorf("%s has no session that begins like that: \\sessions %s lists them", who, who)
		}
	}
	if err := n.core.places.hintedError(typed, false); err != nil {
		return user, nil, err
	}
	if n.isOwnName(typed) {
		return user, nil, yourself(typed)
	}
	return user, nil, fmt.Errorf("nobody called %s is known here: \\add %s asks others for them, \\ping HOST [PORT] reaches them", typed, typed)
}

func yourself(typed string) error { return fmt.Errorf("%s is you (%w)", typed, ErrYourself) }

// isOwnName says whether the person typed their own name.
func (n *Node) isOwnName(typed string) bool {
	typed, _, _ = strings.Cut(typed, "/")
	name, print, whole := cutLast(typed, '~')
	digits := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "")) }
	return sameName(name, n.core.cfg.Name) && (!whole || len(digits(print)) >= 4 && strings.HasPrefix(digits(sessions.Fingerprint(n.core.own.user)), digits(print)))
}

// reserve tells dgram the last addresses of people our user knows, so that a flood of
// handshakes leaves room for them.
func (co *core) reserve() { co.ep.Reserve(co.book.KnownAddrs()) }

// Verify shows a user's fingerprint and, given one, compares.
func (n *Node) Verify(now time.Time, typed, fingerprint string) (VerifyView, error) {
	user, _, err := n.resolve(typed)
	if err != nil {
		return VerifyView{}, err
	}
	v := VerifyView{
		User: n.core.book.Label(user), Fingerprint: sessions.Fingerprint(user),
		Mine: sessions.Fingerprint(n.core.own.user), Trust: n.core.book.Trust(user).String(),
	}
	if fingerprint == "" {
		return v, nil
	}
	if !strings.EqualFold(strings.TrimSpace(fingerprint), v.Fingerprint) {
		return v, fmt.Errorf("the fingerprint of %s is %s, not %s: somebody may be posing as them", v.User, v.Fingerprint, fingerprint)
	}
	n.pin(now, user) // a user who was new is known from here on, with all that follows
	if err := n.core.book.Verify(user); err != nil {
		return v, err
	}
	n.core.reserve()
	v.User, v.Trust = n.core.book.Label(user), n.core.book.Trust(user).String()
	return v, nil
}

// Block stops all contact with a user, or allows it again.
func (n *Node) Block(now time.Time, typed string, blocked bool) (string, error) {
	user, _, err := n.resolve(typed)
	if err != nil {
		return "", err
	}
	label := n.core.book.Label(user)
	if !blocked {
		if err := n.core.book.Unblock(user); err != nil {
			return "", err
		}
		n.lookups.seek(now, user)
		return n.core.book.Label(user), nil
	}
	if err := n.block(now, user); err != nil {
		return "", err
	}
	return label, nil
}
