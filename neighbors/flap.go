package neighbors

import (
	"math"
	"time"
)

// Flap damping, in the shape of RFC 2439: each loss is a penalty that decays; who has
// too many of them is told of to others now and then only.
const (
	flapHalf = 5 * time.Minute // in which a penalty halves
	flapMost = 4               // above it changes are told once in flapGap
	flapGap  = time.Minute
)

// flaps is how restless a neighbour is.
type flaps struct {
	penalty float64
	at      time.Time // of penalty
	changed time.Time // told so
}

// flap counts one loss.
func (f *flaps) flap(now time.Time) {
	f.penalty = f.decayed(now) + 1
	f.at = now
}

func (f *flaps) decayed(now time.Time) float64 {
	if f.penalty == 0 {
		return 0
	}
	return f.penalty * math.Exp2(-float64(now.Sub(f.at))/float64(flapHalf))
}

// flapping says from when on a change of a neighbour may be told to others.
func (n *Node) flapping(now time.Time, e *edge) (from time.Time) {
	f := &e.flaps
	if f.decayed(now) <= flapMost {
		f.changed = now
		return now
	}
	if from = f.changed.Add(flapGap); from.Before(now) {
		from = now
	}
	f.changed = from
	return from
}
