package dgram

import (
	"net/netip"
	"time"

	"darkchat/dgram/reliable"
	"darkchat/dgram/wire"
)

// The round trip to a peer before acks measure it (rtt.go): what a dial sees of it, and what is
// remembered of an address whose keys are forgotten. The timers of HELLO, HANDSHAKE and ACCEPT,
// and that of a first text, are no shorter than TripWait of it (spec/theory.md 2.1).

// guessLeast is the longest round trip that is assumed when a slow path explains an answer as well as
// loss does. On our own link loss is likelier.
func (dl *dialer) guessLeast(d *dial) time.Duration {
	if dl.near(d.to.Addr()) {
		return guessLeastLink
	}
	return guessLeast
}

// measured takes in the round trip of a handshake, a probe or a path challenge.
func (dl *dialer) measured(l *link, at netip.AddrPort, d time.Duration) {
	l.sender.Sample(d)
	dl.contacts.trips.note(at.Addr(), l.sender.RTT())
}

// tripTo returns the round trip of a dial, as far as it is known.
func (dl *dialer) tripTo(d *dial) time.Duration {
	trip := max(d.trip, dl.contacts.trips.trip(d.to.Addr()))
	for _, w := range d.want {
		if l := dl.links[w.ID]; l != nil && l.way == d.to {
			trip = max(trip, l.sender.KnownTrip())
		}
	}
	return min(trip, reliable.TripMost)
}

// Trip returns the round trip to a peer: as measured or, before that, an upper bound from its
// handshake; 0 if nothing is known.
func (e *Endpoint) Trip(id wire.PeerID) time.Duration {
	if l := e.links[id]; l != nil && l.live() {
		return l.sender.KnownTrip()
	}
	return 0
}

// Dialling says how far the dial to an address has got; false: there is none that may still succeed.
// challenged: datagrams of ours are answered there.
func (e *Endpoint) Dialling(addr netip.AddrPort) (challenged, ok bool) {
	d := e.dialer.dials[unmapped(addr)]
	if d == nil {
		return false, false
	}
	return d.stage != StageSilent, true
}
