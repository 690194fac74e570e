package kv

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ErrForm is what unmarshal returns for bytes that are not the only encoding of their value.
var ErrForm = errors.New("not deterministic CBOR")

// ErrNewer is returned for a stored value that a later version of this program
// wrote.
var ErrNewer = errors.New("written by a newer version of this program")

// The modes are immutable and safe for many goroutines.
var (
	encoding = mustEncMode()
	decoding = mustDecMode()
)

// mustEncMode is RFC 8949 4.2.1. A nil slice encodes as an empty one, so that
// comparing with a re-encoding catches null in the place of a byte string.
func mustEncMode() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	o.TagsMd = cbor.TagsForbidden
	m, err := o.EncMode()
	if err != nil {
		panic("BUG: CBOR encoding options: " + err.Error())
	}
	return m
}

func mustDecMode() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   4,
		MaxArrayElements:  64,
		MaxMapPairs:       16,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode()
	if err != nil {
		panic("BUG: CBOR decoding options: " + err.Error())
	}
	return m
}

// Marshal encodes one of this package's own structs, which cannot fail.
func Marshal[T any](v *T) []byte {
	b, err := encoding.Marshal(v)
	if err != nil {
		panic("BUG: CBOR encoding: " + err.Error())
	}
	return b
}

// Unmarshal decodes b and refuses it unless v encodes to b again: null fields,
// long integers and arrays in the place of bytes all end here. The lengths of
// byte strings are the caller's to check.
func Unmarshal[T any](b []byte, v *T) error {
	if err := decoding.Unmarshal(b, v); err != nil {
		return err
	}
	again, err := encoding.Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return ErrForm
	}
	return nil
}

// UnmarshalStored decodes a stored value of the given version (1..23). The
// version is read first, because a later one may have another length.
func UnmarshalStored[T any](b []byte, version byte, v *T) error {
	if len(b) < 2 || b[0] < 0x81 || b[0] > 0x97 || b[1] > 23 {
		return ErrForm
	}
	if b[1] > version {
		return fmt.Errorf("%w (format %d, known %d)", ErrNewer, b[1], version)
	}
	return Unmarshal(b, v)
}
