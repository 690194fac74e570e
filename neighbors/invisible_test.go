package neighbors_test

import (
	"testing"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// A line of which nobody can see anything is not sent, whichever characters it is made of;
// one visible character among them makes it a line.
func TestInvisibleLineIsRefused(t *testing.T) {
	b := newBed(t, 61, simnet.Profile{})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	to, err := ann.node.Chat(b.now, "bob")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range "\u200b\u2800\u3164\u034f\u00ad\u115f\u17b4\u180e\u2060\u2064\u202e\ufe0f\ufeff\uffa0\U000e0020\U000e01ef\U0001d159\U0001d173\u3000\u0085" {
		if _, err := ann.node.Say(b.now, to, string(r)+" "+string(r)); err == nil {
			t.Errorf("%U was taken", r)
		}
		if _, err := ann.node.Say(b.now, to, string(r)+"x"); err != nil {
			t.Errorf("x behind %U: %v", r, err)
		}
	}
	for _, r := range ".\u00e4\u0301\u0600\u110bd\ufffc\ufffd\U0001f600\u2801\ufff9" {
		if neighbors.Invisible(r) {
			t.Errorf("%U can be seen", r)
		}
	}
	if lines := ann.node.Outbox(); len(lines) != 20 {
		t.Errorf("%d lines are in the outbox", len(lines))
	}
}
