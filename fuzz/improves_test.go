package fuzz_test

import (
	"testing"
	"time"

	"darkchat/neighbors"
)

// A line that one of two sessions has acknowledged is at 1/2 for ever after: also
// when its sender is killed and starts again, and until the other session is back.
func TestDeliveryImprovesAcrossRestarts(t *testing.T) {
	b := newBed(t)
	ann, bob := b.join("ann", 101, "192.0.2.1:6789"), b.join("bob", 103, "203.0.113.2:6789")
	second := b.join("bob", 113, "203.0.113.77:6789")
	second.key = bob.key // the same user, another session
	second.start()
	ann.meet(bob)
	second.meet(ann)
	second.kill()
	ann.say("bob", "to both of you")
	acked := func(n int) func() bool {
		return func() bool { l := ann.node.Outbox(); return len(l) == 1 && l[0].Acked == n && l[0].Sessions == 2 }
	}
	b.until(10*time.Second, "1/2", acked(1))
	for range 3 {
		ann.kill()
		b.run(time.Second)
		ann.start()
		if !acked(1)() {
			t.Fatalf("after a restart the outbox is %+v", ann.node.Outbox())
		}
	}
	second.start()
	b.until(time.Minute, "2/2", func() bool { return len(ann.node.Outbox()) == 0 })
	last := neighbors.Delivery{}
	for _, e := range ann.screen {
		if d, ok := e.(neighbors.Delivery); ok {
			if rank(d.State) < rank(last.State) || d.Acked < last.Acked {
				t.Fatalf("the delivery ran backwards from %+v to %+v", last, d)
			}
			last = d
		}
	}
	if last.Acked != 2 || len(bob.read()) != 1 || len(second.read()) != 1 {
		t.Fatalf("in the end %+v, read %q and %q", last, bob.read(), second.read())
	}
}
