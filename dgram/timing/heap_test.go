package timing

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The time at which tests begin.
var start = time.Unix(1_000_000, 0)

// TestHeap: the heap gives the earliest deadline first, and of equal ones the
// one with the lower order, as a plain list would.
func TestHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Heap[int]
		all := make([]Timer[int], 12)
		if rapid.Bool().Draw(t, "ordered") {
			for i := range all {
				all[i].Order = uint64(len(all) - i)
			}
		}
		set := map[*Timer[int]]time.Time{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			x := &all[rapid.IntRange(0, len(all)-1).Draw(t, "timer")]
			now := start.Add(time.Duration(rapid.IntRange(1, 9).Draw(t, "at")))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				h.Set(x, time.Time{})
				delete(set, x)
			case 1:
				var want *Timer[int]
				for y, at := range set {
					if !at.After(now) && (want == nil || at.Before(set[want]) || at.Equal(set[want]) && y.Order < want.Order) {
						want = y
					}
				}
				got := h.Due(now)
				if got != want {
					t.Fatalf("due: %v, want %v", got, want)
				}
				delete(set, want)
			default:
				h.Set(x, now)
				set[x] = now
			}
			if len(h.list) != len(set) {
				t.Fatalf("%d deadlines, want %d", len(h.list), len(set))
			}
			for i, y := range h.list {
				if y.pos != i+1 || !y.at.Equal(set[y]) {
					t.Fatal("the heap is out of order")
				}
			}
		}
	})
}

// BenchmarkHeap moves the deadlines of many owners, and takes out those that are due.
func BenchmarkHeap(b *testing.B) {
	var h Heap[*int]
	now, step := start, uint64(1)
	all := make([]Timer[*int], 10_000)
	for i := range all {
		h.Set(&all[i], now.Add(time.Duration(i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		step = step*6364136223846793005 + 1442695040888963407
		h.Set(&all[step>>33%uint64(len(all))], now.Add(time.Duration(step>>40)))
		now = now.Add(time.Duration(step >> 56))
		for t := h.Due(now); t != nil; t = h.Due(now) {
			h.Set(t, now.Add(time.Duration(1<<24)))
		}
	}
}
