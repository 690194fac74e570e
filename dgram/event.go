package dgram

import (
	"net/netip"
	"time"

	"darkchat/dgram/wire"
)

// Event is what an Endpoint tells its owner: one of the structs below. Events come
// out of Drain in the order in which they happened.
type Event interface{ isEvent() }

// Associated says that keys with Peer exist now. It comes before the Received
// events of messages that travelled inside the handshake.
type Associated struct {
	Peer     Peer
	Record   []byte // the record that Config.Check accepted; nil if the peer knew that we have it
	Addr     netip.AddrPort
	Outbound bool // this node asked (sent HELLO or DATA), the peer answered
	// Confirmed says that the peer is known to have the keys too, which is so if this node
	// asked. A caller may be gone already, or may only want to make us send: until the event
	// Confirmed it was at the door, and is not a neighbour.
	Confirmed bool
	Fresh     bool // there was no live association with this session before
	Link      bool // an announcement brought us together (Announce): it is on our own link
}

// Confirmed says that the caller of an association showed that it has the keys: its first DATA
// opened. It comes before the Received events of that DATA's messages.
type Confirmed struct {
	Peer  wire.PeerID
	Addr  netip.AddrPort
	Fresh bool // as in the Associated event of that association
	Link  bool
}

// Received is one message of a peer. Duplicates are reported again: dgram remembers datagrams,
// not messages. Confirmed kinds are answered by Settle(Handle), a ListRequest by a List.
type Received struct {
	From    wire.PeerID
	Addr    netip.AddrPort // where it came from; a proved address only if it is Path(From)
	Message wire.Message   // without its Acks
	Handle  Handle
}

// Settled is the peer's answer to a confirmed message or to a probe. Have belongs
// to ResultGap. RTT is 0 when the exchange measured nothing.
type Settled struct {
	Peer   wire.PeerID
	Kind   wire.Kind
	ID     uint64
	Result wire.Result
	Have   uint64
	RTT    time.Duration
}

// Lapsed says that a confirmed message was sent MaxSends times without an answer, or was dropped
// with its peer. The Endpoint no longer holds it.
type Lapsed struct {
	Peer wire.PeerID
	Kind wire.Kind
	ID   uint64
}

// Unanswered ends a Dial that led to no association.
type Unanswered struct {
	Addr  netip.AddrPort
	Stage Stage
}

// Moved says that the path to the peer has changed: it proved a new address, or the path changed
// between direct and relayed. RTT is 0 if it was not measured.
type Moved struct {
	Peer     wire.PeerID
	From, To netip.AddrPort
	RTT      time.Duration
}

// Silent says that the peer no longer answers what is sent to it directly. From now on we send
// through a relay, if there are keys for that; Moved says so.
type Silent struct{ Peer wire.PeerID }

// Another says that another key answers at the peer's address. It may be a claim of anybody who
// sees what we send: the echo is right, and nothing else is proved.
type Another struct {
	Peer wire.PeerID
	Addr netip.AddrPort
}

// Closed says that the last association with Peer was erased or evicted. Messages to it stay
// queued until there is a new one.
type Closed struct{ Peer wire.PeerID }

func (Associated) isEvent() {}
func (Confirmed) isEvent()  {}
func (Received) isEvent()   {}
func (Settled) isEvent()    {}
func (Lapsed) isEvent()     {}
func (Unanswered) isEvent() {}
func (Moved) isEvent()      {}
func (Silent) isEvent()     {}
func (Another) isEvent()    {}
func (Closed) isEvent()     {}

// Stage says how far a dial came, so that a person can be told what to check.
type Stage uint8

// The stages at which a dial ends.
const (
	StageSilent     Stage = iota // no answer to HELLO: wrong address or port, not running, a firewall
	StageChallenged              // it challenged us, but never accepted our handshake
	StageMismatch                // a different key than expected answers there
	StageRefused                 // it accepted, but its record does not verify
)

// String returns the stage in words.
func (s Stage) String() string {
	switch s {
	case StageSilent:
		return "no answer"
	case StageChallenged:
		return "challenged, not accepted"
	case StageMismatch:
		return "another key answers"
	case StageRefused:
		return "its record is refused"
	}
	return "unknown"
}

// Handle identifies a received message, so that it can be settled later. It stays valid when the
// association that brought the message is gone. It is comparable.
type Handle struct {
	peer    wire.PeerID
	kind    wire.Kind
	id      uint64
	attempt uint64
}
