package kv

import (
	"bytes"
	"reflect"
	"testing"
)

// libraryRow is a row for the CBOR library.
type libraryRow struct {
	_      struct{} `cbor:",toarray"`
	Bucket uint8
	Key    []byte
	Value  *[]byte
}

// Rows are what the library writes, at every length where the form changes.
func TestRowsAreCBOR(t *testing.T) {
	var batch []Write
	var rows []libraryRow
	for _, n := range []int{0, 1, 23, 24, 255, 256, 65535, 65536, 1 << 20} {
		key, value := bytes.Repeat([]byte{1}, min(n+1, 1<<15)), bytes.Repeat([]byte{2}, n)
		batch = append(batch, Write{BucketTexts, key, value}, Write{BucketUsers, key, nil})
		rows = append(rows, libraryRow{Bucket: 7, Key: key, Value: &value}, libraryRow{Bucket: 2, Key: key})
	}
	got := AppendRows(nil, batch)
	if want := Marshal(&rows); !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, the library writes %d", len(got), len(want))
	}
	back, ok := ReadRows(nil, got)
	if !ok || !reflect.DeepEqual(back, batch) {
		t.Fatal("the rows do not come back")
	}
	short := AppendRows(nil, batch[:4])
	for i := range short {
		if _, ok := ReadRows(nil, short[:i]); ok {
			t.Fatalf("the first %d bytes of %d are rows", i, len(short))
		}
	}
	if _, ok := ReadRows(nil, append(short, 0)); ok {
		t.Fatal("a byte more is accepted")
	}
}

// A head that is longer than it must be is refused: a batch has one form.
func TestRowsHaveOneForm(t *testing.T) {
	for _, b := range [][]byte{
		{0x98, 1, 0x83, 2, 0x41, 1, 0xf6}, {0x81, 0x98, 3, 2, 0x41, 1, 0xf6}, {0x81, 0x83, 0x18, 2, 0x41, 1, 0xf6},
		{0x81, 0x83, 2, 0x58, 1, 1, 0xf6}, {0x81, 0x83, 2, 0x41, 1, 0x59, 0, 1, 1}, {0x81, 0x83, 2, 0x41, 1, 0x5f}, {0x81, 0x83, 2, 0x41, 1, 0x5c, 1},
	} {
		if _, ok := ReadRows(nil, b); ok {
			t.Errorf("%x is read", b)
		}
	}
	if rows, ok := ReadRows(nil, []byte{0x81, 0x83, 2, 0x41, 1, 0xf6}); !ok || len(rows) != 1 {
		t.Error("the shortest form is refused")
	}
}

func BenchmarkReadRows(b *testing.B) {
	var batch []Write
	for n := range byte(4) {
		batch = append(batch, Write{BucketTexts, bytes.Repeat([]byte{n}, 16), bytes.Repeat([]byte{2}, 100)},
			Write{BucketInbox, bytes.Repeat([]byte{n}, 8), bytes.Repeat([]byte{2}, 300)}, Write{BucketTexts, bytes.Repeat([]byte{n}, 16), nil})
	}
	rows := AppendRows(nil, batch)
	b.SetBytes(int64(len(rows)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := ReadRows(batch[:0], rows); !ok {
			b.Fatal("not read")
		}
	}
}
