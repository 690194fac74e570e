package kv

import (
	"encoding/binary"
	"slices"
)

// Rows are the form of a batch in a journal: a deterministic CBOR array of arrays [bucket, key,
// value], where value null means delete. They are encoded by hand, since they are written for
// every text and read back at every compaction.

// Major types and simple values of CBOR (RFC 8949 3.1, 3.3).
const (
	MajorUint   = 0
	MajorBytes  = 2
	MajorText   = 3
	MajorArray  = 4
	simpleNull  = 0xf6
	SimpleFalse = 0xf4
	SimpleTrue  = 0xf5
)

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
	n, b, ok := readHead(b, MajorArray)
	if !ok || n > MaxBatch {
		return nil, false
	}
	batch = slices.Grow(batch, min(n, len(b)/rowItems))
	for range n {
		var items, bucket int
		var w Write
		if items, b, ok = readHead(b, MajorArray); !ok || items != rowItems {
			return nil, false
		}
		if bucket, b, ok = readHead(b, MajorUint); !ok || bucket > int(LastBucket) {
			return nil, false
		}
		w.Bucket = Bucket(bucket)
		if w.Key, b, ok = readBytes(b); !ok {
			return nil, false
		}
		if len(b) > 0 && b[0] == simpleNull {
			b = b[1:]
		} else if w.Value, b, ok = readBytes(b); !ok {
			return nil, false
		}
		batch = append(batch, w)
	}
	return batch, len(b) == 0
}

func readBytes(b []byte) (v, rest []byte, ok bool) {
	n, b, ok := readHead(b, MajorBytes)
	if !ok || n > len(b) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// AppendHead appends the head of an item, in its shortest form. n is not
// negative and below 2^32.
func AppendHead(dst []byte, major byte, n int) []byte {
	m := major << 5
	switch {
	case n < 24:
		return append(dst, m|byte(n))
	case n < 1<<8:
		return append(dst, m|24, byte(n))
	case n < 1<<16:
		return append(dst, m|25, byte(n>>8), byte(n))
	}
	return append(dst, m|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// AppendUint appends any unsigned integer.
func AppendUint(dst []byte, n uint64) []byte {
	if n < 1<<32 {
		return AppendHead(dst, MajorUint, int(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, MajorUint<<5|27), n)
}

// readHead reads the head of an item of the given major type.
func readHead(b []byte, major byte) (n int, rest []byte, ok bool) {
	if len(b) == 0 || b[0]>>5 != major {
		return 0, nil, false
	}
	low := b[0] & 31
	if low < 24 {
		return int(low), b[1:], true
	}
	size := 1 << (low - 24) // 1, 2 or 4 bytes follow
	if low > 26 || len(b) < 1+size {
		return 0, nil, false
	}
	for _, c := range b[1 : 1+size] {
		n = n<<8 | int(c)
	}
	return n, b[1+size:], true
}
