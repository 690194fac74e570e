package neighbors_test

import (
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// Whom one talks to is called what they are called now: after a rename, and when another of
// that name is known, too; what is typed goes to the same key.
func TestTargetFollowsTheName(t *testing.T) {
	b := newBed(t, 64, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob, other := b.join("ann"), b.join("bob"), b.join("bob")
	ann.meet(bob)
	to, err := ann.node.Chat(b.now, "bob")
	if err != nil {
		t.Fatal(err)
	}
	agree := func(want string) {
		t.Helper()
		now, names := ann.node.Renew(to, []neighbors.Who{{}})
		if now.User != want || !now.Online || len(names) != 1 || names[0] != "" {
			t.Fatalf("%+v, %q, want %s", now, names, want)
		}
		if _, err := ann.node.Say(b.now, now, "to "+want); err != nil {
			t.Fatal(err)
		}
		ann.turn()
		b.until(5*time.Second, "a receipt", func() bool {
			d := ann.last()
			return d.State == neighbors.Delivered && d.To == want
		})
		if texts := bob.texts(); texts[len(texts)-1] != "to "+want {
			t.Fatalf("bob read %q", texts)
		}
	}
	agree("bob")
	ann.ping(other)
	b.run(5 * time.Second)
	agree("bob~" + bob.fingerprint()[:4])
	bob.name = "robert"
	bob.start()
	bob.ping(ann)
	b.run(5 * time.Second)
	agree("robert")
}
