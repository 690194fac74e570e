package sessions

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache holds the sessions of one trust class, each in the order in which it was
// last heard. Two lists instead of one: in a single list a flood of sessions
// that come and go would push out those that are online. The bounds are kept by
// the Book; these lists never evict by themselves.
type cache struct {
	online, offline *simplelru.LRU[SessionID, *entry]
}

func newCache() cache {
	return cache{online: newList(), offline: newList()}
}

func newList() *simplelru.LRU[SessionID, *entry] {
	l, err := simplelru.NewLRU[SessionID, *entry](math.MaxInt, nil)
	if err != nil {
		panic("BUG: session list: " + err.Error())
	}
	return l
}

func (c cache) len() int { return c.online.Len() + c.offline.Len() }

// put makes s the newest of the list where it belongs now.
func (c cache) put(s *entry) {
	to, from := c.offline, c.online
	if s.live() {
		to, from = from, to
	}
	from.Remove(s.ID)
	to.Add(s.ID, s)
}

func (c cache) remove(s *entry) {
	c.online.Remove(s.ID)
	c.offline.Remove(s.ID)
}

// victim is who leaves first: the offline session that was silent longest, and
// an online one only when no other is left.
func (c cache) victim() (*entry, bool) {
	if _, s, ok := c.offline.GetOldest(); ok {
		return s, true
	}
	_, s, ok := c.online.GetOldest()
	return s, ok
}
