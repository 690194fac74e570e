package neighbors

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
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

// maxWaysShown bounds the sessions that \net shows; the rest are counted.
const maxWaysShown = 64

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

// Net tells where we are and how others are reached.
func (n *Node) Net() NetView {
	v := NetView{Listen: slices.Clone(n.core.cfg.Listen), Observed: slices.Clone(n.core.nat.adopted), NAT: n.core.nat.nat()}
	if len(v.Observed) == 0 { // they do not agree, but it is better than nothing
		for _, s := range append(n.core.nat.observers(true), n.core.nat.observers(false)...) {
			if !slices.Contains(v.Observed, s.addr) {
				v.Observed = append(v.Observed, s.addr)
			}
		}
	}
	if v.NAT == NATUnknown && n.core.nat.seenElsewhere(v.Observed) {
		v.NAT = NATSome
	}
	v.Silent = n.core.places.silentPlaces()
	for _, e := range n.core.edges.live() {
		if s, ok := n.core.book.Session(e.id); ok && s.Flags&sessions.FlagSeed != 0 {
			v.Seeds = append(v.Seeds, n.core.book.Label(e.user))
		}
	}
	v.Ways, v.More = n.wayViews()
	for _, s := range n.Stats() {
		if s.Value > 0 && slices.Contains(limitNames(), s.Name) {
			v.Limits = append(v.Limits, s)
		}
	}
	return v
}

// seenElsewhere says whether all see us at one address, and it is not our own.
func (rx *reflexive) seenElsewhere(at []netip.AddrPort) bool {
	return len(at) > 0 && !rx.ownAddr(at[0].Addr()) &&
		!slices.ContainsFunc(at, func(a netip.AddrPort) bool { return a.Addr() != at[0].Addr() })
}

// wayViews lists the sessions we keep in touch with: those that are here, then those of people
// our user knows and misses.
func (n *Node) wayViews() (list []WayView, more int) {
	ids := n.core.edges.edgeIDs()
	for _, online := range [2]bool{true, false} {
		for _, id := range ids {
			e := n.core.edges.byID[id]
			s, ok := n.core.book.Session(id)
			if !ok || e.online != online || n.core.edgeIsOwn(e) || !online && !n.core.edges.known(e) {
				continue
			}
			if len(list) == maxWaysShown {
				more++
				continue
			}
			list = append(list, n.wayView(s, e))
		}
	}
	return list, more
}

func (n *Node) wayView(s sessions.Session, e *edge) WayView {
	v := WayView{User: n.core.book.Label(s.User), Session: s.ID.String(), Seed: e.seed}
	w := n.core.ways.byID[s.ID]
	at, rtt, ok := n.core.ep.Path(dgram.PeerID(s.ID))
	if !e.online || !ok {
		if len(s.Seen) > 0 {
			v.Addr = s.Seen[0].Addr
		}
		switch {
		case w != nil && w.carried && !n.core.edges.isOnline(w.by):
			v.Why = "the relay that carried us is gone"
		case e.stage != "":
			v.Why = e.stage
		case s.State == sessions.StateGone:
			v.Why = "said goodbye"
		case !e.lostAt.IsZero():
			v.Why = "no longer answers"
		}
		return v
	}
	v.RTT = rtt
	v.Addr, v.Path = n.core.ways.shownAddr(at)
	if relay, through := n.core.ways.throughRelay(s.ID); through {
		if r, known := n.core.book.Session(relay); known {
			v.Through = n.core.book.Label(r.User)
		}
		if v.Why = "a direct path is being looked for"; w != nil && w.why != "" {
			v.Why = w.why
		}
	}
	return v
}

// isOnline says whether a session is a neighbour that is here.
func (es *edges) isOnline(id sessions.SessionID) bool {
	e := es.byID[id]
	return e != nil && e.online
}

// nat says what kind of NAT we are behind.
func (rx *reflexive) nat() NAT {
	switch {
	case rx.hard:
		return NATHard
	case len(rx.adopted) == 0:
		return NATUnknown
	case !rx.hidden():
		return NATNone
	case rx.agreed():
		return NATEasy
	}
	return NATSome // one observer alone cannot tell more
}

// limitNames are the counters that say that a limit was reached.
func limitNames() []string {
	return []string{
		dgram.DroppedChallenges.String(), dgram.DroppedFull.String(), dgram.DroppedPrefix.String(),
		"relay_full", "relay_quota", "relay_rate",
	}
}

// relayStats are the counters of relaying.
func (rl *relay) relayStats() []Stat {
	c := rl.circuits.count
	return []Stat{
		{"relay_circuits", uint64(rl.circuits.len())}, {"relay_passed", c.passed}, {"relay_unknown", c.unknown},
		{"relay_unasked", c.unasked}, {"relay_full", c.full}, {"relay_quota", c.quota}, {"relay_rate", c.rate},
	}
}

// stageOf notes how far a failed contact got, for the sessions last seen at that address. A seed
// has too many to look through.
func (pf *pathfinder) stageOf(u dgram.Unanswered) {
	pf.punchEnded(u)
	if pf.cfg.Seed {
		return
	}
	for _, e := range pf.edges.byID { // each on its own: the order does not matter
		if s, ok := pf.book.Session(e.id); ok && !e.online && slices.ContainsFunc(s.Seen, func(at sessions.Seen) bool { return at.Addr == u.Addr }) {
			e.stage = stageText(u)
		}
	}
}

// stageText says in words how far a contact got.
func stageText(u dgram.Unanswered) string {
	switch u.Stage {
	case dgram.StageChallenged:
		return u.Addr.String() + " answered, but did not accept us"
	case dgram.StageMismatch:
		return "another key answers at " + u.Addr.String()
	case dgram.StageRefused:
		return u.Addr.String() + " refused us"
	}
	return u.Addr.String() + " is silent"
}

// lastStages tells how far the failed contacts with a user got.
func (rq *requests) lastStages(user sessions.UserKey) (text string) {
	for _, s := range rq.book.SessionsOf(user) {
		if e := rq.edges.byID[s.ID]; e != nil && e.stage != "" && !e.online {
			text += " (" + e.stage + ")"
		}
	}
	return text
}
