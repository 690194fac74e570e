package neighbors

import (
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// What the person may do. Each returns what they are to be told, or an error that says what to do
// next.

// Say sends one line to all online sessions of a user, or to one session. With none online it is
// queued. An error means that nothing was sent or kept.
func (n *Node) Say(now time.Time, to Target, line string) (Token, error) {
	return n.outbound.say(now, to, line)
}

// Cancel takes back a line that waits: a session that does not have it yet will not get it from us.
func (n *Node) Cancel(now time.Time, typed string) (OutboxLine, error) {
	return n.outbound.cancel(now, typed)
}

// Ping asks whoever answers at addr who it is.
func (n *Node) Ping(now time.Time, addr netip.AddrPort) (Token, error) {
	return n.requests.pingAddress(now, addr)
}

// PingUser probes a known user.
func (n *Node) PingUser(now time.Time, typed string) (Token, error) {
	return n.requests.pingUser(now, typed)
}

// Add asks seeds and people known for a user by name; with a fingerprint it accepts only that key.
func (n *Node) Add(now time.Time, name, fingerprint string) (Token, error) {
	return n.requests.add(now, name, fingerprint)
}

// Explode asks every neighbour to tell every neighbour of theirs that this user is online at this
// address (paper, figure 2).
func (n *Node) Explode(now time.Time) (Token, error) { return n.requests.explodeNow(now) }

// Chat finds whom a typed name means, online or not, and pins them. If they are not online we
// look for them at once.
func (n *Node) Chat(now time.Time, typed string) (Target, error) {
	user, only, err := n.core.resolve(typed)
	if err != nil {
		return Target{}, err
	}
	n.pin(now, user)
	t := Target{User: n.core.book.Label(user), key: Who(user), Online: len(n.core.edges.onlineSessions(user)) > 0}
	if only != nil {
		t.Session = only.String()
	}
	if !t.Online {
		n.lookups.seek(now, user)
	}
	return t, nil
}

// Accept lets a new user in: they are pinned, and the door is open to them.
func (n *Node) Accept(now time.Time, typed string) (AcceptView, error) {
	user, _, err := n.core.resolve(typed)
	knocks := n.door.knocks(now)
	i := slices.IndexFunc(knocks, func(k knock) bool {
		return err == nil && k.user == user || err != nil && strings.EqualFold(k.label, typed)
	})
	if i < 0 && err != nil {
		return AcceptView{}, err
	}
	if i >= 0 {
		user = knocks[i].user
	}
	v := AcceptView{Fingerprint: identity.Fingerprint(user)}
	if at := n.door.visitors[user]; at != nil {
		v.Lines = at.lines
	}
	if i >= 0 {
		if err := n.door.knocking.letIn(now, user); err != nil {
			return AcceptView{}, err
		}
	}
	label := n.core.book.Label(user)
	if n.core.book.Trust(user) == book.TrustBlocked {
		return AcceptView{}, errors.New(label + " is blocked: \\unblock " + label + " first")
	}
	if n.pin(now, user); !n.core.book.Trust(user).Known() {
		return AcceptView{}, fmt.Errorf("%s cannot be kept: %w", label, book.ErrFull)
	}
	v.User, v.Trust = n.core.book.Label(user), n.core.book.Trust(user).String()
	return v, nil
}

// BlockAll blocks every new user who left lines, tried to, or knocks, and returns how many.
// Those who are merely on the link have done nothing.
func (n *Node) BlockAll(now time.Time) (int, error) {
	var users []identity.UserKey
	for user := range n.door.visitors {
		if n.core.book.Trust(user) == book.TrustNew {
			users = append(users, user)
		}
	}
	for _, k := range n.door.knocks(now) {
		if !slices.Contains(users, k.user) && n.core.book.Trust(k.user) == book.TrustNew {
			users = append(users, k.user)
		}
	}
	slices.SortFunc(users, func(a, b identity.UserKey) int { return slices.Compare(a[:], b[:]) })
	blocked := 0
	var failed error
	for _, user := range users {
		if err := n.block(now, user); err != nil {
			failed = err
			continue
		}
		blocked++
	}
	if blocked > 0 {
		failed = nil // the book has forgotten this user: nothing is left to block
	}
	return blocked, failed
}

// Block stops all contact with a user, or allows it again.
func (n *Node) Block(now time.Time, typed string, blocked bool) (string, error) {
	user, _, err := n.core.resolve(typed)
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

// Verify shows a user's fingerprint and, given one, compares.
func (n *Node) Verify(now time.Time, typed, fingerprint string) (VerifyView, error) {
	user, _, err := n.core.resolve(typed)
	if err != nil {
		return VerifyView{}, err
	}
	v := VerifyView{
		User: n.core.book.Label(user), Fingerprint: identity.Fingerprint(user),
		Mine: identity.Fingerprint(n.core.own.user), Trust: n.core.book.Trust(user).String(),
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

// Away says that the person is away, or back, and reports whether that is news. Texts are
// still taken. ErrNoNumbers: our record cannot be renewed now.
func (n *Node) Away(now time.Time, away bool) (bool, error) {
	if n.core.own.away == away {
		return false, nil
	}
	n.core.own.away = away
	if err := n.redeclare(now); err != nil {
		n.core.own.away = !away
		return false, err
	}
	n.core.wake(now)
	return true, nil
}

// Prune forgets sessions until want remain, offline ones first (paper, section 3.2).
func (n *Node) Prune(now time.Time, want int) int {
	gone := n.core.book.Prune(now, want)
	for _, id := range n.core.edges.edgeIDs() {
		if _, ok := n.core.book.Session(id); !ok {
			n.core.edges.removeEdge(n.core.edges.byID[id])
		}
	}
	return gone
}
