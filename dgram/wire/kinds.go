package wire

// Kind says what a message is. The numbers are those of the wire (spec/wire.md); a receiver
// skips and counts kinds that are not listed here.
type Kind uint64

// The kinds of version 1.
const (
	KindOnline      Kind = 1  // declareOnline
	KindOffline     Kind = 2  // declareOffline
	KindPing        Kind = 3  // requestPing
	KindListRequest Kind = 4  // requestUserList
	KindList        Kind = 5  // deliverKnownList
	KindText        Kind = 6  // a chat line, or one part of it
	KindAck         Kind = 7  // carries acknowledgements and padding, nothing else
	KindRelay       Kind = 8  // a sealed datagram for somebody else
	KindHold        Kind = 9  // a sealed copy of a text, to be kept for somebody who is away, or handed to them
	KindReceipt     Kind = 10 // what became of it, signed by its recipient
)

// kindInfo is what is known of one kind of message; the rest are the methods of its Body.
type kindInfo struct {
	name      string            // that of the paper and the specification
	confirmed func(b Body) bool // sent again until it is answered
	// read decodes a body at the beginning of b and returns what follows it. It copies what it keeps;
	// check sees to the bounds.
	read func(b []byte) (body Body, rest []byte, err error)
}

// kinds is the table of the message kinds. Nearly all traffic consists of four of them, which are
// decoded by hand, the others by the library.
var kinds = [...]kindInfo{
	KindOnline:      {"declareOnline", always, readForm[onlineForm]},
	KindOffline:     {"declareOffline", always, readForm[offlineForm]},
	KindPing:        {"requestPing", asksOthers, readForm[pingForm]},
	KindListRequest: {"requestUserList", always, readListRequest},
	KindList:        {"deliverKnownList", never, readList},
	KindText:        {"text", always, readText},
	KindAck:         {"ack", never, readAcknowledgement},
	KindRelay:       {"relay", never, readForm[relayForm]},
	KindHold:        {"hold", always, readForm[holdForm]},
	KindReceipt:     {"receipt", always, readForm[receiptForm]},
}

func always(Body) bool { return true }
func never(Body) bool  { return false }

func (k Kind) known() bool { return k < Kind(len(kinds)) && kinds[k].read != nil }

// String returns the name that the paper and the specification use.
func (k Kind) String() string {
	if !k.known() {
		return "unknown"
	}
	return kinds[k].name
}

// Confirmed says whether a message that has a body is sent again until it is answered.
func (m *Message) Confirmed() bool { return kinds[m.Kind()].confirmed(m.Body) }
