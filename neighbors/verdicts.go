package neighbors

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/sessions/identity"
)

// maxVerdicts bounds the copies whose verdict is remembered.
const maxVerdicts = 1024

// verdicts says, by digest, whether copies were sound, so that the same bytes are never opened
// twice for nothing. A verdict never changes, since an erased key never returns.
type verdicts struct {
	sound *simplelru.LRU[digest, bool] // false: it does not open, or its sender did not sign it
}

type digest [sha256.Size]byte

func newVerdicts() verdicts {
	l, err := simplelru.NewLRU[digest, bool](maxVerdicts, nil)
	if err != nil {
		panic("BUG: the bound of verdicts must be positive")
	}
	return verdicts{l}
}

// digestOf is the digest of a copy and of the sender and id claimed for it.
func digestOf(from identity.SessionID, id uint64, sealed []byte) digest {
	h := sha256.New()
	h.Write(from[:])
	h.Write(binary.BigEndian.AppendUint64(nil, id))
	h.Write(sealed)
	return digest(h.Sum(nil))
}
