package wire

import (
	"net/netip"
	"strings"
)

// PeerID is a session id: the first 8 bytes of SHA-256(user key || session key).
type PeerID [8]byte

// Result is what became of a confirmed message at its receiver. An ack with a value not listed
// here is ignored (spec/wire.md 5.3).
type Result uint64

// The results of version 1.
const (
	ResultDelivered        Result = 0 // handed to the user's session
	ResultGap              Result = 1 // held back: its predecessor has not come; Have is the highest id received in order
	ResultUnknownRecipient Result = 2
	ResultNotTrusted       Result = 3 // the sender's key is blocked here
	ResultBusy             Result = 4 // try again later
	ResultTooOld           Result = 5 // below the window of remembered ids: never delivered
)

// String returns the result in words.
func (r Result) String() string {
	switch r {
	case ResultDelivered:
		return "delivered"
	case ResultGap:
		return "gap"
	case ResultUnknownRecipient:
		return "unknown recipient"
	case ResultNotTrusted:
		return "not trusted"
	case ResultBusy:
		return "busy"
	case ResultTooOld:
		return "too old"
	}
	return "unknown"
}

// Message is one message inside a datagram. ID is unique among the confirmed messages of its
// kind that one session sends to another; that of a text is 1 to MaxTextID. Attempt counts the
// sends of a confirmed message from 1 and is 0 for an unconfirmed one; package reliable
// sets it, and the receiver echoes it in the Ack. Acks ride along and have nothing to do with
// the body.
type Message struct {
	ID      uint64
	Attempt uint64
	Acks    []Ack
	Body    Body
}

// Kind returns the kind of the body, 0 when there is none.
func (m Message) Kind() Kind {
	if m.Body == nil {
		return 0
	}
	return m.Body.Kind()
}

// Introduces says that a message makes others say HELLO to an address that only its sender
// vouches for: a request for an introduction, and what an introducer, or a neighbour that
// passes an explode on, makes of it. Each travels alone in a DATA of full size, so that its
// sender always pays more than any third host gets for it (spec/wire.md 6.5).
func (m *Message) Introduces() bool {
	p, ok := m.Body.(Ping)
	return ok && (p.Scope == ScopeFind || len(p.By) > 0)
}

// Ack acknowledges one attempt of one message. Have belongs to ResultGap: the
// highest text id of that sender session that its receiver holds in order.
type Ack struct {
	_       struct{} `cbor:",toarray"`
	Kind    Kind
	ID      uint64
	Attempt uint64
	Result  Result
	Have    uint64
}

// Body is what a message says: one of Online, Offline, Ping, ListRequest, List,
// Text, Acknowledgement, Relay, Hold and Receipt, as values.
type Body interface {
	Kind() Kind
	size() int                         // encoded length in bytes
	check(id uint64) error             // bounds, both when sent and when received, in a message of that id
	appendTo(b []byte) ([]byte, error) // its encoding
	describe(b *strings.Builder)       // adds to a log line what it asks for; see Message.Summary
}

// Online (declareOnline) says that a session is there, and where. Observed is the receiver's own
// address as the sender sees it, or the zero AddrPort.
type Online struct {
	Record   []byte // signed, at most MaxRecord bytes; empty when no key of the receiver is known
	Observed netip.AddrPort
}

// Offline (declareOffline) carries the signed record whose state is gone.
type Offline struct{ Record []byte }

// Scope says how far a Ping goes.
type Scope uint64

// The scopes of version 1; a larger number is a fault.
const (
	ScopeProbe   Scope = 0 // are you there; answered by an ack at once; also the path challenge
	ScopeFind    Scope = 1 // introduce me to sessions of that name or user with which you have live associations
	ScopeExplode Scope = 2 // pass my record on to your neighbours: to those in Targets, or to all
	ScopeReach   Scope = 3 // can you reach that session, a neighbour of yours; answered by an ack, perhaps after a probe
)

// Ping (requestPing) asks for a sign of life, for somebody, or to be passed on.
// The forwarded half of an introduction has By, the introducer's session, and
// Addrs filled in. Byte strings that do not apply are empty.
type Ping struct {
	Scope   Scope
	Name    string           // at most MaxName bytes
	User    []byte           // 0 or 32 bytes
	Session []byte           // 0 or 8 bytes
	Record  []byte           // at most MaxRecord bytes
	Addrs   []netip.AddrPort // at most MaxPingAddrs
	By      []byte           // 0 or 8 bytes
	Ticket  Ticket
	Targets []PeerID // at most MaxTargets; only in an explode
}

// Ticket allows one introduction: the numbers of an asker session rise, and the target keeps the
// highest it has seen.
type Ticket struct {
	Number uint64
	Sig    []byte // 0 or 64 bytes
}

// ListRequest (requestUserList) pulls what the receiver knows. The List that names its id
// completes it.
type ListRequest struct {
	Of     []byte // empty: the receiver's own neighbours; 8 bytes: that session; 32 bytes: that user
	Digest []byte // of the list that the asker already holds (see Digest): at most MaxDigest bytes
	Cursor []byte // 0 or 8 bytes
	Credit uint64 // pages that may be sent, 1 to MaxCredit
}

// List (deliverKnownList) is one page of an answer; every page stands alone. Or it is news,
// which nobody asked for: then it has only summaries.
type List struct {
	Request   uint64    // id of the ListRequest that is answered; 0: news
	Summaries []Summary // at most MaxSummaries
	Records   [][]byte  // at most MaxListRecords, each signed
	Next      []byte    // cursor of the next page, empty after the last
	Total     uint64    // sessions of the whole list
	Part      bool      // it has only summaries of Buckets, in which the asker's digest differs
	Buckets   Buckets
}

// Summary is a hint about one session: the seq of the record that the teller has, and the state
// that it believes in.
type Summary struct {
	Session PeerID
	Seq     uint64
	State   uint64 // of the record (0 online, 1 away, 2 gone), or SummarySuspect, SummaryLost
}

// What a teller may believe apart from what the record says (spec/wire.md 5.8).
const (
	SummarySuspect = 3 // it does not answer, and is being probed
	SummaryLost    = 4 // it is not reached, and said no goodbye
)

// Text is a chat line, or a part of one. The parts of a line have consecutive ids: that of the
// first is the message's id minus Part.
type Text struct {
	Prev  uint64 // id of the text last sent to that session, 0 for the first
	Sent  uint64 // Unix milliseconds by the sender's clock
	Late  bool   // it waited at the sender
	Part  uint64 // from 0, below Parts
	Parts uint64 // 1 to MaxParts
	Text  string // 1 to MaxText bytes of valid UTF-8
}

// Acknowledgement is the body of a message that is sent for its Acks, or to pad a datagram: Pad
// zero bytes, at most MaxPad.
type Acknowledgement struct{ Pad int }

// Bounds of the bodies, as in spec/wire.md. A message that breaks one is not sent, and a
// datagram that contains such a message is dropped whole.
const (
	MaxRecord      = 384
	MaxName        = 32
	MaxDigest      = 128
	MaxCredit      = 8
	MaxPingAddrs   = 4
	MaxTargets     = 64 // targets of one explode
	MaxSummaries   = 64
	MaxListRecords = 4
	MaxParts       = 64
	MaxText        = 1024
	MaxPad         = 1200
	MaxRelayed     = 1100      // bytes of the datagram in a relay message
	MaxSealed      = 1000      // bytes of a held copy: it fits a datagram also through a relay
	MaxAcks        = 64        // in one message
	MaxMessages    = 64        // in one datagram
	MaxTextID      = 1<<53 - 1 // exact in every language
)

// Kind returns KindOnline.
func (Online) Kind() Kind { return KindOnline }

// Kind returns KindOffline.
func (Offline) Kind() Kind { return KindOffline }

// Kind returns KindPing.
func (Ping) Kind() Kind { return KindPing }

// Kind returns KindListRequest.
func (ListRequest) Kind() Kind { return KindListRequest }

// Kind returns KindList.
func (List) Kind() Kind { return KindList }

// Kind returns KindText.
func (Text) Kind() Kind { return KindText }

// Kind returns KindAck.
func (Acknowledgement) Kind() Kind { return KindAck }
