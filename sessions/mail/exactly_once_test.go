package mail

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"darkchat/sessions/kv"
)

// Whatever the network, the disks and restarts do: every line that was not taken
// back is shown exactly once and in order by each session that it went to, and
// no state runs backwards (invariants 3 and 6).
func TestExactlyOnceInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := newExchange(rt)
		for range rapid.IntRange(1, 400).Draw(rt, "steps") {
			x.step()
		}
		x.finish()
		for len(x.saves) > 0 {
			x.saved()
		}
		acked := map[uint64]int{}
		for _, r := range x.receivers {
			for _, id := range r.printed {
				acked[id]++
			}
		}
		for id := range x.texts {
			p := x.seen[id]
			if !x.cancelled[id] && (p.State != DeliveryDelivered || p.Acked != p.Sessions || acked[id] != p.Acked || p.Acked == 0) {
				x.fail(fmt.Sprintf("line %d was shown by %d sessions: %s", id, acked[id], sayState(p)))
			}
		}
		if len(x.disk) != 0 {
			x.fail(fmt.Sprintf("the sender keeps %d entries", len(x.disk)))
		}
		for to, r := range x.receivers {
			for len(r.batches) > 0 {
				x.write(to, true)
			}
			for key := range r.disk {
				if key[0] == '0'+byte(kv.BucketTexts) && !x.failed && len(r.in.Unread()) == 0 && !x.partialAt(r) {
					x.fail(fmt.Sprintf("text %q was left on disk", key))
				}
			}
		}
	})
}

// partialAt says whether r waits for the rest of a line that was cancelled.
func (x *exchange) partialAt(r *receiver) bool {
	w, ok := r.in.window(x.sender)
	return ok && w.line != nil && x.cancelled[w.line.first]
}
