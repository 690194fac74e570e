package sim

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"testing"
)

func key(t *testing.T, number byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{number}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A message that was changed in transit, or is meant for another, does not open.
func TestModelRefuses(t *testing.T) {
	caller, answerer, prekey := key(t, 1), key(t, 2), key(t, 3)
	random := bytes.NewReader(bytes.Repeat([]byte{4}, keySize))
	m, own, err := modelSuite{}.Answer(caller, random, []byte("prologue"), prekey.PublicKey().Bytes(), answerer.PublicKey().Bytes(), []byte("payload"))
	if err != nil || len(m) != 2*keySize+2*tagSize+len("payload") {
		t.Fatal(len(m), err)
	}
	payload, peer, secrets, err := modelSuite{}.Open(answerer, prekey, []byte("prologue"), m)
	if err != nil || string(payload) != "payload" || !bytes.Equal(peer, caller.PublicKey().Bytes()) || secrets != own {
		t.Fatal(payload, err)
	}
	for i := range m {
		bad := bytes.Clone(m)
		bad[i] ^= 1
		if _, _, _, err := (modelSuite{}).Open(answerer, prekey, []byte("prologue"), bad); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
	for name, open := range map[string]func() error{
		"another key": func() error { _, _, _, err := modelSuite{}.Open(caller, prekey, []byte("prologue"), m); return err },
		"another prekey": func() error {
			_, _, _, err := modelSuite{}.Open(answerer, caller, []byte("prologue"), m)
			return err
		},
		"another prologue": func() error { _, _, _, err := modelSuite{}.Open(answerer, prekey, []byte("prologuf"), m); return err },
		"a short one": func() error {
			_, _, _, err := modelSuite{}.Open(answerer, prekey, []byte("prologue"), m[:80])
			return err
		},
	} {
		if open() == nil {
			t.Error(name + " opens it")
		}
	}

	one, two := modelSuite{}.Transport(own, []byte("salt"))
	nonce := make([]byte, nonceSize)
	sealed := one.Seal(nil, nonce, []byte("plain"), []byte("ad"))
	if plain, err := one.Open(nil, nonce, sealed, []byte("ad")); err != nil || string(plain) != "plain" || len(sealed) != len(plain)+tagSize {
		t.Fatal(plain, err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x80
		if _, err := one.Open(nil, nonce, bad, []byte("ad")); err == nil {
			t.Errorf("byte %d of what is sealed may be changed", i)
		}
	}
	if _, err := two.Open(nil, nonce, sealed, []byte("ad")); err == nil {
		t.Error("the other direction's key opens it")
	}
	if _, err := one.Open(nil, nonce, sealed, nil); err == nil {
		t.Error("other additional data opens it")
	}
	nonce[5] = 1
	if _, err := one.Open(nil, nonce, sealed, []byte("ad")); err == nil {
		t.Error("another number opens it")
	}

	ann := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, ed25519.SeedSize))
	bob := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{6}, ed25519.SeedSize))
	sig := modelSignatures{}.Sign(ann, []byte("message"))
	verify := func(k ed25519.PrivateKey, message string, sig []byte) bool {
		return modelSignatures{}.Verify(k.Public().(ed25519.PublicKey), []byte(message), sig)
	}
	if len(sig) != ed25519.SignatureSize || !verify(ann, "message", sig) {
		t.Fatal("a signature does not hold")
	}
	sig[63] ^= 1
	if verify(bob, "message", sig) || verify(ann, "messagf", sig) || verify(ann, "message", sig) {
		t.Error("a forged signature holds")
	}
}
