package dgram

import (
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// How long the way to somebody and back takes, before their acks measure it (rtt.go): what a
// dial sees of it, and what is remembered of an address when its keys are forgotten. Timers
// of HELLO, HANDSHAKE and ACCEPT, and that of a first text, are no shorter than tripWait
// times that (spec/theory.md 2.1).

// tripWait returns how long an answer is waited for on a way that takes d: half as long
// again, so that a quarter less by jitter is still more than d.
func tripWait(d time.Duration) time.Duration { return d * 3 / 2 }

// guess is what a dial knows of the way. HELLOs are sent again byte for byte, so a CHALLENGE
// does not say which of them it answers. If they answer one each, as when the way is slow,
// the first answers the first; if the peer has only just come, it answers the last. The more
// answers there are the earlier was the one that the first of them answers.
type guess struct {
	sent    []time.Time // HELLOs with the nonce of now, the last ones; at most dialSends + 1
	came    time.Time   // the first CHALLENGE for one of them
	answers int
}

// said notes a HELLO.
func (g *guess) said(now time.Time) {
	if len(g.sent) > dialSends {
		g.sent = g.sent[1:]
	}
	g.sent = append(g.sent, now)
}

// answered notes a CHALLENGE, and returns how long the way takes, as far as can be told. The
// first HELLO is taken for the answered one if it left no longer ago than least.
func (g *guess) answered(now time.Time, least time.Duration) time.Duration {
	if g.answers++; g.answers == 1 {
		g.came = now
	}
	if len(g.sent) == 0 {
		return 0
	}
	first, which := g.came.Sub(g.sent[0]), g.sent[max(0, len(g.sent)-g.answers)]
	return min(max(g.came.Sub(which), min(first, least)), tripMost)
}

// trips remembers slow ways, by IP, also when keys and links are forgotten: who is called
// again is not called too often. At most maxTrips, the one not measured for longest goes; it
// costs a few needless datagrams.
type trips struct {
	near near
	of   *simplelru.LRU[netip.Addr, time.Duration]
}

func newTrips(n near) trips {
	l, err := simplelru.NewLRU[netip.Addr, time.Duration](maxTrips, nil)
	if err != nil {
		panic("BUG: the bound of trips must be positive")
	}
	return trips{n, l}
}

// note keeps what was measured, if it matters for any timer; 0: nothing was.
func (t trips) note(to netip.Addr, d time.Duration) {
	to = to.WithZone("")
	switch {
	case tripWait(d) > firstWait(t.near, to):
		t.of.Add(to, min(d, tripMost))
	case d > 0:
		t.of.Remove(to)
	}
}

// trip returns what is remembered of an address, 0 for nothing.
func (t trips) trip(to netip.Addr) time.Duration {
	d, _ := t.of.Peek(to.WithZone(""))
	return d
}

// firstWait is before the second HELLO to somebody of whom nothing was measured.
func firstWait(n near, to netip.Addr) time.Duration {
	if n(to) {
		return dialWaitLink
	}
	return dialWait
}

// guessLeast is how slow a way is taken for when that explains an answer as well as loss does.
// On an own link loss is likelier.
func (e *Endpoint) guessLeast(d *dial) time.Duration {
	if e.near(d.to.Addr()) {
		return guessLeastLink
	}
	return guessLeast
}

// measured takes in the round trip of a handshake, a probe or a path that was proved.
func (e *Endpoint) measured(l *link, at netip.AddrPort, d time.Duration) {
	l.courier.measured(d)
	e.contacts.trips.note(at.Addr(), l.courier.trip.smoothed)
}

// tripTo returns how long the way of a dial takes, as far as is known.
func (e *Endpoint) tripTo(d *dial) time.Duration {
	trip := max(d.trip, e.contacts.trips.trip(d.to.Addr()))
	for _, w := range d.want {
		if l := e.links[w.ID]; l != nil && l.way == d.to {
			trip = max(trip, l.courier.trip.known())
		}
	}
	return min(trip, tripMost)
}

// Trip returns how long the way to a peer and back takes: what was measured or, before that,
// at most what its handshake took; 0 if nothing is known.
func (e *Endpoint) Trip(id PeerID) time.Duration {
	if l := e.links[id]; l != nil && l.live() {
		return l.courier.trip.known()
	}
	return 0
}

// Dialling says how far the dial to an address has come; false: there is none that anything
// may come of. Challenged: datagrams of ours are answered there.
func (e *Endpoint) Dialling(addr netip.AddrPort) (challenged, ok bool) {
	d := e.dials[unmapped(addr)]
	if d == nil {
		return false, false
	}
	return d.stage != StageSilent, true
}
