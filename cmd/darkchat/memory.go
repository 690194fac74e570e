package main

import "runtime/debug"

// gcPercent is how much the heap may grow between two collections. What a chat
// keeps is about a megabyte, and the runtime's usual 100 lets the garbage of a
// flood fill the first four before anything is collected: resident memory would
// creep up for millions of datagrams. A quarter of it is reached in seconds.
const gcPercent = 25

// useMemory sets the collector to it. limit, if it is not 0, is what a seed may take: near
// it the collector works harder before it asks the system for more.
func useMemory(limit int64) {
	debug.SetGCPercent(gcPercent)
	if limit > 0 {
		debug.SetMemoryLimit(limit)
	}
}
