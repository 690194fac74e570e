package neighbors

import (
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Bounds of the introducer's and the target's memory; the oldest entry goes. A stranger can make
// an entry only by a search, which is paid for (budget.Finds).
const (
	introducePairs  = 4096
	introduceWishes = 4096
)

// introducer is introducing, in both roles. It remembers who was introduced to whom, so that
// requests cannot be used to make others send (spec/threats.md, reflection).
type introducer struct {
	*core
	waiters waiters                             // as introducer: who looked for somebody in vain
	pairs   *simplelru.LRU[[16]byte, pairState] // asker and target
	wishes  *simplelru.LRU[wishKey, *wish]      // as introducer: who asked for whom
	knocks  []knocker                           // as target: strangers who ask for us (knock.go)
}

// pairState says when a pair was introduced, when again, and where both were.
type pairState struct {
	first, again time.Time
	asker, to    netip.AddrPort
}

// allow says whether a pair may be introduced now: once in introduceGap, and once more for an
// attempt that failed. If one of them has proved a new address since, the pair may be introduced
// afresh: what the other was told is no longer true.
func (s *pairState) allow(now time.Time, asker, to netip.AddrPort) bool {
	moved := s.asker != asker || s.to != to
	switch {
	case s.first.IsZero() || now.Sub(s.first) >= introduceGap || moved:
		*s = pairState{first: now, asker: asker, to: to}
	case s.again.IsZero() && now.Sub(s.first) >= introduceRetry:
		s.again = now
	default:
		return false
	}
	return true
}

func newIntroducer(c *core) *introducer {
	pairs, err := simplelru.NewLRU[[16]byte, pairState](introducePairs, nil)
	wishes, err2 := simplelru.NewLRU[wishKey, *wish](introduceWishes, nil)
	if err != nil || err2 != nil {
		panic("BUG: introduction bounds must be positive")
	}
	return &introducer{core: c, waiters: newWaiters(), pairs: pairs, wishes: wishes}
}
