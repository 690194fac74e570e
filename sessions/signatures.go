package sessions

import "crypto/ed25519"

// Signatures is how users sign records and tickets. There is one kind in the
// protocol, Ed25519. Only a simulation of very many nodes uses another (package
// neighbors/sim says what its own does not protect). It is safe for many goroutines.
type Signatures interface {
	// Sign returns 64 bytes.
	Sign(key ed25519.PrivateKey, message []byte) []byte
	Verify(user ed25519.PublicKey, message, sig []byte) bool
}

// Ed25519 is the Signatures of the protocol.
type Ed25519 struct{}

// Sign signs with key.
func (Ed25519) Sign(key ed25519.PrivateKey, message []byte) []byte {
	return ed25519.Sign(key, message)
}

// Verify reports whether sig is user's signature on message.
func (Ed25519) Verify(user ed25519.PublicKey, message, sig []byte) bool {
	return len(user) == ed25519.PublicKeySize && ed25519.Verify(user, message, sig)
}
