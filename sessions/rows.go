package sessions

import (
	"encoding/binary"
	"slices"
)

// Rows are the form of a batch in a journal: a deterministic CBOR array of arrays [bucket, key,
// value], where value null means delete. They are encoded by hand, since they are written for
// every text and read back at every fold.

// Major types and simple values of CBOR (RFC 8949 3.1, 3.3).
const (
	majorUint   = 0
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	simpleNull  = 0xf6
	simpleFalse = 0xf4
	simpleTrue  = 0xf5
)

// rowItems is the number of elements of a row.
const rowItems = 3

// maxBatch bounds the writes of one batch.
const maxBatch = 1 << 17

// appendRows appends a batch as one CBOR array of [bucket, key, value].
func appendRows(dst []byte, batch []Write) []byte {
	dst = appendHead(dst, majorArray, len(batch))
	for _, w := range batch {
		dst = appendHead(dst, majorArray, rowItems)
		dst = appendHead(dst, majorUint, int(w.Bucket))
		dst = append(appendHead(dst, majorBytes, len(w.Key)), w.Key...)
		if w.Value == nil {
			dst = append(dst, simpleNull)
		} else {
			dst = append(appendHead(dst, majorBytes, len(w.Value)), w.Value...)
		}
	}
	return dst
}

// readRows reads all of b and appends it to batch. Keys and values are slices of b.
func readRows(batch []Write, b []byte) (_ []Write, ok bool) {
	n, b, ok := readHead(b, majorArray)
	if !ok || n > maxBatch {
		return nil, false
	}
	batch = slices.Grow(batch, min(n, len(b)/rowItems))
	for range n {
		var items, bucket int
		var w Write
		if items, b, ok = readHead(b, majorArray); !ok || items != rowItems {
			return nil, false
		}
		if bucket, b, ok = readHead(b, majorUint); !ok || bucket > int(lastBucket) {
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
	n, b, ok := readHead(b, majorBytes)
	if !ok || n > len(b) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// appendHead appends the head of an item, in its shortest form. n is not
// negative and below 2^32.
func appendHead(dst []byte, major byte, n int) []byte {
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

// appendUint appends any unsigned integer.
func appendUint(dst []byte, n uint64) []byte {
	if n < 1<<32 {
		return appendHead(dst, majorUint, int(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, majorUint<<5|27), n)
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
