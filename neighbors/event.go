package neighbors

import (
	"net/netip"
	"time"
)

// Event is what a node tells the person, through the shell. Events come in the
// order in which they must be printed. Values are copies: nobody shares memory
// with the node through them.
type Event interface{ isEvent() }

// Token names one request of the shell, so that the event that ends it can be
// recognised. Zero belongs to no request.
type Token uint64

// State is what is known of a user or session.
type State string

// The states of presence.
const (
	Online  State = "online"
	Away    State = "away"
	Suspect State = "suspect" // silent, not yet called offline
	Unknown State = "unknown" // nothing is known, e.g. after our own network was lost
	Offline State = "offline"
)

// Reasons why a session went offline.
const (
	ReasonDeclared = "declared" // it said so
	ReasonLost     = "lost"     // it stopped answering
	ReasonRoom     = "room"     // it may still be there: others who matter more, or were fewer, took its place
)

// Paths on which datagrams to a session travel.
const (
	PathDirect = "direct"
	PathRelay  = "relay"
)

// CameOnline says that a session of User is reachable. One event a session.
type CameOnline struct {
	User    string // what to type for that key: ann, or ann~k7f2
	Session string // 16 hex digits
	Trust   string
	Seed    bool // it says that it serves strangers
}

// WentOffline says that a session left or was lost.
type WentOffline struct {
	User    string
	Session string
	Trust   string
	Reason  string // ReasonDeclared, ReasonLost or ReasonRoom
	Seed    bool   // it says that it serves strangers
}

// HeardOf says what neighbours tell of a session two edges away: online, away, offline (gone, or
// lost to all who tell of it), or unknown when nobody who told of it is still here. CameOnline
// follows when it is reached directly.
type HeardOf struct {
	User    string
	Session string
	State   State
	Via     string // the neighbour whose word it is; empty: nobody tells of it any more
	Trust   string
}

// WentAway says that a session's person is away, or back.
type WentAway struct {
	User    string
	Session string
	Trust   string
	Away    bool
}

// FirstContact introduces a user who was never met before.
type FirstContact struct {
	User        string
	Fingerprint string
	Mixed       bool // the name mixes scripts and may imitate another
	Seed        bool // it says that it serves strangers
}

// Knock says that an unknown user asks to meet the person: Client.Accept agrees.
type Knock struct {
	User        string
	Fingerprint string
	Via         string // the common neighbour that says so
	Who         Who
}

// Incoming is a text for the person. It is acknowledged to its sender only
// after Client.Printed was called with its Receipt: written, printed,
// acknowledged, in this order.
type Incoming struct {
	Receipt uint64 // for Client.Printed; never zero
	ID      uint64
	From    string
	Session string
	Text    string
	Sent    time.Time // the sender's clock, for display only
	Late    bool      // it waited at the sender or, unread, here
	Trust   string
	Via     string // who held it; empty: nobody
	Missing string // which parts never came: words of start, middle and end; empty: none
	Who     Who    // whom From means
}

// DeliveryState is how far a line of ours has come. It only improves.
type DeliveryState string

// The delivery states.
const (
	Queued      DeliveryState = "queued"
	Sent        DeliveryState = "sent"
	Held        DeliveryState = "held"
	Delivered   DeliveryState = "delivered"
	Undelivered DeliveryState = "undelivered"
)

// Delivery tells how far a line of ours has come.
type Delivery struct {
	ID       uint64
	To       string
	State    DeliveryState
	Acked    int      // sessions that acknowledged it
	Sessions int      // sessions it was first sent to; 0 while queued
	Waiting  []string // sessions that have not acknowledged it
	By       string   // who holds it
	Reason   string   // why it is undelivered
	Text     string   // the line, if it is undelivered
	Token    Token    // the Say that made it; 0 for lines of earlier runs
}

// Pong answers Client.Ping. Late: the request had already failed, and said that trying goes on.
type Pong struct {
	Token   Token
	Late    bool
	Addr    netip.AddrPort
	User    string
	Session string
	RTT     time.Duration
	Path    string
}

// PathChange says that the way to a session changed. Path is empty when there is none left,
// RTT 0 if it is not known yet.
type PathChange struct {
	User    string
	Session string
	Path    string
	RTT     time.Duration
	Why     string
}

// Failed ends a request that found no answer. Text says what to do next.
type Failed struct {
	Token Token
	Text  string
}

// Done ends a request that succeeded and has no event of its own (an \add whose
// user is online, for which CameOnline was sent before).
type Done struct{ Token Token }

// Exploded ends Client.Explode.
type Exploded struct {
	Token     Token
	Neighbors int      // how many were asked
	Reached   int      // how many took it
	Beyond    int      // sessions two edges away to which those pass it on
	Datagrams int      // that carry our record, ours and theirs; acks not counted
	Silent    []string // neighbours that did not answer or refused; at most 16
}

// Notice is a line for the person that answers no request.
type Notice struct{ Text string }

func (CameOnline) isEvent()   {}
func (WentOffline) isEvent()  {}
func (HeardOf) isEvent()      {}
func (WentAway) isEvent()     {}
func (FirstContact) isEvent() {}
func (Knock) isEvent()        {}
func (Incoming) isEvent()     {}
func (Delivery) isEvent()     {}
func (Pong) isEvent()         {}
func (PathChange) isEvent()   {}
func (Failed) isEvent()       {}
func (Done) isEvent()         {}
func (Exploded) isEvent()     {}
func (Notice) isEvent()       {}
