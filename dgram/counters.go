package dgram

import (
	"sync/atomic"

	"darkchat/dgram/wire"
)

// Counter names one thing that is counted: a packet, or a reason why one led to
// nothing. The reasons are the error names of spec/wire.md 8.
type Counter uint8

// What is counted. The order is the order of Each.
const (
	CountNothing Counter = iota // not counted

	ReceivedHello
	ReceivedChallenge
	ReceivedHandshake
	ReceivedAccept
	ReceivedData
	SentHello
	SentChallenge
	SentHandshake
	SentAccept
	SentData

	DroppedShape        // not one of the five packets, or not its only encoding
	DroppedSource       // from an address to which nothing can be sent
	DroppedLink         // an announcement, or an answer to ours, from outside our own links
	DroppedChallenges   // over the global limit of CHALLENGEs
	DroppedIndex        // DATA or ACCEPT for an unknown index, too small to be challenged
	DroppedEcho         // a CHALLENGE that answers nothing we sent there
	DroppedKey          // a CHALLENGE of another key than the expected
	DroppedRepeated     // a CHALLENGE, HANDSHAKE or ACCEPT that was already handled
	DroppedCookie       // a HANDSHAKE with a wrong or an old cookie
	DroppedPrefix       // over the limit of handshakes
	DroppedNoise        // a HANDSHAKE that does not open
	DroppedSeal         // a DATA or ACCEPT that does not open
	DroppedPayload      // authentic, but the payload or messages are malformed
	DroppedShort        // an introduction in a datagram that is too small for it
	DroppedRecord       // a record that does not verify, or is not its sender's
	DroppedSelf         // our own session key at the other end
	DroppedUsed         // a sender's e used again for another HANDSHAKE
	DroppedFull         // the single-use memory is full
	DroppedRate         // DATA of peers that are not pinned, over their limit
	DroppedReplay       // a counter that was seen before or is too old
	DroppedGone         // for an association that was erased in the meantime
	DroppedUnknownKinds // messages of later versions

	AssociationsMade
	AssociationsErased  // too old or replaced
	AssociationsEvicted // for want of room
	PathsChallenged
	PathsSwitched

	numCounters
)

// String returns the name under which the counter is reported.
func (c Counter) String() string {
	names := [numCounters]string{
		CountNothing:        "nothing",
		ReceivedHello:       "received_hello",
		ReceivedChallenge:   "received_challenge",
		ReceivedHandshake:   "received_handshake",
		ReceivedAccept:      "received_accept",
		ReceivedData:        "received_data",
		SentHello:           "sent_hello",
		SentChallenge:       "sent_challenge",
		SentHandshake:       "sent_handshake",
		SentAccept:          "sent_accept",
		SentData:            "sent_data",
		DroppedShape:        "dropped_shape",
		DroppedSource:       "dropped_source",
		DroppedLink:         "dropped_link",
		DroppedChallenges:   "dropped_challenges",
		DroppedIndex:        "dropped_index",
		DroppedEcho:         "dropped_echo",
		DroppedKey:          "dropped_key",
		DroppedRepeated:     "dropped_repeated",
		DroppedCookie:       "dropped_cookie",
		DroppedPrefix:       "dropped_prefix",
		DroppedNoise:        "dropped_noise",
		DroppedSeal:         "dropped_seal",
		DroppedPayload:      "dropped_payload",
		DroppedShort:        "dropped_short",
		DroppedRecord:       "dropped_record",
		DroppedSelf:         "dropped_self",
		DroppedUsed:         "dropped_used",
		DroppedFull:         "dropped_full",
		DroppedRate:         "dropped_rate",
		DroppedReplay:       "dropped_replay",
		DroppedGone:         "dropped_gone",
		DroppedUnknownKinds: "dropped_unknown_kinds",
		AssociationsMade:    "associations_made",
		AssociationsErased:  "associations_erased",
		AssociationsEvicted: "associations_evicted",
		PathsChallenged:     "paths_challenged",
		PathsSwitched:       "paths_switched",
	}
	if c >= numCounters {
		return "unknown"
	}
	return names[c]
}

// tally counts; readers and the loop share it.
type tally [numCounters]atomic.Uint64

func (t *tally) add(c Counter) { t[c].Add(1) }

// Counters are the values at one moment.
type Counters [numCounters]uint64

// Of returns one value.
func (c Counters) Of(k Counter) uint64 { return c[k] }

// Each calls f for every counter, always in the same order.
func (c Counters) Each(f func(name string, v uint64)) {
	for k := CountNothing + 1; k < numCounters; k++ {
		f(k.String(), c[k])
	}
}

func (t *tally) counters() (c Counters) {
	for i := range t {
		c[i] = t[i].Load()
	}
	return c
}

// received returns the counter of a packet kind.
func received(k wire.PacketKind) Counter { return ReceivedHello + Counter(k-wire.PacketHello) }

// sent is received for the other way.
func sent(k wire.PacketKind) Counter { return SentHello + Counter(k-wire.PacketHello) }
