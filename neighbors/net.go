package neighbors

import (
	"net/netip"
	"time"

	"darkchat/dgram"
)

// NAT says what stands between a node and the outside, as far as others reported.
type NAT string

// What may stand there.
const (
	NATUnknown NAT = "unknown" // fewer than two have told us
	NATSome    NAT = "some"    // others see us at an address that is not ours; too few to say more
	NATNone    NAT = "none"    // others see us at an address of our own
	NATEasy    NAT = "easy"    // all see us at one address and port: direct paths are possible
	NATHard    NAT = "hard"    // each sees a different port: direct paths only to those with an easy one
)

// NetView is what \net shows: where we are, and how we reach others.
type NetView struct {
	Listen   []netip.AddrPort // our own addresses
	Observed []netip.AddrPort // where others see us
	NAT      NAT
	Seeds    []string // seeds that answer, by name
	Silent   []string // those that the person named and that do not answer, as they named them
	Ways     []WayView
	More     int    // how many sessions there are besides those in Ways
	Limits   []Stat // counts of what was refused at a limit
}

// WayView is how a session that we keep in touch with is reached, or why it is not.
type WayView struct {
	User    string
	Session string
	Seed    bool
	Path    string         // PathDirect, PathRelay; empty: not reached
	Through string         // the relay, by name
	Addr    netip.AddrPort // of the session or of the relay; if not reached, where it was last
	RTT     time.Duration
	Why     string // why there is no direct path, or none at all
}

// limitNames are the counters that say that a limit was reached.
func limitNames() []string {
	return []string{
		dgram.DroppedChallenges.String(), dgram.DroppedFull.String(), dgram.DroppedPrefix.String(),
		"relay_full", "relay_quota", "relay_rate",
	}
}
