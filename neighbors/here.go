package neighbors

import (
	"time"
)

// How long a session to which we keep no edge counts as here after a sign of life. It may have an
// edge to us, and then it probes us more often than that. One that came and has said nothing
// since has less time, so that a flood of those soon leaves room for others.
const (
	hereFor    = 2 * time.Minute
	hereSilent = 30 * time.Second
	hereCame   = 5 * time.Second // what a session says within it is part of its arrival
)
