package store

import (
	"bytes"
	"cmp"
	"slices"

	"darkchat/sessions/kv"
)

// latestWrites gathers the last write to each key from batches. It is reused from compaction to compaction, to
// save allocations. Bound: the journals that are compacted at once.
type latestWrites struct {
	of  [kv.LastBucket + 1][]latestWrite
	seq int
	out []kv.Write
}

type latestWrite struct {
	kv.Write
	seq int
}

// add takes a batch. Its keys and values are kept, the slice is not.
func (s *latestWrites) add(batch []kv.Write) {
	for _, w := range batch {
		rows := s.of[w.Bucket]
		if n := len(rows); n > 0 && bytes.Equal(rows[n-1].Key, w.Key) {
			rows[n-1].Write = w // mostly a window, which changes with each text
			continue
		}
		giveWay(s.seq)
		s.seq++
		s.of[w.Bucket] = append(rows, latestWrite{w, s.seq})
	}
}

// writes returns the last write to each key, in the order of bucket and key, which touches each page
// of the store once. It is valid until the next call of any method.
func (s *latestWrites) writes() []kv.Write {
	s.out = s.out[:0]
	for _, rows := range s.of {
		slices.SortFunc(rows, func(a, b latestWrite) int {
			return cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(a.seq, b.seq))
		})
		for i, r := range rows {
			if i+1 == len(rows) || !bytes.Equal(r.Key, rows[i+1].Key) {
				s.out = append(s.out, r.Write)
			}
		}
	}
	return s.out
}

// reset forgets all rows and keeps the room.
func (s *latestWrites) reset() {
	for b := range s.of {
		clear(s.of[b])
		s.of[b] = s.of[b][:0]
	}
	clear(s.out)
	s.seq, s.out = 0, s.out[:0]
}
