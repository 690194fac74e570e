package dgram

import (
	"darkchat/dgram/wire"
	"net/netip"
)

// Peer is who somebody is, according to a verified record.
type Peer struct {
	ID     wire.PeerID
	User   [32]byte // Ed25519
	Static [32]byte // X25519
	Seq    uint64
}

// Datagram is one UDP payload to send. Local is our address to send it from, the zero
// Addr if any will do, and Interface the index of the interface by which an
// announcement leaves, 0 for all else. Bytes must not be changed.
type Datagram struct {
	To        netip.AddrPort
	Local     netip.Addr
	Interface int
	Bytes     []byte

	kind wire.PacketKind
	says []wire.Message // inside it, for a trace
}
