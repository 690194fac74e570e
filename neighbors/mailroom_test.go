package neighbors_test

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
)

// stat is a figure of \stats.
func (p *person) stat(name string) uint64 {
	for _, s := range p.node.Stats() {
		if s.Name == name {
			return s.Value
		}
	}
	return 0
}

// results counts the answers to messages of a kind.
func (r *raw) results(kind wire.Kind) map[wire.Result]int {
	list := map[wire.Result]int{}
	for _, e := range r.events {
		if s, ok := e.(dgram.Settled); ok && s.Kind == kind {
			list[s.Result]++
		}
	}
	return list
}

// friends are ann and bob, who have pinned each other.
func friends(t *testing.T, seed uint64) (b *bed, ann, bob *person) {
	b = newBed(t, seed, simnet.Profile{Delay: time.Millisecond})
	ann, bob = b.join("ann"), b.join("bob")
	ann.meet(bob)
	ann.say("bob", "hello")
	bob.say("ann", "hello")
	b.run(time.Second)
	return b, ann, bob
}

// Texts whose predecessors never come do not make a node deaf: not for a friend, nor for
// a stranger, whoever sends them. A stranger may leave only a few (door.go).
func TestTextsThatWaitForEverMakeNobodyDeaf(t *testing.T) {
	for _, known := range []bool{false, true} {
		textsThatWait(t, known)
	}
}

func textsThatWait(t *testing.T, known bool) {
	b, ann, bob := friends(t, 500)
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	least, most := 20, 22
	if known {
		bob.accepts("mallory")
		least, most = 2100, 2100
	}
	for i := range uint64(2100) {
		m.says(bob.id(), wire.Message{ID: 1000 + 2*i, Body: wire.Text{Prev: 999 + 2*i, Parts: 1, Text: "x"}}, 5*time.Millisecond)
	}
	if got := m.results(wire.KindText); got[wire.ResultGap] < least || got[wire.ResultGap] > most || got[wire.ResultGap]+got[wire.ResultBusy] < 2100 {
		t.Fatalf("answers: %v", got)
	}
	if waiting, texts := bob.node.Waiting(); waiting != min(64, m.results(wire.KindText)[wire.ResultGap]) || texts != waiting {
		t.Errorf("%d are to be answered, and there are %d texts", waiting, texts)
	}
	ann.say("bob", "do you hear me?")
	b.until(time.Second, "bob hears a friend", func() bool { return bob.heard("do you hear me?") })
	o := b.attacker(2, "oscar", "192.0.3.9:1")
	o.meets(bob)
	o.says(bob.id(), wire.Message{ID: 5, Body: wire.Text{Parts: 1, Text: "and me?"}}, time.Second)
	if !bob.heard("and me?") {
		t.Error("another stranger is not heard")
	}
}

// heard says whether a text was shown.
func (p *person) heard(text string) bool {
	for _, x := range p.texts() {
		if x == text {
			return true
		}
	}
	return false
}

// A screen that stands still is full of strangers' lines to a bound; a friend's have room.
func TestStrangersFillTheScreenToABound(t *testing.T) {
	b, ann, bob := friends(t, 501)
	bob.mute = true
	for n := range 300 {
		m := b.attacker(10+n, fmt.Sprint("m", n), netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 1, byte(n), byte(n >> 8)}), 1).String())
		m.meets(bob)
		m.says(bob.id(), wire.Message{ID: 1, Body: wire.Text{Parts: 1, Text: fmt.Sprintf("%01024d", n)}}, time.Second) // what all may leave
	}
	if n := len(bob.texts()); n < 200 || n > 257 {
		t.Errorf("%d lines of strangers", n)
	}
	ann.say("bob", "a friend")
	b.until(time.Second, "bob is told", func() bool { return bob.heard("a friend") })
}

// Who answers gap for ever is written to less and less.
func TestGapForEverIsNotHurriedAfter(t *testing.T) {
	b := newBed(t, 502, simnet.Profile{Delay: time.Millisecond})
	ann := b.join("ann")
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(ann)
	m.answer = wire.ResultGap
	ann.say("mallory", "hello")
	b.run(time.Second)
	before := ann.sends
	b.run(15 * time.Second)
	if n := ann.sends - before; n > 60 {
		t.Errorf("%d datagrams in 15 s", n)
	}
	before = ann.sends
	b.run(10 * time.Minute)
	if n := m.got("hello"); n > 25 {
		t.Errorf("%d times the same text, %d datagrams", n, ann.sends-before)
	}
	m.answer = wire.ResultDelivered
	b.until(2*time.Minute, "it is delivered after all", func() bool { return ann.last().State == neighbors.Delivered })
	n := len(all[neighbors.Delivery](ann))
	ann.say("mallory", "again")
	b.until(time.Second, "at once", func() bool {
		return len(all[neighbors.Delivery](ann)) > n && ann.last().State == neighbors.Delivered
	})
}

// got counts how often a text came.
func (r *raw) got(text string) (n int) {
	for _, e := range r.events {
		if m, ok := e.(dgram.Received); ok {
			if b, ok := m.Message.Body.(wire.Text); ok && b.Text == text {
				n++
			}
		}
	}
	return n
}

// brings has r bring a copy as from some session, and says what was answered.
func (r *raw) brings(to *person, from wire.PeerID, id uint64, sealed []byte) (result wire.Result, ok bool) {
	r.bed.t.Helper()
	n := len(r.events)
	mid := r.ep.NextID()
	r.says(to.id(), wire.Message{ID: mid, Body: wire.Hold{To: to.id(), From: from, Text: id, Sealed: sealed}}, 40*time.Millisecond)
	for _, e := range r.events[n:] {
		if s, is := e.(dgram.Settled); is && s.Kind == wire.KindHold && s.ID == mid {
			return s.Result, true
		}
	}
	return 0, false
}

// seal makes a copy of a text of ann for bob.
func (p *person) seal(to *person, part mail.Part) []byte {
	p.bed.t.Helper()
	rec, err := identity.Decode(p.bed.recordOf(to))
	if err != nil {
		p.bed.t.Fatal(err)
	}
	sealed, err := mail.Copy{From: identity.SessionID(p.id()), To: identity.SessionID(to.id()), Part: part}.Seal(p.key, rec.Hold)
	if err != nil {
		p.bed.t.Fatal(err)
	}
	return sealed
}

// recordOf is what others have of a person.
func (b *bed) recordOf(p *person) []byte {
	for _, q := range b.nodes {
		for k, v := range q.disk {
			id := p.id()
			if q != p && kv.Bucket(k[0]) == kv.BucketSessions && k[1:] == string(id[:]) {
				people := book.New(identity.UserKey{}, "x", book.DefaultLimits(false))
				if people.Load(kv.BucketSessions, []byte(k[1:]), v) == nil {
					user := string(byte(kv.BucketUsers)) + string(p.key.Public().(ed25519.PublicKey))
					_ = people.Load(kv.BucketUsers, []byte(user[1:]), q.disk[user])
					people.Loaded(b.now)
					if s, ok := people.Session(identity.SessionID(id)); ok {
						return s.Record
					}
				}
			}
		}
	}
	b.t.Fatal("nobody has a record of " + p.name)
	return nil
}

// Copies that do not open are opened for a stranger to a bound, and the same one once;
// what a friend's copies say is read all the same, once.
func TestCopiesThatDoNotOpenAreBounded(t *testing.T) {
	b, ann, bob := friends(t, 503)
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	garbage := func(n int) []byte { return fmt.Appendf(nil, "%0900d", n) }
	sent, began := 0, b.now
	for i := range 500 {
		ok := m.ep.Send(b.now, bob.id(), wire.Message{ID: m.ep.NextID(), Body: wire.Hold{To: bob.id(), From: ann.id(), Text: 7, Sealed: garbage(i)}})
		if m.turn(); ok {
			sent++
		}
		b.run(2 * time.Millisecond)
	}
	b.until(time.Minute, "all are answered", func() bool {
		answers := m.results(wire.KindHold)
		return answers[wire.ResultUnknownRecipient]+answers[wire.ResultBusy] == sent
	})
	if u := m.results(wire.KindHold)[wire.ResultUnknownRecipient]; sent < 200 || u < 50 || u > 180+84*int(b.now.Sub(began)/time.Second+1) {
		t.Errorf("%d of %d were opened", u, sent)
	}
	for range 20 { // known to be nothing
		if r, ok := m.brings(bob, ann.id(), 7, garbage(0)); !ok || r != wire.ResultUnknownRecipient {
			t.Fatalf("the same again: %v %v", r, ok)
		}
	}
	if bob.stat("refused_work_stranger") == 0 || bob.stat("refused_work_known") != 0 {
		t.Error("it is not counted")
	}
	// A text of ann, brought by whoever has it.
	b.run(10 * time.Second)
	ann.lax = true // ann never typed it
	sealed := ann.seal(bob, mail.Part{ID: 1 << 40, Parts: 1, Text: "by a friend", Sent: uint64(b.now.UnixMilli())})
	for range 5 {
		if r, ok := m.brings(bob, ann.id(), 1<<40, sealed); !ok || r != wire.ResultDelivered {
			t.Errorf("answer %v %v", r, ok)
		}
	}
	n := 0
	for _, x := range bob.texts() {
		if x == "by a friend" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("shown %d times", n)
	}
	receipts := 0
	for _, e := range m.events {
		if r, ok := e.(dgram.Received); ok && r.Message.Kind() == wire.KindReceipt {
			receipts++
		}
	}
	if receipts != 5 {
		t.Errorf("%d receipts", receipts)
	}
}

func (r *raw) sid() wire.PeerID { return wire.PeerID(r.record.Session) }

// A seed has no history of strangers.
func TestSeedKeepsNoHistoryOfStrangers(t *testing.T) {
	b := newBed(t, 504, simnet.Profile{Delay: time.Millisecond})
	seed := b.seedNode()
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(seed)
	lines := func() (n int) {
		for k := range seed.disk {
			if kv.Bucket(k[0]) == kv.BucketHistory {
				n++
			}
		}
		return n
	}
	m.says(seed.id(), wire.Message{ID: 1, Body: wire.Text{Parts: 1, Text: "x"}}, time.Second)
	if !seed.heard("x") || lines() != 0 {
		t.Errorf("heard %v, %d lines", seed.heard("x"), lines())
	}
	seed.say("mallory", "who is it?")
	m.says(seed.id(), wire.Message{ID: 2, Body: wire.Text{Prev: 1, Parts: 1, Text: "y"}}, time.Second)
	if lines() != 2 {
		t.Errorf("%d lines with somebody who is known", lines())
	}
}

// A line whose rest never comes is shown a day later as far as it came.
func TestRestOfALineThatNeverComes(t *testing.T) {
	b, _, bob := friends(t, 505)
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	m.says(bob.id(), wire.Message{ID: 1, Body: wire.Text{Parts: 3, Text: "one "}}, time.Second)
	m.says(bob.id(), wire.Message{ID: 2, Body: wire.Text{Prev: 1, Part: 1, Parts: 3, Text: "two"}}, time.Second)
	b.raws = nil
	b.now = b.now.Add(25 * time.Hour)
	bob.turn()
	got := all[neighbors.Incoming](bob)
	if last := got[len(got)-1]; last.Text != "one two" || last.Missing != "end" {
		t.Errorf("%+v", last)
	}
}

// Receipts that nobody waits for are answered at once, even while the disk hangs: they make nothing
// grow.
func TestReceiptsThatNobodyWaitsFor(t *testing.T) {
	b, ann, bob := friends(t, 506)
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	bob.slow = func() time.Duration { return time.Hour }
	ann.say("bob", "something to write")
	b.run(time.Second)
	for i := range uint64(50) {
		m.says(bob.id(), wire.Message{ID: m.ep.NextID(), Body: wire.Receipt{
			From: m.sid(), To: ann.id(), Text: i + 1, Sig: make([]byte, ed25519.SignatureSize),
		}}, 40*time.Millisecond)
	}
	if n := m.results(wire.KindReceipt)[wire.ResultDelivered]; n != 50 {
		t.Errorf("%d answers", n)
	}
}
