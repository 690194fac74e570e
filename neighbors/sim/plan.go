package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// What happens when, in a run of For and a Partition:
//
//	0        starting    all but the joiners start, and call those they remember
//	formed   2*formed    some join, some leave, some crash: the measured events
//	formed   end         texts; with Churn, anybody leaves or crashes, and comes back
//	parted   healed      the network is in two pieces
const (
	formedPart = 6                // of For
	formedMost = 10 * time.Second // but no longer
	startPart  = 10               // of that: all start within it
	partedAt   = 2.0 / 3          // of For
	probePart  = 50               // one node in so many joins; as many leave, and as many crash
	probeMost  = 20
	awayLeast  = 5 * time.Second // how long a node that leaves or crashes is away
	awayMost   = 25 * time.Second
	quietEnd   = 12 // of For: no text is sent in this last part
)

// deed is one thing that a node does.
type deed struct {
	at   int64 // ns since the start
	what deedKind
	text int32 // of say
}

type deedKind uint8

const (
	start deedKind = iota
	leave
	crash
	say
)

// spell is a time in which a node runs.
type spell struct {
	up, down int64
	ends     deedKind // leave or crash
}

// text is a line from one to another.
type text struct {
	from, to int32
	at       int64
}

// plan is everything that is decided before a run.
type plan struct {
	formed         int64
	parted, healed int64 // equal: never
	end            int64
	spells         [][]spell
	texts          []text
}

func newPlan(c Config, g graph) *plan {
	p := &plan{end: int64(c.For + c.Partition), spells: make([][]spell, c.Nodes)}
	p.formed = min(int64(c.For)/formedPart, int64(formedMost))
	p.parted = int64(float64(c.For) * partedAt)
	p.healed = p.parted + int64(c.Partition)
	r := c.random("plan")
	between := func(a, b int64) int64 { return a + r.Int64N(max(b-a, 1)) }

	order := r.Perm(c.Nodes)
	probes := min(max(c.Nodes/probePart, 1), probeMost, c.Nodes/4)
	for i, node := range order {
		s := spell{up: between(0, p.formed/startPart), down: p.end + 1}
		at := between(p.formed, 2*p.formed)
		switch {
		case i < probes:
			s.up = at
		case i < 2*probes:
			s.down, s.ends = at, leave
		case i < 3*probes:
			s.down, s.ends = at, crash
		}
		p.spells[node] = []spell{s}
	}
	changes := int(c.Churn * float64(c.Nodes) * time.Duration(p.end-p.formed).Minutes())
	var times []int64
	for range changes {
		times = append(times, between(p.formed, p.end))
	}
	slices.Sort(times)
	for _, at := range times {
		p.churn(r, order[3*probes:], at)
	}
	for range c.Texts {
		p.say(r, g, between(p.formed, p.end-int64(c.For)/quietEnd))
	}
	slices.SortStableFunc(p.texts, func(a, b text) int { return int(min(max(a.at-b.at, -1), 1)) })
	return p
}

// churn makes one of the running nodes go, and come back.
func (p *plan) churn(r *rand.Rand, from []int, at int64) {
	for range 20 {
		list := &p.spells[from[r.IntN(len(from))]]
		last := &(*list)[len(*list)-1]
		if last.up+int64(awayLeast) > at || last.down <= p.end {
			continue // not yet here for long, or on its way out
		}
		last.down, last.ends = at, leave+deedKind(r.IntN(2))
		back := at + int64(awayLeast) + r.Int64N(int64(awayMost-awayLeast))
		*list = append(*list, spell{up: back, down: p.end + 1})
		return
	}
}

func (p *plan) say(r *rand.Rand, g graph, at int64) {
	for range 20 {
		from := int32(r.IntN(len(g)))
		if len(g[from]) == 0 || !p.up(from, at) || !p.up(from, at-int64(time.Second)) {
			continue
		}
		p.texts = append(p.texts, text{from, g[from][r.IntN(len(g[from]))], at})
		return
	}
}

// deeds lists what a node does, in order.
func (p *plan) deeds(i int32) (list []deed) {
	for _, s := range p.spells[i] {
		list = append(list, deed{at: s.up, what: start}, deed{at: s.down, what: s.ends})
	}
	return list
}

// spell returns the one at that time.
func (p *plan) spell(i int32, at int64) (spell, bool) {
	for _, s := range p.spells[i] {
		if s.up <= at && at < s.down {
			return s, true
		}
	}
	return spell{}, false
}

func (p *plan) up(i int32, at int64) bool {
	_, ok := p.spell(i, at)
	return ok
}

// upFor says whether a node runs from one time to another.
func (p *plan) upFor(i int32, from, to int64) bool {
	s, ok := p.spell(i, from)
	return ok && s.down > to
}

// side says in which piece a node is.
func (p *plan) side(i int32) bool { return int(i) < len(p.spells)/2 }

// cut says whether two are parted at some time of an interval.
func (p *plan) cut(i, j int32, from, to int64) bool {
	return p.side(i) != p.side(j) && p.parted < p.healed && from < p.healed && to >= p.parted
}
