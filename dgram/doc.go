// Package dgram is a datagram on its way: sealed CBOR packets over UDP, keys, paths, dialling. What stands
// in the packets is package wire; what it takes for a message to arrive is package reliable.
//
// Every datagram is one deterministic CBOR array of at most 1,200 bytes
// (spec/wire.md 2):
//
//	HELLO      [17, nonce 12, zeros 95]                 112 bytes, asks for a key
//	CHALLENGE  [18, echo 12, cookie 16, e 32, s 32]     100 bytes, stateless
//	HANDSHAKE  [19, index, echo, cookie, Noise IX 2]    record and first messages inside
//	ACCEPT     [20, to, from, salt 16, sealed]          acks, and a record if it is lacking
//	DATA       [21, to, counter, sealed]                messages
//
//	caller                         answerer
//	  | ---- HELLO ------------------> |   or DATA whose key it forgot
//	  | <--------------- CHALLENGE --- |   keeps nothing
//	  | ---- HANDSHAKE --------------> |   state only now
//	  | <------------------ ACCEPT --- |
//	  | <---- DATA, both ways -------> |
//
// There are no connections. Keys ("associations") are a cache that either side
// may forget at any moment; the price is one round trip.
//
// Opener is the half that many goroutines share: it checks and opens and changes
// nothing. Endpoint is the half that one goroutine owns: it is given the time and
// what was opened, and gives back datagrams and events. Neither reads a clock,
// opens a socket or starts a goroutine. The package knows sessions by their key
// and never looks into a record; it acknowledges no text by itself.
//
// The owner of an Endpoint, in each turn of its loop:
//
//  1. hands every Opened to Receive, and queues messages by Send;
//  2. calls Advance, at the end of the turn and when the time it last returned has
//     come;
//  3. calls Drain, sends the datagrams and handles the events;
//  4. answers each Received of a confirmed kind by Settle, now or later.
package dgram
