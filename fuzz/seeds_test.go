package fuzz_test

import (
	"testing"

	"darkchat/spec"
)

// vectors returns the bytes of the test vectors of one layer: datagram, plaintext
// or record. A target without seeds would test nothing under plain go test, so it
// fails when there are none.
func vectors(tb testing.TB, layer string) (list []spec.Vector) {
	tb.Helper()
	all, err := spec.Vectors()
	if err != nil {
		tb.Fatal(err)
	}
	for _, v := range all {
		if v.Keys["layer"] == layer {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		tb.Fatalf("the specification has no vectors of layer %q", layer)
	}
	return list
}

// program is the rest of a fuzzed input that is read as instructions. At its end it
// gives zeros.
type program []byte

func (p *program) byte() byte {
	if len(*p) == 0 {
		return 0
	}
	b := (*p)[0]
	*p = (*p)[1:]
	return b
}

func (p *program) uint16() int { return int(p.byte())<<8 | int(p.byte()) }

// bytes returns the next n bytes, or what is left of them.
func (p *program) bytes(n int) []byte {
	n = min(n, len(*p))
	b := (*p)[:n:n]
	*p = (*p)[n:]
	return b
}

func (p *program) done() bool { return len(*p) == 0 }
