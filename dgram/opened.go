package dgram

import (
	"fmt"
	"net/netip"

	"darkchat/dgram/wire"
)

// Opened is a datagram that passed all checks that need no state, or the reason why it did not.
// It owns its bytes. Hand it to Endpoint.Receive on the goroutine that owns the Endpoint.
type Opened struct {
	kind         wire.PacketKind
	reason       Counter // why it was dropped; CountNothing: it was not
	size         int     // of the datagram
	from         netip.AddrPort
	local        netip.Addr
	reply        []byte       // a CHALLENGE to send back
	packet       *wire.Packet // CHALLENGE alone: a copy
	of           *association
	counter      uint64 // DATA
	said         said
	fault        Counter // DATA: it is authentic, and this is why its messages are ignored; CountNothing: they are not
	favoured     bool    // of a pinned peer, or an answer to a dial of ours
	shake        *shake  // HANDSHAKE, ACCEPT
	announcement bool    // HELLO: an announcement, of this nonce
	echo         [wire.NonceSize]byte
}

// said is what authentic bytes carried.
type said struct {
	messages []wire.Message
	skipped  int // of unknown kinds
}

// shake is an authentic half of a handshake.
type shake struct {
	peer   Peer
	record []byte // nil: the peer knows that we have it
	keys   transport
	hash   [32]byte

	// HANDSHAKE
	index  uint32 // the sender's
	have   uint64
	epoch  *epoch
	e      []byte // single use
	salt   [wire.SaltSize]byte
	used   use
	repeat *use // it repeats this one

	// ACCEPT
	attempt *attempt
	remote  uint32
	refused bool // it opened, but its record does not verify
}

// Empty says that Endpoint.Receive has nothing left to do: the datagram was dropped and is
// counted already. A reader need not pass it on.
func (o Opened) Empty() bool { return o.reason != CountNothing }

// Favoured says that it is of a pinned peer, or answers a HELLO or HANDSHAKE of ours: it should
// be handled before what strangers send.
func (o Opened) Favoured() bool { return o.favoured }

// Reason returns the counter under which a dropped datagram was counted, or
// CountNothing.
func (o Opened) Reason() Counter { return o.reason }

// Summary returns one line about the datagram for a log or a trace.
func (o Opened) Summary() string {
	s := fmt.Sprintf("%v %d B from %v", o.kind, o.size, o.from)
	switch {
	case o.reason != CountNothing:
		return s + ": " + o.reason.String()
	case o.kind == wire.PacketData && o.reply == nil:
		return fmt.Sprintf("%s: number %d on %08x, %d messages: %s", s, o.counter, o.of.local, len(o.said.messages), summarize(o.said.messages))
	case o.shake != nil:
		return s + ": " + summarize(o.said.messages)
	}
	return s
}
