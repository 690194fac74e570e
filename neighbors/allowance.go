package neighbors

import "time"

// allowance is how much of our work one neighbour may cause: a token bucket that begins
// full. An honest one never empties it; a liar, or a broken program, gets the rate alone.
type allowance struct {
	spent float64
	at    time.Time // of spent
}

// take takes one of burst tokens, of which one comes back in each gap.
func (a *allowance) take(now time.Time, burst int, gap time.Duration) bool {
	if !a.at.IsZero() {
		a.spent = max(0, a.spent-float64(now.Sub(a.at))/float64(gap))
	}
	a.at = now
	if a.spent+1 > float64(burst) {
		return false
	}
	a.spent++
	return true
}

// hearsay is what a neighbour tells us, and what others tell of it.
type hearsay struct {
	words     allowance // that call for something: a look, a record
	sightings allowance // of those whom we miss
	asking    int       // records that it was asked for and has not given yet
	sightedAt time.Time // when others said that it is there
}
