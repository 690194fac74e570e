package neighbors

import (
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
)

// A seed has as many sessions as its memory allows (-memory). Somebody who makes up identities
// fills that and no more, and first pushes out sessions that are no longer there.
const (
	// sessionMemory is the resident memory of a session with keys, an edge and a place in the
	// book, including what the garbage collector leaves: BenchmarkSeedMemory.
	sessionMemory = 12 << 10
	// memoryBase is the memory of a seed without any session.
	memoryBase = 24 << 20
	// MemoryLeast is the least that -memory may be.
	MemoryLeast = 64 << 20
)

// mostSessions is how many sessions fit the memory; 0: only the tables' own bounds hold.
func (c Config) mostSessions() int {
	if c.Memory == 0 {
		return 0
	}
	return max(int((max(c.Memory, MemoryLeast)-memoryBase)/sessionMemory), 1)
}

// bookLimits are the limits of the Book that the memory allows.
func (c Config) bookLimits() book.Limits {
	l := book.DefaultLimits(c.Seed)
	if most := c.mostSessions(); most > 0 {
		l.Users, l.Sessions = min(l.Users, most), min(l.Sessions, most)
	}
	return l
}

// newBudget makes the ledger, with as many edges as the memory allows.
func (c Config) newBudget() *budget.Ledger {
	l := budget.New(c.Seed)
	if most := c.mostSessions(); most > 0 {
		l.Bound(budget.Edges, most)
	}
	return l
}
