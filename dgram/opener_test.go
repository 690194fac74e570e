package dgram

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// TestOpenerIsShared: readers open datagrams of all kinds while the loop makes and
// erases associations. It is for the race detector; without it, it still counts.
func TestOpenerIsShared(t *testing.T) {
	w, a, b := pair(t)
	var all []flying
	w.pass = func(f flying) bool { all = append(all, f); return true }
	w.connect(a, b)
	for i := range uint64(5) {
		a.Send(w.now, b.self.ID, text(i+1, "x"))
		w.run(time.Second)
	}
	opened := make(chan Opened, 64)
	var readers sync.WaitGroup
	for r := range 4 {
		readers.Go(func() {
			for i := range 200 {
				f := all[(i*7+r)%len(all)]
				opened <- b.Opener().Open(w.now.Add(time.Duration(i)*time.Second), f.from, netip.Addr{}, f.bytes)
			}
		})
	}
	go func() {
		readers.Wait()
		close(opened)
	}()
	n := 0
	for o := range opened {
		n++
		now := w.now.Add(time.Duration(n/4) * time.Second)
		b.Receive(now, o)
		switch n % 50 {
		case 10:
			b.Dial(now, a.addr, a.want())
		case 20:
			b.Forget(a.self.ID)
		case 30:
			b.Reserve([]netip.Addr{a.addr.Addr()})
			b.SetRecord(b.config.Record)
		case 40:
			b.Counters().Each(func(string, uint64) {})
		}
		b.Advance(now)
		b.Drain()
	}
	if n != 800 {
		t.Fatalf("%d opened", n)
	}
}

// TestOpenedOwnsItsBytes: the reader's buffer is used again at once.
func TestOpenedOwnsItsBytes(t *testing.T) {
	w, a, b := pair(t)
	buffer := make([]byte, wire.MaxDatagram)
	w.pass = func(f flying) bool {
		to := b
		if f.to == a.addr {
			to = a
		}
		o := to.Opener().Open(w.now, f.from, netip.Addr{}, buffer[:copy(buffer, f.bytes)])
		clear(buffer)
		to.Receive(w.now, o)
		to.wakeAt = w.now
		return false
	}
	a.Send(w.now, b.self.ID, text(1, "hello"))
	a.Dial(w.now, b.addr, b.want())
	w.run(time.Second)
	a.Send(w.now, b.self.ID, text(2, "again"))
	w.run(time.Second)
	if b.texts() != "hello again" || last[Settled](a).ID != 2 {
		t.Fatalf("b has %q", b.texts())
	}
}

// TestSocket: a real socket tells the address that was hit, and answers from it.
func TestSocket(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::]:0", "0.0.0.0:0"} {
		conn, err := Listen(netip.MustParseAddrPort(address))
		if err != nil {
			t.Skipf("no socket on %s: %v", address, err)
		}
		defer conn.Close()
		port := conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		client, err := net.Dial("udp4", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		client.SetDeadline(time.Now().Add(5 * time.Second))
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := client.Write([]byte("question")); err != nil {
			t.Fatal(err)
		}
		b, oob := make([]byte, wire.MaxDatagram+1), make([]byte, LocalSize)
		n, oobn, _, from, err := conn.ReadMsgUDPAddrPort(b, oob)
		if err != nil || string(b[:n]) != "question" {
			t.Fatal(n, err)
		}
		local := ParseLocal(oob[:oobn])
		if _, known := options(); known && local != netip.MustParseAddr("127.0.0.1") {
			t.Fatalf("%s: hit %v", address, local)
		}
		if _, _, err := conn.WriteMsgUDPAddrPort([]byte("answer"), AppendLocal(nil, local, from.Addr()), from); err != nil {
			t.Fatal(err)
		}
		if n, err = client.Read(b); err != nil || string(b[:n]) != "answer" {
			t.Fatal(n, err)
		}
	}
}

// TestAppendLocal: control data reads back as the address it names, and there is none
// for an address of the other family.
func TestAppendLocal(t *testing.T) {
	if _, known := options(); !known {
		t.Skip("this system has none")
	}
	for _, c := range []struct{ local, to, want string }{
		{"192.0.2.1", "198.51.100.1", "192.0.2.1"},
		{"::ffff:192.0.2.1", "::ffff:198.51.100.1", "192.0.2.1"},
		{"2001:db8::1", "2001:db8::2", "2001:db8::1"},
		{"2001:db8::1", "192.0.2.1", ""},
		{"224.0.0.1", "192.0.2.1", ""},
	} {
		got := AppendLocal(nil, netip.MustParseAddr(c.local), netip.MustParseAddr(c.to))
		if c.want == "" && len(got) == 0 {
			continue
		}
		if c.want == "" || ParseLocal(got).String() != c.want {
			t.Errorf("%s to %s: %x", c.local, c.to, got)
		}
	}
}

func TestCounterNames(t *testing.T) {
	names := map[string]bool{}
	Counters{}.Each(func(name string, _ uint64) {
		if name == "" || name == "unknown" || names[name] {
			t.Errorf("counter %q", name)
		}
		names[name] = true
	})
	if received(wire.PacketData) != ReceivedData || sent(wire.PacketAccept) != SentAccept {
		t.Error("counters of packets are out of order")
	}
}
