package fuzz_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"darkchat/dgram/wire"
)

// FuzzInner reads what stands inside an authentic datagram and writes it again.
func FuzzInner(f *testing.F) {
	for _, v := range vectors(f, "plaintext") {
		f.Add(v.Bytes)
		// A payload of a handshake holds an array of messages too.
		var parts []cbor.RawMessage
		if cbor.Unmarshal(v.Bytes, &parts) == nil {
			for _, p := range parts {
				f.Add([]byte(p))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		given := bytes.Clone(b)
		ms, skipped, err := wire.ParseMessages(b)
		if !bytes.Equal(b, given) {
			t.Fatal("the plaintext was written to")
		}
		if err != nil {
			if len(ms) > 0 {
				t.Fatalf("refused with %v, and yet read: %v", err, ms)
			}
			return
		}
		again, err := wire.AppendMessages(nil, ms)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if want, unknown := stripped(t, b); unknown != skipped || !bytes.Equal(again, want) {
			t.Fatalf("%d skipped, %d are unknown;\nread    %x\nwritten %x\nwant    %x", skipped, unknown, b, again, want)
		}
		if skipped == 0 && len(again) == len(b) && !bytes.Equal(again, b) && !padded(ms) {
			t.Fatalf("one message has two encodings:\n%x\n%x", b, again)
		}
		same, none, err := wire.ParseMessages(again)
		if err != nil || none > 0 || !equal(same, ms) {
			t.Fatalf("written and read: %v (%v), was %v", same, err, ms)
		}
		for i := range b {
			b[i] ^= 0xff
		}
		if !equal(same, ms) {
			t.Fatal("a message shares memory with the datagram")
		}
	})
}

// equal does not tell no messages from an empty list of them.
func equal(a, b []wire.Message) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// padded says whether a message is there to make the datagram longer: the content
// of its padding is not kept.
func padded(ms []wire.Message) bool {
	for _, m := range ms {
		if a, ok := m.Body.(wire.Acknowledgement); ok && a.Pad > 0 {
			return true
		}
	}
	return false
}

// stripped is what a node of version 1 understands of an array of messages, by
// general CBOR: extensions emptied but for the buckets of a list, padding zeroed, and of a message of an unknown
// kind its acks alone.
func stripped(t *testing.T, b []byte) (known []byte, unknown int) {
	t.Helper()
	var in [][]any
	if err := cbor.Unmarshal(b, &in); err != nil {
		t.Fatalf("general CBOR does not read what was taken: %v", err)
	}
	out := [][]any{}
	for _, m := range in {
		kind, _ := m[0].(uint64)
		acks, _ := m[3].([]any)
		body, _ := m[4].([]any)
		switch {
		case kind >= 1 && kind <= 6, kind >= 8 && kind <= 10:
			ext, _ := body[len(body)-1].([]byte)
			body[len(body)-1] = []byte{}
			if kind == 5 && body[0] != uint64(0) && len(ext) >= 2 {
				body[len(body)-1] = ext[:2]
			}
		case kind == 7:
			body[0] = make([]byte, len(body[0].([]byte)))
		default:
			unknown++
			if len(acks) == 0 {
				continue
			}
			m = []any{uint64(7), m[1], m[2], acks, []any{[]byte{}}}
		}
		out = append(out, m)
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	if known, err = mode.Marshal(out); err != nil {
		t.Fatal(err)
	}
	return known, unknown
}
