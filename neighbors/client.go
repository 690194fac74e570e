package neighbors

import (
	"context"
	"net/netip"
	"time"
)

// Client is how the rest of the program talks to a running node. Its methods may
// be called by any goroutine but never from within an event sink; each runs as
// one function on the node's loop and returns a copy. After the loop has ended
// they return zero values and ErrStopped.
type Client struct{ loop *Loop }

// NewClient returns a Client of the node that loop runs.
func NewClient(loop *Loop) *Client { return &Client{loop: loop} }

func ask[T any](c *Client, f func(now time.Time, n *Node) T) T {
	var v T
	c.loop.Do(context.Background(), func(now time.Time, n *Node) { v = f(now, n) })
	return v
}

type answer[T any] struct {
	value T
	err   error
}

func try[T any](c *Client, f func(now time.Time, n *Node) (T, error)) (T, error) {
	a := answer[T]{err: ErrStopped}
	c.loop.Do(context.Background(), func(now time.Time, n *Node) { a.value, a.err = f(now, n) })
	return a.value, a.err
}

// change is try for a call that changes something: the change is written when it returns.
func change[T any](c *Client, f func(now time.Time, n *Node) (T, error)) (T, error) {
	a := make(chan answer[T], 1)
	c.loop.Change(func(now time.Time, n *Node) {
		v, err := f(now, n)
		a <- answer[T]{v, err}
	})
	select {
	case a := <-a:
		return a.value, a.err
	case <-c.loop.stopped:
	}
	select {
	case a := <-a: // the last thing that it did
		return a.value, a.err
	default:
		return *new(T), ErrStopped
	}
}

// Self tells who this node is.
func (c *Client) Self() Self {
	return ask(c, func(_ time.Time, n *Node) Self { return n.Self() })
}

// Ping asks whoever answers at addr who it is. It ends with Pong or Failed,
// within PingTimeout.
func (c *Client) Ping(addr netip.AddrPort) (Token, error) {
	return try(c, func(now time.Time, n *Node) (Token, error) { return n.Ping(now, addr) })
}

// PingUser probes the sessions of a known user. It ends with Pong or Failed.
func (c *Client) PingUser(typed string) (Token, error) {
	return try(c, func(now time.Time, n *Node) (Token, error) { return n.PingUser(now, typed) })
}

// Add asks seeds and people known for a user by name, and, if a fingerprint is given, for
// that key alone. It ends with Done, after that user's CameOnline, or Failed, within
// AddTimeout.
func (c *Client) Add(name, fingerprint string) (Token, error) {
	return try(c, func(now time.Time, n *Node) (Token, error) { return n.Add(now, name, fingerprint) })
}

// Resolve finds whom a typed name means: ann, ann~k7f2, ann/7f3a. It pins the user.
func (c *Client) Resolve(typed string) (Target, error) {
	return try(c, func(now time.Time, n *Node) (Target, error) { return n.Chat(now, typed) })
}

// Renew returns what a user is called now and whether they are online, and what others are
// called; after the loop has ended it returns to unchanged.
func (c *Client) Renew(to Target, others []Who) (Target, []string) {
	names := make([]string, len(others))
	c.loop.Do(context.Background(), func(_ time.Time, n *Node) { to, names = n.Renew(to, others) })
	return to, names
}

// Say sends one line. The Delivery event that says queued or sent carries the
// Token. An error means that nothing was sent or queued.
func (c *Client) Say(to Target, line string) (Token, error) {
	return try(c, func(now time.Time, n *Node) (Token, error) { return n.Say(now, to, line) })
}

// SayAll sends lines one after the other, as Say does each, in one turn of the
// loop: texts that are ready together share datagrams. It stops at the first
// line that cannot be sent; the tokens are those of the lines before it.
func (c *Client) SayAll(to Target, lines []string) ([]Token, error) {
	return try(c, func(now time.Time, n *Node) (tokens []Token, err error) {
		for _, line := range lines {
			t, err := n.Say(now, to, line)
			if err != nil {
				return tokens, err
			}
			tokens = append(tokens, t)
		}
		return tokens, nil
	})
}

// Users lists users, sorted by name.
func (c *Client) Users(f Filter) []UserView {
	return ask(c, func(_ time.Time, n *Node) []UserView { return n.Users(f) })
}

// Sessions lists one user with all its sessions.
func (c *Client) Sessions(typed string) (UserView, error) {
	return try(c, func(_ time.Time, n *Node) (UserView, error) { return n.Sessions(typed) })
}

// Prune forgets sessions, offline ones first, until n remain, and returns how
// many were forgotten.
func (c *Client) Prune(n int) int {
	return ask(c, func(now time.Time, node *Node) int { return node.Prune(now, n) })
}

// Explode asks every neighbour to tell every neighbour of theirs that we are
// online here. It ends with Exploded. An error says how long to wait.
func (c *Client) Explode() (Token, error) {
	return try(c, func(now time.Time, n *Node) (Token, error) { return n.Explode(now) })
}

// Away says that the person is away, or back; true: that was news.
func (c *Client) Away(away bool) (bool, error) {
	return try(c, func(now time.Time, n *Node) (bool, error) { return n.Away(now, away) })
}

// Verify shows a user's fingerprint; with a fingerprint it compares and marks
// the user verified when they are equal.
func (c *Client) Verify(typed, fingerprint string) (VerifyView, error) {
	return change(c, func(now time.Time, n *Node) (VerifyView, error) { return n.Verify(now, typed, fingerprint) })
}

// Block stops all contact with a user; blocked false undoes it. It returns what to type for
// that user.
func (c *Client) Block(typed string, blocked bool) (string, error) {
	return change(c, func(now time.Time, n *Node) (string, error) { return n.Block(now, typed, blocked) })
}

// BlockAll blocks every new user at the door, except those who are only on the link, and
// returns how many.
func (c *Client) BlockAll() (int, error) {
	return change(c, func(now time.Time, n *Node) (int, error) { return n.BlockAll(now) })
}

// Accept lets a new user in: they are pinned, and may write as they like.
func (c *Client) Accept(typed string) (AcceptView, error) {
	return change(c, func(now time.Time, n *Node) (AcceptView, error) { return n.Accept(now, typed) })
}

// Strangers lists the new users who left lines, ask to meet, or are on the link.
func (c *Client) Strangers() StrangersView {
	return ask(c, func(now time.Time, n *Node) StrangersView { return n.Strangers(now) })
}

// Outbox lists the lines that are not yet delivered, oldest first.
func (c *Client) Outbox() []OutboxLine {
	return ask(c, func(_ time.Time, n *Node) []OutboxLine { return n.Outbox() })
}

// Status tells where a line is. typed is the end of its number; empty: the last line typed.
func (c *Client) Status(typed string) (OutboxLine, error) {
	return try(c, func(_ time.Time, n *Node) (OutboxLine, error) { return n.Status(typed) })
}

// Cancel takes back a line that waits.
func (c *Client) Cancel(typed string) (OutboxLine, error) {
	return change(c, func(now time.Time, n *Node) (OutboxLine, error) { return n.Cancel(now, typed) })
}

// Stats lists counters and gauges, sorted by name.
func (c *Client) Stats() []Stat {
	return ask(c, func(_ time.Time, n *Node) []Stat {
		return sortStats(append(n.Stats(), Stat{"read_queue_full", c.loop.dropped.Load()}, Stat{"send_refused", c.loop.lost.Load()}))
	})
}

// Net tells where we are and how others are reached.
func (c *Client) Net() NetView {
	return ask(c, func(_ time.Time, n *Node) NetView { return n.Net() })
}

// Presence says which Source knows whom.
func (c *Client) Presence() []PresenceView {
	return ask(c, func(_ time.Time, n *Node) []PresenceView { return n.Presence() })
}

// Contacts lists this user and those that are pinned, for a contacts file.
func (c *Client) Contacts() []Contact {
	return ask(c, func(_ time.Time, n *Node) []Contact { return n.Contacts() })
}

// Printed says that the texts with these receipts were written to the screen
// or pipe. It does not wait. Any goroutine may call it, an event sink too.
func (c *Client) Printed(receipts []uint64) { c.loop.printed(receipts) }
