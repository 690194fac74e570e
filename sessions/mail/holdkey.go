package mail

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"io"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// Life of a hold key. What is sealed to it can be opened as long as its private key exists, so this
// bounds how far back a stolen disk can be read (spec/threats.md).
const (
	holdRotate = 7 * 24 * time.Hour // after this a new one is made,
	holdErase  = 7 * 24 * time.Hour // and the one before is kept this much longer: copies wait at most HoldLife
)

const storeHoldKeys = 1 // version of the stored keys

// HoldKeys are a session's private hold keys: the one in its record and the one before.
// They belong to one goroutine.
type HoldKeys struct {
	current, previous holdKey
	unwritten         bool // the current one is not in the store yet, so the record has the one before
	unstored          bool
	changed           bool
}

type holdKey struct {
	private []byte // 32 bytes; nil: none
	made    time.Time
	ended   time.Time // when the next one was made; zero: it is the current one
}

// Unstored is called first in a run that stores nothing: no writes are made then.
func (k *HoldKeys) Unstored() { k.unstored = true }

// Turn makes the first key or the next one, and erases the one that is due. It reports whether there
// is a new one, for which Written must be called, and when to call it again.
func (k *HoldKeys) Turn(now time.Time, random io.Reader) (fresh bool, next time.Time) {
	if k.previous.private != nil && !now.Before(k.previous.ended.Add(holdErase)) {
		clear(k.previous.private)
		k.previous, k.changed = holdKey{}, true
	}
	// A clock set back would make a key look young for long: then it is renewed too.
	if age := now.Sub(k.current.made); k.current.private == nil || age >= holdRotate || age < -holdRotate {
		if k.current.private != nil {
			clear(k.previous.private)
			k.previous = k.current
			k.previous.ended = now
		}
		b := make([]byte, len(identity.HoldKey{}))
		if _, err := io.ReadFull(random, b); err != nil {
			panic("BUG: no randomness: " + err.Error())
		}
		k.current = holdKey{private: b, made: now}
		k.changed, fresh, k.unwritten = true, true, true
	}
	next = k.current.made.Add(holdRotate)
	if k.previous.private != nil {
		if at := k.previous.ended.Add(holdErase); at.Before(next) {
			next = at
		}
	}
	if !next.After(now) {
		next = now.Add(holdRotate)
	}
	return fresh, next
}

// Written says that the new key is in the store, or that nothing is stored. It reports whether that
// is news: from then on the record should have the key. It must not have it sooner, since nobody
// could open copies sealed to a key that a crash took away.
func (k *HoldKeys) Written() (fresh bool) {
	fresh, k.unwritten = k.unwritten, false
	return fresh
}

// Public returns the key for the record; zero before the first is written.
func (k *HoldKeys) Public() (key identity.HoldKey) {
	private := k.current.private
	if k.unwritten {
		private = k.previous.private
	}
	if p, err := ecdh.X25519().NewPrivateKey(private); err == nil {
		copy(key[:], p.PublicKey().Bytes())
	}
	return key
}

var errHoldKey = errors.New("it is sealed to a key that this session does not have, or no longer has")

// open opens what was sealed to one of the keys.
func (k *HoldKeys) open(info, sealed []byte) ([]byte, error) {
	for _, h := range [2]holdKey{k.current, k.previous} {
		if h.private == nil {
			continue
		}
		p, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(h.private)
		if err != nil {
			continue
		}
		if plain, err := hpke.Open(p, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info, sealed); err == nil {
			return plain, nil
		}
	}
	return nil, errHoldKey
}

// sealTo seals to a public key (HPKE, RFC 9180, base mode; X25519, HKDF-SHA256,
// ChaCha20-Poly1305). The library draws the ephemeral key itself.
func sealTo(k identity.HoldKey, info, plain []byte) ([]byte, error) {
	p, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(k[:])
	if err != nil {
		return nil, err
	}
	return hpke.Seal(p, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info, plain)
}

// holdKeysStored is the keys in the store.
type holdKeysStored struct {
	_        struct{} `cbor:",toarray"`
	Version  uint64
	Current  []byte
	Made     uint64 // unix milliseconds
	Previous []byte
	Ended    uint64
}

// holdKeysRow is the key of their row.
var holdKeysRow = []byte("keys")

// TakeWrites returns the keys if they changed.
func (k *HoldKeys) TakeWrites() []kv.Write {
	if !k.changed || k.unstored {
		return nil
	}
	k.changed = false
	return []kv.Write{{Bucket: kv.BucketHoldKeys, Key: holdKeysRow, Value: kv.Marshal(&holdKeysStored{
		Version: storeHoldKeys, Current: k.current.private, Made: kv.Millis(k.current.made),
		Previous: k.previous.private, Ended: kv.Millis(k.previous.ended),
	})}}
}

// Load gives back the stored keys. Rows of other buckets are ignored.
func (k *HoldKeys) Load(b kv.Bucket, key, value []byte) error {
	if b != kv.BucketHoldKeys {
		return nil
	}
	var w holdKeysStored
	if err := kv.UnmarshalStored(value, storeHoldKeys, &w); err != nil {
		return err
	}
	for _, p := range [2][]byte{w.Current, w.Previous} {
		if len(p) != 0 && len(p) != len(identity.HoldKey{}) {
			return kv.ErrForm
		}
	}
	if len(w.Current) > 0 {
		k.current = holdKey{private: w.Current, made: kv.FromMillis(w.Made)}
	}
	if len(w.Previous) > 0 {
		k.previous = holdKey{private: w.Previous, ended: kv.FromMillis(w.Ended)}
	}
	return nil
}
