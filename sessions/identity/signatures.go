package identity

import "crypto/ed25519"

// Signatures is how users sign records and tickets. The protocol has one kind, Ed25519. Only a
// simulation of very many nodes uses another (package neighbors/sim says what its own does not
// protect). It is safe for many goroutines.
type Signatures interface {
	// Sign returns 64 bytes.
	Sign(key ed25519.PrivateKey, message []byte) []byte
	Verify(user ed25519.PublicKey, message, sig []byte) bool
}

// Ed25519 is the Signatures that the protocol uses.
type Ed25519 struct{}

// Sign signs with key.
func (Ed25519) Sign(key ed25519.PrivateKey, message []byte) []byte {
	return ed25519.Sign(key, message)
}

// Verify reports whether sig is user's signature on message, by the rules of spec/wire.md
// 3.8: a key or an R of small order is invalid, and each point has one encoding. The library
// enforces the other rules: s is below the order of the base point, the equation is without
// the cofactor, and R is compared as bytes.
func (Ed25519) Verify(user ed25519.PublicKey, message, sig []byte) bool {
	return len(user) == ed25519.PublicKeySize && len(sig) == ed25519.SignatureSize &&
		!smallOrder(user) && !smallOrder(sig[:len(sig)/2]) && reduced(user) && ed25519.Verify(user, message, sig)
}

// fieldPrime is p = 2^255 - 19, little-endian.
const fieldPrime = "\xed\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"

// smallOrders are the y of the eight points whose order divides 8, little-endian; each stands for
// both signs of x. Anybody can sign for such a key: with an R of small order too, and s = 0, the
// equation holds for one message in eight, or for all.
var smallOrders = [...]string{
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", // order 4
	"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", // order 1
	"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", // order 2
	"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05", // order 8
	"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a", // order 8
}

// smallOrder says whether 32 bytes are a point of small order, in its only encoding or with a sign
// bit for an x that has no sign.
func smallOrder(point []byte) bool {
	y := [ed25519.PublicKeySize]byte(point)
	y[31] &= 0x7f // the sign of x
	for _, s := range smallOrders {
		if string(y[:]) == s {
			return true
		}
	}
	return false
}

// reduced says whether the y of a point is below p.
func reduced(point []byte) bool {
	y := [ed25519.PublicKeySize]byte(point)
	y[31] &= 0x7f
	for i := len(y) - 1; i > 0; i-- {
		if y[i] != fieldPrime[i] {
			return true // no byte of y can exceed that of p here, so y is below p
		}
	}
	return y[0] < fieldPrime[0]
}
