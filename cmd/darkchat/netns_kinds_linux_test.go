package main

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// The NATs themselves, measured with plain sockets: a network that lets everything
// through would make every other row pass.

const otherPub = "203.0.113.20" // a second public host

func kindRows() []netnsRow {
	return []netnsRow{
		{name: "kinds", what: "the NATs map and filter as their names say", run: natKinds},
		{name: "faults", what: "wires lose, delay and stop packets as asked", run: wireKinds},
	}
}

// behaviour is what is seen of a NAT (RFC 4787): whether the outside port is the
// inside one, whether it depends on the destination, and who gets in: the one
// written to, another port of that host, another host, a stranger to a fresh port.
type behaviour struct {
	kept, varies            bool
	answer, port, host, any bool
}

func (b behaviour) String() string {
	return fmt.Sprintf("port kept %v, varies %v; let in: answer %v, other port %v, other host %v, unasked %v",
		b.kept, b.varies, b.answer, b.port, b.host, b.any)
}

func natKinds(r *row) {
	want := map[string]behaviour{
		cone:       {kept: true, answer: true},
		restricted: {kept: true, answer: true, port: true},
		fullcone:   {kept: true, answer: true, port: true, host: true},
		remap:      {answer: true},
		symmetric:  {varies: true, answer: true},
		// The packet from the other host came first and took that port.
		cone + "+naive": {kept: true, varies: true, answer: true},
	}
	for kind, expected := range want {
		l := newLab(r)
		l.internet()
		l.host("pub2").plug("eth0", "public", otherPub+"/24")
		l.home("a", kind, "203.0.113.101", "192.168.1")
		if got := l.behaviourOf("a1", "203.0.113.101"); got != expected {
			r.Errorf("%s: %v\nexpected: %v", kind, got, expected)
		}
	}
	l := newLab(r)
	l.internet()
	l.carrier(cone + "+hairpin")
	l.customer("a", cone, "2", "192.168.1")
	l.customer("b", cone, "3", "192.168.2")
	a, b := l.hosts["a1"].socket(6789), l.hosts["b1"].socket(6789)
	pub := l.hosts["pub"].socket(1000)
	outA, outB := pub.learns(a, seedAddr), pub.learns(b, seedAddr)
	a.write(outB, "opens a's boxes")
	b.read()
	b.write(outA, "by the outside address")
	if _, ok := a.read(); !ok {
		r.Error("hairpin: nothing comes back in")
	}
	r.measured("%d kinds", len(want)+1)
}

// behaviourOf measures the NAT in front of a host.
func (l *lab) behaviourOf(name, outside string) behaviour {
	l.t.Helper()
	inside := l.hosts[name].socket(6789)
	first, second := l.hosts["pub"].socket(1000), l.hosts["pub"].socket(1001)
	third, fourth := l.hosts["pub2"].socket(1000), l.hosts["pub2"].socket(1001)
	var b behaviour
	at := first.learns(inside, seedAddr)
	b.kept = at.Port() == 6789
	b.answer = first.reaches(at, inside)
	b.port = second.reaches(at, inside)
	b.host = third.reaches(at, inside)
	b.varies = third.learns(inside, otherPub) != at
	l.hosts[name].socket(7000)
	b.any = fourth.reaches(netip.AddrPortFrom(netip.MustParseAddr(outside), 7000), inside)
	return b
}

// socket is a UDP socket on a host.
type socket struct {
	t    testing.TB
	conn *net.UDPConn
}

func (h *host) socket(port int) socket {
	h.lab.t.Helper()
	var conn *net.UDPConn
	err := inNamespace(h.space, func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
		return err
	})
	if err != nil {
		h.lab.t.Fatal(err)
	}
	h.lab.t.Cleanup(func() { _ = conn.Close() })
	return socket{h.lab.t, conn}
}

func (s socket) write(to netip.AddrPort, text string) {
	s.t.Helper()
	if _, err := s.conn.WriteToUDPAddrPort([]byte(text), to); err != nil {
		s.t.Fatal(err)
	}
}

// read waits a moment for one datagram.
func (s socket) read() (from netip.AddrPort, ok bool) {
	_ = s.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	b := make([]byte, 2048)
	_, from, err := s.conn.ReadFromUDPAddrPort(b)
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err == nil
}

// learns lets other write to s, at addr, and returns where that came from.
func (s socket) learns(other socket, addr string) netip.AddrPort {
	s.t.Helper()
	other.write(netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(s.conn.LocalAddr().(*net.UDPAddr).Port)), "hello")
	from, ok := s.read()
	if !ok {
		s.t.Fatalf("nothing came to %s", addr)
	}
	return from
}

// reaches says whether what s writes to an address comes to other.
func (s socket) reaches(to netip.AddrPort, other socket) bool {
	s.t.Helper()
	s.write(to, "anybody there?")
	_, ok := other.read()
	return ok
}

func wireKinds(r *row) {
	hosts := r.onLAN(3)
	a, b, c := hosts[0].socket(5000), hosts[1].socket(5000), hosts[2].socket(5000)
	toB, toC := netip.MustParseAddrPort("10.10.0.12:5000"), netip.MustParseAddrPort("10.10.0.13:5000")
	toAll := netip.MustParseAddrPort("10.10.0.255:5000")
	hosts[2].unicastOnly("eth0")
	if !a.reaches(toAll, b) || a.reaches(toAll, c) || !a.reaches(toC, c) {
		r.Error("a broadcast must reach b and not c; a datagram must reach c")
	}
	b.read() // the other broadcast
	hosts[1].delay("eth0", 30*time.Millisecond)
	if !a.reaches(toB, b) { // the first one waits for ARP
		if !a.reaches(toB, b) {
			r.Error("nothing comes over a slow wire")
		}
	}
	began := time.Now()
	if !a.reaches(toB, b) {
		r.Error("nothing comes over a slow wire")
	}
	if took := time.Since(began); took < 30*time.Millisecond {
		r.Errorf("a slow wire took %v", took)
	}
	r.measured("30 ms are %s", short(time.Since(began)))
	hosts[0].loss("eth0", 20)
	const sent = 1000
	came := 0
	for range sent / 100 {
		for range 100 {
			a.write(toB, "x") // so few fit into the buffer of a socket
		}
		for {
			if _, ok := b.read(); !ok {
				break
			}
			came++
		}
	}
	r.measured("%d of %d came with a loss of 20 %%", came, sent)
	if came < sent*7/10 || came > sent*9/10 {
		r.Errorf("%d of %d came", came, sent)
	}
}
