package neighbors

import (
	"darkchat/sessions/store"
)

// numbers hands out the numbers of our texts and records. Each is used once,
// across restarts, because they come in blocks that were reserved on disk.
type numbers struct {
	blocks [2]store.Range // by counter, CounterIDs first
	more   [2]store.Range // what was granted since
	asked  [2]bool
}

// reserveMark sets the Seq of a Reserve apart from those of batches.
const reserveMark = 1 << 63

func reserveSeq(c store.Counter) uint64 { return reserveMark | uint64(c) }

func newNumbers(cfg Config) numbers {
	return numbers{blocks: [2]store.Range{cfg.IDs, cfg.Seqs}}
}

func index(c store.Counter) int { return int(c - store.CounterIDs) }

// take returns the first of n consecutive numbers. ErrNoNumbers: there are none
// until the disk has room again.
func (u *numbers) take(c store.Counter, n uint64) (uint64, error) {
	i := index(c)
	if left := u.blocks[i].Limit - u.blocks[i].First; left < n {
		// The rest is skipped: the parts of a line have consecutive ids.
		if u.more[i].Limit-u.more[i].First < n {
			u.asked[i] = false // the next turn asks again
			return 0, ErrNoNumbers
		}
		u.blocks[i], u.more[i] = u.more[i], store.Range{}
	}
	first := u.blocks[i].First
	u.blocks[i].First += n
	return first, nil
}

// wanted lists the counters of which a block must be asked for now.
func (u *numbers) wanted() (list []store.Counter) {
	for _, c := range [2]store.Counter{store.CounterIDs, store.CounterSeq} {
		i := index(c)
		if !u.asked[i] && u.more[i].Limit == 0 && u.blocks[i].Limit-u.blocks[i].First < reserveAt {
			u.asked[i] = true
			list = append(list, c)
		}
	}
	return list
}

// granted takes the answer to wanted. A block that follows the old one extends it.
func (u *numbers) granted(c store.Counter, b store.Range, err error) {
	i := index(c)
	u.asked[i] = err != nil // after a failure we ask again when a number is needed
	switch {
	case err != nil:
	case b.First == u.blocks[i].Limit:
		u.blocks[i].Limit = b.Limit
	default:
		u.more[i] = b
	}
}

// left returns the unused numbers, which a clean end gives back.
func (u *numbers) left(c store.Counter) store.Range { return u.blocks[index(c)] }
