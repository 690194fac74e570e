// Package lan is the presence Source of our own links: it announces us there, so that
// people who start the program on one network see each other at once, with nothing
// configured.
//
// The announcement is a HELLO to a group, which tells nothing about us, not even an
// address: a listener learns that from the datagram and answers by unicast, and the
// handshake that follows makes both known to each other (spec/wire.md 6.7). The
// package decides when; the node does the rest. Sockets and interfaces are handled
// outside, and the code there calls Changed.
package lan

import (
	"net/netip"
	"time"

	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

// When we announce ourselves (spec/theory.md 5.5).
const (
	announceFirst = time.Second      // after the first announcement,
	announceLast  = 5 * time.Minute  // doubling up to this, and a quarter more at most
	hurryLeast    = 2 * time.Second  // after an arrival we announce once more, at least this later
	hurrySpread   = 8 * time.Second  // and up to this much later still
	hurryGap      = time.Minute      // minimum interval between hurried announcements
	hurryWait     = 30 * time.Second // and then the doubling goes on from here
	announceGap   = 15 * time.Second // between two announcements in the long run, whatever changes;
	announceBurst = 8                // so many may come closer together
)

// Source announces us.
type Source struct {
	next    time.Time
	wait    time.Duration
	hurried time.Time // the last arrival that made us announce ourselves
	rested  time.Time // from then on announceBurst may come at once again
	changed bool
}

// New returns a Source that announces us at once.
func New() *Source { return &Source{changed: true} }

// Name returns "lan".
func (s *Source) Name() string { return "lan" }

// Changed says that the links on which we announce ourselves have changed, so that we are new
// there. The node's WakeSource must be called after it. Links that keep changing cost the others
// no more than announceGap and announceBurst allow.
func (s *Source) Changed() { s.changed = true }

// Advance announces us when it is time.
func (s *Source) Advance(now time.Time, at neighbors.Host) (next time.Time) {
	if s.changed {
		s.changed, s.wait, s.next = false, 0, now
	}
	if s.next.After(now) {
		return s.next
	}
	if soonest := s.rested.Add(-(announceBurst - 1) * announceGap); soonest.After(now) {
		s.next = soonest
		return s.next
	}
	if !at.Announce() {
		return time.Time{} // no link: we wait for Changed
	}
	if s.rested.Before(now) {
		s.rested = now
	}
	s.rested = s.rested.Add(announceGap)
	s.wait = min(max(2*s.wait, announceFirst), announceLast)
	s.next = now.Add(at.Spread(s.wait))
	return s.next
}

// Heard notices when somebody arrives on our link. They have announced themselves; if they did not
// hear our answer, they will hear our next announcement.
func (s *Source) Heard(now time.Time, from netip.AddrPort, m wire.Message, at neighbors.Host) {
	if _, arrives := m.Body.(wire.Online); !arrives || !at.Near(from.Addr()) || s.next.IsZero() {
		return
	}
	soon := now.Add(hurryLeast + 4*(at.Spread(hurrySpread)-hurrySpread))
	if !s.hurried.IsZero() && now.Sub(s.hurried) < hurryGap || !soon.Before(s.next) {
		return
	}
	s.hurried, s.next = now, soon
	s.wait = min(s.wait, hurryWait/2)
	at.Again(soon)
}
