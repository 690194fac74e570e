package dgram

import (
	"bytes"
	"errors"

	"github.com/fxamacker/cbor/v2"
)

// What can be wrong with received bytes (spec/wire.md 1.2).
var (
	errMalformed    = errors.New("not the CBOR that belongs here")
	errNotCanonical = errors.New("not deterministic CBOR")
	errBounds       = errors.New("value out of bounds")
)

// maxNesting is the deepest array: payload, messages, message, body, summaries,
// summary (spec/wire.md 7). maxElements is the longest one, messages and the like.
const (
	maxNesting  = 6
	maxElements = 64
)

// Both modes are immutable and safe for any number of goroutines.
var (
	encoding = newEncoding()
	decoding = newDecoding()
)

// newEncoding is RFC 8949 4.2.1; an empty slice is written as such, never as null.
func newEncoding() cbor.UserBufferEncMode {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	o.TagsMd = cbor.TagsForbidden
	m, err := o.UserBufferEncMode()
	if err != nil {
		panic(err) // the options are constants, so tests would have found it
	}
	return m
}

// newDecoding refuses everything that the library can refuse by itself. The comparison
// in unmarshalStrict finds what it lets through (null for any field, integers for byte
// strings, long integers); the caller checks lengths of byte strings.
func newDecoding() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   maxNesting,
		MaxArrayElements:  maxElements,
		MaxMapPairs:       16, // the least that the library accepts; nothing here is a map
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode()
	if err != nil {
		panic(err) // as above
	}
	return m
}

// appendStrict appends the deterministic encoding of v, a struct marked toarray.
func appendStrict[T any](dst []byte, v *T) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	if err := encoding.MarshalToBuffer(v, buf); err != nil {
		return dst, err
	}
	return buf.Bytes(), nil
}

// unmarshalStrict decodes all of b into v, a struct marked toarray, and accepts it
// only when the encoding of v is b again: one value has one encoding. Byte strings
// are copied out of b. Lengths of byte strings are for the caller to check.
func unmarshalStrict[T any](b []byte, v *T) error {
	rest, err := unmarshalFirst(b, v, make([]byte, 0, len(b)))
	if err == nil && len(rest) > 0 {
		err = errMalformed
	}
	return err
}

// unmarshalFirst is unmarshalStrict for the first value in b; rest is what
// follows it. The room of scratch is written over.
func unmarshalFirst[T any](b []byte, v *T, scratch []byte) (rest []byte, err error) {
	rest, err = decoding.UnmarshalFirst(b, v)
	if err != nil {
		return b, errMalformed
	}
	again, err := appendStrict(scratch[:0], v)
	if err != nil {
		return b, errMalformed
	}
	if !bytes.Equal(again, b[:len(b)-len(rest)]) {
		return b, errNotCanonical
	}
	return rest, nil
}

// Major types of CBOR items that are used (RFC 8949 3.1).
const (
	majorUint  = 0
	majorBytes = 2
	majorText  = 3
	majorArray = 4
)

// readHead reads one head in its shortest form: the major type, the argument and
// the number of bytes. length is 0 when b has none.
func readHead(b []byte) (major byte, n uint64, length int) {
	if len(b) == 0 {
		return 0, 0, 0
	}
	major, low := b[0]>>5, b[0]&31
	if low < 24 {
		return major, uint64(low), 1
	}
	if low > 27 {
		return 0, 0, 0 // reserved, or indefinite
	}
	length = 1 + 1<<(low-24)
	if len(b) < length {
		return 0, 0, 0
	}
	for _, c := range b[1:length] {
		n = n<<8 | uint64(c)
	}
	if headSize(n) != length {
		return 0, 0, 0 // not the shortest
	}
	return major, n, length
}

// headSize returns the bytes of the shortest head with the argument n.
func headSize(n uint64) int {
	switch {
	case n < 24:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<32:
		return 5
	}
	return 9
}

// appendHead appends the shortest head.
func appendHead(dst []byte, major byte, n uint64) []byte {
	m := major << 5
	switch headSize(n) {
	case 1:
		return append(dst, m|byte(n))
	case 2:
		return append(dst, m|24, byte(n))
	case 3:
		return append(dst, m|25, byte(n>>8), byte(n))
	case 5:
		return append(dst, m|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, m|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32),
		byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
