package main

import (
	"fmt"
	"strings"
	"time"
)

// Slow paths: by satellite, by radio. Everything that waits for an answer waits long enough.

func slowRows() []netnsRow {
	slow := func(trip time.Duration, loss int) func(*row) { return func(r *row) { slowPing(r, trip, loss) } }
	return []netnsRow{
		{name: "slow-1.2s", what: "a round trip of 1.2 s: \\ping, texts, calm", when: inFull, run: slow(1200*time.Millisecond, 0)},
		{name: "slow-3s", what: "the same of 3 s", when: inFull, run: slow(3*time.Second, 0)},
		{name: "slow-5s", what: "the same of 5 s", when: inFull, run: slow(5*time.Second, 0)},
		{name: "slow-8s", what: "the same of 8 s", when: inFull, run: slow(8*time.Second, 0)},
		{name: "slow-loss", what: "the same of 3 s, 10 % of all packets lost each way", when: inFull, run: slow(3*time.Second, 10)},
		{name: "slow-lan", what: "announcements on a link with a round trip of 3 s", when: inFull, run: slowLAN},
	}
}

// slowHosts are two hosts with a slow path between. They know each other's hardware address: the
// kernel would not wait long enough to find it out.
func (l *lab) slowHosts(trip time.Duration) (a, b *host) {
	l.t.Helper()
	a, b = l.twoHosts([2]string{"10.10.0.11/24", "10.10.0.12/24"})
	a.ip("link set eth0 address 02:00:00:00:00:11")
	b.ip("link set eth0 address 02:00:00:00:00:12")
	a.ip("neigh replace 10.10.0.12 lladdr 02:00:00:00:00:12 dev eth0 nud permanent")
	b.ip("neigh replace 10.10.0.11 lladdr 02:00:00:00:00:11 dev eth0 nud permanent")
	b.delay("eth0", trip/2)
	return a, b
}

// slack for machines that are busy.
const slowSlack = 1500 * time.Millisecond

func slowPing(r *row, trip time.Duration, loss int) {
	a, b := r.slowHosts(trip)
	if loss > 0 {
		a.loss("eth0", loss)
	}
	ann, bob := a.darkchat("ann", byHand...), b.darkchat("bob", byHand...)
	from, began := ann.mark(), time.Now()
	ann.send(`\ping 10.10.0.12 ` + bob.port())
	first := ann.waitAfter(from, "pong or error", func(e event) bool { return e.Event == "pong" || e.Event == "error" })
	if took := first.at.Sub(began); took > 5*time.Second+slowSlack {
		r.Errorf("\\ping ended after %s", took)
	}
	r.measured("%s after %s", first.Event, short(first.at.Sub(began)))
	if first.Event == "error" {
		// Something has come back after one round trip.
		if blamed := strings.Contains(first.Text, "firewall"); loss == 0 && blamed != (trip > 5*time.Second-500*time.Millisecond) {
			r.Errorf("it says %s", first.Text)
		}
		pong, ok := ann.seenBy(began.Add(time.Minute), is("pong", ""))
		switch {
		case !ok:
			r.Fatal("no pong in a minute")
		case loss > 0:
			r.measured("pong after %s", short(pong.Sub(began)))
		default:
			r.within("pong", pong.Sub(began), 3*trip+slowSlack)
		}
	} else if trip > 2*time.Second {
		r.Errorf("a pong after %s on this way", first.at.Sub(began))
	}
	ann.waitOnline(bob)
	bob.seenBy(began.Add(time.Minute), func(e event) bool { return e.Event == "online" })
	bob.send(`\accept ann`)
	for i := range 3 {
		r.measured("text %s", short(ann.tell(bob, fmt.Sprint("there ", i))))
		bob.tell(ann, fmt.Sprint("back ", i))
	}
	ann.passes(30 * time.Second)
	for _, n := range []*node{ann, bob} {
		list, _ := n.since(0)
		for _, e := range list {
			if e.Event == "offline" {
				r.Errorf("%s was told %v", n.name, e)
			}
		}
	}
}

func slowLAN(r *row) {
	const trip = 3 * time.Second
	a, b := r.slowHosts(trip)
	began := time.Now()
	ann, bob := a.darkchat("ann"), b.darkchat("bob")
	r.within("met", latest(ann.waitOnline(bob), bob.waitOnline(ann)).Sub(began), 20*time.Second)
	r.measured("text %s", short(talk(ann, bob, "hello")))
}
