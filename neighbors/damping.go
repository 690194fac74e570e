package neighbors

import (
	"math"
	"time"
)

// Flap damping, in the shape of RFC 2439: each change adds a penalty that decays. Above
// dampingLimit a neighbour's changes are told to others only once in dampingGap.
const (
	dampingHalfLife = 5 * time.Minute // in which a penalty halves
	dampingLimit    = 4               // above it changes are damped
	dampingGap      = time.Minute

	penaltyEnd    = 1.0 // penalty of a loss or a goodbye
	penaltyRecord = 0.5 // of a new record
	penaltyMost   = 16  // after ten minutes of quiet the penalty is low again, whatever came before
)

// damping is how restless a neighbour is.
type damping struct {
	penalty float64
	at      time.Time // of penalty
	changed time.Time // when the last change was told, or will be
}

// add counts one change.
func (f *damping) add(now time.Time, penalty float64) {
	f.penalty = min(f.decayed(now)+penalty, penaltyMost)
	f.at = now
}

func (f *damping) decayed(now time.Time) float64 {
	if f.penalty == 0 {
		return 0
	}
	return f.penalty * math.Exp2(-float64(now.Sub(f.at))/float64(dampingHalfLife))
}
