package dgram

import (
	"crypto/cipher"
	"crypto/ecdh"
	"io"

	"darkchat/dgram/wire"
)

// Suite is the cryptography of handshakes and of the transport after them, where a handshake
// spends nearly all of its time. The protocol has one, Noise's, which an Endpoint uses unless its
// Config names another. Only a simulation of very many nodes does (package neighbors/sim says what
// its own does not protect). A Suite is safe for many goroutines, and its messages have the sizes
// of Noise's.
type Suite interface {
	// Answer makes the noise element of a HANDSHAKE for the CHALLENGE of somebody whose
	// keys are e and s. It draws 32 bytes from random.
	Answer(static *ecdh.PrivateKey, random io.Reader, prologue, e, s, payload []byte) (message []byte, _ Secrets, err error)
	// Open opens the noise element of a HANDSHAKE that answers a CHALLENGE with the given
	// prekey, and returns its payload and the sender's session key.
	Open(static, prekey *ecdh.PrivateKey, prologue, message []byte) (payload, peer []byte, _ Secrets, err error)
	// Transport returns an AEAD for each direction: toCaller seals what the challenged node
	// sends, toAnswerer what the sender of the HANDSHAKE sends.
	Transport(s Secrets, salt []byte) (toCaller, toAnswerer cipher.AEAD)
}

// Secrets is the result of a handshake, the same on both sides: the two keys of Noise's Split and
// the handshake hash.
type Secrets struct{ K1, K2, Hash [32]byte }

// transport is the AEADs of an association.
type transport struct{ toCaller, toAnswerer cipher.AEAD }

func newTransport(suite Suite, s Secrets, salt []byte) (t transport) {
	t.toCaller, t.toAnswerer = suite.Transport(s, salt)
	return t
}

// prologue binds a handshake to the packet that carries it (spec/wire.md 3.3).
func prologue(index uint32, echo, cookie []byte) []byte {
	return wire.AppendHandshake([]byte(domainPrologue), index, echo, cookie, nil)
}
