package reliable

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// The estimate is held against RFC 6298 2 in floating point.
func TestRoundTripAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		r := roundTrip{}
		var smoothed, variation float64
		base := rng.Int64N(int64(300 * time.Millisecond))
		for i := range 200 {
			d := time.Duration(base + rng.Int64N(int64(100*time.Millisecond)))
			r.sample(d, true)
			if i == 0 {
				smoothed, variation = float64(d), float64(d)/2
			} else {
				variation = 0.75*variation + 0.25*math.Abs(smoothed-float64(d))
				smoothed = 0.875*smoothed + 0.125*float64(d)
			}
			want := max(float64(timeoutFloor), smoothed+max(4*variation, float64(time.Millisecond)))
			if got := float64(r.timeout(true)); math.Abs(got-want) > 100 {
				t.Fatalf("sample %d: timeout %v, want %v", i, time.Duration(got), time.Duration(want))
			}
		}
	}
}

func TestRoundTripLimits(t *testing.T) {
	r := roundTrip{}
	r.sample(-time.Second, true)
	if r.smoothed != 0 {
		t.Error("a negative sample counts")
	}
	r.sample(0, true)
	if r.smoothed == 0 || r.timeout(true) != timeoutFloor {
		t.Errorf("%v after a sample of nothing", r.timeout(true))
	}
	r = roundTrip{}
	r.sample(time.Hour, true)
	if r.timeout(true) != timeoutCeiling || r.timeout(false) != timeoutCeiling {
		t.Errorf("%v after a sample of an hour", r.timeout(true))
	}
}
