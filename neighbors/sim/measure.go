package sim

import (
	"cmp"
	"slices"
	"time"
)

// what is the kind of a change that is measured.
type what uint8

const (
	forming what = iota // all nodes that start together see each other
	joined
	left
	crashed
	healed // the nodes on the other side of the cut are back
	whats
)

var whatNames = [whats]string{"forming", "join", "leave", "crash", "heal"}

// within is how soon the nodes within two edges should know of it.
var within = [whats]time.Duration{10 * time.Second, 2 * time.Second, 2 * time.Second, 30 * time.Second, 10 * time.Second}

// offlineWord is how long ago a node must have come for a report that it is offline to be false
// rather than late.
const offlineWord = 10 * time.Second

// tally is what one observer, or all of them together, measured in a run.
type tally struct {
	took       [whats][2][]int64 // by edges between the two; never: it was never learnt
	falsely    [2]int            // how often somebody was called offline though there
	falsePairs int               // pairs of neighbours in which that happened at least once
}

func (t *tally) add(o *tally) {
	for k := range t.took {
		for hops := range t.took[k] {
			t.took[k][hops] = append(t.took[k][hops], o.took[k][hops]...)
		}
	}
	for hops := range t.falsely {
		t.falsely[hops] += o.falsely[hops]
	}
	t.falsePairs += o.falsePairs
}

// observer sees a run as one node does.
type observer struct {
	w    *world
	self int32
	tally
}

func (w *world) measure() *tally {
	views := make([]*observer, len(w.nodes))
	w.all(func(i int32) {
		views[i] = &observer{w: w, self: i}
		views[i].look()
	})
	total := &tally{}
	for _, v := range views {
		total.add(&v.tally)
	}
	for k := range total.took {
		for hops := range total.took[k] {
			slices.Sort(total.took[k][hops])
		}
	}
	return total
}

func (o *observer) look() {
	list := slices.Clone(o.w.nodes[o.self].changes)
	slices.SortStableFunc(list, func(a, b change) int { return cmp.Compare(a.who, b.who) })
	for _, who := range o.w.graph.within(o.self) {
		first, _ := slices.BinarySearchFunc(list, who, func(c change, w int32) int { return cmp.Compare(c.who, w) })
		last := first
		for last < len(list) && list[last].who == who {
			last++
		}
		v := view{observer: o, who: who, changes: list[first:last], hops: 1}
		if o.w.graph.joined(o.self, who) {
			v.hops = 0
		}
		v.look()
	}
}

// view is what one node believed of another.
type view struct {
	*observer
	who     int32
	hops    int // edges between the two, less one
	changes []change
}

func (v *view) look() {
	p := v.w.plan
	for i, s := range p.spells[v.who] {
		until := s.down
		switch {
		case i == 0 && s.up < p.formed:
			if mine := p.spells[v.self][0]; mine.up < p.formed {
				v.learns(forming, p.formed/startPart, until)
			}
		default:
			v.learns(joined, s.up, until)
		}
		if s.down > p.end {
			continue
		}
		until = never
		if i+1 < len(p.spells[v.who]) {
			until = p.spells[v.who][i+1].up
		}
		if s.ends == leave {
			v.learns(left, s.down, until)
		} else {
			v.learns(crashed, s.down, until)
		}
	}
	if p.parted < p.healed && p.side(v.self) != p.side(v.who) {
		if s, up := p.spell(v.who, p.healed); up {
			v.learns(healed, p.healed, s.down)
		}
	}
	v.wrong()
}

// learns notes when the change at a time was known here, if this node could learn it: if it was
// running, with a path to the node concerned, for as long as learning may take. The change holds
// until the time given.
func (v *view) learns(k what, at, until int64) {
	p := v.w.plan
	mine, up := p.spell(v.self, at)
	until = min(until, mine.down, p.end+1)
	by := min(until, at+int64(within[k]))
	before := v.before(at, mine.up)
	if !up || p.cut(v.self, v.who, at, by) || v.hops == 1 && !v.between(at, by) {
		return
	}
	var known int64 = never
	switch k {
	case left, crashed:
		if !before.online() {
			return // it knew of no node that it could miss
		}
		is := before
		for _, c := range v.during(at, until) {
			if c.state.offline() && !is.offline() {
				known = c.at
			} else if !c.state.offline() {
				known = never
			}
			is = c.state
		}
	default:
		if k != forming && before.online() {
			return // it never noticed that the other was away
		}
		for _, c := range v.during(mine.up, until) {
			if c.state.online() && (k == forming || c.at >= at) {
				known = max(c.at, at)
				break
			}
		}
	}
	switch {
	case known < never:
		v.took[k][v.hops] = append(v.took[k][v.hops], known-at)
	case until-at >= int64(within[k]):
		v.took[k][v.hops] = append(v.took[k][v.hops], never)
	}
}

// before is what was believed at a time by the run of the program that began at up.
func (v *view) before(at, up int64) (b belief) {
	for _, c := range v.changes {
		if c.at < at && c.at >= up {
			b = c.state
		}
	}
	return b
}

// during lists the changes of a time.
func (v *view) during(from, to int64) []change {
	return slices.DeleteFunc(slices.Clone(v.changes), func(c change) bool { return c.at < from || c.at >= to })
}

// between says whether a node between the two was there all that time.
func (v *view) between(from, to int64) bool {
	p := v.w.plan
	for _, m := range v.w.graph[v.self] {
		if v.w.graph.joined(m, v.who) && p.upFor(m, from, to-1) && !p.cut(v.self, m, from, to) && !p.cut(m, v.who, from, to) {
			return true
		}
	}
	return false
}

// wrong counts how often a node was called offline that had been there for a while.
func (v *view) wrong() {
	p, count := v.w.plan, 0
	for _, c := range v.changes {
		s, up := p.spell(v.who, c.at)
		since := max(c.at-int64(offlineWord), 0)
		if c.state != lost && c.state != heardOffline || !up || s.up > since && s.up > p.formed || p.cut(v.self, v.who, since, c.at) {
			continue
		}
		if c.state == lost == (v.hops == 0) {
			count++
		}
	}
	v.falsely[v.hops] += count
	if v.hops == 0 && count > 0 {
		v.falsePairs++
	}
}
