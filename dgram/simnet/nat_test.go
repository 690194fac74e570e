package simnet

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

var (
	home     = netip.MustParsePrefix("10.0.1.0/24")
	router   = netip.MustParseAddr("198.51.100.1")
	hidden   = netip.MustParseAddrPort("10.0.1.2:6789")
	other    = netip.MustParseAddrPort("192.0.2.1:7000") // another port of ann's host
	neighbor = netip.MustParseAddrPort("10.0.1.3:6789")
)

const lifetime = 30 * time.Second

// seen sends one datagram and returns the source and destination it has at the end;
// zero: it is dropped.
func seen(n *Net, now time.Time, from, to netip.AddrPort) (source, at netip.AddrPort) {
	n.Send(now, from, to, []byte("x"))
	for _, d := range n.Deliver(now) {
		return d.From, d.To
	}
	return netip.AddrPort{}, netip.AddrPort{}
}

func TestKindsMapAndFilter(t *testing.T) {
	for _, c := range []struct {
		kind                    Kind
		keeps, same             bool // the port; for every destination
		stranger, another, back bool // let in: another host, another port of who was asked, who was asked
	}{
		{Cone, true, true, false, false, true},
		{Restricted, true, true, false, true, true},
		{FullCone, true, true, true, true, true},
		{Remap, false, true, false, false, true},
		{Symmetric, false, false, false, false, true},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			n := New(1, Profile{})
			n.Behind(home, router, c.kind, lifetime)
			now := start
			if _, at := seen(n, now, ann, netip.AddrPortFrom(router, hidden.Port())); at.IsValid() {
				t.Fatal("something unsolicited gets in")
			}
			mapped, at := seen(n, now, hidden, ann)
			if at != ann || mapped.Addr() != router || (mapped.Port() == hidden.Port()) != c.keeps {
				t.Fatalf("ann sees %v", mapped)
			}
			for _, in := range []struct {
				from netip.AddrPort
				want bool
			}{{ann, c.back}, {other, c.another}, {bob, c.stranger}} {
				source, at := seen(n, now, in.from, mapped)
				if (at == hidden) != in.want || in.want && source != in.from {
					t.Errorf("from %v: arrives at %v", in.from, at)
				}
			}
			second, _ := seen(n, now, hidden, bob)
			if (second == mapped) != c.same {
				t.Errorf("bob sees %v, ann %v", second, mapped)
			}
			if third, _ := seen(n, now, neighbor, ann); third == mapped || third.Addr() != router {
				t.Errorf("two hosts are both %v", third)
			}
		})
	}
}

func TestMappingsEnd(t *testing.T) {
	for _, k := range []Kind{Cone, Restricted, FullCone, Remap, Symmetric} {
		n := New(1, Profile{})
		nat := n.Behind(home, router, k, lifetime)
		mapped, _ := seen(n, start, hidden, ann)
		at := start.Add(lifetime - 1)
		if _, in := seen(n, at, ann, mapped); in != hidden {
			t.Errorf("%v: it ends too soon", k)
		}
		if _, in := seen(n, at.Add(lifetime-1), ann, mapped); in != hidden {
			t.Errorf("%v: use does not keep it", k)
		}
		at = at.Add(3 * lifetime)
		if _, in := seen(n, at, ann, mapped); in.IsValid() {
			t.Errorf("%v: it never ends", k)
		}
		again, _ := seen(n, at, hidden, ann)
		if moves := k == Remap || k == Symmetric; (again != mapped) != moves {
			t.Errorf("%v: %v after %v", k, again, mapped)
		}
		nat.Flush()
		if _, in := seen(n, at, ann, again); in.IsValid() {
			t.Errorf("%v: a flushed mapping lets in", k)
		}
	}
}

func TestNATInNAT(t *testing.T) {
	n := New(1, Profile{})
	carrier := netip.MustParseAddr("100.64.0.9")
	n.Behind(home, carrier, Cone, lifetime)
	n.Behind(netip.MustParsePrefix("100.64.0.0/10"), router, Symmetric, lifetime)
	mapped, at := seen(n, start, hidden, ann)
	if mapped.Addr() != router || at != ann {
		t.Fatalf("%v at %v", mapped, at)
	}
	if source, at := seen(n, start, ann, mapped); at != hidden || source != ann {
		t.Fatalf("back: from %v at %v", source, at)
	}
	for _, to := range []netip.AddrPort{hidden, netip.AddrPortFrom(carrier, mapped.Port())} {
		if _, at := seen(n, start, ann, to); at.IsValid() {
			t.Errorf("%v is reached past its NAT", to)
		}
	}
}

func TestHairpin(t *testing.T) {
	n := New(1, Profile{})
	nat := n.Behind(home, router, FullCone, lifetime)
	one, _ := seen(n, start, hidden, ann)
	if _, at := seen(n, start, neighbor, hidden); at != hidden {
		t.Fatal("two hosts inside do not reach each other")
	}
	if _, at := seen(n, start, neighbor, one); at.IsValid() {
		t.Fatal("it turns round without being told")
	}
	nat.Hairpin(true)
	if source, at := seen(n, start, neighbor, one); at != hidden || source.Addr() != router {
		t.Fatalf("from %v at %v", source, at)
	}
}

func TestConnBehindNAT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Profile{})
		n.Behind(home, router, Remap, lifetime)
		in, out := n.Listen(hidden), n.Listen(ann)
		defer in.Close()
		defer out.Close()
		buf := make([]byte, 10)
		var ports []uint16
		for range 2 {
			in.WriteMsgUDPAddrPort([]byte("ask"), nil, ann)
			_, _, _, from, err := out.ReadMsgUDPAddrPort(buf, nil)
			if err != nil || from.Addr() != router {
				t.Fatal(from, err)
			}
			ports = append(ports, from.Port())
			out.WriteMsgUDPAddrPort([]byte("answer"), nil, from)
			if size, _, _, from, err := in.ReadMsgUDPAddrPort(buf, nil); err != nil || from != ann || string(buf[:size]) != "answer" {
				t.Fatal(from, err)
			}
			time.Sleep(2 * lifetime)
			out.WriteMsgUDPAddrPort([]byte("late"), nil, from)
		}
		synctest.Wait()
		if ports[0] == ports[1] || len(in.arrived) != 0 {
			t.Errorf("ports %v, %d came late", ports, len(in.arrived))
		}
	})
}
