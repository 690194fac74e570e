package neighbors

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// affords has a session pay for work, and says whether it may.
func (n *Node) affords(now time.Time, s sessions.Session, cost float64) bool {
	return n.budget.Spend(now, budget.Work, n.payer(s.ID), cost)
}

// maxVerdicts bounds the copies of which it is remembered what they were.
const maxVerdicts = 1024

// verdicts is what copies were, by their bytes: the same bytes are never opened twice for
// nothing. What a copy is never changes, since an erased key opens nothing again.
type verdicts struct {
	sound *simplelru.LRU[digest, bool] // not: it does not open, or its sender did not sign it
}

type digest [sha256.Size]byte

func newVerdicts() verdicts {
	l, err := simplelru.NewLRU[digest, bool](maxVerdicts, nil)
	if err != nil {
		panic("BUG: the bound of verdicts must be positive")
	}
	return verdicts{l}
}

// digestOf is a copy's, with what is said of it beside.
func digestOf(from sessions.SessionID, id uint64, sealed []byte) digest {
	h := sha256.New()
	h.Write(from[:])
	h.Write(binary.BigEndian.AppendUint64(nil, id))
	h.Write(sealed)
	return digest(h.Sum(nil))
}
