package wire

// The numbers in this file are those of spec/registry.csv, under the same names; a test
// there compares them. Sizes are in bytes.

// Sizes that two nodes must agree on (spec/wire.md 2 and 3).
const (
	// Version is the high half of every packet's first element.
	Version = 1
	// MaxDatagram is the largest UDP payload: fits any IPv6 path (1,280) with room
	// for a tunnel's headers.
	MaxDatagram = 1200

	NonceSize     = 12 // of a HELLO; an echo has the same size
	CookieSize    = 16
	KeySize       = 32 // X25519 keys and handshake hash
	SaltSize      = 16
	TagSize       = 16  // Poly1305
	HelloPad      = 95  // zeros that make a HELLO larger than its CHALLENGE
	HelloSize     = 112 // a whole HELLO
	ChallengeSize = 100 // a whole CHALLENGE
	MinProvoking  = 101 // undecryptable DATA shorter than this gets no CHALLENGE: the answer must be smaller
	MinNoise      = 96  // Noise IX message 2 with an empty payload

	// A datagram this long is larger than a CHALLENGE, so a peer that forgot the key may
	// say so (spec/wire.md 6.5).
	ResentSize = 112
	// A datagram that introduces is larger than everything that it makes others send to
	// any one address (spec/theory.md 7).
	IntroductionSize = 1200
)
