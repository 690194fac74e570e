package shell

import (
	"testing"

	"darkchat/neighbors"
)

// Of several steps of one text in a batch the last is told; "sent" waits, and is
// forgotten when the answer comes; what is remembered is bounded.
func TestUnanswered(t *testing.T) {
	var u unanswered
	step := func(id uint64, st neighbors.DeliveryState, acked int) item {
		return item{event: neighbors.Delivery{ID: id, State: st, Acked: acked, Sessions: 2}}
	}
	told := func(items []item) (ids []uint64) {
		for _, it := range items {
			if d, ok := it.event.(neighbors.Delivery); ok {
				ids = append(ids, d.ID*10+uint64(d.Acked))
			}
		}
		return ids
	}
	now := noon
	check := func(got []item, want ...uint64) {
		t.Helper()
		ids := told(got)
		if len(ids) != len(want) {
			t.Fatalf("told %v, want %v", ids, want)
		}
		for i := range ids {
			if ids[i] != want[i] {
				t.Fatalf("told %v, want %v", ids, want)
			}
		}
	}
	check(u.hold([]item{step(1, neighbors.Sent, 0), step(1, neighbors.Delivered, 1), step(1, neighbors.Delivered, 2)}, now), 12)
	check(u.hold([]item{step(2, neighbors.Sent, 0), step(3, neighbors.Sent, 0), step(4, neighbors.Queued, 0)}, now), 40)
	now = now.Add(answerPatience / 2)
	check(u.hold([]item{step(2, neighbors.Delivered, 1)}, now), 21)
	if !u.next().Equal(noon.Add(answerPatience)) {
		t.Errorf("the next is due at %v", u.next())
	}
	now = now.Add(answerPatience / 2)
	check(u.hold(nil, now), 30)
	if !u.next().IsZero() {
		t.Error("something is still due")
	}
	for id := range uint64(2 * maxUnanswered) {
		u.hold([]item{step(100+id, neighbors.Sent, 0)}, now)
	}
	if len(u.list) != maxUnanswered {
		t.Errorf("%d are remembered", len(u.list))
	}
}
