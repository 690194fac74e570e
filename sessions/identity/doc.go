// Package identity says who somebody is. A user is an Ed25519 key (UserKey), a session one installation
// of that user (SessionID), vouched for by a Record that the user signed. A name in a record is a claim;
// a fingerprint is what two people compare. Sign and Verify, and all else here, are safe for many
// goroutines. Source: spec/wire.md 4.
package identity
