package main

import "runtime"

// processors is how many goroutines of this program may run at the same time.
//
// A text passes from goroutine to goroutine: reader, loop, printer, and back to
// the loop. With several processors each of these steps wakes a sleeping thread,
// which costs more than the step itself: on two cores an acknowledged text took
// 130 us there and back with two processors and 40 us with one. Chatting never
// needs more than one, so a client takes one. Who gives -t has something to open
// in parallel, and a seed has all the machine.
func processors(c config, machine int) int {
	switch {
	case c.seed:
		return machine
	case c.readersGiven:
		return min(machine, c.readers)
	}
	return 1
}

// useProcessors sets the runtime to it and returns what was set before.
func useProcessors(c config) (before int) {
	return runtime.GOMAXPROCS(processors(c, runtime.GOMAXPROCS(0)))
}
