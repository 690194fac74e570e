package neighbors

import "time"

// allowance is how much of our work one neighbour may cause: a token bucket that begins
// full. An honest neighbour never empties it; a liar, or a broken program, gets only the rate.
type allowance struct {
	spent float64
	at    time.Time // of spent
}

// take takes one of burst tokens; one comes back every gap.
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

// peerLimits bounds what one neighbour tells us, and notes what others tell of it.
type peerLimits struct {
	claims    allowance // claims that make us look at something or pull a record
	sightings allowance // of sessions that we miss
	asking    int       // records that we asked it for and still wait for
	sightedAt time.Time // when others said that it is there
}
