package dgram

import (
	"time"

	"darkchat/dgram/wire"
)

// The numbers in this file are those of spec/registry.csv, under the same names; a test
// there compares them. Sizes are in bytes.

// windowBits are the datagrams that a replay window remembers (spec/wire.md 3.6).
const windowBits = 1024

// Epochs of cookies and prekeys (spec/wire.md 3.1).
const (
	epochTime   = 60 * time.Second  // how long an epoch issues cookies
	epochAccept = 120 * time.Second // how long after its beginning it is accepted
)

// Lifetime of an association (spec/theory.md 2).
const (
	softTime     = 30 * time.Minute       // after this the next use starts a rekey
	softCount    = 1 << 20                // or after this many datagrams in one direction
	hardTime     = 60 * time.Minute       // keys are erased
	rekeyRetry   = time.Minute            // between two unanswered attempts at a rekey
	bothAtOnce   = 10 * time.Second       // of two associations of opposite directions made this close, the smaller hash is used
	silentAfter  = time.Second            // of two associations the one heard later by this much is alive
	maxPerPeer   = 4                      // associations with one peer session
	keptResend   = 100 * time.Millisecond // between two answers to a repeated HANDSHAKE
	maxDraw      = 3                      // bytes sent on an unconfirmed association, as a multiple of those that came from its caller
	acceptSends  = 3                      // ACCEPTs sent by an answerer that hears nothing more, within maxDraw
	assureSends  = 3                      // probes by which a caller with nothing to send confirms its keys
	forgetUnused = 120 * time.Second      // an unconfirmed association whose handshake can no longer be repeated
)

// Contacting (spec/theory.md 2.1).
const (
	dialWait       = time.Second             // before the second HELLO or HANDSHAKE
	dialWaitLink   = 250 * time.Millisecond  // the same on our own link
	dialAgain      = 3 * time.Second         // Dial on a running dial re-sends HELLO if the last is older than this
	dialSends      = 5                       // HELLOs of one dial
	dialLast       = 16 * time.Second        // wait after the last of them, at least: the path may be that slow
	guessLeast     = 1500 * time.Millisecond // a CHALLENGE for one of several HELLOs counts as an answer to the first, if that is no older
	guessLeastLink = 300 * time.Millisecond  // the same on our own link
	maxTrips       = 1024                    // addresses whose slow path is remembered
	shakeSends     = 2                       // HANDSHAKEs before starting again at HELLO: our address may have changed
	maxChallenges  = 3                       // different CHALLENGEs answered for one echo: the first may be forged
	maxDials       = 256                     // under way at once,
	maxAskedDials  = 32                      // and this many more that the person asked for
	maxWant        = 64                      // sessions that one dial may expect
	punchSends     = 6                       // HELLOs to one address when both sides meet: at 0, 100, 250, 500, 1000, 2000 ms
	punchInAll     = 10                      // and to all addresses of one peer together: fewer bytes than the request for it had
)

// Changing addresses (spec/theory.md 2.5).
const (
	pathRetry  = 250 * time.Millisecond  // between two challenges of a candidate path
	pathTries  = 4                       // then the candidate is given up
	pathSwitch = 2 * time.Second         // least time between two switches
	muteAfter  = 6500 * time.Millisecond // a direct path unanswered under traffic this long gives way to a relay
	maxProbes  = 8                       // unanswered probes remembered for one peer
	maxProbeID = 1<<16 - 1               // then from 1 again: probes are the most frequent datagrams, so they are short
)

// Announcing ourselves on our own links (spec/wire.md 6.7).
const (
	maxAnswers        = 64                     // CHALLENGEs obeyed for one announcement, drawn from those that come within
	gatherTime        = 150 * time.Millisecond // this time,
	maxLateAnswers    = 16                     // and this many later ones
	answersOfIP       = 4                      // of one IP
	maxGathered       = 512                    // IPs of one family in the draw, or remembered as obeyed in vain
	answerLife        = 20 * time.Second       // answers later than this are ignored
	answerWaitLeast   = 20 * time.Millisecond  // least wait before an announcement is answered,
	answerWaitMost    = 120 * time.Millisecond // and longest: not everybody on a link may answer at once
	announceRow       = 10 * time.Second       // announcements closer together than this come from a new program
	inTouchTime       = 20 * time.Second       // a peer heard this recently needs no answer
	maxPendingReplies = 256                    // announcements waiting for our answer
	maxReplyPaths     = 8                      // paths by which one of them came
	maxAnnouncers     = 1024                   // addresses remembered
	answerRate        = 50                     // our answers a second in one family
	answerBurst       = 128                    // and at once; half of them for IPs not answered within announceRow
	answerRateOfIP    = 2                      // and to one IP
	answerBurstOfIP   = 16                     // the same at once: several programs on one machine
)

// Presence of a whole node (spec/theory.md 3.6).
const (
	presencePerSecond     = 200  // datagrams of presence that a whole node sends
	presencePerSecondSeed = 5000 // the same for a seed
)

// Caches. A seed's numbers come second.
const (
	maxAssociations     = 1024
	maxAssociationsSeed = 65536
	usedOften           = 2   // datagrams after which an association is worth protecting
	maxPinned           = 256 // peers outside the cache: neighbours of a person
	maxPinnedSeed       = 131072
	maxUnlinked         = 1024 // peers with queued messages and no association
	maxUnprovedAddr     = 8    // unconfirmed associations of one address
	maxUnprovedPrefix   = 64   // the same of one /24 or /56
	maxUsed             = 36864
	maxUsedSeed         = 266240
	maxPrefixes         = 4096 // token buckets of one limiter
	maxPrefixesSeed     = 65536
	maxReserved         = 4096 // last addresses of pinned users
)

// Limits on receiving, per second and at once (spec/wire.md 6.3). An accepted handshake
// costs about 0.3 ms of one core, a CHALLENGE about 10 µs with its system calls.
const (
	challengeRate      = 10_000 // in all: a tenth of a core
	challengeBurst     = 10_000
	shakeRate          = 200 // handshakes in all: 6 % of a core; over epochAccept it fits maxUsed
	shakeBurst         = 400
	shakeRateSeed      = 2_000 // the same for a seed and maxUsedSeed
	shakeBurstSeed     = 15_000
	shakePrefixRate    = 5 // per /24 or /56
	shakePrefixBurst   = 20
	shakeLinkRate      = 50 // per address and port of loopback and own link
	shakeLinkBurst     = 200
	shakeLinkRateSeed  = 1_000 // a program on its host may bring many users
	shakeLinkBurstSeed = 10_000
	dataRate           = 200 // DATA of one association whose peer is not pinned: texts come 20 to 40 a second at most
	dataBurst          = 400
	dataAllRate        = 2_000 // and of all of those together: 2 % of a core to open them
	dataAllBurst       = 4_000
	dataAllRateSeed    = 50_000 // a seed's clients
	dataAllBurstSeed   = 100_000
	dataLittleRate     = 2 // beyond that, for one association,
	dataLittleBurst    = 16
	dataQuietRate      = 1_000 // and for all of them, so that peers who say little are heard
	dataQuietBurst     = 1_000
	shakeHostRate      = 20 // per host on our own links, over all its ports; not this machine
	shakeHostBurst     = 100
	shakeFreshRate     = 20 // beyond all that, for networks and hosts not heard lately
	shakeFreshBurst    = 100
	shakeReservedRate  = 1 // per reserved address, beyond all others
	shakeReservedBurst = 10
	shakeReserveRate   = 50 // all reserved addresses together
	shakeReserveBurst  = 200
)

// This compiles only if what the rates admit while an epoch is accepted fits the single-use
// memory, and a CHALLENGE is smaller than what provokes it.
const (
	_ = uint(maxUsed - (shakeBurst + shakeFreshBurst + shakeReserveBurst + (shakeRate+shakeFreshRate+shakeReserveRate)*int(epochAccept/time.Second)))
	_ = uint(maxUsedSeed - (shakeBurstSeed + shakeFreshBurst + shakeReserveBurst + (shakeRateSeed+shakeFreshRate+shakeReserveRate)*int(epochAccept/time.Second)))
	_ = uint(wire.MinProvoking - wire.ChallengeSize - 1)
	_ = uint(wire.HelloSize - wire.ChallengeSize - 1)
)

// Limits on our own HELLOs, per second and at once (spec/wire.md 6.3).
const (
	helloPrefixRate  = 1 // per destination /24 or /56
	helloPrefixBurst = 4
	helloLinkRate    = 50 // per address and port of loopback and own link
	helloLinkBurst   = 200
	helloRate        = 50 // in all
	helloBurst       = 300
	helloRateSeed    = 500
	helloBurstSeed   = 2_000
	askedRate        = 10 // and for those that the person asked for, when the others are used up
	askedBurst       = 60
	askedPrefixRate  = 1 // per destination /24 or /56, or address of the own link
	askedPrefixBurst = 6
)
