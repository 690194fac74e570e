package dgram

import (
	"darkchat/dgram/reliable"
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// guess is what a dial knows of the round trip. HELLOs are re-sent byte for byte, so a CHALLENGE does
// not say which of them it answers. If there is an answer to each, as on a slow path, the first
// answers the first HELLO; if the peer has only just come, it answers the last. The more answers
// there are, the earlier the HELLO that the first of them answers.
type guess struct {
	sent    []time.Time // when the last HELLOs with the present nonce were sent; at most dialSends + 1
	came    time.Time   // when the first CHALLENGE for one of them came
	answers int
}

// said notes a HELLO.
func (g *guess) said(now time.Time) {
	if len(g.sent) > dialSends {
		g.sent = g.sent[1:]
	}
	g.sent = append(g.sent, now)
}

// answered notes a CHALLENGE and returns the round trip, as far as it can be told. It counts as an
// answer to the first HELLO if that is no older than least.
func (g *guess) answered(now time.Time, least time.Duration) time.Duration {
	if g.answers++; g.answers == 1 {
		g.came = now
	}
	if len(g.sent) == 0 {
		return 0
	}
	first, which := g.came.Sub(g.sent[0]), g.sent[max(0, len(g.sent)-g.answers)]
	return min(max(g.came.Sub(which), min(first, least)), reliable.TripMost)
}

// trips remembers slow paths by IP, even when keys and links are forgotten, so that a new dial does
// not send too often. At most maxTrips; the one not measured for longest goes, which costs a few
// needless datagrams.
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

// note keeps a measurement if it matters for any timer; 0: nothing was measured.
func (t trips) note(to netip.Addr, d time.Duration) {
	to = to.WithZone("")
	switch {
	case reliable.TripWait(d) > firstWait(t.near, to):
		t.of.Add(to, min(d, reliable.TripMost))
	case d > 0:
		t.of.Remove(to)
	}
}

// trip returns the round trip remembered for an address, 0 for none.
func (t trips) trip(to netip.Addr) time.Duration {
	d, _ := t.of.Peek(to.WithZone(""))
	return d
}

// sooner returns the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// firstWait is the wait before the second HELLO to an address of which nothing was measured.
func firstWait(n near, to netip.Addr) time.Duration {
	if n(to) {
		return dialWaitLink
	}
	return dialWait
}
