package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Two programs that were told each other's address, over networks of several kinds.

func pingRows() []netnsRow {
	return []netnsRow{
		{name: "ping-loss", what: "20 % of all packets lost each way", run: pingLoss},
		{name: "ping-mtu", what: "MTU 1280, a line of 16 KiB over IPv4 and IPv6", run: pingMTU},
		{name: "ping-v6", what: "IPv6 only: unique local and link-local addresses", run: pingV6},
		{name: "ping-made-up", what: "a link with IPv4 link-local addresses alone", run: pingMadeUp},
		{name: "ping-routed", what: "two LANs joined by a router", run: pingRouted},
		{name: "ping-nat", what: "from behind a home NAT to a public host, and back", run: pingNAT},
	}
}

// byHand is how the rows of this file are started: nothing finds people by itself.
var byHand = []string{"-presence", "none"}

// twoHosts puts two hosts on one bridge.
func (l *lab) twoHosts(addrs ...[2]string) (*host, *host) {
	l.t.Helper()
	l.segment("lan")
	a, b := l.host("a").plug("eth0", "lan"), l.host("b").plug("eth0", "lan")
	for _, pair := range addrs {
		a.addr("add", "eth0", pair[0])
		b.addr("add", "eth0", pair[1])
	}
	return a, b
}

// met says \ping and waits until both see each other. It returns how long that took.
func met(n, other *node, addr string) time.Duration {
	n.t.Helper()
	began := time.Now()
	at := began
	for range 3 { // on a bad way one may end without an answer; a person asks again
		from := n.mark()
		n.send(`\ping ` + addr + ` ` + other.port())
		e := n.waitAfter(from, "pong from "+other.name, func(e event) bool {
			return e.Event == "pong" || e.Event == "error" && strings.HasPrefix(e.Input, `\ping`)
		})
		if at = e.at; e.Event == "pong" {
			break
		}
	}
	return latest(at, other.waitOnline(n), n.waitOnline(other)).Sub(began)
}

// waitOnline returns when n said that the session of other is online.
func (n *node) waitOnline(other *node) time.Time {
	n.t.Helper()
	id := other.self().Session
	return n.wait(other.name+" online", func(e event) bool { return e.Event == "online" && e.Session == id }).at
}

func latest(times ...time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// tell types a text for a user and returns how long it took until it was printed there.
func (n *node) tell(other *node, text string) time.Duration {
	n.t.Helper()
	from := other.mark()
	began := time.Now()
	n.send(`\chat ` + other.self().User)
	n.send(text)
	return other.waitAfter(from, text, is("message", text)).at.Sub(began)
}

// talk sends a line each way and returns the longer of the two times.
func talk(a, b *node, text string) time.Duration {
	a.t.Helper()
	return max(a.tell(b, text+" there"), b.tell(a, text+" and back"))
}

func pingLoss(r *row) {
	a, b := r.twoHosts([2]string{"10.10.0.11/24", "10.10.0.12/24"})
	a.loss("eth0", 20)
	ann, bob := a.darkchat("ann", byHand...), b.darkchat("bob", byHand...)
	r.measured("met in %s", short(met(ann, bob, "10.10.0.12")))
	bob.send(`\accept ann`) // more lines come than somebody new may leave
	const lines = 30
	began := time.Now()
	ann.send(`\chat bob`)
	for i := range lines {
		ann.send(lossyLine(i))
	}
	var at time.Time
	for i := range lines {
		at = bob.wait("every line", is("message", lossyLine(i))).at
	}
	r.measured("%d lines in %s", lines, short(at.Sub(began)))
	exactlyOnce(r.T, bob, lines)
}

// lossyLine is as long as fits into a datagram alone, so that each can be lost.
func lossyLine(i int) string {
	return fmt.Sprintf("line %d: %s", i, strings.Repeat("a long story, ", 60))
}

// exactlyOnce checks that the lines came in order, each of them once.
func exactlyOnce(t testing.TB, n *node, lines int) {
	t.Helper()
	all, _ := n.since(0)
	next := 0
	for _, e := range all {
		if e.Event != "message" {
			continue
		}
		if e.Text != lossyLine(next) {
			t.Errorf("%s printed %.20q, expected line %d", n.name, e.Text, next)
		}
		next++
	}
	if next != lines {
		t.Errorf("%s printed %d lines of %d", n.name, next, lines)
	}
}

// longLine is nearly as long as a line may be.
var longLine = strings.Repeat("sixteen letters ", 1023) + "and the end."

func pingMTU(r *row) {
	a, b := r.twoHosts([2]string{"10.10.0.11/24", "10.10.0.12/24"}, [2]string{"fd0d:c:1::11/64", "fd0d:c:1::12/64"})
	a.mtu("eth0", 1280)
	b.mtu("eth0", 1280)
	for _, addr := range []string{"10.10.0.12", "fd0d:c:1::12"} {
		ann, bob := a.darkchat("ann", byHand...), b.darkchat("bob", byHand...)
		met(ann, bob, addr)
		r.measured("%s: %s", addr, short(ann.tell(bob, longLine)))
		ann.quit()
		bob.quit()
	}
}

func pingV6(r *row) {
	a, b := r.twoHosts([2]string{"fd0d:c:1::11/64", "fd0d:c:1::12/64"})
	for _, addr := range []string{"fd0d:c:1::12", b.linkLocal("eth0") + "%eth0"} {
		ann, bob := a.darkchat("ann", byHand...), b.darkchat("bob", byHand...)
		r.measured("%s: met in %s, text %s", addr, short(met(ann, bob, addr)), short(talk(ann, bob, "hello")))
		ann.quit()
		bob.quit()
	}
}

// Nobody gives out addresses: what the first screen says is one that the other can use, and
// they find each other without it, too.
func pingMadeUp(r *row) {
	a, b := r.twoHosts([2]string{"169.254.3.11/16", "169.254.77.12/16"})
	ann, bob := a.darkchat("ann", byHand...), b.darkchat("bob", byHand...)
	if got := bob.self().Listen; len(got) != 1 || got[0] != "169.254.77.12:"+bob.port() {
		r.Errorf("bob says %q", got)
	}
	r.measured("met in %s, text %s", short(met(ann, bob, "169.254.77.12")), short(talk(ann, bob, "hello")))
	ann.quit()
	bob.quit()
	ann, bob = a.darkchat("ann"), b.darkchat("bob")
	ann.waitOnline(bob)
	r.measured("text unasked %s", short(talk(ann, bob, "hello")))
}

// twoLANs are two segments with a router between them, hosts a1.. and b1.. on them.
func (l *lab) twoLANs(each int) {
	l.t.Helper()
	nets := []string{"10.1.0", "10.2.0"}
	router := l.router("r")
	for i, letter := range []string{"a", "b"} {
		l.segment("lan" + letter)
		router.plug(fmt.Sprintf("eth%d", i), "lan"+letter, nets[i]+".1/24")
		for h := range each {
			l.host(fmt.Sprintf("%s%d", letter, h+1)).
				plug("eth0", "lan"+letter, fmt.Sprintf("%s.%d/24", nets[i], 11+h)).gateway(nets[i] + ".1")
		}
	}
	router.gateway("")
}

func pingRouted(r *row) {
	r.twoLANs(1)
	ann, bob := r.hosts["a1"].darkchat("ann", byHand...), r.hosts["b1"].darkchat("bob", byHand...)
	r.measured("met in %s", short(met(ann, bob, "10.2.0.11")))
	r.measured("text %s", short(talk(ann, bob, "hello")))
}

func pingNAT(r *row) {
	r.internet()
	r.home("a", cone, "203.0.113.101", "192.168.1")
	pub := r.hosts["pub"].darkchat("pub", byHand...)
	ann := r.hosts["a1"].darkchat("ann", byHand...)
	r.measured("met in %s", short(met(ann, pub, seedAddr)))
	r.measured("text %s", short(talk(ann, pub, "hello")))
	if r.hosts["ra"].mappings() == 0 {
		r.Error("the NAT has no mapping: nothing went through it")
	}
}
