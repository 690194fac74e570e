package neighbors

import (
	"time"

	"darkchat/dgram/wire"
)

// Every step against a silent neighbour allows for the round trip, which may take many seconds: by
// satellite, by radio, behind a full uplink (spec/theory.md 5.2).

// slowest is how long an answer of e may take.
func (dt *detector) slowest(e *edge) time.Duration { return slowTrips * dt.ep.Trip(wire.PeerID(e.id)) }

// answerTime is how long a probe of e may take.
func (dt *detector) answerTime(e *edge) time.Duration {
	return dt.healthOf(e).stretch(max(dt.cfg.Profile.Wait, dt.slowest(e)))
}

// gap is the time between two probes of a suspect, long enough that only a few are on their way.
func (dt *detector) gap(e *edge) time.Duration {
	return max(dt.cfg.Profile.Gap, dt.ep.Trip(wire.PeerID(e.id))/slowTrips)
}

// patient is how long after a change of our own network e cannot be lost.
func (dt *detector) patient(e *edge) time.Duration { return max(patience, 2*dt.slowest(e)) }

// ignored returns when e will have left texts of ours unanswered for too long; zero: it owes no
// answer. A live peer that does not acknowledge (a stopped terminal) is probed with back-off.
func (dt *detector) ignored(e *edge) time.Time {
	if e.talk.spoke.IsZero() {
		return time.Time{}
	}
	return e.talk.spoke.Add(max(textPatience, dt.slowest(e)) << e.talk.waited)
}
