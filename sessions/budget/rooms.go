package budget

import "net/netip"

// rooms is who has how much of one room. Its own size is bounded by what it counts.
type rooms struct {
	classes [numClasses]int
	keys    map[account]int
	groups  [numClasses]ranking
}

func newRooms() *rooms {
	r := &rooms{keys: map[account]int{}}
	for c := range r.groups {
		r.groups[c] = ranking{count: map[netip.Prefix]int{}, place: map[netip.Prefix]int{}}
	}
	return r
}

// own says whether the payer's own key and network have room for n more.
func (r *rooms) own(s *Shares, by Payer, n int) bool {
	if !by.Class.divided() {
		return true
	}
	return within(r.keys[by.account()]+n, s.Key) &&
		(!by.Prefix.IsValid() || within(r.groups[by.Class].count[by.Prefix]+n, s.Prefix))
}

// fits says whether there is room for n more.
func (r *rooms) fits(s *Shares, by Payer, n int) bool {
	if !r.own(s, by, n) {
		return false
	}
	sum := 0
	for c := int(Stranger); c >= 0; c-- {
		if sum += r.classes[c]; c <= int(by.Class) && !within(sum+n, s.All[c]) {
			return false
		}
	}
	return true
}

func within(n int, a Amount) bool { return a == unbound || float64(n) <= a.Most }

// add takes n, or gives them back.
func (r *rooms) add(by Payer, n int) {
	r.classes[by.Class] += n
	if r.classes[by.Class] < 0 {
		panic("BUG: more of a budget was given back than taken")
	}
	if !by.Class.divided() {
		return // a short cut: this runs for each text of a friend
	}
	a := by.account()
	if r.keys[a] += n; r.keys[a] == 0 {
		delete(r.keys, a)
	}
	if r.keys[a] < 0 {
		panic("BUG: a payer gave back more of a budget than they took")
	}
	r.groups[by.Class].add(by.Prefix, n)
}

func (r *rooms) yields(s *Shares, by Payer) (g Group, ok bool) {
	for c := Stranger; c > by.Class; c-- {
		if r.classes[c] > 0 {
			p, _ := r.groups[c].most() // no network, where networks do not count
			return Group{c, p}, true
		}
	}
	// A better class must not pay for a worse one's bound: only the payer's own is left.
	p, n := r.groups[by.Class].most()
	if by.Class.divided() && n >= r.groups[by.Class].count[by.Prefix]+2 {
		return Group{by.Class, p}, true
	}
	return g, false
}

// ranking counts networks and knows which has most: it keeps, by count, lists of the networks
// with that count. Counts change by little, so finding the highest takes a step or two.
type ranking struct {
	count map[netip.Prefix]int
	lists [][]netip.Prefix     // by count
	place map[netip.Prefix]int // in its list
	top   int                  // all lists above it are empty
}

func (k *ranking) add(p netip.Prefix, n int) {
	was := k.count[p]
	if was > 0 {
		k.leave(p, was)
	}
	now := was + n
	if now <= 0 {
		delete(k.count, p)
		return
	}
	k.count[p] = now
	level := k.level(now)
	for len(k.lists) <= level {
		k.lists = append(k.lists, nil)
	}
	k.place[p] = len(k.lists[level])
	k.lists[level] = append(k.lists[level], p)
	k.top = max(k.top, level)
}

// maxLevel bounds the lists: in a pool that counts bytes, higher counts share the last one.
const maxLevel = 4096

func (k *ranking) level(n int) int { return min(n, maxLevel) }

func (k *ranking) leave(p netip.Prefix, n int) {
	level, i := k.level(n), k.place[p]
	list := k.lists[level]
	last := len(list) - 1
	list[i] = list[last]
	k.place[list[i]] = i
	k.lists[level] = list[:last]
	delete(k.place, p)
	for k.top > 0 && len(k.lists[k.top]) == 0 {
		k.top--
	}
}

// most returns the network that has most, and how much; of several the one that got there first.
func (k *ranking) most() (p netip.Prefix, n int) {
	if k.top == 0 {
		return p, 0
	}
	p = k.lists[k.top][0]
	return p, k.count[p]
}
