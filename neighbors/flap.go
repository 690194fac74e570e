package neighbors

import (
	"math"
	"time"
)

// Flap damping, in the shape of RFC 2439: each change adds a penalty that decays. Above
// flapMost a neighbour's changes are told to others only once in flapGap.
const (
	flapHalf = 5 * time.Minute // in which a penalty halves
	flapMost = 4               // above it changes are damped
	flapGap  = time.Minute

	flapEnd     = 1.0 // penalty of a loss or a goodbye
	flapRecord  = 0.5 // of a new record
	flapCeiling = 16  // after ten minutes of quiet the penalty is low again, whatever came before
)

// flaps is how restless a neighbour is.
type flaps struct {
	penalty float64
	at      time.Time // of penalty
	changed time.Time // when the last change was told, or will be
}

// flap counts one change.
func (f *flaps) flap(now time.Time, penalty float64) {
	f.penalty = min(f.decayed(now)+penalty, flapCeiling)
	f.at = now
}

func (f *flaps) decayed(now time.Time) float64 {
	if f.penalty == 0 {
		return 0
	}
	return f.penalty * math.Exp2(-float64(now.Sub(f.at))/float64(flapHalf))
}
