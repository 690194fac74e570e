package dgram

import (
	"net/netip"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// segment says where in the cache an association is.
type segment uint8

const (
	outside   segment = iota // not (or no longer) in the cache
	probation                // new: not yet used enough to be worth keeping
	protected
	pinned // of a neighbour: never evicted
)

// cache decides which associations are forgotten for want of room. A flood of fresh keys
// fills probation, a quarter of the room, and pushes out only its own kind; associations
// that have carried datagrams are protected; those of neighbours do not count. Only the
// loop uses it.
type cache struct {
	probation *simplelru.LRU[uint32, *association] // by our index, least recently used first
	protected *simplelru.LRU[uint32, *association]
	room      int                      // of probation and protected together
	unproved  map[crowd][]*association // unconfirmed ones, oldest first
	evict     func(*association)
}

// newCache makes a cache for room associations. evict is called for each that goes for
// want of room, once it is out of its segment.
func newCache(room int, evict func(*association)) *cache {
	c := &cache{room: max(room, 4), unproved: map[crowd][]*association{}, evict: evict}
	for _, l := range []**simplelru.LRU[uint32, *association]{&c.probation, &c.protected} {
		lru, err := simplelru.NewLRU[uint32, *association](c.room+1, nil)
		if err != nil {
			panic("BUG: a cache needs room: " + err.Error())
		}
		*l = lru
	}
	return c
}

// fresh returns how many associations may be in probation.
func (c *cache) fresh() int { return c.room / 4 }

// crowd is the unit that shares one bound of unconfirmed associations: a prefix, or one
// address and port on our own link.
type crowd struct {
	prefix netip.Prefix
	port   uint16 // 0: all ports
}

// crowdOf returns the crowd of an address.
func crowdOf(a netip.AddrPort, near bool) crowd {
	if near {
		return crowd{netip.PrefixFrom(a.Addr().WithZone(""), a.Addr().BitLen()), a.Port()}
	}
	return crowd{prefix: prefixOf(a.Addr())}
}

// add takes in a new association. It counts against its crowd until it is confirmed; the
// zero crowd has no bound. A crowd pushes out only its own.
func (c *cache) add(a *association, of crowd) {
	c.put(a, probation)
	if of == (crowd{}) {
		return
	}
	list := c.unproved[of]
	var ofAddr int
	var first *association
	for _, b := range list {
		if of.port == 0 && b.path.to.Addr() == a.path.to.Addr() {
			if ofAddr++; first == nil {
				first = b
			}
		}
	}
	a.proof.counted = of
	c.unproved[of] = append(list, a)
	switch {
	case ofAddr >= maxUnprovedAddr:
		c.drop(first)
	case len(list) >= maxUnprovedPrefix:
		c.drop(list[0])
	}
}

// confirmed ends the counting of an association against its crowd.
func (c *cache) confirmed(a *association) {
	list := c.unproved[a.proof.counted]
	for i, b := range list {
		if b == a {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(c.unproved, a.proof.counted)
	} else {
		c.unproved[a.proof.counted] = list
	}
	a.proof.counted = crowd{}
}

// used notes that an association was used; often says that this was often enough to
// protect it.
func (c *cache) used(a *association, often bool) {
	switch {
	case a.segment == probation && often:
		c.put(a, protected)
	case a.segment == probation:
		c.probation.Get(a.local)
	case a.segment == protected:
		c.protected.Get(a.local)
	}
}

// pin puts an association outside all bounds, or back within them.
func (c *cache) pin(a *association, yes bool) {
	if yes != (a.segment == pinned) && a.segment != outside {
		if yes {
			c.put(a, pinned)
		} else {
			c.put(a, protected)
		}
	}
}

// remove takes an association out without telling evict.
func (c *cache) remove(a *association) {
	c.put(a, outside)
	c.confirmed(a)
}

// put moves an association into a segment and makes room there.
func (c *cache) put(a *association, to segment) {
	switch a.segment {
	case probation:
		c.probation.Remove(a.local)
	case protected:
		c.protected.Remove(a.local)
	}
	a.segment = to
	a.reading.favoured.Store(to == pinned)
	switch to {
	case probation:
		c.probation.Add(a.local, a)
	case protected:
		c.protected.Add(a.local, a)
	}
	for c.protected.Len() > c.room-c.fresh() {
		_, old, _ := c.protected.RemoveOldest()
		old.segment = probation
		c.probation.Add(old.local, old)
	}
	for c.probation.Len() > c.fresh() {
		_, old, _ := c.probation.GetOldest()
		c.drop(old)
	}
}

// drop forgets an association for want of room.
func (c *cache) drop(a *association) {
	c.remove(a)
	c.evict(a)
}
