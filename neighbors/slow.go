package neighbors

import (
	"time"

	"darkchat/dgram"
)

// What is done about a silence waits for as long as the way there and back takes, which may
// be many seconds: by satellite, by radio, behind an uplink that is full (spec/theory.md 5.2).

// slowTrips is how many round trips of such a way pass before anything is made of a silence.
const slowTrips = 3

// slowest is how long an answer of e may take.
func (n *Node) slowest(e *edge) time.Duration { return slowTrips * n.ep.Trip(dgram.PeerID(e.id)) }

// answerTime is how long a probe of e may take.
func (n *Node) answerTime(e *edge) time.Duration {
	return n.healthOf(e).stretch(max(n.cfg.Profile.Wait, n.slowest(e)))
}

// gap is the time between two probes of a suspect: no more than a few are on their way.
func (n *Node) gap(e *edge) time.Duration {
	return max(n.cfg.Profile.Gap, n.ep.Trip(dgram.PeerID(e.id))/slowTrips)
}

// patient is how long after a change of our own network e is not lost.
func (n *Node) patient(e *edge) time.Duration { return max(patience, 2*n.slowest(e)) }

// ignored says when texts of ours to e will have got no answer for too long; zero: it
// owes none. Who lives and does not answer, because their screen is stopped, is asked
// more and more rarely.
func (n *Node) ignored(e *edge) time.Time {
	if e.spoke.IsZero() {
		return time.Time{}
	}
	return e.spoke.Add(max(textPatience, n.slowest(e)) << e.waited)
}
