package mail

import (
	"time"

	"darkchat/sessions/identity"
)

// Delivery is how far a line has got. It only improves. Source: spec/theory.md 4.5.
type Delivery uint8

// The deliveries, in their order.
const (
	DeliveryQueued      Delivery = iota // no session was online yet
	DeliverySent                        // given to the network, no ack yet
	DeliveryHeld                        // a friend keeps a copy
	DeliveryDelivered                   // at least one session acknowledged it
	DeliveryUndelivered                 // it never will be
)

// String gives the word that -json prints.
func (d Delivery) String() string {
	switch d {
	case DeliveryQueued:
		return "queued"
	case DeliverySent:
		return "sent"
	case DeliveryHeld:
		return "held"
	case DeliveryDelivered:
		return "delivered"
	}
	return "undelivered"
}

// Reason is why a line will never reach a session.
type Reason uint8

// The reasons. Their numbers are stored.
const (
	ReasonNone             Reason = 0
	ReasonExpired          Reason = 1 // 30 days
	ReasonCancelled        Reason = 2
	ReasonNotTrusted       Reason = 3 // the receiver blocked us
	ReasonUnknownRecipient Reason = 4
	ReasonTooOld           Reason = 5 // below the receiver's window
	ReasonNoRoom           Reason = 6 // other sessions have it, and newer lines needed the room
)

// String gives the words that -json prints.
func (r Reason) String() string {
	switch r {
	case ReasonExpired:
		return "expired"
	case ReasonCancelled:
		return "cancelled"
	case ReasonNotTrusted:
		return "not trusted"
	case ReasonUnknownRecipient:
		return "unknown recipient"
	case ReasonTooOld:
		return "too old"
	case ReasonNoRoom:
		return "no room"
	}
	return ""
}

// Progress is the state of a line after a step.
type Progress struct {
	ID       uint64 // of the line, the same as that of its first part
	Parts    int    // their ids follow ID
	To       identity.UserKey
	Put      time.Time // when it was typed
	Bytes    int
	Only     identity.SessionID // the one session that was addressed, or zero
	State    Delivery
	Acked    int                  // sessions that have all of it
	Sessions int                  // sessions it was first sent to, 0 while queued
	Waiting  []identity.SessionID // of these, those that may still acknowledge it, sorted
	Arrived  []identity.SessionID // those that have all of it, sorted
	Holders  []identity.SessionID // friends that keep it
	Reason   Reason               // why a session that has not acknowledged it never will
	Text     string               // all of it, when it is undelivered
}

// Limits of a text. Source: spec/wire.md 5.9.
const (
	MaxParts = 64
	MaxText  = 1024 // bytes of one part
)

// A Part is one text message: a whole line or a piece of one. The ids of the
// pieces of a line are consecutive, so the line's id is ID - Part.
type Part struct {
	ID    uint64 // counted by the sending session, from 1
	Prev  uint64 // the text that the sender sent to this session before it, 0 none
	Sent  uint64 // unix milliseconds by the sender's clock
	Late  bool   // it waited at the sender
	Part  uint64 // 0 to Parts - 1
	Parts uint64
	Text  string
}
