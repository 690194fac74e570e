package neighbors_test

import (
	"bytes"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// contents is a node, and somebody known to its user who says things that are well formed but
// worthless.
type contents struct {
	t        *testing.T
	b        *bed
	ann, bob *person
	m        *raw
	number   uint64 // of the last ticket
}

func newContents(t *testing.T) *contents {
	c := &contents{t: t, b: newBed(t, 505, simnet.Profile{Delay: time.Millisecond}), number: 1_800_000_000_000}
	c.b.intro = neighbors.IntroAll
	c.ann, c.bob = c.b.join("ann"), c.b.join("bob")
	c.ann.meet(c.bob)
	c.bob.meet(c.ann)
	c.m = c.b.attacker(1, "mallory", "192.0.2.9:1")
	c.m.meets(c.ann)
	c.b.run(time.Second)
	do(c.ann, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, "mallory") })
	c.b.run(time.Second)
	return c
}

// answer says one message and returns what it is answered with; false: nothing.
func (c *contents) answer(body wire.Body) (wire.Result, bool) {
	c.t.Helper()
	id, from := c.m.ep.NextID(), len(c.m.events)
	c.m.says(c.ann.id(), wire.Message{ID: id, Body: body}, 200*time.Millisecond)
	for _, e := range c.m.events[from:] {
		if s, ok := e.(dgram.Settled); ok && s.ID == id && s.Kind == body.Kind() {
			return s.Result, true
		}
	}
	return 0, false
}

// find is a search whose ticket is in order, but for what change does to it before it is
// signed, and after to it then.
func (c *contents) find(change, after func(p *wire.Ping)) wire.Ping {
	c.number++
	p := wire.Ping{Scope: wire.ScopeFind, Name: "bob", Record: c.m.signed}
	if change != nil {
		change(&p)
	}
	ticket := identity.Ticket{Asker: c.m.record.Session, Introducer: identity.SessionID(c.ann.id()), Name: p.Name, User: p.User, Number: c.number}
	p.Ticket = wire.Ticket{Number: c.number, Sig: ticket.Sign(c.m.key)}
	if after != nil {
		after(&p)
	}
	return p
}

// The table of spec/wire.md 5.15: what is well formed is answered so, whatever it is worth.
func TestContentIsAnswered(t *testing.T) {
	c := newContents(t)
	oscar, _ := c.b.identity(9, "oscar")
	broken := bytes.Clone(c.m.signed)
	broken[len(broken)-1] ^= 1
	c.m.record.Seq++
	online, err := identity.Sign(c.m.key, c.m.record)
	if err != nil {
		t.Fatal(err)
	}
	sid := func(id wire.PeerID) []byte { return id[:] }
	of := func(r *raw) wire.PeerID { return wire.PeerID(r.record.Session) }
	explode := func(p *wire.Ping) { p.Scope, p.Name = wire.ScopeExplode, "" }
	sealed := bytes.Repeat([]byte{0xa5}, 200)
	for _, row := range []struct {
		what string
		body wire.Body
		want wire.Result
	}{
		{"declareOnline with a record that does not verify", wire.Online{Record: broken}, wire.ResultDelivered},
		{"declareOnline with another's record", wire.Online{Record: oscar.signed}, wire.ResultDelivered},
		{"declareOffline with a record that does not verify", wire.Offline{Record: broken}, wire.ResultDelivered},
		{"declareOffline with another's record", wire.Offline{Record: oscar.signed}, wire.ResultDelivered},
		{"declareOffline with a record that says online", wire.Offline{Record: online}, wire.ResultDelivered},
		{"find", c.find(nil, nil), wire.ResultDelivered},
		{"find of a name that is not mapped", c.find(func(p *wire.Ping) { p.Name = "Bob" }, nil), wire.ResultUnknownRecipient},
		{"find of nobody's name", c.find(func(p *wire.Ping) { p.Name = "b b" }, nil), wire.ResultUnknownRecipient},
		{"find of nobody", c.find(func(p *wire.Ping) { p.Name = "" }, nil), wire.ResultUnknownRecipient},
		{"find with a wrong ticket", c.find(nil, func(p *wire.Ping) { p.Ticket.Sig[0] ^= 1 }), wire.ResultUnknownRecipient},
		{"find with no ticket", c.find(nil, func(p *wire.Ping) { p.Ticket.Sig = nil }), wire.ResultUnknownRecipient},
		{"find with another's record", c.find(nil, func(p *wire.Ping) { p.Record = oscar.signed }), wire.ResultUnknownRecipient},
		{"find with no record", c.find(nil, func(p *wire.Ping) { p.Record = nil }), wire.ResultUnknownRecipient},
		{"a half of no sense", c.find(nil, func(p *wire.Ping) { p.By = sid(of(c.m)) }), wire.ResultDelivered},
		{"explode with another's record", c.find(explode, func(p *wire.Ping) { p.Record = oscar.signed }), wire.ResultUnknownRecipient},
		{"explode with a wrong ticket", c.find(explode, func(p *wire.Ping) { p.Ticket.Sig[0] ^= 1 }), wire.ResultUnknownRecipient},
		{"explode to who is not here", c.find(explode, func(p *wire.Ping) { p.Targets = []wire.PeerID{of(oscar)} }), wire.ResultDelivered},
		{"hold for who is not known", wire.Hold{To: of(oscar), From: of(c.m), Text: 1, Sealed: sealed}, wire.ResultUnknownRecipient},
		{"hold of another's text", wire.Hold{To: c.bob.id(), From: of(oscar), Text: 1, Sealed: sealed}, wire.ResultNotTrusted},
		{"a copy that does not open", wire.Hold{To: c.ann.id(), From: c.bob.id(), Text: 1, Sealed: sealed}, wire.ResultUnknownRecipient},
		{"a copy of who is not known", wire.Hold{To: c.ann.id(), From: of(oscar), Text: 1, Sealed: sealed}, wire.ResultBusy},
		{"a forged receipt", wire.Receipt{From: c.bob.id(), To: c.ann.id(), Text: 1, Sig: make([]byte, 64)}, wire.ResultDelivered},
		{"a receipt for who is not known", wire.Receipt{From: of(c.m), To: of(oscar), Text: 1, Sig: make([]byte, 64)}, wire.ResultDelivered},
	} {
		got, answered := c.answer(row.body)
		if !answered || got != row.want {
			t.Errorf("%s: %v, %v; want %v", row.what, got, answered, row.want)
		}
		if !c.ann.sees("mallory") {
			t.Fatalf("%s: mallory is not here any more", row.what)
		}
	}
	for _, u := range c.ann.node.Users(neighbors.FilterAll) {
		if u.Name == "oscar" {
			t.Error("another's record was taken")
		}
	}
	// Whatever kind brings it: it is the record that says what a session claims.
	c.m.record.Seq, c.m.record.State = c.m.record.Seq+1, identity.StateGone
	gone, err := identity.Sign(c.m.key, c.m.record)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := c.answer(wire.Online{Record: gone}); !ok || got != wire.ResultDelivered || c.ann.sees("mallory") {
		t.Errorf("declareOnline with a record that says gone: %v, %v, here: %v", got, ok, c.ann.sees("mallory"))
	}
}

// Reach is not sent again, and its ack measures nothing: dgram tells of it as of a probe.
func TestReachIsAnswered(t *testing.T) {
	c := newContents(t)
	for _, row := range []struct {
		what  string
		about wire.PeerID
	}{
		{"somebody who is not known", wire.PeerID{1, 2, 3}}, {"the asker", wire.PeerID(c.m.record.Session)}, {"who is asked", c.ann.id()},
	} {
		id, from := c.m.ep.Reach(c.b.now, c.ann.id(), row.about), len(c.m.events)
		c.m.turn()
		c.b.run(3 * time.Second)
		answered := false
		for _, e := range c.m.events[from:] {
			if s, ok := e.(dgram.Settled); ok && s.ID == id && s.Kind == wire.KindPing {
				answered = s.Result == wire.ResultUnknownRecipient
			}
		}
		if !answered {
			t.Errorf("about %s: not answered so", row.what)
		}
	}
}

// A list is answered even where there is nothing to tell: about the one asked, about the asker,
// about nobody.
func TestListOfNobodyIsEmpty(t *testing.T) {
	c := newContents(t)
	nobody := wire.PeerID{1, 2, 3}
	own, asker := c.ann.id(), c.m.record.Session
	for _, of := range [][]byte{own[:], asker[:], nobody[:], c.m.record.User[:], make([]byte, 32)} {
		id, from := c.m.ep.NextID(), len(c.m.events)
		c.m.says(c.ann.id(), wire.Message{ID: id, Body: wire.ListRequest{Of: of, Credit: 8}}, 200*time.Millisecond)
		pages := 0
		for _, e := range c.m.events[from:] {
			r, ok := e.(dgram.Received)
			if l, is := r.Message.Body.(wire.List); ok && is && l.Request == id {
				pages++
				if len(l.Summaries)+len(l.Records)+len(l.Next) > 0 || l.Total != 0 {
					t.Errorf("of %x: %+v", of, l)
				}
			}
		}
		if pages != 1 {
			t.Errorf("of %x: %d pages", of, pages)
		}
	}
}
