package mail

import (
	"fmt"
	"slices"
	"testing"
	"time"

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

func (x *exchange) step() {
	to := rapid.IntRange(0, 1).Draw(x.rt, "receiver")
	pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(x.rt, "which") }
	x.now = x.now.Add(time.Second)
	switch op := rapid.SampledFrom([]string{
		"put", "put", "saved", "saved", "saved", "saved", "send", "send", "send", "deliver", "deliver", "deliver", "deliver", "deliver", "deliver",
		"repeat", "lose", "write", "write", "write", "write", "fail", "lapse", "cancel", "crash", "restart", "appear",
	}).Draw(x.rt, "op"); op {
	case "put":
		x.put()
	case "saved":
		x.saved()
	case "send":
		x.send(to, 1+pick(4))
	case "deliver", "repeat", "lose":
		if len(x.wire) == 0 {
			return
		}
		n := pick(len(x.wire))
		switch op {
		case "deliver":
			x.deliver(n)
		case "repeat":
			x.wire = append(x.wire, x.wire[n])
		case "lose":
			x.wire = slices.Delete(x.wire, n, n+1)
		}
	case "write", "fail":
		x.write(to, op == "write")
	case "lapse":
		if ids := x.inFlight(to); len(ids) > 0 {
			x.out.Lapsed(x.receivers[to].id, ids[pick(len(ids))])
		}
	case "cancel":
		if list := x.out.List(); len(list) > 0 && pick(4) == 0 {
			id := list[pick(len(list))].ID
			x.note(fmt.Sprintf("cancel %d", id))
			x.cancelled[id] = true
			p, _ := x.out.Cancel(id)
			x.progressed(p)
		}
	case "crash":
		x.crash(to, pick(len(x.receivers[to].batches)+1))
	case "restart":
		x.restart(pick(len(x.saves) + 1))
	case "appear":
		x.appear(to, pick(3) > 0)
	}
}

// finish gives everybody a quiet network until nothing is left to do.
func (x *exchange) finish() {
	for to := range x.receivers {
		x.appear(to, true)
	}
	for round := 0; x.out.Len() > 0; round++ {
		if round > 200 {
			x.fail(fmt.Sprintf("never done: %+v", x.out.List()))
		}
		for len(x.saves) > 0 {
			x.saved()
		}
		for to := range x.receivers {
			x.send(to, 8)
		}
		for len(x.wire) > 0 {
			x.deliver(0)
			for to := range x.receivers {
				for len(x.receivers[to].batches) > 0 {
					x.write(to, true)
				}
			}
		}
		for to, r := range x.receivers { // what was lost on the way
			for _, id := range x.inFlight(to) {
				x.out.Lapsed(r.id, id)
			}
		}
	}
}
