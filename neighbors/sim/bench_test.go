package sim

import (
	"testing"
	"time"

	"darkchat/neighbors"
	"darkchat/neighbors/lan"
)

var lanGroup = lan.Group4

func lanSources() []neighbors.Source { return []neighbors.Source{lan.New()} }

// base is a small run without faults.
func base(t testing.TB) Config {
	profile, err := neighbors.ProfileNamed("lan")
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Nodes: 100, Graph: SmallWorld, Degree: 8, Delay: 10 * time.Millisecond, Jitter: 20 * time.Millisecond,
		For: 30 * time.Second, Texts: 100, Seed: 7, Model: true, Profile: profile, Threads: 2,
	}
}

// The run that issue 4 wants in under 10 s on two processors.
func BenchmarkThousandNodes(b *testing.B) {
	c := base(b)
	c.Nodes, c.Degree, c.For, c.Texts = 1000, 20, time.Minute, 1000
	for b.Loop() {
		if _, err := Run(c, nil); err != nil {
			b.Fatal(err)
		}
	}
}
