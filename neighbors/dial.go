package neighbors

import (
	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"errors"
	"net/netip"
	"time"
)

// mayCall says whether we may say HELLO to a missing session. For people known only the node's
// own budget counts.
func (co *core) mayCall(now time.Time, e *edge) bool {
	return co.budget.Spend(now, budget.Hellos, e.payer, helloCost)
}

// helloCost is how many HELLOs one unanswered dial sends (spec/theory.md 2.1).
const helloCost = 5

// dialSession says HELLO to a known session wherever its key authenticated to us; false when the
// budget allowed no HELLO. If a text waits for somebody known, the person asked for it.
func (co *core) dialSession(now time.Time, s book.Session) bool {
	waits := co.outbox.Waiting(s.ID) || co.outbox.Queued(s.User)
	return co.callSession(now, s, waits && co.book.Trust(s.User).Known())
}

// callSession is dialSession; asked: the person waits for it.
func (co *core) callSession(now time.Time, s book.Session, asked bool) bool {
	dial, want := co.dial, []dgram.Peer{peerOf(s)}
	if asked {
		dial = co.dialAsked
	}
	tried, spent := false, false
	for _, seen := range s.Seen {
		if !co.dialable(seen.Addr, netip.Addr{}) {
			continue
		}
		if err := dial(now, seen.Addr, want); errors.Is(err, dgram.ErrBudget) {
			spent = true
		} else {
			tried = true
		}
	}
	return tried || !spent
}

func peerOf(s book.Session) dgram.Peer {
	return dgram.Peer{ID: wire.PeerID(s.ID), User: [32]byte(s.User), Static: s.Static, Seq: s.Seq}
}

// dial says HELLO at addr. want names the sessions that may be there; empty:
// whoever answers.
func (co *core) dial(now time.Time, addr netip.AddrPort, want []dgram.Peer) error {
	co.wake(now)
	return co.ep.Dial(now, addr, want)
}

// dialable tells whether addr may be dialled at all. Addresses from messages are hints: never
// private or link-local unless we have an interface in that prefix, or both the address and its
// teller are on our site; nor loopback unless the teller is on loopback. The zero teller is the
// person, a Source or our own memory, which may name any unicast address.
func (co *core) dialable(addr netip.AddrPort, teller netip.Addr) bool {
	a := addr.Addr()
	switch {
	case !addr.IsValid() || addr.Port() == 0 || a.IsUnspecified() || a.IsMulticast() || dgram.Relayed(a):
		return false
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case co.cfg.LoopbackOnly && !a.IsLoopback():
		return false
	case !teller.IsValid():
		return true
	case a.IsLoopback():
		return teller.IsLoopback()
	case a.IsPrivate() || a.IsLinkLocalUnicast() || carrierGrade.Contains(a):
		for _, p := range co.cfg.Interfaces {
			if p.Contains(a.WithZone("")) {
				return true
			}
		}
		return co.onSite(a) && co.onSite(teller)
	}
	return true
}

// carrierGrade is the shared address space of RFC 6598: as private as RFC 1918.
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

// dialAsked is dial, paid from that budget.
func (co *core) dialAsked(now time.Time, addr netip.AddrPort, want []dgram.Peer) error {
	co.wake(now)
	return co.ep.DialAsked(now, addr, want)
}

// dialNear says HELLO to a session that a neighbour on our link or site told us of, if its record
// says that it is there too: announcements may not reach it.
func (co *core) dialNear(now time.Time, id identity.SessionID, teller netip.Addr) {
	s, ok := co.book.Session(id)
	if e := co.edges.byID[id]; !ok || e != nil && e.online || co.book.Trust(s.User) == book.TrustBlocked {
		return
	}
	for _, a := range s.Addrs {
		if (co.isNear(a.Addr) || co.onSite(a.Addr.Addr())) && co.dialable(a.Addr, teller) {
			co.dial(now, a.Addr, []dgram.Peer{peerOf(s)})
		}
	}
}
