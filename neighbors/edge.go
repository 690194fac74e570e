package neighbors

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"

	"darkchat/dgram/timing"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// edge is one session that we keep in touch with (N1): one that is associated with us, or that
// we remember and miss. What is known of the session itself is in the book.
type edge struct {
	id   identity.SessionID
	user identity.UserKey

	payer  budget.Payer   // who pays for its place
	online bool           // the person was told so
	seed   bool           // its record says it serves strangers
	link   bool           // met on our own link, and still here
	told   netip.AddrPort // where we said that we see it
	unsure time.Time      // when our own network changed, until it is heard again
	talk   dialogue
	stage  string // how far the last attempt to contact it came, while it is missing

	// Watching for its silence (detect.go).
	quietAt time.Time // when its silence calls for the next step
	watch   probeState
	damping damping
	lostAt  time.Time // when it was lost; zero: it is not

	pull      pull      // of its list
	refreshAt time.Time // when its list is compared with what we hold of it
	limits    peerLimits

	send   sending
	handAt time.Time // when copies kept for it are handed over again

	// While it is missing it is pinged for ever.
	redialAt   time.Time
	redialWait time.Duration

	timer timing.Timer[*edge]
}

// newEdge returns an edge that knows nothing but whose it is.
func newEdge(id identity.SessionID, user identity.UserKey, p budget.Payer) *edge {
	e := &edge{id: id, user: user, payer: p, limits: peerLimits{
		claims:    timing.NewBucket(1/claimsGap.Seconds(), claimsAtOnce),
		sightings: timing.NewBucket(1/sightingsGap.Seconds(), sightingsAtOnce),
	}}
	e.timer = timing.Timer[*edge]{Owner: e, Order: binary.BigEndian.Uint64(id[:])} // ties by session id, so that a run is replayed exactly
	return e
}

// peerLimits bounds what one neighbour tells us, and notes what others tell of it. An honest
// neighbour never uses up a bucket; a liar, or a broken program, gets only the rate.
type peerLimits struct {
	claims    timing.Bucket // claims that make us look at something or pull a record
	sightings timing.Bucket // of sessions that we miss
	asking    int           // records that we asked it for and still wait for
	sightedAt time.Time     // when others said that it is there
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

func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// probeState is the state of watching one silent neighbour.
type probeState struct {
	probes    int                  // unanswered
	began     time.Time            // when the first of them was sent
	since     time.Time            // suspected since then; zero: not suspected
	until     time.Time            // lost then
	confirmed []identity.SessionID // others that suspect it too; at most maxWatchers
	indirect  indirectAck
	asked     bool      // others were asked
	answered  bool      // and somebody answered, whatever the answer
	turn      time.Time // drawn for the next probe; zero: none was
}

// indirectAck is what others say of a neighbour that we do not hear.
type indirectAck struct {
	vouched time.Time          // when another one last reached it,
	helper  identity.SessionID // namely this one
	asks    int                // questions so far
}

// after says whether a comes before b on the ring of session ids that begins at origin.
func after(origin, a, b identity.SessionID) bool {
	past := func(id identity.SessionID) bool { return bytes.Compare(id[:], origin[:]) > 0 }
	if past(a) != past(b) {
		return past(a)
	}
	return bytes.Compare(a[:], b[:]) < 0
}

// pull is a neighbour's list on its way to us.
type pull struct {
	request uint64 // id of the one under way; 0: none
	cursor  []byte // which it asks to continue after
	compare bool   // by digest with what we hold; false: the whole list is wanted
	pages   int    // so far
}
