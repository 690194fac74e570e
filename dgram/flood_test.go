package dgram

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// stranger is the nth false source address, each in a prefix of its own.
func stranger(n int) netip.AddrPort {
	b := [4]byte{11, byte(n >> 8), byte(n), 9}
	return netip.AddrPortFrom(netip.AddrFrom4(b), 6789)
}

// TestHelloFlood: HELLOs from false addresses use up the limit on CHALLENGEs. That stops new
// contacts for a moment, but no associated peer.
func TestHelloFlood(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	answered := 0
	var nonce [wire.NonceSize]byte
	for n := range challengeBurst + 1000 {
		binary.BigEndian.PutUint64(nonce[:], uint64(n))
		o := b.Opener().Open(w.now, stranger(n), netip.Addr{}, wire.AppendHello(nil, nonce[:]))
		if len(o.reply) > 0 {
			answered++
		}
	}
	if answered > challengeBurst || answered < challengeBurst-10 {
		t.Fatalf("%d HELLOs were answered at once", answered)
	}
	for n := range uint64(5) {
		a.Send(w.now, b.self.ID, text(n+1, "x"))
	}
	w.run(time.Second)
	if got := count[Received](b); got != 5 {
		t.Errorf("%d of 5 texts of an associated peer came", got)
	}
	if o := b.Opener().Open(w.now, stranger(1), netip.Addr{}, wire.AppendHello(nil, nonce[:])); len(o.reply) == 0 {
		t.Error("a second later nobody new is answered")
	}
}
