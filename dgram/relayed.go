package dgram

import (
	"encoding/binary"
	"net/netip"

	"darkchat/dgram/wire"
)

// A peer behind a relay has an address like any other, in a block that is set aside for
// identifiers of hosts and never routed (ORCHIDv2, RFC 7343). It stands for the relay, by a
// number that the owner of the Endpoint gives out, and for the session behind it. The owner
// carries datagrams to such an address inside a Relay message, and hands the datagrams inside
// received Relay messages to Opener.OpenRelayed. From anywhere else, be it a socket, a message
// or a person, addresses of the block are refused.
const (
	relayBlock = 0x2001002d // the first four bytes
	relayBits  = 64         // block and relay: addresses that share these bits share a relay
	relayPort  = 1
)

// RelayAddr returns the address of a session behind the relay with that number.
func RelayAddr(relay uint32, peer wire.PeerID) netip.AddrPort {
	var b [16]byte
	binary.BigEndian.PutUint32(b[:], relayBlock)
	binary.BigEndian.PutUint32(b[4:], relay)
	copy(b[8:], peer[:])
	return netip.AddrPortFrom(netip.AddrFrom16(b), relayPort)
}

// RelayParts undoes RelayAddr; ok is false for an address of any other kind.
func RelayParts(a netip.AddrPort) (relay uint32, peer wire.PeerID, ok bool) {
	if !Relayed(a.Addr()) {
		return 0, wire.PeerID{}, false
	}
	b := a.Addr().As16()
	return binary.BigEndian.Uint32(b[4:]), wire.PeerID(b[8:]), true
}

// Relayed says whether an address stands for somebody behind a relay.
func Relayed(a netip.Addr) bool {
	if !a.Is6() {
		return false
	}
	b := a.As16()
	return binary.BigEndian.Uint32(b[:]) == relayBlock
}

// largest returns the size of the largest datagram to an address; one through a relay travels
// inside another datagram.
func largest(to netip.AddrPort) int {
	if Relayed(to.Addr()) {
		return wire.MaxRelayed
	}
	return wire.MaxDatagram
}
