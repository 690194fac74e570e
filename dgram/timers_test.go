package dgram

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTimers: the heap gives the earliest deadline first, and of equal ones the
// owner that was there first, as a plain list would.
func TestTimers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h timers
		all := make([]timer, 12)
		set := map[*timer]time.Time{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			x := &all[rapid.IntRange(0, len(all)-1).Draw(t, "timer")]
			now := began.Add(time.Duration(rapid.IntRange(1, 9).Draw(t, "at")))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				h.set(x, time.Time{})
				delete(set, x)
			case 1:
				var want *timer
				for y, at := range set {
					if !at.After(now) && (want == nil || at.Before(set[want]) || at.Equal(set[want]) && y.made < want.made) {
						want = y
					}
				}
				got := h.due(now)
				if got != want {
					t.Fatalf("due: %v, want %v", got, want)
				}
				delete(set, want)
			default:
				h.set(x, now)
				set[x] = now
			}
			if len(h.heap) != len(set) {
				t.Fatalf("%d deadlines, want %d", len(h.heap), len(set))
			}
			for i, y := range h.heap {
				if y.pos != i+1 || !y.at.Equal(set[y]) {
					t.Fatal("the heap is out of order")
				}
			}
		}
	})
}
