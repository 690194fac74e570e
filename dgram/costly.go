package dgram

import "darkchat/dgram/wire"

// Costly tells whether opening b may take long: a HANDSHAKE costs its reader
// Diffie-Hellman operations and a signature check, a few hundred microseconds;
// everything else takes about one. It looks only at the first bytes, and any goroutine
// may call it.
func Costly(b []byte) bool {
	return len(b) > 1 && b[1] == byte(wire.PacketHandshake)
}
