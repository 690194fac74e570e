// Package nodetest is what tests of whole nodes share: what a node runs on in virtual time
// (Machine), its disk (Disk), and records of what left the nodes of a run, by which a run is held
// to be the same as before (Record, Keeper). It is no part of the program: no product file
// imports it.
//
// The contract between a node and whatever runs it is neighbors.Turn; everything here, the
// simulator and the program's own loop call that.
package nodetest
