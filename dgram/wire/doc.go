// Package wire is the bytes of the protocol, in both directions, without keys, time or state: CBOR heads,
// the five packets, the payloads sealed in them, the messages and their bodies (spec/wire.md 2 and 5).
//
// ParsePacket reads the outer array of a datagram, the Append functions write it. ParseMessages and
// AppendMessages do the same for the plaintext of a DATA; payload.go has the other two plaintexts. Each
// value has one encoding: whatever is read would be written as the same bytes, or is refused.
//
// A message is a frame (id, attempt, acks that ride along) and a Body. The table in kinds.go has a row for
// each kind; a body_*.go file has the body: its fields and bounds, how it is read, written and described.
package wire
