package main

import "runtime"

// processors is how many goroutines of this program may run at the same time
// (spec/rationale.md 50).
//
// A text passes from goroutine to goroutine: reader, loop, printer, and back to
// the loop. With several processors each of these steps wakes a sleeping thread,
// which costs more than the step itself. Measured by BenchmarkEndToEnd on two
// cores, in memory, where the raw echo takes 16 us: 51 us there and back and
// 105,000 texts a second with two processors, 33 us and 165,000 with one. Chatting
// never needs more, so a client uses one. Somebody who gives -t has something to open in
// parallel, and a seed gets the whole machine.
func processors(c config, machine int) int {
	switch {
	case c.seed:
		return machine
	case c.readersGiven:
		return min(machine, c.readers)
	}
	return 1
}

// useProcessors sets the runtime accordingly and returns the previous setting.
func useProcessors(c config) (before int) {
	return runtime.GOMAXPROCS(processors(c, runtime.GOMAXPROCS(0)))
}
