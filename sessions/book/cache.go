package book

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/sessions/identity"
)

// A cache holds the sessions of one trust class in the order in which they were last touched:
// heard, or found to be here when room was needed. The Book keeps its bounds; the list never
// evicts by itself.
type cache struct {
	list *simplelru.LRU[identity.SessionID, *entry]
}

// victimSample is how many sessions are examined to find one that may go. A session that may
// not go, because it is here, becomes the newest, so the next search begins behind it.
const victimSample = 256

func newCache() cache {
	l, err := simplelru.NewLRU[identity.SessionID, *entry](math.MaxInt, nil)
	if err != nil {
		panic("BUG: session list: " + err.Error())
	}
	return cache{l}
}

func (c cache) len() int { return c.list.Len() }

// put makes s the newest.
func (c cache) put(s *entry) { c.list.Add(s.ID, s) }

func (c cache) remove(s *entry) { c.list.Remove(s.ID) }

// victim is the session to evict first: the one touched longest ago that is not here. ok is false
// if all are here, or all that were examined.
func (c cache) victim(live func(*entry) bool) (s *entry, ok bool) {
	for range min(c.len(), victimSample) {
		_, s, _ := c.list.GetOldest()
		if !live(s) {
			return s, true
		}
		c.put(s)
	}
	return nil, false
}
