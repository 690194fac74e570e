package neighbors

import (
	"crypto/ed25519"
	"errors"
	"io"
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

// Config says who a node is and where it stands.
type Config struct {
	Key     ed25519.PrivateKey // the user's
	Name    string             // the user's claim
	Session [32]byte           // this session's X25519 private key
	Seed    bool               // larger bounds, serves strangers
	Random  io.Reader
	Crypto  *Crypto // nil: the protocol's own, as in everything but a simulation

	// IDs and Seqs are the numbers of texts and of records that this run may use:
	// reserved ahead on disk, so that none is ever used twice. More are asked for
	// through Ready.Reserve in time.
	IDs, Seqs store.Range
	// Unstored says that this run stores nothing: whatever would wait for a write
	// happens at once, and Ready.Batch stays empty.
	Unstored bool
	// NoHistory says that no history is kept.
	NoHistory bool
	// Past places the lines of this run behind those of earlier runs.
	Past store.History
	// Load gives everything that was stored, once. Nil: nothing.
	Load func(func(b kv.Bucket, key, value []byte) error) error

	// Renew makes a new session key and keeps it for the next run; called when a
	// copy of this session is met. Nil: the loop ends with ErrCloned then.
	Renew func() ([32]byte, error)

	Listen       []netip.AddrPort // our sockets' addresses, for the first screen
	LoopbackOnly bool             // sends nothing elsewhere
	Interfaces   []netip.Prefix   // our interfaces' prefixes: private addresses in them may be dialled
	Guests       []netip.Prefix   // those of them in which only guests of this machine can be
	Outlets      []dgram.Outlet   // by which announcements leave; empty: we are not announced
	Sources      []Source
	Profile      Profile // of failure detection; zero: lan
	HoldOff      bool    // keeps no copies of texts for friends
	Memory       int64   // bytes that sessions may take, which bounds how many there are; 0: the usual bounds
	Door         DoorPolicy
	Intro        Intro // whom others may introduce to us
}

// Crypto replaces the protocol's cryptography in a simulation of very many nodes. Only package
// sim sets it, and a test makes sure of that.
type Crypto struct {
	Suite      dgram.Suite         // for Noise and the AEAD
	Signatures identity.Signatures // for Ed25519
}

// Timers and bounds of the node. The wire's own are in package dgram.
const (
	PingTimeout = 5 * time.Second  // \ping ends by then,
	lateTime    = time.Minute      // and goes on for this long where the path is slow
	AddTimeout  = 10 * time.Second // \add ends by then
	MaxLine     = 16 << 10         // bytes of one typed line

	recentLife   = time.Second // a neighbour heard this recently is not probed when others suspect it
	textPatience = time.Second // a text unanswered for this long counts as silence too
	slowTrips    = 3           // round trips that pass before a silence means anything

	sleepLeast = 5 * time.Second // of difference between wall and monotonic clock: we slept

	redialFirst = 2 * time.Second  // the missing are pinged for ever, first after this,
	redialLast  = 30 * time.Minute // then at intervals doubling up to this

	storeAgain = 5 * time.Second  // before a write that the disk refused is tried again
	retryFirst = 2 * time.Second  // a text whose attempt ended goes again after this, then at intervals
	retryLast  = 60 * time.Second // doubling up to this, while its session is believed online

	askAgain     = 2 * time.Second  // between the requests of one \add
	askNobody    = time.Second      // when there is nobody to ask
	addWindow    = time.Second      // after the first claim to a name being added, to wait for other claims
	standAgain   = 30 * time.Second // between the requests of an \add that nobody answered,
	standTime    = 10 * time.Minute // for so long
	wishTime     = 10 * time.Minute // for which an introducer, and the user asked for, remember who asks
	seekFirst    = 5 * time.Second  // between requests for a pinned user who is missing,
	seekLast     = 10 * time.Minute // doubling up to this
	introduceGap = 30 * time.Second // between two introductions of one pair
	introduceTo  = 4                // sessions introduced on one request

	introduceRetry  = 4 * time.Second  // one more introduction of a pair may follow within introduceGap, but not sooner than this
	meetRetry       = 5 * time.Second  // reached through a relay alone: ask once more,
	meetAgain       = time.Minute      // then from time to time
	observationTime = time.Minute      // sightings of us closer together than this are compared
	signGap         = 10 * time.Second // between two records that say where we are

	circuitTime  = 2 * time.Minute  // the period in which a relay counts bytes, and after which an idle circuit closes
	circuitAlone = 10 * time.Second // the same for what only one side ever used
	circuitBytes = 128 << 10        // each way in circuitTime
	circuitRate  = 20               // datagrams of one pair a second,
	circuitBurst = 40               // and at once

	explodeGap  = time.Minute     // between two explodes of one origin
	explodeWait = 2 * time.Second // for answers, before the person is told the cost

	inFlight          = 128              // texts handed to the wire for one session at a time
	maxUnprintedBytes = 2 << 20          // of lines handed to the shell: half of what it takes
	maxRequests       = 64               // \ping and \add under way
	maxStanding       = 16               // \adds that go on after the person was told
	maxLate           = 16               // \pings that do
	reserveAt         = 4096             // numbers left when the next block is asked for
	newPerSecond      = 1                // first contacts told each second, the rest are counted
	recordLife        = 10 * time.Minute // how long a receiver that hears nothing more believes our record
)

// Errors that a Client returns. Their texts are for the person and say what to do next.
var (
	ErrInvisible   = errors.New("the line has only characters that nobody can see: nothing was sent")
	ErrStopped     = errors.New("the node has stopped; start the program again")
	ErrLineTooLong = errors.New("the line is longer than 16 KiB; send it in smaller pieces")
	ErrStoreBusy   = errors.New("the disk does not keep up; try again in a moment")
	ErrNoNumbers   = errors.New("no numbers are reserved on disk: make room on the disk of the state folder, then try again")
	ErrOutboxFull  = errors.New("the outbox is full and this line was not taken: \\outbox lists what waits, \\cancel takes lines back; or wait until some are delivered")
	ErrBusy        = errors.New("too many requests are under way; wait for an answer and try again")
	ErrCloned      = errors.New("another program runs with this session's key")
	ErrYourself    = errors.New("that is you")
	ErrHinted      = errors.New("nobody of that name has answered yet, but a presence source names them")
)

// hinted is an ErrHinted that says where.
type hinted string

func (h hinted) Error() string        { return string(h) }
func (h hinted) Is(target error) bool { return target == ErrHinted }

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
