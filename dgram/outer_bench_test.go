package dgram

import (
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/timing"
	"darkchat/dgram/wire"
)

// benchPair is two associated nodes outside of a network.
func benchPair(b *testing.B) (caller, answerer *node) {
	var t testing.T
	w, x, y := pair(&t)
	w.connect(x, y)
	x.Pin(y.self.ID, true) // what strangers may send is limited, and not what is measured here
	y.Pin(x.self.ID, true)
	return x, y
}

// sealedText is a DATA of a that nobody has opened yet.
func sealedText(a *node, to *node, text string) []byte {
	use := preferred(a.links[to.self.ID].list)
	bytes := a.seal(use, []wire.Message{{ID: 1, Attempt: 1, Body: wire.Text{Parts: 1, Text: text}}}, 0)
	use.counter++
	return bytes
}

const line = "a chat line of a hundred bytes, as they are typed all day long by people who have something to say ...."

func BenchmarkParseData(b *testing.B) {
	x, y := benchPair(b)
	d := sealedText(x, y, line)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.ParsePacket(d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealText(b *testing.B) {
	x, y := benchPair(b)
	b.ReportAllocs()
	for b.Loop() {
		sealedText(x, y, line)
	}
}

func BenchmarkOpenText(b *testing.B) {
	x, y := benchPair(b)
	d := sealedText(x, y, line)
	o := y.Opener()
	b.ReportAllocs()
	for b.Loop() {
		if v := o.Open(began, x.addr, netip.Addr{}, d); v.Empty() {
			b.Fatal(v.Summary())
		}
	}
}

// BenchmarkOpenTextParallel: readers (-t) share one Opener.
func BenchmarkOpenTextParallel(b *testing.B) {
	x, y := benchPair(b)
	d := sealedText(x, y, line)
	o := y.Opener()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if v := o.Open(began, x.addr, netip.Addr{}, d); v.Empty() {
				b.Fatal(v.Summary())
			}
		}
	})
}

// BenchmarkExchange: a text there and its ack back, all but the sockets.
func BenchmarkExchange(b *testing.B) {
	x, y := benchPair(b)
	now, id := began.Add(time.Minute), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		id++
		now = now.Add(time.Millisecond)
		x.Send(now, y.self.ID, wire.Message{ID: id, Body: wire.Text{Prev: id - 1, Parts: 1, Text: line}})
		for _, way := range [][2]*node{{x, y}, {y, x}} {
			way[0].Advance(now)
			datagrams, _ := way[0].Drain()
			for _, d := range datagrams {
				way[1].Receive(now, way[1].Opener().Open(now, way[0].addr, netip.Addr{}, d.Bytes))
			}
			way[1].Advance(now)
			_, events := way[1].Drain()
			for _, e := range events {
				if r, ok := e.(Received); ok {
					way[1].Settle(now, r.Handle, wire.ResultDelivered, 0)
				}
			}
		}
	}
	if !x.Idle(y.self.ID) {
		b.Fatal("not acknowledged")
	}
}

func BenchmarkChallenge(b *testing.B) {
	_, y := benchPair(b)
	hello := wire.AppendHello(nil, make([]byte, wire.NonceSize))
	from := netip.MustParseAddrPort("203.0.113.1:1")
	o := y.Opener()
	now := began.Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		if v := o.Open(now, from, netip.Addr{}, hello); v.reply == nil {
			b.Fatal(v.Summary())
		}
	}
}

func BenchmarkRejectGarbage(b *testing.B) {
	_, y := benchPair(b)
	garbage := make([]byte, 300)
	for i := range garbage {
		garbage[i] = byte(i * 31)
	}
	benchReject(b, y, garbage)
}

func BenchmarkRejectCookie(b *testing.B) {
	_, y := benchPair(b)
	benchReject(b, y, wire.AppendHandshake(nil, 1, make([]byte, wire.NonceSize), make([]byte, wire.CookieSize), make([]byte, wire.MinNoise)))
}

func BenchmarkRejectSeal(b *testing.B) {
	x, y := benchPair(b)
	d := sealedText(x, y, line)
	d[len(d)-1] ^= 1
	benchReject(b, y, d)
}

func benchReject(b *testing.B, n *node, d []byte) {
	from := netip.MustParseAddrPort("203.0.113.1:1")
	b.ReportAllocs()
	for b.Loop() {
		if v := n.Opener().Open(began, from, netip.Addr{}, d); !v.Empty() {
			b.Fatal("accepted")
		}
	}
}

// BenchmarkAcceptHandshake: what one first contact costs the challenged node, but for
// the signature of the record.
func BenchmarkAcceptHandshake(b *testing.B) {
	var t testing.T
	w, x, y := pair(&t)
	shakes := captured(w, wire.PacketHandshake)
	w.connect(x, y)
	f := (*shakes)[0]
	y.table.used = [2]usedUp{} // as if it was never seen
	y.admit.near = func(netip.Addr) bool { return true }
	now := w.now
	b.ReportAllocs()
	for b.Loop() {
		y.admit.shakes, y.admit.fresh = timing.NewBucket(shakeRate, 10), timing.NewBucket(shakeFreshRate, 10)
		*y.admit.links.bucket(f.from), *y.admit.hosts.bucket(f.from.Addr()) = timing.NewBucket(shakeLinkRate, 10), timing.NewBucket(shakeHostRate, 10)
		if v := y.Opener().Open(now, f.from, netip.Addr{}, f.bytes); v.Empty() {
			b.Fatal(v.Summary())
		}
	}
}
