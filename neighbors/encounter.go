package neighbors

import (
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
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

// met: a session is there, and has the keys.
func (n *Node) met(now time.Time, id identity.SessionID, c encounter) {
	n.discovery.confirmHint(now, id, c.addr)
	n.alive(now, id, c.addr)
	if c.outbound {
		n.paths.succeeds(now, id, c.addr)
	}
	if c.link || n.core.isNear(c.addr) {
		n.core.edges.metOnLink(id)
	}
	if _, through := n.core.ways.throughRelay(id); c.fresh && (through || n.core.ways.byID[id] != nil) {
		n.paths.wayChanged(now, id, 0, "")
	}
	if w := n.core.ways.byID[id]; w != nil {
		n.core.ways.lookAtWays(now)
		if number, ok := n.core.ways.numbers[w.by]; ok {
			n.core.ep.Withdraw(dgram.RelayAddr(number, wire.PeerID(id))) // one path is enough to begin with
		}
	}
	if !c.outbound || n.core.ways.byID[id] != nil {
		n.core.nat.tellWhere(now, id, c.addr)
	}
	n.requests.requestAssociated(now, id, c.addr)
	n.outbound.retryNow(now, id)
	if e := n.core.edges.byID[id]; e != nil && c.fresh {
		n.core.edges.plan(e)
	}
}

// confirmed: the caller has shown that it is there. For people we know we took that for granted.
func (n *Node) confirmed(now time.Time, c dgram.Confirmed) {
	id := identity.SessionID(c.Peer)
	s, ok := n.core.book.Session(id)
	if !ok {
		n.core.ep.Forget(c.Peer) // we forgot who that is: next time we ask for the record
		return
	}
	if e := n.core.edges.byID[id]; s.State == identity.StateGone || e != nil && e.online && !n.core.edges.notSought(id, c.Addr) {
		return // gone: the record that it showed is not newer than its goodbye
	}
	rec, err := identity.Decode(s.Record) // the book's: it was verified
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
func (n *Node) refused(id identity.SessionID, rec identity.Record) {
	if _, ok := n.core.book.Session(id); !ok && rec.State != identity.StateGone {
		n.core.ep.Forget(wire.PeerID(id))
	}
}

// closed: keys are a cache, and nothing that the person sees depends on them; probes find a
// neighbour that went silent. But if a session was at the door and never came in, its record
// goes too, unless somebody told us of it.
func (n *Node) closed(now time.Time, id identity.SessionID) {
	if n.core.edges.byID[id] == nil && n.core.claims.subject(id) == nil {
		n.core.book.DropUnheard(now, id)
	}
}
