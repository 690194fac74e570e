package neighbors_test

import (
	"bytes"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/sessions"
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
func (c *contents) answer(body dgram.Body) (dgram.Result, bool) {
	c.t.Helper()
	id, from := c.m.ep.NextID(), len(c.m.events)
	c.m.says(c.ann.id(), dgram.Message{ID: id, Body: body}, 200*time.Millisecond)
	for _, e := range c.m.events[from:] {
		if s, ok := e.(dgram.Settled); ok && s.ID == id && s.Kind == body.Kind() {
			return s.Result, true
		}
	}
	return 0, false
}

// find is a search whose ticket is in order, but for what change does to it before it is
// signed, and after to it then.
func (c *contents) find(change, after func(p *dgram.Ping)) dgram.Ping {
	c.number++
	p := dgram.Ping{Scope: dgram.ScopeFind, Name: "bob", Record: c.m.signed}
	if change != nil {
		change(&p)
	}
	ticket := sessions.Ticket{Asker: c.m.record.Session, Introducer: sessions.SessionID(c.ann.id()), Name: p.Name, User: p.User, Number: c.number}
	p.Ticket = dgram.Ticket{Number: c.number, Sig: ticket.Sign(c.m.key)}
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
	online, err := sessions.Sign(c.m.key, c.m.record)
	if err != nil {
		t.Fatal(err)
	}
	sid := func(id dgram.PeerID) []byte { return id[:] }
	of := func(r *raw) dgram.PeerID { return dgram.PeerID(r.record.Session) }
	explode := func(p *dgram.Ping) { p.Scope, p.Name = dgram.ScopeExplode, "" }
	sealed := bytes.Repeat([]byte{0xa5}, 200)
	for _, row := range []struct {
		what string
		body dgram.Body
		want dgram.Result
	}{
		{"declareOnline with a record that does not verify", dgram.Online{Record: broken}, dgram.ResultDelivered},
		{"declareOnline with another's record", dgram.Online{Record: oscar.signed}, dgram.ResultDelivered},
		{"declareOffline with a record that does not verify", dgram.Offline{Record: broken}, dgram.ResultDelivered},
		{"declareOffline with another's record", dgram.Offline{Record: oscar.signed}, dgram.ResultDelivered},
		{"declareOffline with a record that says online", dgram.Offline{Record: online}, dgram.ResultDelivered},
		{"find", c.find(nil, nil), dgram.ResultDelivered},
		{"find of a name that is not mapped", c.find(func(p *dgram.Ping) { p.Name = "Bob" }, nil), dgram.ResultUnknownRecipient},
		{"find of nobody's name", c.find(func(p *dgram.Ping) { p.Name = "b b" }, nil), dgram.ResultUnknownRecipient},
		{"find of nobody", c.find(func(p *dgram.Ping) { p.Name = "" }, nil), dgram.ResultUnknownRecipient},
		{"find with a wrong ticket", c.find(nil, func(p *dgram.Ping) { p.Ticket.Sig[0] ^= 1 }), dgram.ResultUnknownRecipient},
		{"find with no ticket", c.find(nil, func(p *dgram.Ping) { p.Ticket.Sig = nil }), dgram.ResultUnknownRecipient},
		{"find with another's record", c.find(nil, func(p *dgram.Ping) { p.Record = oscar.signed }), dgram.ResultUnknownRecipient},
		{"find with no record", c.find(nil, func(p *dgram.Ping) { p.Record = nil }), dgram.ResultUnknownRecipient},
		{"a half of no sense", c.find(nil, func(p *dgram.Ping) { p.By = sid(of(c.m)) }), dgram.ResultDelivered},
		{"explode with another's record", c.find(explode, func(p *dgram.Ping) { p.Record = oscar.signed }), dgram.ResultUnknownRecipient},
		{"explode with a wrong ticket", c.find(explode, func(p *dgram.Ping) { p.Ticket.Sig[0] ^= 1 }), dgram.ResultUnknownRecipient},
		{"explode to who is not here", c.find(explode, func(p *dgram.Ping) { p.Targets = []dgram.PeerID{of(oscar)} }), dgram.ResultDelivered},
		{"hold for who is not known", dgram.Hold{To: of(oscar), From: of(c.m), Text: 1, Sealed: sealed}, dgram.ResultUnknownRecipient},
		{"hold of another's text", dgram.Hold{To: c.bob.id(), From: of(oscar), Text: 1, Sealed: sealed}, dgram.ResultNotTrusted},
		{"a copy that does not open", dgram.Hold{To: c.ann.id(), From: c.bob.id(), Text: 1, Sealed: sealed}, dgram.ResultUnknownRecipient},
		{"a copy of who is not known", dgram.Hold{To: c.ann.id(), From: of(oscar), Text: 1, Sealed: sealed}, dgram.ResultBusy},
		{"a forged receipt", dgram.Receipt{From: c.bob.id(), To: c.ann.id(), Text: 1, Sig: make([]byte, 64)}, dgram.ResultDelivered},
		{"a receipt for who is not known", dgram.Receipt{From: of(c.m), To: of(oscar), Text: 1, Sig: make([]byte, 64)}, dgram.ResultDelivered},
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
	c.m.record.Seq, c.m.record.State = c.m.record.Seq+1, sessions.StateGone
	gone, err := sessions.Sign(c.m.key, c.m.record)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := c.answer(dgram.Online{Record: gone}); !ok || got != dgram.ResultDelivered || c.ann.sees("mallory") {
		t.Errorf("declareOnline with a record that says gone: %v, %v, here: %v", got, ok, c.ann.sees("mallory"))
	}
}

// Reach is not sent again, and its ack measures nothing: dgram tells of it as of a probe.
func TestReachIsAnswered(t *testing.T) {
	c := newContents(t)
	for _, row := range []struct {
		what  string
		about dgram.PeerID
	}{
		{"somebody who is not known", dgram.PeerID{1, 2, 3}}, {"the asker", dgram.PeerID(c.m.record.Session)}, {"who is asked", c.ann.id()},
	} {
		id, from := c.m.ep.Reach(c.b.now, c.ann.id(), row.about), len(c.m.events)
		c.m.turn()
		c.b.run(3 * time.Second)
		answered := false
		for _, e := range c.m.events[from:] {
			if s, ok := e.(dgram.Settled); ok && s.ID == id && s.Kind == dgram.KindPing {
				answered = s.Result == dgram.ResultUnknownRecipient
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
	nobody := dgram.PeerID{1, 2, 3}
	own, asker := c.ann.id(), c.m.record.Session
	for _, of := range [][]byte{own[:], asker[:], nobody[:], c.m.record.User[:], make([]byte, 32)} {
		id, from := c.m.ep.NextID(), len(c.m.events)
		c.m.says(c.ann.id(), dgram.Message{ID: id, Body: dgram.ListRequest{Of: of, Credit: 8}}, 200*time.Millisecond)
		pages := 0
		for _, e := range c.m.events[from:] {
			r, ok := e.(dgram.Received)
			if l, is := r.Message.Body.(dgram.List); ok && is && l.Request == id {
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
