package identity

import (
	"crypto/ed25519"

	"darkchat/sessions/kv"
)

const ticketDomain = "darkchat ticket v1\x00"

// A Ticket allows one introducer to pass on one request for an introduction. Numbers rise with each
// ticket of an asker, so that the target can refuse repeated ones. Source: spec/wire.md 5.6,
// spec/theory.md 7.3.
type Ticket struct {
	Asker, Introducer SessionID
	Name              string // the name of the user that the asker looks for,
	User              []byte // or their key: 0 or 32 bytes
	Number            uint64
}

type ticketWire struct {
	_          struct{} `cbor:",toarray"`
	Asker      []byte
	Introducer []byte
	Name       string
	User       []byte
	Number     uint64
}

// Sign signs the ticket with the asker's user key. The signature is 64 bytes.
func (t Ticket) Sign(key ed25519.PrivateKey) []byte { return t.SignBy(Ed25519{}, key) }

// SignBy is Sign with the Signatures of a simulation.
func (t Ticket) SignBy(by Signatures, key ed25519.PrivateKey) []byte {
	return by.Sign(key, t.message())
}

// Verify reports whether sig is the signature of the asker's user key on t.
func (t Ticket) Verify(user ed25519.PublicKey, sig []byte) bool {
	return t.VerifyBy(Ed25519{}, user, sig)
}

// VerifyBy is Verify with the Signatures of a simulation.
func (t Ticket) VerifyBy(by Signatures, user ed25519.PublicKey, sig []byte) bool {
	return by.Verify(user, t.message(), sig)
}

func (t Ticket) message() []byte {
	w := ticketWire{Asker: t.Asker[:], Introducer: t.Introducer[:], Name: t.Name, User: t.User, Number: t.Number}
	return append([]byte(ticketDomain), kv.Marshal(&w)...)
}
