package neighbors_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
)

// triangle is ann, bob and carol, each a friend of both others.
func triangle(t *testing.T, seed uint64, p simnet.Profile) (v *village, ann, bob, carol *person) {
	v = newVillage(t, seed, p, 3, 1)
	v.until(20*time.Second, "all know all", v.knowAll)
	return v, v.nodes[0], v.nodes[1], v.nodes[2]
}

// leave ends a node as \quit does.
func (p *person) leave() {
	p.bed.t.Helper()
	p.node.Leave(p.bed.now)
	p.turn()
	p.bed.run(2 * time.Second)
	p.kill()
}

// bob is away, ann writes and leaves; carol stays. bob comes back and gets the text from carol, marked
// with its time, once, even though ann comes back later and sends it again; and ann is told that it
// was delivered, and by whom.
func TestFriendHoldsText(t *testing.T) {
	for seed, loss := range []float64{0, 0.2, 0.2, 0.2, 0.2, 0.2} {
		v, ann, bob, carol := triangle(t, 21+uint64(seed), simnet.Profile{Delay: 5 * time.Millisecond, Loss: 0})
		v.net.SetProfile(simnet.Profile{Delay: 5 * time.Millisecond, Loss: loss})
		bob.leave()
		long := fmt.Sprintf("%02000d", 7)
		ann.say("p01", "first")
		ann.say("p01", long)
		sent := v.now
		v.until(20*time.Second, "carol holds both", func() bool {
			d := all[neighbors.Delivery](ann)
			held := 0
			for _, x := range d {
				if x.State == neighbors.Held && x.By == "p02" {
					held++
				}
			}
			return held == 2
		})
		v.run(time.Minute)
		ann.leave()
		v.run(time.Minute)

		carol.kill() // what carol holds outlives the program
		carol.start()
		v.run(10 * time.Second)
		bob.screen = nil
		bob.start()
		v.until(30*time.Second, "bob has both", func() bool { return len(bob.texts()) == 2 })
		for i, m := range all[neighbors.Incoming](bob) {
			want := []string{"first", long}[i]
			if m.Text != want || m.Via != "p02" || !m.Late || m.From != "p00" || m.Sent.Sub(sent).Abs() > time.Second {
				t.Errorf("text %d: from %s via %q late %v sent %v: %.20q", i, m.From, m.Via, m.Late, m.Sent, m.Text)
			}
		}
		v.run(time.Minute)

		ann.screen = nil
		ann.start()
		v.until(40*time.Second, "ann knows of both", func() bool {
			done := 0
			for _, d := range all[neighbors.Delivery](ann) {
				if d.State == neighbors.Delivered && d.Acked == 1 && d.Sessions == 1 {
					done++
				}
			}
			return done >= 2 && len(ann.node.Outbox()) == 0
		})
		v.run(2 * time.Minute)
		if got := bob.texts(); len(got) != 2 {
			t.Errorf("bob was shown %d texts", len(got))
		}
	}
}

// The receipt alone, with bob away again, tells ann: delivered via carol.
func TestReceiptByFriend(t *testing.T) {
	v, ann, bob, _ := triangle(t, 22, simnet.Profile{Delay: 5 * time.Millisecond})
	bob.leave()
	ann.say("p01", "hello")
	v.until(5*time.Second, "held", func() bool { return ann.last().State == neighbors.Held })
	ann.leave()
	bob.start()
	v.until(10*time.Second, "bob has it", func() bool { return len(bob.texts()) == 1 })
	v.run(5 * time.Second)
	bob.leave()
	ann.screen = nil
	ann.start()
	v.until(10*time.Second, "ann is told", func() bool {
		d := ann.last()
		return d.State == neighbors.Delivered && d.By == "p02" && d.Acked == 1 && d.Sessions == 1
	})
	if len(ann.node.Outbox()) != 0 {
		t.Error("it still waits")
	}
}

// What carol keeps shows nothing of the text, and a receipt that bob did not sign
// moves nothing.
func TestHolderReadsAndClaimsNothing(t *testing.T) {
	v, ann, bob, carol := triangle(t, 23, simnet.Profile{Delay: 5 * time.Millisecond})
	bob.leave()
	ann.say("p01", "the password is swordfish")
	v.until(5*time.Second, "held", func() bool { return ann.last().State == neighbors.Held })
	kept := 0
	for k, value := range carol.disk {
		if bytes.Contains(value, []byte("swordfish")) {
			t.Error("carol can read the text")
		}
		if kv.Bucket(k[0]) == kv.BucketHeld {
			kept++
		}
	}
	if kept == 0 {
		t.Error("carol has nothing on disk")
	}
	// carol's own key, and that of a stranger, sign the claim that bob has it.
	id := ann.last().ID
	claim := mail.Receipt{From: identity.SessionID(bob.id()), To: identity.SessionID(ann.id()), ID: id}
	if claim.Verify(identity.UserKey(bob.key.Public().(ed25519.PublicKey)), claim.Sign(carol.key)) {
		t.Fatal("a receipt of another's key verifies")
	}
	r := v.attacker(1, "mallory", "198.19.1.7:6789")
	r.meets(ann)
	r.ep.Send(v.now, ann.id(), wire.Message{ID: r.ep.NextID(), Body: wire.Receipt{
		From: bob.id(), To: ann.id(), Text: id, Sig: claim.Sign(carol.key),
	}})
	v.run(5 * time.Second)
	if d := ann.last(); d.State != neighbors.Held {
		t.Errorf("a forged receipt made it %s", d.State)
	}
}

// A copy is handed over once, though its answer comes before its receipt.
func TestCopyIsHandedOverOnce(t *testing.T) {
	v, ann, bob, _ := triangle(t, 24, simnet.Profile{Delay: 5 * time.Millisecond})
	bob.leave()
	ann.say("p01", "hello")
	v.until(5*time.Second, "held", func() bool { return ann.last().State == neighbors.Held })
	ann.leave()
	copies := 0
	v.opened = func(to *person, o dgram.Opened) {
		if to == bob && strings.Contains(o.Summary(), "hold") {
			copies++
		}
	}
	bob.start()
	v.until(10*time.Second, "bob has it", func() bool { return len(bob.texts()) == 1 })
	v.run(2 * time.Minute)
	if copies != 1 {
		t.Errorf("it was handed over %d times", copies)
	}
}
