package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// A UserKey is a user's Ed25519 public key.
type UserKey [32]byte

// A SessionID names one installation of one user: the first 8 bytes of
// SHA-256(user key || session key). Source: spec/wire.md 4.1.
type SessionID [8]byte

// HoldKey is the X25519 public key to which copies of texts for a session are sealed, for friends
// to keep. It is in the session's record.
type HoldKey [32]byte

// MakeSessionID computes the id of the session with the X25519 public key static
// of user.
func MakeSessionID(user UserKey, static [32]byte) SessionID {
	var both [64]byte
	copy(both[:32], user[:])
	copy(both[32:], static[:])
	sum := sha256.Sum256(both[:])
	return SessionID(sum[:8])
}

// String gives 16 hex digits.
func (id SessionID) String() string { return hex.EncodeToString(id[:]) }

// ParseSessionID reads what String gives.
func ParseSessionID(s string) (SessionID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(SessionID{}) {
		return SessionID{}, errors.New("a session is 16 hex digits")
	}
	return SessionID(b), nil
}

// CompareIDs orders sessions by their bytes, so that nothing depends on map order.
func CompareIDs(a, b SessionID) int { return bytes.Compare(a[:], b[:]) }

func CompareKeys(a, b UserKey) int { return bytes.Compare(a[:], b[:]) }

// IsZero reports whether k names nobody.
func (k UserKey) IsZero() bool { return k == UserKey{} }

// IsZero reports whether id names no session.
func (id SessionID) IsZero() bool { return id == SessionID{} }
