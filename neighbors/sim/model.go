package sim

import (
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"

	"darkchat/dgram"
	"darkchat/neighbors"
)

// modelCrypto stands in for Noise, the AEAD and the signatures of records and tickets when
// very many nodes run in one process. Sizes on the wire, the randomness drawn and what is
// refused are the same: a changed byte, another key, another prologue, another number.
//
// It protects nothing. Anybody who knows the public keys can compute all of it, nothing is
// encrypted, and the hash is quick, not collision resistant. It is for nodes that exist only in
// this package; no program that talks to a network may use it, and a test of package main makes
// sure that none does.
func modelCrypto() *neighbors.Crypto {
	return &neighbors.Crypto{Suite: modelSuite{}, Signatures: modelSignatures{}}
}

// Sizes of the real ones.
const (
	keySize       = 32
	tagSize       = 16
	nonceSize     = 12
	signatureSize = ed25519.SignatureSize
)

var errModel = errors.New("sim: it does not open")

type modelSuite struct{}

// Answer has the shape of Noise IX's second message: e, s and its tag, payload and its tag.
func (modelSuite) Answer(static *ecdh.PrivateKey, random io.Reader, prologue, e, s, payload []byte) ([]byte, dgram.Secrets, error) {
	out := make([]byte, keySize, 2*keySize+len(payload)+2*tagSize)
	if _, err := io.ReadFull(random, out); err != nil {
		return nil, dgram.Secrets{}, err
	}
	h := newSum(1)
	for _, b := range [][]byte{prologue, e, s, out} {
		h.write(b)
	}
	out = append(out, static.PublicKey().Bytes()...)
	h.write(out[keySize:])
	out = h.tag(out)
	h.write(payload)
	out = h.tag(append(out, payload...))
	return out, h.secrets(), nil
}

// Open is the other side of Answer.
func (modelSuite) Open(static, prekey *ecdh.PrivateKey, prologue, message []byte) (payload, peer []byte, _ dgram.Secrets, err error) {
	if len(message) < 2*keySize+2*tagSize {
		return nil, nil, dgram.Secrets{}, errModel
	}
	e, rest := message[:keySize], message[keySize:]
	h := newSum(1)
	for _, b := range [][]byte{prologue, prekey.PublicKey().Bytes(), static.PublicKey().Bytes(), e} {
		h.write(b)
	}
	peer, rest = rest[:keySize], rest[keySize:]
	h.write(peer)
	if !h.checks(rest[:tagSize]) {
		return nil, nil, dgram.Secrets{}, errModel
	}
	rest = rest[tagSize:]
	payload = rest[:len(rest)-tagSize]
	h.write(payload)
	if !h.checks(rest[len(payload):]) {
		return nil, nil, dgram.Secrets{}, errModel
	}
	return payload, peer, h.secrets(), nil
}

// Transport derives two keys.
func (modelSuite) Transport(s dgram.Secrets, salt []byte) (toCaller, toAnswerer cipher.AEAD) {
	h := newSum(2)
	for _, b := range [][]byte{s.K1[:], s.K2[:], s.Hash[:], salt} {
		h.write(b)
	}
	a := modelAEAD(h)
	h.write([]byte{1})
	return a, modelAEAD(h)
}

// modelAEAD is a key: the sum of everything that it is derived from.
type modelAEAD sum

func (modelAEAD) NonceSize() int { return nonceSize }
func (modelAEAD) Overhead() int  { return tagSize }

// Seal appends the plaintext as it is, and a tag.
func (a modelAEAD) Seal(dst, nonce, plain, ad []byte) []byte {
	return a.over(nonce, plain, ad).tag(append(dst, plain...))
}

// Open checks the tag.
func (a modelAEAD) Open(dst, nonce, sealed, ad []byte) ([]byte, error) {
	n := len(sealed) - tagSize
	if n < 0 || !a.over(nonce, sealed[:n], ad).checks(sealed[n:]) {
		return nil, errModel
	}
	return append(dst, sealed[:n]...), nil
}

func (a modelAEAD) over(nonce, plain, ad []byte) sum {
	h := sum(a)
	h.write(nonce)
	h.write(ad)
	h.write(plain)
	return h
}

type modelSignatures struct{}

// Sign repeats a tag over the signer's public key and the message.
func (modelSignatures) Sign(key ed25519.PrivateKey, message []byte) []byte {
	return signature(ed25519.PublicKey(key[ed25519.SeedSize:]), message)
}

// Verify makes the signature anew.
func (modelSignatures) Verify(user ed25519.PublicKey, message, sig []byte) bool {
	return len(user) == ed25519.PublicKeySize && len(sig) == signatureSize && string(signature(user, message)) == string(sig)
}

func signature(user ed25519.PublicKey, message []byte) []byte {
	h := newSum(3)
	h.write(user)
	h.write(message)
	out := make([]byte, 0, signatureSize)
	for range signatureSize / tagSize {
		out = h.tag(out)
		h.write(out[len(out)-tagSize:])
	}
	return out
}

// sum is a hash of 128 bits over a series of byte strings, each with its length.
type sum struct{ a, b uint64 }

// Odd numbers without a pattern: the fractions of pi.
const (
	pi1 = 0x243f6a8885a308d3
	pi2 = 0x13198a2e03707345
)

func newSum(domain uint64) sum { return sum{pi1 ^ domain, pi2} }

func (h *sum) word(w uint64) {
	hi, lo := bits.Mul64(h.a^w, pi1|1)
	h.a = hi ^ lo ^ h.b
	h.b = bits.RotateLeft64(h.b, 23)*pi2 + w
}

func (h *sum) write(b []byte) {
	h.word(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		h.word(binary.LittleEndian.Uint64(b))
	}
	var last uint64
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	h.word(last)
}

// tag appends 16 bytes that sum up what was written.
func (h sum) tag(dst []byte) []byte {
	h.word(pi1)
	h.word(h.b)
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, h.a), h.b)
}

func (h sum) checks(tag []byte) bool {
	var own [tagSize]byte
	return string(h.tag(own[:0])) == string(tag)
}

func (h sum) secrets() (s dgram.Secrets) {
	for i, part := range [][]byte{s.K1[:], s.K2[:], s.Hash[:]} {
		h.word(uint64(i))
		h.tag(h.tag(part[:0]))
		copy(part[tagSize:], part[:tagSize])
	}
	return s
}
