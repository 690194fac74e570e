package kv

import "encoding/binary"

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
