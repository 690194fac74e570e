package sessions

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A cache holds the sessions of one trust class in the order in which they were touched
// last: heard, or found to be here when room was looked for. Its bounds are kept by the
// Book; the list never evicts by itself.
type cache struct {
	list *simplelru.LRU[SessionID, *entry]
}

// victimSample is how many sessions are looked at to find one that may go. Each that may
// not, because it is here, becomes the newest, so the next search begins behind it.
const victimSample = 256

func newCache() cache {
	l, err := simplelru.NewLRU[SessionID, *entry](math.MaxInt, nil)
	if err != nil {
		panic("BUG: session list: " + err.Error())
	}
	return cache{l}
}

func (c cache) len() int { return c.list.Len() }

// put makes s the newest.
func (c cache) put(s *entry) { c.list.Add(s.ID, s) }

func (c cache) remove(s *entry) { c.list.Remove(s.ID) }

// victim is who leaves first: the one touched longest ago that is not here. ok is false
// when all are, or all of those that were looked at.
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
