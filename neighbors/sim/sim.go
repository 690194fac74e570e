// Package sim runs whole nodes, thousands of them, on an event heap: the very
// neighbors.Node of the program, in virtual time, over a network that loses and delays.
// It says how soon the nodes within two edges know of a change, how often one is falsely called
// lost, what that costs, and what becomes of texts (paper, section 3).
//
// A run depends on its Config alone: the same one gives the same Report, whatever the number of
// threads. No datagram arrives sooner than Config.Delay after it was sent, so within that time
// the nodes run in parallel, on all threads.
package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"darkchat/neighbors"
)

// Config says what is simulated.
type Config struct {
	Nodes     int
	Graph     string // SmallWorld, Communities, Random or LAN
	Degree    int    // edges of a node, on average
	Loss      float64
	Delay     time.Duration // one way, at least a millisecond
	Jitter    time.Duration // up to this much more
	Churn     float64       // share of the nodes that leave or crash each minute, and come back
	Partition time.Duration // how long the network is in two pieces, in addition to For
	For       time.Duration // virtual time, forming included
	Texts     int           // sent by anybody to any neighbour
	Seed      uint64
	Model     bool // modelCrypto
	Profile   neighbors.Profile
	Threads   int

	// Sources makes the Sources that find people on a segment, and Group is the address to
	// which they announce us. For LAN only.
	Sources func() []neighbors.Source
	Group   netip.AddrPort
}

// Bounds of a Config.
const (
	MaxNodes   = 20000
	LeastDelay = time.Millisecond
	LeastFor   = 12 * time.Second
	MostFor    = 24 * time.Hour
	maxTexts   = 1_000_000
)

// Check says what is wrong with c; it costs nothing.
func (c Config) Check() error {
	switch {
	case c.Nodes > MaxNodes:
		return fmt.Errorf("%d nodes are more than %d", c.Nodes, MaxNodes)
	case !(c.Loss >= 0 && c.Loss < 1): // NaN is none
		return errors.New("the loss must be at least 0% and below 100%")
	case !(c.Churn >= 0 && c.Churn <= 10):
		return errors.New("the churn must be 0% to 1000% of the nodes each minute")
	case c.Delay < LeastDelay:
		return fmt.Errorf("a delay of %v is too short: at least %v", c.Delay, LeastDelay)
	case c.Jitter < 0 || c.Delay+c.Jitter > time.Minute:
		return errors.New("delay and jitter must be 0 to a minute")
	case c.For < LeastFor || c.For+c.Partition > MostFor:
		return fmt.Errorf("a run must last %v to %v of virtual time", LeastFor, MostFor)
	case c.Partition < 0:
		return errors.New("a partition cannot last for a negative time")
	case c.Texts < 0 || c.Texts > maxTexts:
		return fmt.Errorf("the number of texts must be 0 to %d", maxTexts)
	}
	_, err := newGraph(c.Graph, c.Nodes, c.Degree, c.random("graph"))
	return err
}

// random is the source of randomness of one part of a run.
func (c Config) random(part string) *rand.Rand {
	h := newSum(4)
	h.write([]byte(part))
	h.word(c.Seed)
	h.word(pi1)
	return rand.New(rand.NewPCG(h.a, h.b))
}

// Run simulates. tick is called now and then with the virtual time that has passed; it may
// be nil.
func Run(c Config, tick func(time.Duration)) (*Report, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	g, err := newGraph(c.Graph, c.Nodes, c.Degree, c.random("graph"))
	if err != nil {
		return nil, err
	}
	w, err := newWorld(c, g)
	if err != nil {
		return nil, err
	}
	if err := w.run(tick); err != nil {
		return nil, err
	}
	return w.report(), nil
}
