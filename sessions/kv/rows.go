package kv

import "slices"

// Rows are the form of a batch in a journal: a deterministic CBOR array of arrays [bucket, key,
// value], where value null means delete. They are encoded by hand, since they are written for
// every text and read back at every compaction.

// rowItems is the number of elements of a row.
const rowItems = 3

// MaxBatch bounds the writes of one batch.
const MaxBatch = 1 << 17

// AppendRows appends a batch as one CBOR array of [bucket, key, value].
func AppendRows(dst []byte, batch []Write) []byte {
	dst = AppendHead(dst, MajorArray, len(batch))
	for _, w := range batch {
		dst = AppendHead(dst, MajorArray, rowItems)
		dst = AppendHead(dst, MajorUint, int(w.Bucket))
		dst = append(AppendHead(dst, MajorBytes, len(w.Key)), w.Key...)
		if w.Value == nil {
			dst = append(dst, simpleNull)
		} else {
			dst = append(AppendHead(dst, MajorBytes, len(w.Value)), w.Value...)
		}
	}
	return dst
}

// ReadRows reads all of b and appends it to batch. Keys and values are slices of b.
func ReadRows(batch []Write, b []byte) (_ []Write, ok bool) {
	r := NewReader(b)
	n := r.Head(MajorArray)
	if n > MaxBatch {
		return nil, false
	}
	batch = slices.Grow(batch, min(int(n), len(b)/rowItems))
	for range n {
		r.Array(rowItems)
		bucket := r.Head(MajorUint)
		w := Write{Key: r.Bytes(MajorBytes)}
		if !r.null() {
			w.Value = r.Bytes(MajorBytes)
		}
		if r.bad || bucket > uint64(LastBucket) {
			return nil, false
		}
		w.Bucket = Bucket(bucket)
		batch = append(batch, w)
	}
	return batch, r.Done()
}
