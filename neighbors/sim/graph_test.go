package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Every graph is undirected, in one piece, without loops, and of about the degree asked for.
func TestGraphs(t *testing.T) {
	for _, kind := range []string{SmallWorld, Communities, Random} {
		g, err := newGraph(kind, 200, 10, rand.New(rand.NewPCG(1, 2)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range g {
			if g.joined(int32(i), int32(i)) {
				t.Errorf("%s: %d has an edge to itself", kind, i)
			}
			for _, j := range g[i] {
				if !g.joined(j, int32(i)) {
					t.Errorf("%s: the edge from %d to %d is none back", kind, i, j)
				}
			}
		}
		if n := g.edges(); n < 900 || n > 1100 {
			t.Errorf("%s: %d edges, want about 1000", kind, n)
		}
		reached := []int32{0}
		for at := 0; at < len(reached); at++ {
			for _, j := range g[reached[at]] {
				if !slices.Contains(reached, j) {
					reached = append(reached, j)
				}
			}
		}
		if len(reached) != 200 {
			t.Errorf("%s: %d of 200 are in one piece", kind, len(reached))
		}
	}
	line := graph{{1}, {0, 2}, {1, 3}, {2}}
	if got := line.within(0); !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("within two edges of the first are %v", got)
	}
}
