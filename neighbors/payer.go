package neighbors

import (
	"net/netip"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// payer says who pays for what a session does or has us do: its class, its user's key, and
// the network from which it was seen last. Of a session that is not known it is the worst.
// It is asked for each message: whoever has an edge stands there.
func (n *Node) payer(id sessions.SessionID) budget.Payer {
	if e := n.edges[id]; e != nil {
		return e.payer
	}
	return n.findPayer(id)
}

// findPayer is payer for who has no edge, or whose edge may stand under who they were.
func (n *Node) findPayer(id sessions.SessionID) budget.Payer {
	s, ok := n.book.Session(id)
	if !ok {
		return budget.Payer{Class: budget.Stranger, Key: [32]byte(s.User)}
	}
	at, _, _ := n.ep.Path(dgram.PeerID(id))
	if !at.IsValid() && len(s.Seen) > 0 {
		at = s.Seen[0].Addr
	}
	return n.payerAt(s, at)
}

// payerAt is payer for a session that is seen at an address.
func (n *Node) payerAt(s sessions.Session, at netip.AddrPort) budget.Payer {
	p := n.userPayer(s.User)
	if p.Class != budget.Stranger {
		return p
	}
	if at.IsValid() && dgram.Relayed(at.Addr()) {
		return p // it has no address that we know: its class and key bound it
	}
	near := at.IsValid() && n.isNear(at)
	e := n.edges[s.ID]
	switch {
	case n.named(s.ID, at):
		p.Class = budget.Seed
	case near, e != nil && e.link:
		p.Class = budget.Link
	}
	if at.IsValid() {
		p.Prefix = budget.Network(at.Addr(), near)
	}
	return p
}

// userPayer is what is known of a user wherever they are: own, known, or a stranger.
func (n *Node) userPayer(user sessions.UserKey) budget.Payer {
	p := budget.Payer{Class: budget.Stranger, Key: [32]byte(user)}
	switch {
	case user == n.user:
		p.Class = budget.Own
	case n.book.Trust(user).Known():
		p.Class = budget.Known
	}
	return p
}
