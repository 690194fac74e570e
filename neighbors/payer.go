package neighbors

import (
	"net/netip"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// payer says who pays for what a session does or makes us do: its class, its user's key, and the
// network where it was last seen. For an unknown session that is the worst class. It is called
// for each message, so an edge keeps its payer.
func (es *edges) payer(id identity.SessionID) budget.Payer {
	if e := es.byID[id]; e != nil {
		return e.payer
	}
	return es.findPayer(id)
}

// findPayer is payer for a session without an edge, or whose edge may hold an outdated payer.
func (es *edges) findPayer(id identity.SessionID) budget.Payer {
	s, ok := es.book.Session(id)
	if !ok {
		return budget.Payer{Class: budget.Stranger, Key: [32]byte(s.User)}
	}
	at, _, _ := es.ep.Path(wire.PeerID(id))
	if !at.IsValid() && len(s.Seen) > 0 {
		at = s.Seen[0].Addr
	}
	return es.payerAt(s, at)
}

// payerAt is payer for a session that is seen at an address.
func (es *edges) payerAt(s book.Session, at netip.AddrPort) budget.Payer {
	p := es.userPayer(s.User)
	if p.Class != budget.Stranger {
		return p
	}
	if at.IsValid() && dgram.Relayed(at.Addr()) {
		return p // no address of it is known: its class and key bound it
	}
	near := at.IsValid() && es.isNear(at)
	e := es.byID[s.ID]
	switch {
	case es.places.named(s.ID, at):
		p.Class = budget.Seed
	case near, e != nil && e.link:
		p.Class = budget.Link
	}
	if at.IsValid() {
		p.Prefix = budget.Network(at.Addr(), near)
	}
	return p
}

// userPayer is the payer for a user wherever they are: own, known, or a stranger.
func (co *core) userPayer(user identity.UserKey) budget.Payer {
	p := budget.Payer{Class: budget.Stranger, Key: [32]byte(user)}
	switch {
	case user == co.own.user:
		p.Class = budget.Own
	case co.book.Trust(user).Known():
		p.Class = budget.Known
	}
	return p
}

// mailPayer says who pays for what a session's texts use here: whoever their sender is now.
func (es *edges) mailPayer(id identity.SessionID, user identity.UserKey) budget.Payer {
	p := es.userPayer(user)
	if s, ok := es.book.Session(id); ok && p.Class == budget.Stranger && es.ep != nil {
		return es.payer(s.ID)
	}
	return p
}
