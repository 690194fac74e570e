package neighbors

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// edge is one session that we keep in touch with (N1): one that is associated with us, or that
// we remember and miss. What is known of the session itself is in the book.
type edge struct {
	id   sessions.SessionID
	user sessions.UserKey

	payer  budget.Payer   // who pays for its place
	online bool           // the person was told so
	seed   bool           // its record says it serves strangers
	link   bool           // met on our own link, and still here
	told   netip.AddrPort // where we said that we see it
	unsure time.Time      // when our own network changed, until it is heard again
	dialogue
	stage string // how far the last attempt to contact it came, while it is missing

	// Watching for its silence (detect.go).
	quietAt time.Time // when its silence calls for the next step
	vigil
	flaps
	lostAt time.Time // when it was lost; zero: it is not

	pull      pull      // of its list
	refreshAt time.Time // when its list is compared with what we hold of it
	hearsay

	sending
	handAt time.Time // when copies kept for it are handed over again

	// While it is missing it is pinged for ever.
	redialAt   time.Time
	redialWait time.Duration

	due  time.Time // in timers
	slot int
}

// sending is the texts on their way to a neighbour.
type sending struct {
	flying    []uint64 // ids under way, at most inFlight
	retryAt   time.Time
	retryWait time.Duration
	tries     int  // attempts since its last answer
	busy      bool // it asked for a pause
	atOnce    int  // texts that may be under way since then: one, doubling with each that it takes; 0: inFlight
}

// dialogue is when texts last passed between us and a neighbour.
type dialogue struct {
	talked time.Time // when the last text passed, or it helped with one
	spoke  time.Time // since then it has owed us an answer to texts; zero: it owes none
	waited int       // how often it was alive and did not answer; at most maxWaited
}

// plan schedules e at its earliest deadline.
func (es *edges) plan(e *edge) {
	es.timers.set(e, earliest(earliest(e.quietAt, e.refreshAt), earliest(e.handAt, earliest(e.retryAt, e.redialAt))))
}

// edgeIDs lists the edges in a fixed order: map order never reaches the wire. Callers must not
// change the list; edges may come and go while it is walked.
func (es *edges) edgeIDs() []sessions.SessionID {
	if es.order == nil && len(es.byID) > 0 {
		es.order = make([]sessions.SessionID, 0, len(es.byID))
		for id := range es.byID {
			es.order = append(es.order, id)
		}
		slices.SortFunc(es.order, func(a, b sessions.SessionID) int { return bytes.Compare(a[:], b[:]) })
	}
	return es.order
}

// onlineSessions lists a user's sessions that are believed online, in a fixed order.
func (es *edges) onlineSessions(user sessions.UserKey) (ids []sessions.SessionID) {
	return slices.DeleteFunc(es.book.SessionIDs(user), func(id sessions.SessionID) bool {
		e := es.byID[id]
		return e == nil || !e.online
	})
}

// live lists the sessions with a live association, in a fixed order.
func (es *edges) live() (list []*edge) {
	for _, id := range es.edgeIDs() {
		if e := es.byID[id]; e.online && es.ep.Live(dgram.PeerID(id)) {
			list = append(list, e)
		}
	}
	return list
}

// peerAt finds the live session whose path ends at addr.
func (es *edges) peerAt(addr netip.AddrPort) (sessions.SessionID, bool) {
	for _, id := range es.edgeIDs() {
		if at, _, ok := es.ep.Path(dgram.PeerID(id)); ok && at == addr && es.byID[id].online {
			return id, true
		}
	}
	return sessions.SessionID{}, false
}

func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }
