package sessiontest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"math/big"
	"slices"
)

// order is that of the base point, L.
func order() *big.Int {
	l, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	return l.Add(l, new(big.Int).Lsh(big.NewInt(1), 252))
}

// scalar is the private scalar of a key, below L.
func scalar(key ed25519.PrivateKey) *big.Int {
	h := sha512.Sum512(key.Seed())
	h[0] &= 248
	h[31] = h[31]&127 | 64
	return littleEndian(h[:32])
}

func littleEndian(b []byte) *big.Int {
	c := slices.Clone(b)
	slices.Reverse(c)
	return new(big.Int).SetBytes(c)
}

func bytesOf(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// Forged is a signature of nobody's: R = [s]B, which verifies wherever [k]A is nothing.
func Forged() []byte {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	s := new(big.Int).Mod(scalar(key), order())
	return append(slices.Clone([]byte(key.Public().(ed25519.PublicKey))), bytesOf(s)...)
}

// WithR is a signature by key whose R is chosen and not drawn; it verifies where R is
// nothing.
func WithR(key ed25519.PrivateKey, r, message []byte) []byte {
	user := key.Public().(ed25519.PublicKey)
	h := sha512.Sum512(slices.Concat(r, user, message))
	s := littleEndian(h[:])
	s.Mul(s, scalar(key)).Mod(s, order())
	return append(slices.Clone(r), bytesOf(s)...)
}
