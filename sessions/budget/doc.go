// Package budget decides who may use up how much: of the room in a table, the time of the
// loop, datagrams, lines on the screen. Everything that peers can cause is charged here.
//
// A handshake proves an address and a key, not a friend; a fresh key costs nothing. So
// what a peer may cost depends on its Class. Each Pool, with the share of each class in
// it, is a row of Table. The shares are nested: the number beside a class is for it and all
// worse ones together, so the rest is guaranteed to the better ones, whatever the worse ones
// do. Below Known a share is divided further, by user key and by network: a stranger who asks
// for too much takes it from strangers, and from themselves first.
//
// Costs are checked before the work is done. The package has no clock, and belongs to the
// goroutine that owns the node. See spec/theory.md 11.
package budget
