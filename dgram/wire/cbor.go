package wire

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
// summary (spec/wire.md 7). MaxElements is the longest one, messages and the like.
const (
	maxNesting  = 6
	MaxElements = 64
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
// in unmarshalFirst finds what it lets through (null for any field, integers for byte
// strings, long integers); the caller checks lengths of byte strings.
func newDecoding() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   maxNesting,
		MaxArrayElements:  MaxElements,
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

// unmarshalFirst decodes the first value in b into v, a struct marked toarray, and accepts it only
// when the encoding of v is those bytes again: one value has one encoding. rest is what follows
// it. Byte strings are copied out of b; their lengths are for the caller to check. The room of
// scratch is written over.
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

// bodyForm is the wire form of a body that the library reads and writes; body converts it, checking
// the shapes that CBOR types do not express.
type bodyForm interface {
	body() (Body, error)
}

// readForm reads a body whose wire form is F.
func readForm[F bodyForm](b []byte) (Body, []byte, error) {
	f := new(F)
	rest, err := unmarshalFirst(b, f, nil)
	if err != nil {
		return nil, b, err
	}
	body, err := (*f).body()
	return body, rest, err
}

// appendForm appends a body's wire form.
func appendForm[F bodyForm](b []byte, form F) ([]byte, error) { return appendStrict(b, &form) }
