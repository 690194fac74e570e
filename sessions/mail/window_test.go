package mail

import (
	"math/rand/v2"
	"testing"
)

// A window against a slow model that remembers every id, and through the store.
func TestWindowAgainstModel(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := &window{}
		var model []uint64 // all that were taken
		for range 600 {
			before := w.head
			id := w.head + 1
			if r.IntN(3) == 0 {
				id += uint64(r.IntN(10_000))
			}
			w.take(id)
			model = append(model, id)
			if r.IntN(20) == 0 {
				w.untake(before)
				model = model[:len(model)-1]
			}
			again, err := decodeWindow(make([]byte, 8), (&window{user: w.user, head: w.head, runs: w.runs}).encode())
			if r.IntN(50) == 0 {
				if err != nil {
					t.Fatalf("seed %d: what was stored is not read: %v", seed, err)
				}
				again.session, w = w.session, again
			}
			if len(w.runs) > windowRuns {
				t.Fatalf("seed %d: %d runs", seed, len(w.runs))
			}
			last := model[max(0, len(model)-windowRuns/2):]
			for _, id := range last {
				if !w.has(id) {
					t.Fatalf("seed %d: %d was taken lately and is not known", seed, id)
				}
			}
			probe := uint64(r.Uint64N(w.head + 2))
			if w.has(probe) && !contains(model, probe) {
				t.Fatalf("seed %d: %d was never taken", seed, probe)
			}
		}
	}
}

func contains(ids []uint64, id uint64) bool {
	for _, x := range ids {
		if x == id {
			return true
		}
	}
	return false
}
