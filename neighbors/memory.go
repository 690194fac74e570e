package neighbors

import (
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// A seed has as many sessions as its memory allows (-memory): whoever makes up identities
// fills that and no more, and pushes out those first that are not there any more.
const (
	// sessionMemory is what a session with keys, an edge and a place in the book takes, as
	// resident memory, with what the collector leaves: BenchmarkSeedMemory.
	sessionMemory = 12 << 10
	// memoryBase is what a seed without any session takes.
	memoryBase = 24 << 20
	// MemoryLeast is the least that -memory may be.
	MemoryLeast = 64 << 20
)

// mostSessions is how many sessions so much memory is enough for; 0: no bound but those of
// the tables.
func (c Config) mostSessions() int {
	if c.Memory == 0 {
		return 0
	}
	return max(int((max(c.Memory, MemoryLeast)-memoryBase)/sessionMemory), 1)
}

// bookLimits are those of the memory.
func (c Config) bookLimits() sessions.Limits {
	l := sessions.DefaultLimits(c.Seed)
	if most := c.mostSessions(); most > 0 {
		l.Users, l.Sessions = min(l.Users, most), min(l.Sessions, most)
	}
	return l
}

// newBudget is the ledger, with as many edges as the memory allows.
func (c Config) newBudget() *budget.Ledger {
	l := budget.New(c.Seed)
	if most := c.mostSessions(); most > 0 {
		l.Bound(budget.Edges, most)
	}
	return l
}
