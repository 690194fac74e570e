package dgram

// Costly tells whether opening b may take long: a HANDSHAKE costs its reader
// Diffie-Hellman operations and a signature, a few hundred microseconds, and
// everything else about one. It looks at the first bytes only and may be called
// by any goroutine.
func Costly(b []byte) bool {
	return len(b) > 1 && b[1] == byte(kindHandshake)
}
