package neighbors

import (
	"context"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
	"darkchat/sessions/store"
)

// The history of what was said here (sessions/store keeps it). A received line is noted in the
// same batch as the mark that it was shown, a typed line in the same batch as its place in the
// outbox: so each is in the history exactly once, whenever the process dies.

// Archive is where the history is read; *store.Store is one. Any goroutine may call it.
type Archive interface {
	History(q store.HistoryQuery) (store.HistoryPage, error)
}

// Search says which lines of the history are wanted: those that match every field that is set.
type Search struct {
	User  string   // as typed: those with this user
	Words []string // those with all these words, in any case
	Since bool     // those that came since the last line typed here
	Most  int      // the newest so many; 0: all
}

// Past is what was said.
type Past struct {
	User   string     // the user that Search meant; empty: none
	Lines  []PastLine // oldest first
	More   int        // how many older ones match too
	Notice string     // what the person should know about the store; empty: nothing
}

// PastLine is one line of the history.
type PastLine struct {
	ID      uint64
	Own     bool   // typed here
	User    string // whom it came from, or went to; a fingerprint if the user was forgotten
	Session string // the session it came from
	At      time.Time
	Sent    time.Time
	Late    bool          // it had waited
	Via     string        // the friend that held it
	State   DeliveryState // of a line typed here that is not delivered, was taken back, or never will be; else empty
	Reason  string        // why it never will be delivered
	Text    string
}

// History reads what was said. It reads the disk; the loop does not wait for it.
func (c *Client) History(q Search) (Past, error) {
	if c.loop.archive == nil {
		return Past{}, store.ErrNoHistory
	}
	want := store.HistoryQuery{Words: q.Words, Since: q.Since, Most: q.Most}
	past := Past{}
	// Everything shown so far must be in it: hence change.
	user, err := change(c, func(_ time.Time, n *Node) (user identity.UserKey, err error) {
		if q.User != "" {
			user, _, err = n.core.resolve(q.User)
			past.User = n.core.book.Label(user)
		}
		return user, err
	})
	if err != nil {
		return Past{}, err
	}
	want.User = user
	page, err := c.loop.archive.History(want)
	if err != nil {
		return Past{}, err
	}
	past.More, past.Notice = page.More, page.Notice
	err = ErrStopped
	c.loop.Do(context.Background(), func(_ time.Time, n *Node) {
		err = nil
		waits := map[uint64]DeliveryState{}
		for _, l := range n.Outbox() {
			waits[l.ID] = l.State
		}
		for _, e := range page.Entries {
			past.Lines = append(past.Lines, n.core.pastLine(e, waits))
		}
	})
	return past, err
}

func (co *core) pastLine(e store.HistoryEntry, waits map[uint64]DeliveryState) PastLine {
	l := PastLine{ID: e.ID, Own: e.Own(), User: co.nameOf(e.User), At: e.At, Sent: e.Sent, Late: e.Late, Text: e.Text}
	if l.Own {
		l.State, l.Reason = waits[e.ID], e.End.Reason.String()
		switch {
		case e.End.Reason == mail.ReasonNone:
		case e.End.Acked > 0:
			l.State = Delivered // some sessions have it
		default:
			l.State = Undelivered
		}
	} else {
		l.Session = e.Session.String()
	}
	if !e.Via.IsZero() {
		l.Via = co.nameOf(e.Via)
	}
	return l
}
