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

// seenElsewhere says whether all see us at one address, and it is not our own.
func (rx *reflexive) seenElsewhere(at []netip.AddrPort) bool {
	return len(at) > 0 && !rx.ownAddr(at[0].Addr()) &&
		!slices.ContainsFunc(at, func(a netip.AddrPort) bool { return a.Addr() != at[0].Addr() })
}

// wayViews lists the sessions we keep in touch with: those that are here, then those of people
// our user knows and misses.
func (ws *ways) wayViews() (list []WayView, more int) {
	ids := ws.edges.edgeIDs()
	for _, online := range [2]bool{true, false} {
		for _, id := range ids {
			e := ws.edges.byID[id]
			s, ok := ws.book.Session(id)
			if !ok || e.online != online || ws.edgeIsOwn(e) || !online && !ws.edges.known(e) {
				continue
			}
			if len(list) == maxWaysShown {
				more++
				continue
			}
			list = append(list, ws.wayView(s, e))
		}
	}
	return list, more
}

func (ws *ways) wayView(s sessions.Session, e *edge) WayView {
	v := WayView{User: ws.book.Label(s.User), Session: s.ID.String(), Seed: e.seed}
	w := ws.byID[s.ID]
	at, rtt, ok := ws.ep.Path(dgram.PeerID(s.ID))
	if !e.online || !ok {
		if len(s.Seen) > 0 {
			v.Addr = s.Seen[0].Addr
		}
		switch {
		case w != nil && w.carried && !ws.edges.isOnline(w.by):
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
	v.Addr, v.Path = ws.shownAddr(at)
	if relay, through := ws.throughRelay(s.ID); through {
		if r, known := ws.book.Session(relay); known {
			v.Through = ws.book.Label(r.User)
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
