// Package kv is the form of what all rooms of sessions write: a Write sets or deletes a key of a
// Bucket, and a batch of them is stored whole or not at all. Values are deterministic CBOR that begins
// with the version of their form; there is one encoding of each value, and all others are refused.
package kv
