package neighbors

import (
	"math"
	"time"
)

// Flap damping, in the shape of RFC 2439: each change is a penalty that decays; who has too many of them is told of to others now and then only.
const (
	flapHalf = 5 * time.Minute // in which a penalty halves
	flapMost = 4               // above it changes are told once in flapGap
	flapGap  = time.Minute

	flapEnd     = 1.0 // penalty of a loss or a goodbye
	flapRecord  = 0.5 // of a new record
	flapCeiling = 16  // ten minutes of quiet make up for any number of them
)

// flaps is how restless a neighbour is.
type flaps struct {
	penalty float64
	at      time.Time // of penalty
	changed time.Time // told so
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

// flapping says from when on a change of a neighbour may be told to others.
func (n *Node) flapping(now time.Time, e *edge) (from time.Time) {
	f := &e.flaps
	switch {
	case f.decayed(now) <= flapMost:
		f.changed = now
	case f.changed.After(now): // the next time is set, and tells how it is then
	case f.changed.Add(flapGap).After(now):
		f.changed = f.changed.Add(flapGap)
	default:
		f.changed = now
	}
	return f.changed
}
