// Package nodetest is what tests of whole nodes share: records of what left the nodes of a run, by
// which a run is held to be the same as before (Record, Keeper). It is no part of the program: no
// product file imports it.
package nodetest
