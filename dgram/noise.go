package dgram

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"io"

	"github.com/flynn/noise"
	"golang.org/x/crypto/chacha20poly1305"

	"darkchat/dgram/wire"
)

// Domain strings (spec/wire.md 1.4).
const (
	domainPrologue  = "darkchat\x00"
	domainTransport = "darkchat transport\x00"
)

// dh is X25519 by crypto/ecdh for one handshake. The library passes private keys as bytes; dh
// keeps them parsed, because parsing one costs as much as using it. keys holds the session key
// and, at the challenged side, the prekey.
type dh struct {
	keys   [2]*ecdh.PrivateKey
	parsed [2][]byte // the same keys as bytes
}

// add remembers a parsed key.
func (d *dh) add(k *ecdh.PrivateKey) noise.DHKey {
	pair := noise.DHKey{Private: k.Bytes(), Public: k.PublicKey().Bytes()}
	for i := range d.keys {
		if d.keys[i] == nil {
			d.keys[i], d.parsed[i] = k, pair.Private
			break
		}
	}
	return pair
}

// GenerateKeypair draws a key from random; on the challenged side random returns the prekey of
// the epoch, which is parsed already.
func (d *dh) GenerateKeypair(random io.Reader) (noise.DHKey, error) {
	var b [wire.KeySize]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return noise.DHKey{}, err
	}
	if k := d.find(b[:]); k != nil {
		return noise.DHKey{Private: k.Bytes(), Public: k.PublicKey().Bytes()}, nil
	}
	k, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		return noise.DHKey{}, err
	}
	return d.add(k), nil
}

// DH returns the shared secret; crypto/ecdh refuses an all-zero one.
func (d *dh) DH(private, public []byte) ([]byte, error) {
	k := d.find(private)
	if k == nil {
		return nil, errNoise
	}
	p, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return k.ECDH(p)
}

// find compares our own keys only: nothing that an outsider chooses or can time.
func (d *dh) find(private []byte) *ecdh.PrivateKey {
	for i, b := range d.parsed {
		if d.keys[i] != nil && bytes.Equal(b, private) {
			return d.keys[i]
		}
	}
	return nil
}

// DHLen is the size of a shared secret.
func (d *dh) DHLen() int { return wire.KeySize }

// DHName is its part of the Noise protocol name.
func (d *dh) DHName() string { return "25519" }

// state begins Noise_IX_25519_ChaChaPoly_SHA256. The challenged node is Noise's
// initiator: the CHALLENGE is message 1 (spec/wire.md 3.3).
func (d *dh) state(initiator bool, static noise.DHKey, random io.Reader, prologue []byte) (*noise.HandshakeState, error) {
	return noise.NewHandshakeState(noise.Config{
		CipherSuite:   noise.NewCipherSuite(d, noise.CipherChaChaPoly, noise.HashSHA256),
		Random:        random,
		Pattern:       noise.HandshakeIX,
		Initiator:     initiator,
		Prologue:      prologue,
		StaticKeypair: static,
	})
}

// noiseSuite is the Suite of the protocol (spec/wire.md 3).
type noiseSuite struct{}

// Answer costs four X25519 operations.
func (noiseSuite) Answer(static *ecdh.PrivateKey, random io.Reader, prologue, e, s, payload []byte) ([]byte, Secrets, error) {
	d := new(dh)
	hs, err := d.state(false, d.add(static), random, prologue)
	if err != nil {
		return nil, Secrets{}, err
	}
	if _, _, _, err = hs.ReadMessage(nil, append(bytes.Clone(e), s...)); err != nil {
		return nil, Secrets{}, err
	}
	out, c1, c2, err := hs.WriteMessage(nil, payload)
	if err != nil {
		return nil, Secrets{}, err
	}
	return out, newSecrets(hs, c1, c2), nil
}

// Open costs three X25519 operations, two when the message was not made for us.
func (noiseSuite) Open(static, prekey *ecdh.PrivateKey, prologue, message []byte) (payload, peer []byte, _ Secrets, err error) {
	d := new(dh)
	own := d.add(static)
	e := d.add(prekey)
	hs, err := d.state(true, own, bytes.NewReader(e.Private), prologue)
	if err != nil {
		return nil, nil, Secrets{}, errNoise
	}
	if _, _, _, err = hs.WriteMessage(nil, nil); err != nil {
		return nil, nil, Secrets{}, errNoise
	}
	payload, c1, c2, err := hs.ReadMessage(nil, message)
	if err != nil {
		return nil, nil, Secrets{}, errNoise
	}
	return payload, hs.PeerStatic(), newSecrets(hs, c1, c2), nil
}

func newSecrets(hs *noise.HandshakeState, c1, c2 *noise.CipherState) Secrets {
	return Secrets{K1: c1.UnsafeKey(), K2: c2.UnsafeKey(), Hash: [32]byte(hs.ChannelBinding())}
}

// Transport derives two keys by HKDF (spec/wire.md 3.4).
func (noiseSuite) Transport(s Secrets, salt []byte) (toCaller, toAnswerer cipher.AEAD) {
	keys := s.transportKeys(salt)
	return newAEAD(keys[:wire.KeySize]), newAEAD(keys[wire.KeySize:])
}

// transportKeys derives 64 bytes: the key of toCaller, then that of toAnswerer.
func (s *Secrets) transportKeys(salt []byte) []byte {
	ikm := append(s.K1[:len(s.K1):len(s.K1)], s.K2[:]...)
	keys, err := hkdf.Key(sha256.New, ikm, salt, domainTransport+string(s.Hash[:]), 2*wire.KeySize)
	if err != nil {
		panic("BUG: HKDF gives 64 bytes: " + err.Error())
	}
	return keys
}

func newAEAD(key []byte) cipher.AEAD {
	a, err := chacha20poly1305.New(key)
	if err != nil {
		panic("BUG: a ChaCha20-Poly1305 key has 32 bytes: " + err.Error())
	}
	return a
}
