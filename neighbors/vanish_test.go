package neighbors_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

// peer is what others know of a person's keys.
func (p *person) peer() dgram.Peer {
	k, err := ecdh.X25519().NewPrivateKey(p.session[:])
	if err != nil {
		p.bed.t.Fatal(err)
	}
	return dgram.Peer{ID: p.id(), User: [32]byte(p.key.Public().(ed25519.PublicKey)), Static: [32]byte(k.PublicKey().Bytes())}
}

// vanishing has r shake hands with p and vanish: nothing leaves it behind its HANDSHAKE, which
// carries what it says. It returns the bytes that it sent and those that it drew in d.
func (b *bed) vanishing(p *person, r *raw, d time.Duration, says ...wire.Message) (sent, drawn int) {
	b.t.Helper()
	var want []dgram.Peer
	for _, m := range says {
		want = []dgram.Peer{p.peer()}
		r.ep.Send(b.now, p.id(), m)
	}
	if err := r.ep.Dial(b.now, p.addr, want); err != nil {
		b.t.Fatal(err)
	}
	r.turn()
	b.until(10*time.Second, "the HANDSHAKE leaves", func() bool { return r.ep.Counters().Of(dgram.SentHandshake) > 0 })
	b.raws = nil
	b.run(d)
	return r.sent, b.spent[r.addr.Addr()]
}

// Who shook hands and vanished is no neighbour: not online, not told of, not probed, not
// called, now or after a restart; and forgotten. It draws at most three times the
// bytes that it sent, with texts waiting for somebody of that name, too.
func TestWhoVanishesAtTheDoor(t *testing.T) {
	for _, c := range []struct {
		name string
		seed bool
		says []wire.Message
	}{
		{"says nothing", false, nil},
		{"to a seed", true, nil},
		{"with a text", false, []wire.Message{{ID: 1, Body: wire.Text{Parts: 1, Text: "hello"}}}},
		{"asks for much", false, []wire.Message{
			{ID: 77, Body: wire.ListRequest{Credit: 8}}, {ID: 78, Body: wire.ListRequest{Credit: 8}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, 600, simnet.Profile{Delay: 10 * time.Millisecond})
			ann, bob := b.join("ann"), b.join("bob")
			ann.seed = c.seed
			ann.start()
			ann.meet(bob)
			bob.meet(ann)
			bob.kill()
			b.until(3*time.Minute, "bob is missed", func() bool { return !ann.sees("bob") })
			if !c.seed {
				ann.say("bob", strings.Repeat("a line that waits for bob ", 100))
			}
			b.run(time.Minute)
			came := count[neighbors.CameOnline](ann)
			for i := range 4 {
				r := b.attacker(i, []string{"mallory", "bob", "mallory", "carol"}[i], fmt.Sprintf("203.0.%d.9:1", 113+i))
				sent, drawn := b.vanishing(ann, r, 10*time.Minute, c.says...)
				t.Logf("%d bytes draw %d", sent, drawn)
				if drawn == 0 || drawn > 3*sent {
					t.Errorf("%d bytes draw %d", sent, drawn)
				}
			}
			if n := count[neighbors.CameOnline](ann) - came; n > 0 || len(ann.node.Users(neighbors.FilterOnline)) > 0 {
				t.Errorf("ann was told %d times that somebody came, and sees %+v", n, ann.node.Users(neighbors.FilterOnline))
			}
			remembered := 1
			if c.name == "with a text" { // it can be answered when it is read
				remembered = 5
			}
			if users := ann.node.Users(neighbors.FilterAll); len(users) != remembered {
				t.Errorf("ann remembers %+v", users)
			}
			clear(b.spent)
			ann.kill()
			ann.start()
			b.run(10 * time.Minute)
			for a, n := range b.spent {
				if a.As4()[0] == 203 {
					t.Errorf("after a restart %v gets %d bytes", a, n)
				}
			}
		})
	}
}

// A stranger who stays is seen one round trip later, a friend as early as before: by the HANDSHAKE.
func TestWhoStaysIsSeen(t *testing.T) {
	b := newBed(t, 601, simnet.Profile{Delay: 10 * time.Millisecond})
	ann := b.join("ann")
	r := b.attacker(1, "dave", "203.0.113.9:1")
	if err := r.ep.Dial(b.now, ann.addr, nil); err != nil {
		t.Fatal(err)
	}
	r.turn()
	b.run(49 * time.Millisecond)
	if ann.sees("dave") {
		t.Error("seen before it has shown that it has the keys")
	}
	b.run(time.Millisecond)
	if !ann.sees("dave") {
		t.Error("not seen when its DATA came")
	}
	bob := b.join("bob")
	ann.meet(bob)
	bob.kill()
	b.until(time.Minute, "bob is missed", func() bool { return !ann.sees("bob") })
	bob.start()
	bob.meet(ann)
	bob.kill()
	b.until(time.Minute, "bob is missed", func() bool { return !ann.sees("bob") })
	bob.start()
	bob.ping(ann)
	began := b.now
	b.until(time.Second, "bob is seen", func() bool { return ann.sees("bob") })
	if d := b.now.Sub(began); d > 30*time.Millisecond {
		t.Errorf("a friend is seen after %v", d)
	}
}
