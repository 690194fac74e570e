package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// The graphs: who has an edge to whom.
const (
	SmallWorld  = "smallworld"  // a ring of neighbourhoods with some long-range edges (Watts and Strogatz 1998)
	Communities = "communities" // groups in which nearly everybody knows everybody, and some ties between them
	Random      = "random"      // edges between random pairs
	LAN         = "lan"         // one segment: nodes find each other by announcements
)

const (
	rewired = 0.1 // share of a small world's edges that lead anywhere
	outward = 0.1 // share of a community's edges that lead out of it
)

// graph lists the neighbours of each node, in rising order.
type graph [][]int32

// newGraph makes a graph of n nodes.
func newGraph(kind string, n, degree int, r *rand.Rand) (graph, error) {
	switch {
	case n < 2:
		return nil, fmt.Errorf("%d nodes make no network: give 2 or more", n)
	case kind == LAN && n > maxLAN:
		return nil, fmt.Errorf("on a lan each node has an edge to every other: at most %d nodes", maxLAN)
	case kind != LAN && (degree < 2 || degree%2 != 0):
		return nil, fmt.Errorf("a degree of %d is impossible: give an even number of at least 2", degree)
	case kind != LAN && degree >= n:
		return nil, fmt.Errorf("a degree of %d needs more than %d nodes", degree, degree)
	}
	b := builder{r: r, sets: make([]map[int32]bool, n)}
	for i := range b.sets {
		b.sets[i] = map[int32]bool{}
	}
	switch kind {
	case SmallWorld:
		b.smallWorld(degree)
	case Communities:
		b.communities(degree)
	case Random:
		for range n * degree / 2 {
			b.join(r.IntN(n))
		}
	case LAN:
		for i := range n {
			for j := range i {
				b.add(i, j)
			}
		}
	default:
		return nil, fmt.Errorf("%q is unknown: smallworld, communities, random or lan", kind)
	}
	return b.graph(), nil
}

// maxLAN is one node and the edges that it keeps.
const maxLAN = 150

// builder is a graph in the making.
type builder struct {
	r    *rand.Rand
	sets []map[int32]bool
}

func (b *builder) add(i, j int) bool {
	if i == j || b.sets[i][int32(j)] {
		return false
	}
	b.sets[i][int32(j)], b.sets[j][int32(i)] = true, true
	return true
}

// join gives i an edge to some node to which it has none.
func (b *builder) join(i int) {
	for range 100 {
		if b.add(i, b.r.IntN(len(b.sets))) {
			return
		}
	}
}

func (b *builder) smallWorld(degree int) {
	n := len(b.sets)
	for i := range n {
		for k := 1; k <= degree/2; k++ {
			if b.r.Float64() < rewired || !b.add(i, (i+k)%n) {
				b.join(i)
			}
		}
	}
}

// communitySize is how many nodes know each other.
func communitySize(degree int) int { return degree + 1 }

func (b *builder) communities(degree int) {
	n := len(b.sets)
	size := communitySize(degree)
	for i := range n {
		first := i / size * size
		members := min(size, n-first)
		for j := first; j < first+members; j++ {
			if j > i && b.r.Float64() >= outward {
				b.add(i, j)
			}
		}
	}
	for i := range n {
		for range max(1, int(outward*float64(degree)/2+0.5)) {
			b.join(i)
		}
	}
}

func (b *builder) graph() graph {
	g := make(graph, len(b.sets))
	for i, set := range b.sets {
		for j := range set {
			g[i] = append(g[i], j)
		}
		slices.Sort(g[i])
	}
	return g
}

func (g graph) joined(i, j int32) bool {
	_, ok := slices.BinarySearch(g[i], j)
	return ok
}

// edges counts them.
func (g graph) edges() (n int) {
	for _, list := range g {
		n += len(list)
	}
	return n / 2
}

// within lists the nodes one or two edges away, in rising order.
func (g graph) within(i int32) (list []int32) {
	list = append(list, g[i]...)
	for _, j := range g[i] {
		list = append(list, g[j]...)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if at, ok := slices.BinarySearch(list, i); ok {
		list = slices.Delete(list, at, at+1)
	}
	return list
}
