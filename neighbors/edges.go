package neighbors

import (
	"bytes"
	"darkchat/dgram/timing"
	"darkchat/dgram/wire"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"net/netip"
	"slices"
	"time"
)

// edges are the sessions that we keep in touch with (N1).
type edges struct {
	*core
	byID     map[identity.SessionID]*edge // the pool Edges bounds them
	order    []identity.SessionID         // of byID, sorted; nil: to be made anew
	timers   timing.Heap[*edge]
	onlineOf [budget.Classes]int // edges to sessions that are online, by class
}

func newEdges(c *core) *edges { return &edges{core: c, byID: map[identity.SessionID]*edge{}} }

// tells says whether we tell to about e: our user knows both, or e is on our link and to is near
// (spec/theory.md 6.1).
func (es *edges) tells(e, to *edge) bool { return es.tellsOf(e, es.known(e), to, es.known(to)) }

func (es *edges) tellsOf(e *edge, knownE bool, to *edge, knownTo bool) bool {
	if e.user == to.user || e.user == es.own.user || to.user == es.own.user || e.seed || to.seed {
		return false
	}
	if knownE && knownTo {
		return true
	}
	return e.link && e.online && es.nearEdge(to)
}

// known says whether our user knows the user of an edge.
func (es *edges) known(e *edge) bool { return es.book.Trust(e.user).Known() }

// nearEdge says whether a neighbour is on our link or site.
func (es *edges) nearEdge(e *edge) bool {
	at, _, ok := es.direct(e.id)
	return ok && (es.isNear(at) || es.onSite(at.Addr()))
}

// summaryOf makes our summary of a neighbour.
func (es *edges) summaryOf(e *edge) (s wire.Summary, ok bool) {
	known, ok := es.book.Session(e.id)
	if !ok {
		return s, false
	}
	s = wire.Summary{Session: wire.PeerID(e.id), Seq: known.Seq, State: uint64(known.State)}
	switch {
	case known.State == identity.StateGone:
	case !e.online:
		s.State = wire.SummaryLost
	case !e.watch.since.IsZero():
		s.State = wire.SummarySuspect
	}
	return s, true
}

// isOnline says whether a session is a neighbour that is here.
func (es *edges) isOnline(id identity.SessionID) bool {
	e := es.byID[id]
	return e != nil && e.online
}

// metOnLink: a session on our own link answered an announcement, or contacted us in any other way.
// Both sides know it of each other.
func (es *edges) metOnLink(id identity.SessionID) {
	if e := es.byID[id]; e != nil && e.user != es.own.user {
		e.link = true
		es.book.SetEdge(e.user, true)
		es.reclass(e)
	}
}

// leftLink: a session that was met on the link is gone.
func (es *edges) leftLink(e *edge) {
	e.link = false
	es.reclass(e)
	for _, id := range es.onlineSessions(e.user) {
		if es.byID[id].link {
			return
		}
	}
	es.book.SetEdge(e.user, false)
}

// linkView adds what the announcing Source knows: who was met on the link and is here.
func (es *edges) linkView(v *PresenceView) {
	for _, id := range es.edgeIDs() {
		e := es.byID[id]
		if !e.link {
			continue
		}
		if label := es.book.Label(e.user); !slices.Contains(v.Users, label) {
			v.Users = append(v.Users, label)
		}
		if at, _, ok := es.ep.Path(wire.PeerID(id)); ok {
			v.Addrs = append(v.Addrs, at)
		}
	}
}

// isHere is what the book asks before it forgets a session for a newcomer.
func (es *edges) isHere(now time.Time, id identity.SessionID) bool {
	if e := es.byID[id]; e != nil && e.online {
		return true
	}
	if es.ep == nil {
		return false // the memory is being loaded
	}
	if !es.ep.Confirmed(wire.PeerID(id)) {
		return false // it called us, and may be gone already
	}
	heard := es.ep.LastHeard(wire.PeerID(id))
	if es.book.Since(id, heard) < hereCame {
		return now.Sub(heard) < hereSilent
	}
	return now.Sub(heard) < hereFor
}

// atTheDoor says that a session has called us and may be gone already, and that we would not
// look for it anyway.
func (es *edges) atTheDoor(id identity.SessionID, addr netip.AddrPort) bool {
	return !es.ep.Confirmed(wire.PeerID(id)) && es.notSought(id, addr)
}

// notSought says that our user neither knows a session's user nor named it as a seed.
func (es *edges) notSought(id identity.SessionID, addr netip.AddrPort) bool {
	s, ok := es.book.Session(id)
	return !ok || es.payerAt(s, addr).Class > budget.Seed
}

// plan schedules e at its earliest deadline.
func (es *edges) plan(e *edge) {
	es.timers.Set(&e.timer, earliest(earliest(e.quietAt, e.refreshAt), earliest(e.handAt, earliest(e.send.retryAt, e.redialAt))))
}

// edgeIDs lists the edges in a fixed order: map order never reaches the wire. Callers must not
// change the list; edges may come and go while it is walked.
func (es *edges) edgeIDs() []identity.SessionID {
	if es.order == nil && len(es.byID) > 0 {
		es.order = make([]identity.SessionID, 0, len(es.byID))
		for id := range es.byID {
			es.order = append(es.order, id)
		}
		slices.SortFunc(es.order, func(a, b identity.SessionID) int { return bytes.Compare(a[:], b[:]) })
	}
	return es.order
}

// onlineSessions lists a user's sessions that are believed online, in a fixed order.
func (es *edges) onlineSessions(user identity.UserKey) (ids []identity.SessionID) {
	return slices.DeleteFunc(es.book.SessionIDs(user), func(id identity.SessionID) bool {
		e := es.byID[id]
		return e == nil || !e.online
	})
}

// live lists the sessions with a live association, in a fixed order.
func (es *edges) live() (list []*edge) {
	for _, id := range es.edgeIDs() {
		if e := es.byID[id]; e.online && es.ep.Live(wire.PeerID(id)) {
			list = append(list, e)
		}
	}
	return list
}

// peerAt finds the live session whose path ends at addr.
func (es *edges) peerAt(addr netip.AddrPort) (identity.SessionID, bool) {
	for _, id := range es.edgeIDs() {
		if at, _, ok := es.ep.Path(wire.PeerID(id)); ok && at == addr && es.byID[id].online {
			return id, true
		}
	}
	return identity.SessionID{}, false
}
