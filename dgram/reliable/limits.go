package reliable

import "time"

// The numbers of retry, acknowledgement and pacing (spec/theory.md 3).
const (
	MaxSends = 5 // sends of one message, after which it lapses

	timeoutFloor    = 5 * time.Millisecond
	timeoutUnknown  = time.Second            // retransmission timeout while no round trip is measured
	timeoutSameLink = 250 * time.Millisecond // the same with a peer on our own link
	timeoutCeiling  = 60 * time.Second
	TripMost        = 15 * time.Second      // timers before the first sample assume no longer round trip
	clockGranule    = time.Millisecond      // kGranularity, RFC 9002 6.1.2
	maxAckDelay     = 25 * time.Millisecond // an ack of presence waits for a ride at most this long

	reorderThreshold = 3 // kPacketThreshold, RFC 9002 6.1.1

	windowUnheard = 1  // datagrams under way before the first ack
	windowFirst   = 4  // from the first ack on
	windowLeast   = 1  // after however many losses
	windowMost    = 64 // 75 KB under way

	maxQueued         = 256      // messages that wait for one peer, not counting retransmissions
	maxQueuedBytes    = 64 << 10 // their encoded bytes
	maxQueuedPresence = 64       // of maxQueued, those that are not texts
	maxOutstanding    = 256      // confirmed messages sent and unanswered, for one peer
	maxPendingAcks    = 256      // for one peer; one more is dropped, and its message comes again
	maxRemembered     = 256      // messages to one peer that left undelivered, whose attempt numbers are remembered
)
