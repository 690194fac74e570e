package mail

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/sessiontest"
)

// A copy is read by the session it is for, and by no other; whatever is changed in it is
// noticed; who signed it is known; and it fits its bound.
func TestCopyIsForOneReader(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	random := rand.NewChaCha8([32]byte{1})
	var bob, eve HoldKeys
	bob.Turn(now, random)
	bob.Written()
	eve.Turn(now, random)
	ann := sessiontest.Key(1)
	c := Copy{From: identity.SessionID{1}, To: identity.SessionID{2}, Part: Part{
		ID: maxTextID, Prev: maxTextID - 1, Sent: 1 << 52, Late: true, Part: 63, Parts: 64, Text: strings.Repeat("x", MaxCopyText),
	}}
	sealed, err := c.Seal(ann, bob.Public())
	if err != nil || len(sealed) > 1000 {
		t.Fatalf("%d bytes, %v", len(sealed), err)
	}
	if bytes.Contains(sealed, []byte("xxx")) {
		t.Error("it can be read")
	}
	got, err := bob.Open(c.To, sealed)
	if err != nil || got.Copy != c || got.Verify(sessiontest.User(1)) != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if got.Verify(sessiontest.User(2)) == nil {
		t.Error("another user signed it")
	}
	if _, err := bob.Open(identity.SessionID{3}, sealed); err == nil {
		t.Error("it opens for another session")
	}
	if _, err := eve.Open(c.To, sealed); err == nil {
		t.Error("it opens with another key")
	}
	for _, i := range []int{0, 31, 32, len(sealed) / 2, len(sealed) - 1} {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := bob.Open(c.To, bad); err == nil {
			t.Errorf("byte %d can be changed", i)
		}
	}
	for _, change := range []func(*Copy){
		func(c *Copy) { c.ID = maxTextID + 1 }, func(c *Copy) { c.Prev = c.ID }, func(c *Copy) { c.ID, c.Prev = 63, 0 },
		func(c *Copy) { c.Part.Part = 64 }, func(c *Copy) { c.Parts = 65 }, func(c *Copy) { c.Part.Part, c.Parts = 0, 0 },
	} {
		bad := c
		change(&bad)
		if sealed, err = bad.Seal(ann, bob.Public()); err != nil {
			t.Fatal(err)
		}
		if got, err := bob.Open(c.To, sealed); !errors.Is(err, ErrCopyForm) {
			t.Errorf("it opens though it is no text: %+v, %v", got, err)
		}
	}
	c.Text += "x"
	if _, err := c.Seal(ann, bob.Public()); !errors.Is(err, ErrCopySize) {
		t.Errorf("a longer one: %v", err)
	}
}

// A hold key is replaced after a week, the one before opens for a week more, also after a
// restart, and then nothing sealed to it is ever read again.
func TestHoldKeysAreErased(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	random := rand.NewChaCha8([32]byte{2})
	var k HoldKeys
	again := func() {
		rows := k.TakeWrites()
		var next HoldKeys
		for _, w := range rows {
			if err := next.Load(w.Bucket, w.Key, w.Value); err != nil {
				t.Fatal(err)
			}
		}
		if len(rows) > 0 {
			k = next
		}
	}
	fresh, at := k.Turn(now, random)
	if !fresh || !at.Equal(now.Add(holdRotate)) {
		t.Fatal("no first key")
	}
	if k.Public() != (identity.HoldKey{}) || !k.Written() || k.Written() {
		t.Fatal("it is published before it is written, or written twice")
	}
	again()
	first := k.Public()
	c := Copy{From: identity.SessionID{1}, To: identity.SessionID{2}, Part: Part{ID: 1, Parts: 1, Late: true, Text: "a"}}
	sealed, err := c.Seal(sessiontest.Key(1), first)
	if err != nil {
		t.Fatal(err)
	}
	opens := func() bool { _, err := k.Open(c.To, sealed); return err == nil }
	if fresh, _ := k.Turn(now.Add(holdRotate-time.Second), random); fresh || !opens() {
		t.Fatal("too early")
	}
	now = now.Add(holdRotate)
	if fresh, _ := k.Turn(now, random); !fresh || k.Public() != first || !k.Written() || k.Public() == first || !opens() {
		t.Fatal("not replaced, too early, or the one before is gone")
	}
	again()
	now = now.Add(holdErase - time.Second)
	if k.Turn(now, random); !opens() {
		t.Fatal("erased too early")
	}
	k.Turn(now.Add(time.Second), random)
	again()
	if opens() {
		t.Error("a key of three weeks ago still opens")
	}
	// A clock that jumped back a year does not keep a key for a year.
	before := k.Public()
	if fresh, _ := k.Turn(now.AddDate(-1, 0, 0), random); !fresh || !k.Written() || k.Public() == before {
		t.Error("a clock set back keeps the key")
	}
}

// Whatever is thrown at it, HeldCopies keeps its bounds, counts its bytes, gives back what
// it has in order, and is the same after a restart.
func TestHeldCopiesAreBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, disk := NewHeldCopies(), map[string][]byte{}
	for step := range 20000 {
		h := Held{
			To: identity.SessionID{byte(rng.IntN(5))}, From: identity.SessionID{100, byte(rng.IntN(6))}, Sender: identity.UserKey{byte(rng.IntN(4))},
			ID: uint64(rng.IntN(300) + 1), Sealed: make([]byte, rng.IntN(1000)+1), At: now,
		}
		switch n := rng.IntN(400); {
		case n == 0:
			for _, h := range s.For(h.To) {
				s.Drop(h.To, h.From, h.ID)
			}
		case n < 60:
			s.PutReceipt(HeldReceipt{Receipt: Receipt{From: h.To, To: h.From, ID: h.ID}, Sig: make([]byte, 64), At: now})
		case n < 80:
			s.DropReceipt(h.From, h.To, h.ID)
		case n == 80:
			now = now.Add(time.Duration(rng.IntN(60)) * time.Minute)
			s.Expire(now)
		default:
			if _, err := s.Put(h); err != nil && !errors.Is(err, ErrHeldFull) {
				t.Fatal(err)
			}
		}
		copies, size := s.Len()
		if copies > maxHeldCopies || size > maxHeldBytes || len(s.receipts) > maxReceipts {
			t.Fatalf("step %d: %d copies of %d bytes, %d receipts", step, copies, size, len(s.receipts))
		}
		if of := 0; step%50 == 0 {
			for _, x := range s.copies {
				if x.Sender == h.Sender {
					of++
				}
			}
			if of > maxHeldSender {
				t.Fatalf("step %d: %d of one sender", step, of)
			}
		}
		for _, w := range s.TakeWrites() {
			if w.Value == nil {
				delete(disk, string(w.Key))
			} else {
				disk[string(w.Key)] = w.Value
			}
		}
	}
	bySender, byTo, size := map[identity.UserKey]int{}, map[identity.SessionID]int{}, 0
	for _, h := range s.copies {
		bySender[h.Sender]++
		byTo[h.To]++
		size += len(h.Sealed)
	}
	for u, n := range bySender {
		if n > maxHeldSender {
			t.Errorf("%d of %x", n, u[0])
		}
	}
	for id, n := range byTo {
		list := s.For(id)
		if n > maxHeldFor || len(list) != n {
			t.Errorf("%d for %v, listed %d", n, id, len(list))
		}
		for i := 1; i < len(list); i++ {
			if list[i-1].From == list[i].From && list[i-1].ID >= list[i].ID {
				t.Error("out of order")
			}
		}
	}
	if size != s.bytes {
		t.Errorf("%d bytes, counted %d", size, s.bytes)
	}
	again := NewHeldCopies()
	for k, v := range disk {
		if err := again.Load(kv.BucketHeld, []byte(k), v); err != nil {
			t.Fatal(err)
		}
	}
	if n, size := again.Len(); n != len(s.copies) || size != s.bytes || len(again.receipts) != len(s.receipts) {
		t.Errorf("after a restart %d copies of %d bytes, %d receipts", n, size, len(again.receipts))
	}
	if next := s.Expire(now.Add(HoldLife)); !next.IsZero() || len(s.copies)+len(s.receipts) > 0 {
		t.Error("something outlives 48 h")
	}
}

// What friends keep is held to the rule of all signatures.
func TestCopiesAndReceiptsAreHeldToTheRule(t *testing.T) {
	nobody := identity.UserKey{1} // the neutral point, for which anybody can sign
	if (OpenedCopy{sig: sessiontest.Forged()}).Verify(nobody) == nil {
		t.Error("a copy")
	}
	if (Receipt{}).Verify(nobody, sessiontest.Forged()) {
		t.Error("a receipt")
	}
}
