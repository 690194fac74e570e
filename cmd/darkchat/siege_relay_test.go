package main

import (
	"context"
	"sync"
	"time"

	"darkchat/dgram/wire"
)

// circuitCrowd is how many sessions hold circuits: each with its two neighbours in a ring.
const circuitCrowd = 280

// idleCircuits: pairs of sessions that ask a relay for a circuit, and then say next to
// nothing. What is idle must give way to those who talk.
func idleCircuits(ctx context.Context, a *assault) {
	var mu sync.Mutex
	var ring []*stranger
	a.each(circuitCrowd, a.Far[:min(32, len(a.Far))], numbered("idle"), 0, func(s *stranger) {
		mu.Lock()
		place := len(ring)
		ring = append(ring, s)
		mu.Unlock()
		var said time.Time
		s.stay(ctx, func(now time.Time) time.Time {
			if now.Sub(said) < 3*time.Second {
				return said.Add(3 * time.Second)
			}
			said = now
			mu.Lock()
			defer mu.Unlock()
			for _, d := range []int{1, len(ring) - 1} {
				other := ring[(place+d)%len(ring)]
				// The ring's records are made once and never change.
				s.say(now, wire.Relay{Session: wire.PeerID(other.record.Session), Datagram: helloPacket(make([]byte, 12))})
			}
			return said.Add(3 * time.Second)
		})
	})
}
