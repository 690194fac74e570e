package neighbors_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// A waiting line is taken back; those behind it go on, in order. For each line the person learns
// where it is, how often it was tried and who has it, even after its end.
func TestCancelAndStatus(t *testing.T) {
	b := newBed(t, 36, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.kill()
	b.run(20 * time.Second)
	for _, s := range []string{"one", "two", "three"} {
		ann.say("bob", s)
	}
	b.run(time.Minute)
	waiting := ann.node.Outbox()
	if len(waiting) != 3 || waiting[1].Attempts == 0 || !waiting[1].Next.After(b.now) || waiting[1].Handle == "" {
		t.Fatalf("%+v", waiting)
	}
	cancel := func(typed string) (neighbors.OutboxLine, error) { return ann.node.Cancel(b.now, typed) }
	if _, err := cancel("12345678901"); err == nil || !strings.Contains(err.Error(), "\\outbox") {
		t.Errorf("got %v", err)
	}
	l, err := cancel("#" + waiting[1].Handle)
	ann.turn()
	if err != nil || l.State != neighbors.Undelivered || l.Reason != "cancelled" || ann.last().State != neighbors.Undelivered {
		t.Fatalf("%+v, %v; %+v", l, err, ann.last())
	}
	if _, err := cancel(waiting[1].Handle); err == nil {
		t.Error("it was taken back twice")
	}
	bob.start()
	b.until(30*time.Second, "the others come", func() bool { return len(ann.node.Outbox()) == 0 })
	if got := bob.texts(); !slices.Equal(got, []string{"one", "three"}) {
		t.Errorf("bob read %q", got)
	}
	for i, want := range []neighbors.DeliveryState{neighbors.Delivered, neighbors.Undelivered, neighbors.Delivered} {
		l, err := ann.node.Status(strconv.FormatUint(waiting[i].ID, 10))
		if err != nil || l.State != want || (want == neighbors.Delivered) != (len(l.Delivered) == 1) {
			t.Errorf("%d: %+v, %v", i, l, err)
		}
		if was := waiting[i]; l.Handle != was.Handle || l.Sent != was.Sent || l.Bytes != was.Bytes || l.Bytes == 0 {
			t.Errorf("%d: it was %+v, and is %+v", i, was, l)
		}
	}
	if l, err := ann.node.Status(""); err != nil || l.ID != waiting[2].ID {
		t.Errorf("the last line: %+v, %v", l, err)
	}
}

// A line that is under way is taken back, too.
func TestCancelUnderWay(t *testing.T) {
	b := newBed(t, 37, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	b.net.Cut(ann.addr.Addr(), bob.addr.Addr())
	ann.say("bob", "one")
	ann.say("bob", "two")
	b.run(100 * time.Millisecond)
	if l := ann.node.Outbox(); len(l) != 2 || l[0].State != neighbors.Sent {
		t.Fatalf("%+v", l)
	}
	if _, err := ann.node.Cancel(b.now, strconv.FormatUint(ann.node.Outbox()[0].ID, 10)); err != nil {
		t.Fatal(err)
	}
	ann.turn()
	b.net.Heal(ann.addr.Addr(), bob.addr.Addr())
	b.until(30*time.Second, "the other comes", func() bool { return len(ann.node.Outbox()) == 0 })
	if got := bob.texts(); !slices.Equal(got, []string{"two"}) {
		t.Errorf("bob read %q", got)
	}
}
