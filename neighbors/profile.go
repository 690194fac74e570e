package neighbors

import (
	"fmt"
	"time"
)

// Profile is how often a node probes its neighbours, and how long it waits before it
// believes that one is lost (spec/theory.md 5.2).
type Profile struct {
	Name string

	Every time.Duration // of silence before a neighbour is probed that others near us watch too
	Alone time.Duration // the same for one that nobody else near us watches
	Pace  time.Duration // time between probes in all, so that each of many neighbours is probed more rarely; a third of it where nobody else watches
	Last  time.Duration // but no neighbour is probed more rarely than this

	Wait time.Duration // for the answer to a probe; three round trips if that is more
	Gap  time.Duration // between the probes of a suspect

	SuspectLeast time.Duration // from suspicion to lost when others confirm it,
	SuspectMost  time.Duration // and when others could confirm it, but do not
	SuspectAlone time.Duration // the same when nobody else could

	Refresh time.Duration // time between two comparisons of lists by digest
	Search  time.Duration // longest time between two calls to missing sessions
}

// The ready profiles.
var (
	// LAN finds a crash in about 4 s, at 100 bytes a second for a node with 8 neighbours,
	// headers included. It is quick not because it probes often, but because the first
	// neighbour to notice makes the others probe at once.
	lanProfile = Profile{
		Name:  "lan",
		Every: 4 * time.Second,  // a few neighbours that all watch each other: lost within 8 s; with more of them Pace decides
		Alone: 3 * time.Second,  // nobody else will tell us: lost within 8 s of the last sign of life
		Pace:  time.Second,      // 30 neighbours cost no more than 10
		Last:  30 * time.Second, // NAT mappings live that long (RFC 4787 REQ-5 asks for more, routers do less)

		Wait: 250 * time.Millisecond, // ten times what a busy home network takes
		Gap:  250 * time.Millisecond, // many cheap probes in a short suspicion: even at 20 % loss one is answered

		SuspectLeast: 1500 * time.Millisecond, // 8 probes lost in a row, for three of us
		SuspectMost:  3 * time.Second,         // 14 probes: those who could confirm but do not may be elsewhere
		SuspectAlone: 3 * time.Second,         // 16 probes: a wireless network that roams takes 2 s

		Refresh: 10 * time.Minute,
		Search:  5 * time.Second,
	}
	// WAN is for slow and lossy paths: a mobile network may swallow everything for seconds.
	wanProfile = Profile{
		Name:  "wan",
		Every: 25 * time.Second, // what keeps nearly every NAT's mapping alive
		Alone: 12 * time.Second,
		Pace:  2 * time.Second,
		Last:  60 * time.Second,

		Wait: time.Second, // a loaded uplink
		Gap:  time.Second,

		SuspectLeast: 5 * time.Second,
		SuspectMost:  15 * time.Second,
		SuspectAlone: 10 * time.Second, // a handover between cells

		Refresh: 20 * time.Minute,
		Search:  15 * time.Second,
	}
	// Quiet costs 10 bytes a second with 8 neighbours, and finds a crash within a minute.
	quietProfile = Profile{
		Name:  "quiet",
		Every: 110 * time.Second, // 8 neighbours: 8 exchanges of 180 bytes in 119 s, and each is half ours
		Alone: 36 * time.Second,  // and nobody else near us: within the minute
		Pace:  10 * time.Second,
		Last:  3 * time.Minute,

		Wait: time.Second,
		Gap:  time.Second,

		SuspectLeast: 4 * time.Second,
		SuspectMost:  8 * time.Second,
		SuspectAlone: 8 * time.Second,

		Refresh: time.Hour,
		Search:  time.Minute,
	}
)

// ProfileNamed returns a ready profile: lan, wan or quiet.
func ProfileNamed(name string) (Profile, error) {
	for _, p := range [...]Profile{lanProfile, wanProfile, quietProfile} {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("%q is unknown: lan, wan or quiet", name)
}
