package neighbors_test

import (
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// asking is an asker, the introducer it asks, and somebody who is introduced to anybody.
type asking struct {
	*village
	ann  *person // the introducer, who knows both
	m, d *raw
}

func newAsking(t *testing.T) *asking {
	v := &village{bed: newBed(t, 948, simnet.Profile{Delay: 5 * time.Millisecond})}
	a := &asking{village: v, ann: v.join("ann")}
	a.m = v.pinned(1, "mallory", a.ann)
	a.d = v.attacker(2, "dora", "198.20.2.7:6789")
	a.d.flags(identity.FlagIntroAll)
	a.d.meets(a.ann)
	do(a.ann, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, "dora") })
	v.run(5 * time.Second)
	return a
}

// explode is a request to be passed on, with a ticket that is in order.
func (r *raw) explode(introducer wire.PeerID, number uint64) wire.Ping {
	p := wire.Ping{Scope: wire.ScopeExplode, Record: r.signed}
	t := identity.Ticket{Asker: r.record.Session, Introducer: identity.SessionID(introducer), Number: number}
	p.Ticket = wire.Ticket{Number: number, Sig: t.Sign(r.key)}
	return p
}

// asks sends a request and returns what it was answered.
func (a *asking) asks(p wire.Ping) wire.Result {
	a.t.Helper()
	id := a.m.ep.NextID()
	a.m.says(a.ann.id(), wire.Message{ID: id, Attempt: 1, Body: p}, 200*time.Millisecond)
	for _, e := range a.m.events {
		if s, ok := e.(dgram.Settled); ok && s.Kind == wire.KindPing && s.ID == id {
			return s.Result
		}
	}
	a.t.Fatal("no answer")
	return 0
}

// passed counts the halves of explodes that came to dora.
func (a *asking) passed() (n int) {
	for _, e := range a.d.events {
		if m, ok := e.(dgram.Received); ok {
			if p, ok := m.Message.Body.(wire.Ping); ok && p.Scope == wire.ScopeExplode {
				n++
			}
		}
	}
	return n
}

// A request whose answer was lost comes again with its ticket: it is answered as before, and
// nothing is done twice. One that a later one overtook is new all the same.
func TestEqualTicketEqualAnswer(t *testing.T) {
	a := newAsking(t)
	id := a.ann.id()
	n := uint64(a.now.UnixMilli())
	for _, c := range []struct {
		what   string
		p      wire.Ping
		want   wire.Result
		finds  int // halves that came to dora so far
		passed int
	}{
		{"a find", a.m.find(id, "dora", n), wire.ResultDelivered, 1, 0},
		{"the find again", a.m.find(id, "dora", n), wire.ResultDelivered, 1, 0},
		{"of nobody", a.m.find(id, "nobody", n+1), wire.ResultUnknownRecipient, 1, 0},
		{"of nobody again", a.m.find(id, "nobody", n+1), wire.ResultUnknownRecipient, 1, 0},
		{"an explode", a.m.explode(id, n+2), wire.ResultDelivered, 1, 1},
		{"the explode again", a.m.explode(id, n+2), wire.ResultDelivered, 1, 1},
		{"another explode within the minute", a.m.explode(id, n+3), wire.ResultBusy, 1, 1},
		{"that one again", a.m.explode(id, n+3), wire.ResultBusy, 1, 1},
		{"the find again, behind others", a.m.find(id, "dora", n), wire.ResultDelivered, 1, 1},
		{"the later one", a.m.find(id, "nobody", n+9), wire.ResultUnknownRecipient, 1, 1},
		{"one that was overtaken", a.m.find(id, "dora", n+8), wire.ResultDelivered, 1, 1}, // the pair was introduced a moment ago
	} {
		if got := a.asks(c.p); got != c.want {
			t.Errorf("%s: answered %s, not %s", c.what, got, c.want)
		}
		if f, p := len(a.d.finds()), a.passed(); f != c.finds || p != c.passed {
			t.Errorf("%s: dora got %d finds and %d explodes", c.what, f, p)
		}
	}
	a.run(time.Minute)
	if got := a.asks(a.m.explode(id, n+3)); got != wire.ResultDelivered || a.passed() != 2 {
		t.Errorf("busy was for then, not for ever: now %s", got)
	}
}

// Numbers of one asker session are one series, whatever they were for; a lower one than
// the introducer can remember is too old, for both.
func TestTicketsAreOneSeries(t *testing.T) {
	a := newAsking(t)
	id := a.ann.id()
	n := uint64(a.now.UnixMilli())
	if got := a.asks(a.m.find(id, "nobody", n+1)); got != wire.ResultUnknownRecipient {
		t.Fatalf("a find is answered %s", got)
	}
	if got := a.asks(a.m.explode(id, n+1)); got != wire.ResultUnknownRecipient || a.passed() != 0 {
		t.Errorf("an explode with the number of a find is answered %s, and passed on %d times", got, a.passed())
	}
	for i := range uint64(64) {
		a.asks(a.m.find(id, "nobody", n+2+i))
	}
	if got := a.asks(a.m.find(id, "dora", n)); got != wire.ResultTooOld || len(a.d.finds()) != 0 {
		t.Errorf("an old find is answered %s", got)
	}
	if got := a.asks(a.m.explode(id, n)); got != wire.ResultTooOld || a.passed() != 0 {
		t.Errorf("an old explode is answered %s", got)
	}
	if got := a.asks(a.m.explode(id, n+500)); got != wire.ResultDelivered || a.passed() != 1 {
		t.Errorf("a new explode is answered %s", got)
	}
	if got := a.asks(a.m.find(id, "dora", n+501)); got != wire.ResultDelivered || len(a.d.finds()) != 1 {
		t.Errorf("a new find is answered %s", got)
	}
}

// A target that is told of a find and of explodes counts their tickets in one series too: it learns the
// record only by a higher number.
func TestToldTicketsAreOneSeries(t *testing.T) {
	b := newBed(t, 949, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	bob := b.join("bob")
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	asker, _ := b.identity(3, "friend")
	brings := func(p wire.Ping) bool {
		p.By, p.Session = m.record.Session[:], asker.record.Session[:]
		m.says(bob.id(), wire.Message{ID: m.ep.NextID(), Body: p}, time.Second)
		_, learnt := bob.node.Believes(asker.record.Session)
		return learnt
	}
	id := wire.PeerID(m.record.Session)
	for _, c := range []struct {
		what string
		p    wire.Ping
		want bool
	}{
		{"a find", asker.find(id, "bob", 102), false},
		{"an explode of its number", asker.explode(id, 102), false},
		{"of a lower one", asker.explode(id, 101), false},
		{"of a higher one", asker.explode(id, 103), true},
	} {
		if got := brings(c.p); got != c.want {
			t.Errorf("%s: learnt %v", c.what, got)
		}
	}
}
