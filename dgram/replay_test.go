package dgram

import (
	"testing"

	"pgregory.net/rapid"
)

// TestReplayWindow: like a memory of everything, except that what is 1,024 or more
// behind the highest counts as seen.
func TestReplayWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w replayWindow
		seen := map[uint64]bool{}
		highest := uint64(0)
		at := rapid.SampledFrom([]uint64{1, 1000, 1 << 32, 1<<64 - 3000}).Draw(t, "first")
		for range rapid.IntRange(1, 300).Draw(t, "datagrams") {
			step := rapid.SampledFrom([]int{1, 1, 2, 63, 64, 65, 500, 1023, 1024, 1088, 2000, -1, -2, -64, -1000, -1023, -1024, -1025}).Draw(t, "step")
			next := at + uint64(step)
			if step < 0 && at < uint64(-step)+1 || step > 0 && next < at {
				continue
			}
			want := !seen[next] && (next > highest || highest-next < windowBits)
			if got := w.fresh(next); got != want {
				t.Fatalf("counter %d, highest %d: fresh %v, want %v", next, highest, got, want)
			}
			seen[next] = true
			highest = max(highest, next)
			if rapid.Bool().Draw(t, "stay") {
				at = next
			} else {
				at = highest
			}
		}
	})
}
