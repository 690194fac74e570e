package neighbors

import (
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// How long a session to which we keep no edge counts as here after a sign of life. It may have an
// edge to us, and then it probes us more often than that. One that came and has said nothing
// since has less time, so that a flood of those soon leaves room for others.
const (
	hereFor    = 2 * time.Minute
	hereSilent = 30 * time.Second
	hereCame   = 5 * time.Second // what a session says within it is part of its arrival
)

// isHere is what the book asks before it forgets a session for a newcomer.
func (es *edges) isHere(now time.Time, id sessions.SessionID) bool {
	if e := es.byID[id]; e != nil && e.online {
		return true
	}
	if es.ep == nil {
		return false // the memory is being loaded
	}
	if !es.ep.Confirmed(dgram.PeerID(id)) {
		return false // it called us, and may be gone already
	}
	heard := es.ep.LastHeard(dgram.PeerID(id))
	if es.book.Since(id, heard) < hereCame {
		return now.Sub(heard) < hereSilent
	}
	return now.Sub(heard) < hereFor
}
