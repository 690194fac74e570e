package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Two people at home, each behind a NAT, and a seed with a public address: the
// first text goes through the seed, and a direct path follows where the NATs
// allow one.

const (
	firstTextLimit = 500 * time.Millisecond
	directLimit    = 3 * time.Second
	relayGoneLimit = 45 * time.Second
	staysFor       = 6 * time.Second // how long a relay is watched
)

func pairRows() []netnsRow {
	rows := []netnsRow{{
		name: "pair-fast", what: "two plain homes, 20 times from \\add to direct", when: inFull, alone: true, run: pairFast,
	}}
	// Where ports are foreseeable, or one side lets in whom it has met, holes meet.
	easy := []string{cone, restricted, fullcone, remap}
	add := func(a, b string, when when, run func(*row), what string) {
		rows = append(rows, netnsRow{name: "pair-" + a + "-" + b, what: a + " and " + b + ": " + what, when: when,
			run: func(r *row) { r.homes(a, b); run(r) }})
	}
	for i, a := range easy {
		for _, b := range easy[i:] {
			add(a, b, inCI, becomesDirect, "direct, also without the seed")
		}
	}
	for _, b := range []string{restricted, fullcone} {
		add(symmetric, b, inCI, becomesDirect, "direct, also without the seed")
	}
	for _, b := range []string{symmetric, cone, remap} {
		add(symmetric, b, inCI, staysRelayed, "by relay for good")
	}
	add(cone+"+naive", cone+"+naive", inCI, getsThrough, "boxes that let early packets in")
	return append(rows,
		netnsRow{name: "pair-far", what: "plain homes, 20 ms away from the seed there and back", run: func(r *row) { farApart(r, cone, becomesDirect) }},
		netnsRow{name: "pair-far-symmetric", what: "symmetric homes, just as far", run: func(r *row) { farApart(r, symmetric, staysRelayed) }},
		netnsRow{name: "pair-relay-dies", what: "symmetric homes: the relay is killed, and both are told so", when: inFull, run: relayDies},
		netnsRow{name: "pair-mtu", what: "by relay with MTU 1280 on every wire: 16 KiB", run: relayMTU},
		netnsRow{name: "pair-double", what: "a carrier's NAT in front of a home's, and a plain home", run: func(r *row) {
			r.internet()
			r.carrier(cone)
			r.customer("a", cone, "2", "192.168.1")
			r.home("b", cone, "203.0.113.102", "192.168.2")
			becomesDirect(r)
		}},
		netnsRow{name: "pair-hairpin", what: "two customers of one carrier that hairpins", run: func(r *row) {
			r.internet()
			r.carrier(cone + "+hairpin")
			r.customer("a", cone, "2", "192.168.1")
			r.customer("b", cone, "3", "192.168.2")
			becomesDirect(r)
		}},
		netnsRow{name: "pair-overlap", what: "two plain homes with the same private addresses", run: func(r *row) {
			r.internet()
			r.home("a", cone, "203.0.113.101", "192.168.1")
			r.home("b", cone, "203.0.113.102", "192.168.1")
			becomesDirect(r)
		}},
	)
}

// trio is a seed and two people who use it.
type trio struct{ seed, ann, bob *node }

// join starts the seed on pub and one program in each home, and waits until the
// two are at the seed. bob meets anybody: what is measured is the network, not people.
func (l *lab) join() trio {
	l.t.Helper()
	seed := l.hosts["pub"].darkchat("seed", "-s")
	t := trio{seed, l.hosts["a1"].darkchat("ann", "-sip", seedAddr), l.hosts["b1"].darkchat("bob", "-sip", seedAddr, "-intro", "all")}
	for _, n := range []*node{t.ann, t.bob} {
		n.waitOnline(seed)
		seed.waitOnline(n)
	}
	return t
}

// add types \add bob, with the fingerprint, and a first text. It returns when \add was typed, and
// how long the text took from there.
func (t trio) add() (began time.Time, took time.Duration) {
	t.ann.t.Helper()
	began = time.Now()
	t.ann.send(`\add bob ` + t.bob.self().Fingerprint)
	t.ann.send(`\chat bob`)
	t.ann.send("the first text")
	return began, t.bob.wait("the first text", is("message", "the first text")).at.Sub(began)
}

// start is what all rows of pairs begin with: seed, programs, first text.
func (r *row) start() (t trio, began time.Time) {
	r.Helper()
	t = r.join()
	began, took := t.add()
	r.within("first text", took, firstTextLimit)
	return t, began
}

// direct returns since when the path of n to other is direct: since n said so, or,
// where it never was another, since n saw other online.
func (n *node) direct(t testing.TB, other *node, since time.Time, limit time.Duration) time.Time {
	t.Helper()
	id := other.self().Session
	said := func(e event) bool { return e.Event == "path" && e.Session == id && e.Path == "direct" }
	if n.pathTo(other) == "direct" {
		if at, ok := n.seenBy(time.Now(), said); ok {
			return at
		}
		return n.waitOnline(other)
	}
	at, ok := n.seenBy(since.Add(limit+time.Second), said)
	if !ok {
		t.Fatalf("%s: the path to %s is not direct %s after \\add", n.name, other.name, short(time.Since(since)))
	}
	return at
}

// seenBy waits until a time for an event.
func (n *node) seenBy(until time.Time, fits func(event) bool) (time.Time, bool) {
	timeout := time.After(time.Until(until))
	for from := 0; ; {
		unseen, more := n.since(from)
		from += len(unseen)
		if i := slices.IndexFunc(unseen, fits); i >= 0 {
			return unseen[i].at, true
		}
		select {
		case <-more:
		case <-timeout:
			return time.Time{}, false
		}
	}
}

// pathTo asks with \ping NAME.
func (n *node) pathTo(other *node) string {
	n.t.Helper()
	from := n.mark()
	n.send(`\ping ` + other.self().User)
	return n.waitAfter(from, "pong from "+other.name, func(e event) bool {
		return e.Event == "pong" || e.Event == "error"
	}).Path
}

func becomesDirect(r *row) {
	t, began := r.start()
	at := latest(t.ann.direct(r, t.bob, began, directLimit), t.bob.direct(r, t.ann, began, directLimit))
	r.within("direct", at.Sub(began), directLimit)
	t.seed.kill()
	r.within("text without the seed", talk(t.ann, t.bob, "still here"), directLimit)
	if path := t.ann.pathTo(t.bob); path != "direct" {
		r.Errorf("without the seed the path is %q", path)
	}
}

func staysRelayed(r *row) {
	t, began := r.start()
	id := t.bob.self().Session
	if at, ok := t.ann.seenBy(began.Add(staysFor), func(e event) bool {
		return e.Event == "path" && e.Session == id && e.Path == "direct"
	}); ok {
		r.Errorf("the path is direct after %v: these NATs do not allow that", at.Sub(began))
	}
	path := t.ann.pathTo(t.bob)
	r.measured("%s after %s", path, short(staysFor))
	if path != "relay" {
		r.Errorf("the path is %q, expected relay", path)
	}
	r.within("text by relay", talk(t.ann, t.bob, "by relay"), firstTextLimit)
}

// relayDies kills the relay of two who write: who loses the other one is told why.
func relayDies(r *row) {
	r.homes(symmetric, symmetric)
	t, _ := r.start()
	talk(t.ann, t.bob, "by relay")
	began := time.Now()
	t.seed.kill()
	t.ann.send(`\chat bob`)
	t.ann.send("into the void")
	for _, pair := range [2][2]*node{{t.ann, t.bob}, {t.bob, t.ann}} {
		id := pair[1].self().Session
		at, told := pair[0].seenBy(began.Add(relayGoneLimit), func(e event) bool {
			return e.Event == "path" && e.Session == id && strings.Contains(e.Why, "the relay seed is gone")
		})
		if !told {
			r.Errorf("%s is not told that the relay is gone", pair[0].name)
			return
		}
		r.within(pair[0].name+" is told", at.Sub(began), relayGoneLimit)
	}
}

// getsThrough asks only that texts arrive: what path there is, the NATs decide.
func getsThrough(r *row) {
	t, began := r.start()
	id := t.bob.self().Session
	t.ann.seenBy(began.Add(staysFor), func(e event) bool {
		return e.Event == "path" && e.Session == id && e.Path == "direct"
	})
	r.measured("path %s after %s", t.ann.pathTo(t.bob), short(time.Since(began)))
	r.within("text", talk(t.ann, t.bob, "hello"), firstTextLimit)
}

// farApart puts 10 ms each way on both homes' lines.
func farApart(r *row, kind string, run func(*row)) {
	r.homes(kind, kind)
	for _, name := range []string{"ra", "rb"} {
		r.hosts[name].delay("wan", 10*time.Millisecond)
	}
	run(r)
}

// relayMTU sends what fills whole datagrams through the relay.
func relayMTU(r *row) {
	r.homes(symmetric, symmetric)
	for _, name := range []string{"pub", "a1", "b1"} {
		r.hosts[name].mtu("eth0", 1280)
	}
	for _, name := range []string{"ra", "rb"} {
		r.hosts[name].mtu("wan", 1280)
		r.hosts[name].mtu("lan", 1280)
	}
	t, _ := r.start()
	if path := t.ann.pathTo(t.bob); path != "relay" {
		r.Errorf("the path is %q, expected relay", path)
	}
	t.bob.send(`\accept ann`) // it is more than somebody new may leave
	r.within("16 KiB by relay", t.ann.tell(t.bob, longLine), directLimit)
}

func pairFast(r *row) {
	r.homes(cone, cone)
	const times = 20
	var took []time.Duration
	for range times {
		t := r.join()
		began, _ := t.add()
		took = append(took, latest(t.ann.direct(r, t.bob, began, directLimit), t.bob.direct(r, t.ann, began, directLimit)).Sub(began))
		t.ann.quit()
		t.bob.quit()
		t.seed.kill()
		r.hosts["ra"].forget()
		r.hosts["rb"].forget()
	}
	slices.Sort(took)
	r.within(fmt.Sprintf("%d of %d", times-1, times), took[times-2], 100*time.Millisecond)
	r.within("slowest", took[times-1], 500*time.Millisecond)
	r.measured("median %s", short(took[times/2]))
}
