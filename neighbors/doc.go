// Package neighbors is the node: its edges to others, what it says to them, and the
// event loop that owns all of it.
//
// A Node is a pure state machine. It is given datagrams that an Opener has
// opened, the time, finished writes and the person's requests, and it gives back
// what must be written first, then datagrams and events (Drain). It reads no
// clock, opens no socket and starts no goroutine. Turn is how a Node is run, by whatever
// does what it wants done (Hands). Loop is the one goroutine that touches the program's
// Node; everything else asks it through Client.
//
// The package is both "the node" and "its neighbourhood". It is not the wire
// (package dgram), not the memory (sessions) and not the screen (package
// shell). The behaviour is spec/theory.md.
package neighbors
