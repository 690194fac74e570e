// Package reliable gets messages to one peer over datagrams that may be lost, repeated or reordered:
// retransmission, acknowledgement and congestion control (spec/theory.md 3; RFC 9002, RFC 6298).
//
// A Sender is the state of one direction to one peer. It is given messages and the acks that came, says
// which messages the next datagram carries, and when it wants to be asked again. It knows neither keys nor
// addresses, reads no clock and makes no datagram. It is not safe for many goroutines.
package reliable
