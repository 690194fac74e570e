package neighbors

import (
	"bytes"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// Who has a place among the edges. The pool Edges says how many each class may have; this file
// decides which edge gives way: one of a worse class to a better one; within a class the offline
// before the online (invariant 5); and among the online one of the network that has most, so
// that many from one place do not keep others out.

// edge returns the edge to a session, making it when there is room; nil: there is none.
func (n *Node) edge(id sessions.SessionID, user sessions.UserKey) *edge {
	if e := n.edges[id]; e != nil {
		return e
	}
	p := n.findPayer(id)
	p.Key = [32]byte(user)
	if !n.budget.Fits(budget.Edges, p, 1) && !n.dropEdge(p) || !n.budget.Claim(budget.Edges, p, 1) {
		return nil
	}
	e := &edge{id: id, user: user, payer: p}
	n.edges[id], n.order = e, nil
	return e
}

// dropSample is how many edges are examined to find one that may go: a full seed must not look
// through all its neighbours for every stranger.
const dropSample = 512

// dropEdge makes room for a payer's edge; false when all others matter more.
func (n *Node) dropEdge(p budget.Payer) bool {
	crowded, yields := n.budget.Yields(budget.Edges, p)
	var worst *edge
	var place int
	look := func(e *edge) {
		at := n.giveWay(e, p, crowded, yields)
		if at > 0 && (worst == nil || at > place || at == place && n.quieter(e, worst)) {
			worst, place = e, at
		}
	}
	if len(n.edges) <= dropSample {
		for _, id := range n.edgeIDs() {
			look(n.edges[id])
		}
	} else {
		for _, e := range n.timers.heap[:min(len(n.timers.heap), dropSample)] {
			look(e)
		}
	}
	if worst == nil {
		return false
	}
	if worst.online {
		n.happened(time.Time{}, crowdedOut{worst})
	}
	n.removeEdge(worst)
	return n.budget.Fits(budget.Edges, p, 1)
}

// giveWay says how readily an edge gives way to a payer, the higher the more; 0: not at all.
// yields says that the group crowded must give up a place; otherwise it is the payer's own key
// or network that is full, and only its offline edges count.
func (n *Node) giveWay(e *edge, p budget.Payer, crowded budget.Group, yields bool) int {
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
func (n *Node) quieter(a, b *edge) bool {
	at, bt := n.ep.LastHeard(dgram.PeerID(a.id)), n.ep.LastHeard(dgram.PeerID(b.id))
	if !at.Equal(bt) {
		return at.Before(bt)
	}
	return bytes.Compare(a.id[:], b.id[:]) < 0
}

// removeEdge ends an edge, once.
func (n *Node) removeEdge(e *edge) {
	if n.edges[e.id] != e {
		return
	}
	n.timers.set(e, time.Time{})
	if e.online {
		n.onlineOf[e.payer.Class]--
	}
	delete(n.edges, e.id)
	n.order = nil
	n.budget.Free(budget.Edges, e.payer, 1)
	n.ep.Pin(dgram.PeerID(e.id), false)
}

// reclass moves an edge to the payer that its session has now: its user was pinned, it was met
// on the link, or it moved.
func (n *Node) reclass(e *edge) {
	p := n.findPayer(e.id)
	p.Key = [32]byte(e.user)
	if p == e.payer {
		return
	}
	n.budget.Move(budget.Edges, e.payer, p, 1)
	if e.online {
		n.onlineOf[e.payer.Class]--
		n.onlineOf[p.Class]++
	}
	e.payer = p
	n.ep.Pin(dgram.PeerID(e.id), e.online && p.Class <= budget.Seed)
}

// counterparts says whether what other says or does may influence how we judge e: only if it is
// at least as well known. So strangers who come, lie and vanish change nothing about how we
// judge a friend's silence.
func counterparts(e, other *edge) bool { return other.payer.Class <= max(e.payer.Class, budget.Known) }

// onlineBeside counts the online edges that share e's pace of probes.
func (n *Node) onlineBeside(e *edge) (count int) {
	for _, online := range n.onlineOf[:max(e.payer.Class, budget.Seed)+1] {
		count += online
	}
	return count
}
