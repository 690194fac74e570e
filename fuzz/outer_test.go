package fuzz_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"darkchat/dgram"
	"darkchat/dgram/wire"
)

// FuzzOuter gives one datagram to an endpoint, once from an address that proved
// nothing and once with the forged source of an associated peer.
func FuzzOuter(f *testing.F) {
	for _, v := range vectors(f, "datagram") {
		f.Add(v.Bytes)
	}
	f.Add(bytes.Repeat([]byte{0x80}, wire.MaxDatagram+1))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newCable(t)
		w.meet()
		for _, from := range []netip.AddrPort{stranger, w.ann.addr} {
			before, path := w.bob.ep.Counters(), w.bob.path(w.ann)
			given := bytes.Clone(b)
			o := w.bob.ep.Opener().Open(w.now, from, netip.Addr{}, b)
			if !bytes.Equal(b, given) {
				t.Fatal("the datagram was written to")
			}
			if shaped := o.Reason() != dgram.DroppedShape; shaped != isPacket(b) {
				t.Fatalf("taken as a packet: %v (%s), the slow reader says %v", shaped, o.Reason(), isPacket(b))
			}
			_ = o.Summary()
			out, events := w.bob.receive(w.now, o)
			later, laterEvents := w.bob.idle(t, w.now, 10*time.Minute)
			var sent [][]byte
			for _, d := range append(out, later...) {
				if d.To == from {
					sent = append(sent, d.Bytes)
				}
			}
			if len(sent) > 1 || len(sent) == 1 && len(sent[0]) >= len(b) {
				t.Fatalf("%d datagrams went to an unproved address for one of %d B", len(sent), len(b))
			}
			if len(events)+len(laterEvents) > 0 {
				t.Fatalf("somebody unproved caused %v", append(events, laterEvents...))
			}
			if after := w.bob.path(w.ann); after != path {
				t.Fatalf("the way to the peer was %v and is %v", path, after)
			}
			w.now = w.now.Add(10 * time.Minute)
			counted := false
			for c := dgram.CountNothing + 1; c < dgram.AssociationsMade; c++ {
				counted = counted || w.bob.ep.Counters().Of(c) > before.Of(c)
			}
			if !counted {
				t.Fatal("it was not counted")
			}
		}
		w.ann.say("still here")
		w.settle()
		if got := w.bob.heard; len(got) != 1 || got[0] != "still here" {
			t.Fatalf("the peer is no longer understood: %q", got)
		}
	})
}

// isPacket is a second, slow reading of spec/wire.md 2: general CBOR, encoded again
// and compared, then the shape of each packet.
func isPacket(b []byte) bool {
	if len(b) > wire.MaxDatagram {
		return false
	}
	var list []any
	if err := cbor.Unmarshal(b, &list); err != nil {
		return false
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	if again, err := mode.Marshal(list); err != nil || !bytes.Equal(again, b) || len(list) == 0 {
		return false
	}
	text := func(i, least, most int) bool {
		s, ok := list[i].([]byte)
		return ok && len(s) >= least && len(s) <= most
	}
	number := func(i int, most uint64) bool {
		n, ok := list[i].(uint64)
		return ok && n > 0 && n <= most
	}
	const index, any64, all = 1<<32 - 1, 1<<64 - 1, wire.MaxDatagram
	switch kind, _ := list[0].(uint64); {
	case kind == 17 && len(list) == 3:
		pad, _ := list[2].([]byte)
		return text(1, 12, 12) && bytes.Equal(pad, make([]byte, 95))
	case kind == 18 && len(list) == 5:
		return text(1, 12, 12) && text(2, 16, 16) && text(3, 32, 32) && text(4, 32, 32)
	case kind == 19 && len(list) == 5:
		return number(1, index) && text(2, 12, 12) && text(3, 16, 16) && text(4, 96, all)
	case kind == 20 && len(list) == 5:
		return number(1, index) && number(2, index) && text(3, 16, 16) && text(4, 16, all)
	case kind == 21 && len(list) == 4:
		return number(1, index) && number(2, any64) && text(3, 16, all)
	}
	return false
}
