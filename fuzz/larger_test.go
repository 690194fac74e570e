package fuzz_test

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

// Whatever one datagram from an address that proved nothing causes, now or later, is
// at most one datagram, strictly smaller. Every vector, thousands of altered ones and
// noise come to a node that has neighbours, lines that wait and dials under way; each
// from an address of its own. Then an hour passes.
func TestNeverLarger(t *testing.T) {
	b := newBed(t)
	ann, bob := b.join("ann", 101, "192.0.2.1:6789"), b.join("bob", 103, "203.0.113.2:6789")
	ann.meet(bob)
	ann.kill()
	bob.say("ann", "this waits")
	if _, err := bob.node.Ping(b.now, netip.MustParseAddrPort("198.51.100.200:6789")); err != nil {
		t.Fatal(err)
	}
	bob.turn()

	before := len(bob.screen)

	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	given := map[netip.AddrPort]int{} // bytes; each address sends once
	got := map[netip.AddrPort][]int{}
	b.seen = func(f flying) {
		if _, ok := given[f.to]; ok && f.from == bob.addr {
			got[f.to] = append(got[f.to], len(f.bytes))
		}
	}
	strike := func(datagram []byte) {
		n := len(given)
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{45, byte(n >> 14), byte(n >> 6), byte(n)}), uint16(1024+n%60000))
		given[from] = len(datagram)
		b.deliver(from, bob.addr, datagram)
		if n%50 == 49 {
			b.run(20 * time.Millisecond) // within what is challenged in a second
		}
	}
	good := vectors(t, "datagram")
	for _, v := range good {
		strike(v.Bytes)
		for cut := 1; cut < len(v.Bytes); cut += 1 + len(v.Bytes)/16 {
			strike(v.Bytes[:cut])
		}
	}
	for range 4000 {
		strike(altered(r, good[r.IntN(len(good))].Bytes))
	}
	for n := range wire.MaxDatagram + 2 {
		strike(data(n, r.Uint32()|1<<31))
	}
	b.run(time.Hour)

	answered := 0
	for from, sizes := range got {
		answered++
		if len(sizes) > 1 || sizes[0] >= given[from] {
			t.Fatalf("seed %d: %v sent %d B and got %v", seed, from, given[from], sizes)
		}
	}
	if answered < 500 {
		t.Fatalf("seed %d: of %d datagrams %d were answered: the test shows nothing", seed, len(given), answered)
	}
	for _, e := range bob.screen[before:] {
		switch e.(type) {
		case neighbors.Incoming, neighbors.FirstContact, neighbors.PathChange:
			t.Fatalf("seed %d: somebody unproved caused %+v", seed, e)
		}
	}
}

// data is a DATA of n bytes for an association that nobody has, or noise where none
// can have that length.
func data(n int, to uint32) []byte {
	head := []byte{0x84, 21, 0x1a, byte(to >> 24), byte(to >> 16), byte(to >> 8), byte(to), 0x01}
	switch rest := n - len(head); {
	case rest >= 259:
		return append(append(head, 0x59, byte((rest-3)>>8), byte(rest-3)), make([]byte, rest-3)...)
	case rest >= 26 && rest < 258:
		return append(append(head, 0x58, byte(rest-2)), make([]byte, rest-2)...)
	}
	return bytes.Repeat([]byte{0x84}, n)
}

// altered is a valid datagram with something changed, cut, added or doubled.
func altered(r *rand.Rand, datagram []byte) []byte {
	b := bytes.Clone(datagram)
	for range 1 + r.IntN(3) {
		switch at := r.IntN(len(b) + 1); r.IntN(6) {
		case 0:
			b = b[:at]
		case 1:
			b = append(b, byte(r.Uint32()))
		case 2:
			b = append(b[:at:at], b[at/2:]...)
		default:
			if at < len(b) {
				b[at] ^= 1 << r.IntN(8)
			}
		}
	}
	return b[:min(len(b), wire.MaxDatagram+1)]
}
