package neighbors

import (
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// A caller has our keys before we know that they have them: they may have vanished right after
// their HANDSHAKE. Of a stranger we then learn only the record. They are no neighbour (no edge,
// not online, not probed, not called again) before a DATA of theirs has opened.

// encounter is what an association tells about how we met.
type encounter struct {
	addr     netip.AddrPort
	outbound bool
	fresh    bool
	link     bool
}

// atTheDoor says that a session has called us and may be gone already, and that we would not
// look for it anyway.
func (n *Node) atTheDoor(id sessions.SessionID, addr netip.AddrPort) bool {
	return !n.ep.Confirmed(dgram.PeerID(id)) && n.notSought(id, addr)
}

// notSought says that our user neither knows a session's user nor named it as a seed.
func (n *Node) notSought(id sessions.SessionID, addr netip.AddrPort) bool {
	s, ok := n.book.Session(id)
	return !ok || n.payerAt(s, addr).Class > budget.Seed
}

// met: a session is there, and has the keys.
func (n *Node) met(now time.Time, id sessions.SessionID, c encounter) {
	n.confirmHint(now, id, c.addr)
	n.alive(now, id, c.addr)
	if c.outbound {
		n.succeeds(now, id, c.addr)
	}
	if c.link || n.isNear(c.addr) {
		n.metOnLink(id)
	}
	if _, through := n.throughRelay(id); c.fresh && (through || n.relays.ways[id] != nil) {
		n.wayChanged(now, id, 0, "")
	}
	if w := n.relays.ways[id]; w != nil {
		n.lookAtWays(now)
		if number, ok := n.relays.numbers[w.by]; ok {
			n.ep.Withdraw(dgram.RelayAddr(number, dgram.PeerID(id))) // one path is enough to begin with
		}
	}
	if !c.outbound || n.relays.ways[id] != nil {
		n.tellWhere(now, id, c.addr)
	}
	n.requestAssociated(now, id, c.addr)
	n.retryNow(now, id)
	if e := n.edges[id]; e != nil && c.fresh {
		n.plan(e)
	}
}

// confirmed: the caller has shown that it is there. For people we know we took that for granted.
func (n *Node) confirmed(now time.Time, c dgram.Confirmed) {
	id := sessions.SessionID(c.Peer)
	s, ok := n.book.Session(id)
	if !ok {
		n.ep.Forget(c.Peer) // we forgot who that is: next time we ask for the record
		return
	}
	if e := n.edges[id]; s.State == sessions.StateGone || e != nil && e.online && !n.notSought(id, c.Addr) {
		return // gone: the record that it showed is not newer than its goodbye
	}
	rec, err := sessions.Decode(s.Record) // the book's: it was verified
	if err != nil {
		return
	}
	if !n.learn(now, id, rec, s.Record, c.Addr, true) {
		n.refused(id, rec)
		return
	}
	n.met(now, id, encounter{c.Addr, false, c.Fresh, c.Link})
}

// refused: there was no room for a session. It gets no answer, and the caller backs off.
func (n *Node) refused(id sessions.SessionID, rec sessions.Record) {
	if _, ok := n.book.Session(id); !ok && rec.State != sessions.StateGone {
		n.ep.Forget(dgram.PeerID(id))
	}
}

// closed: keys are a cache, and nothing that the person sees depends on them; probes find a
// neighbour that went silent. But if a session was at the door and never came in, its record
// goes too, unless somebody told us of it.
func (n *Node) closed(now time.Time, id sessions.SessionID) {
	if n.edges[id] == nil && n.rumors.rumor(id) == nil {
		n.book.DropUnheard(now, id)
	}
}
