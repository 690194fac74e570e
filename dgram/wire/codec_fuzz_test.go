package wire

import (
	"bytes"
	"testing"
)

// FuzzMessages: what parses encodes to what parses the same; nothing panics.
func FuzzMessages(f *testing.F) {
	for _, c := range codecCases() {
		f.Add(unhex(f, c.hex))
	}
	f.Add(unhex(f, `81 85 08 01 01 81 85 06 01 01 00 00 82 00 4101`))
	f.Fuzz(func(t *testing.T, b []byte) {
		ms, _, err := ParseMessages(b)
		if err != nil {
			return
		}
		once, err := AppendMessages(nil, ms)
		if err != nil {
			t.Fatalf("%+v does not encode: %v", ms, err)
		}
		size := HeadSize(uint64(len(ms)))
		for i := range ms {
			size += ms[i].Size()
		}
		if size != len(once) {
			t.Fatalf("%+v: size %d, encoded %d bytes", ms, size, len(once))
		}
		again, skipped, err := ParseMessages(once)
		if err != nil || skipped > 0 {
			t.Fatalf("%x: %d skipped, %v", once, skipped, err)
		}
		if twice, err := AppendMessages(nil, again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x, then %x, %v", once, twice, err)
		}
	})
}
