package neighbors

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// Handles are ends of ids that tell each from all others.
func TestHandles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var ids []string
		next := uint64(rng.IntN(1_000_000_000))
		for range 1 + rng.IntN(40) {
			next += 1 + uint64(rng.IntN([]int{1, 3, 10, 1000, 100_000}[rng.IntN(5)]))
			ids = append(ids, strconv.FormatUint(next, 10))
		}
		for i, h := range handlesOf(ids) {
			if !strings.HasSuffix(ids[i], h) || len(h) < min(leastHandle, len(ids[i])) {
				t.Fatalf("%s is no end of %s", h, ids[i])
			}
			for j, id := range ids {
				if i != j && strings.HasSuffix(id, h) && h != ids[i] {
					t.Fatalf("%s may be %s or %s", h, ids[i], id)
				}
			}
		}
	}
}
