package neighbors

import (
	"bytes"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// Who has a place among the edges. The pool Edges says how many each class may have; this file
// decides which edge gives way: one of a worse class to a better one; within a class the offline
// before the online (invariant 5); and among the online one of the network that has most, so
// that many from one place do not keep others out.

// edge returns the edge to a session, making it when there is room; nil: there is none.
func (es *edges) edge(id identity.SessionID, user identity.UserKey) *edge {
	if e := es.byID[id]; e != nil {
		return e
	}
	p := es.findPayer(id)
	p.Key = [32]byte(user)
	if !es.budget.Fits(budget.Edges, p, 1) && !es.dropEdge(p) || !es.budget.Claim(budget.Edges, p, 1) {
		return nil
	}
	e := newEdge(id, user, p)
	es.byID[id], es.order = e, nil
	return e
}

// dropSample is how many edges are examined to find one that may go: a full seed must not look
// through all its neighbours for every stranger.
const dropSample = 512

// dropEdge makes room for a payer's edge; false when all others matter more.
func (es *edges) dropEdge(p budget.Payer) bool {
	crowded, yields := es.budget.Yields(budget.Edges, p)
	var worst *edge
	var place int
	look := func(e *edge) {
		at := es.giveWay(e, p, crowded, yields)
		if at > 0 && (worst == nil || at > place || at == place && es.quieter(e, worst)) {
			worst, place = e, at
		}
	}
	if len(es.byID) <= dropSample {
		for _, id := range es.edgeIDs() {
			look(es.byID[id])
		}
	} else {
		for e := range es.timers.Some(dropSample) {
			look(e)
		}
	}
	if worst == nil {
		return false
	}
	if worst.online {
		es.happened(time.Time{}, crowdedOut{worst})
	}
	es.removeEdge(worst)
	return es.budget.Fits(budget.Edges, p, 1)
}

// giveWay says how readily an edge gives way to a payer, the higher the more; 0: not at all.
// yields says that the group crowded must give up a place; otherwise it is the payer's own key
// or network that is full, and only its offline edges count.
func (es *edges) giveWay(e *edge, p budget.Payer, crowded budget.Group, yields bool) int {
	if !yields && p.Class > budget.Seed {
		if !e.online && e.payer.Class == p.Class && (e.payer.Key == p.Key || e.payer.Prefix == p.Prefix) {
			return 1
		}
		return 0
	}
	worse := 4 * int(e.payer.Class) // a difference of class outweighs anything within one
	switch {
	case e.payer.Class < p.Class, e.payer.Class == budget.Own && e.online:
		return 0
	case !e.online:
		return worse + 3
	case e.payer.Class == p.Class && e.payer.Group() != crowded:
		return 0
	case e.payer.Class <= budget.Known: // both are here, and known
		return 0
	case e.payer.Group() == crowded:
		return worse + 2
	}
	return worse + 1
}

// quieter says whether a was last heard before b; an edge never heard comes first.
func (es *edges) quieter(a, b *edge) bool {
	at, bt := es.ep.LastHeard(wire.PeerID(a.id)), es.ep.LastHeard(wire.PeerID(b.id))
	if !at.Equal(bt) {
		return at.Before(bt)
	}
	return bytes.Compare(a.id[:], b.id[:]) < 0
}

// removeEdge ends an edge, once.
func (es *edges) removeEdge(e *edge) {
	if es.byID[e.id] != e {
		return
	}
	es.timers.Stop(&e.timer)
	if e.online {
		es.onlineOf[e.payer.Class]--
	}
	delete(es.byID, e.id)
	es.order = nil
	es.budget.Free(budget.Edges, e.payer, 1)
	es.ep.Pin(wire.PeerID(e.id), false)
}

// reclass moves an edge to the payer that its session has now: its user was pinned, it was met
// on the link, or it moved.
func (es *edges) reclass(e *edge) {
	p := es.findPayer(e.id)
	p.Key = [32]byte(e.user)
	if p == e.payer {
		return
	}
	es.budget.Move(budget.Edges, e.payer, p, 1)
	if e.online {
		es.onlineOf[e.payer.Class]--
		es.onlineOf[p.Class]++
	}
	e.payer = p
	es.ep.Pin(wire.PeerID(e.id), e.online && p.Class <= budget.Seed)
}

// counterparts says whether what other says or does may influence how we judge e: only if it is
// at least as well known. So strangers who come, lie and vanish change nothing about how we
// judge a friend's silence.
func counterparts(e, other *edge) bool { return other.payer.Class <= max(e.payer.Class, budget.Known) }

// onlineBeside counts the online edges that share e's pace of probes.
func (es *edges) onlineBeside(e *edge) (count int) {
	for _, online := range es.onlineOf[:max(e.payer.Class, budget.Seed)+1] {
		count += online
	}
	return count
}
