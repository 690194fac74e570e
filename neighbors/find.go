package neighbors

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram"
	"darkchat/sessions"
)

// find says whom somebody looks for: a name in its mapped form, or a user.
type find struct {
	name string
	user sessions.UserKey
}

// Bounds of the introducer's and the target's memory; the oldest entry goes. A stranger can make
// an entry only by a search, which is paid for (budget.Finds).
const (
	introducePairs  = 4096
	introduceAskers = 4096
	introduceWishes = 4096
)

// introductions remembers who was introduced to whom, so that requests cannot be used to make
// others send (spec/threats.md, reflection).
type introductions struct {
	ticket  uint64                                     // the last number of ours
	pairs   *simplelru.LRU[[16]byte, pairState]        // asker and target
	answers answers                                    // as introducer: to the tickets of each asker (tickets.go)
	wishes  *simplelru.LRU[wishKey, *wish]             // as introducer: who asked for whom
	numbers *simplelru.LRU[sessions.SessionID, uint64] // as target: the highest ticket of each asker
	knocks  []knocker                                  // as target: strangers who ask for us (knock.go)
}

// pairState says when a pair was introduced, when again, and where both were.
type pairState struct {
	first, again time.Time
	asker, to    netip.AddrPort
}

// allow says whether a pair may be introduced now: once in introduceGap, and once more for an
// attempt that failed. If one of them has proved a new address since, the pair may be introduced
// afresh: what the other was told is no longer true.
func (s *pairState) allow(now time.Time, asker, to netip.AddrPort) bool {
	moved := s.asker != asker || s.to != to
	switch {
	case s.first.IsZero() || now.Sub(s.first) >= introduceGap || moved:
		*s = pairState{first: now, asker: asker, to: to}
	case s.again.IsZero() && now.Sub(s.first) >= introduceRetry:
		s.again = now
	default:
		return false
	}
	return true
}

func newIntroductions() introductions {
	pairs, err := simplelru.NewLRU[[16]byte, pairState](introducePairs, nil)
	wishes, err2 := simplelru.NewLRU[wishKey, *wish](introduceWishes, nil)
	numbers, err3 := simplelru.NewLRU[sessions.SessionID, uint64](introduceAskers, nil)
	if err != nil || err2 != nil || err3 != nil {
		panic("BUG: introduction bounds must be positive")
	}
	return introductions{pairs: pairs, answers: newAnswers(), wishes: wishes, numbers: numbers}
}

// ticket signs one introduction. Its numbers rise, even across restarts.
func (n *Node) ticket(now time.Time, introducer sessions.SessionID, p dgram.Ping) dgram.Ticket {
	n.intro.ticket = max(n.intro.ticket+1, uint64(now.UnixMilli()))
	t := sessions.Ticket{Asker: n.self, Introducer: introducer, Name: p.Name, User: p.User, Number: n.intro.ticket}
	return dgram.Ticket{Number: t.Number, Sig: t.SignBy(n.signatures, n.cfg.Key)}
}

// ticketHolds checks the ticket of p, whose asker is rec.
func (n *Node) ticketHolds(rec sessions.Record, introducer sessions.SessionID, p dgram.Ping) bool {
	t := sessions.Ticket{Asker: rec.Session, Introducer: introducer, Name: p.Name, User: p.User, Number: p.Ticket.Number}
	return t.VerifyBy(n.signatures, ed25519.PublicKey(rec.User[:]), p.Ticket.Sig)
}

// pingReceived: a peer looks for somebody, wants to be passed on, or is being introduced to us.
// Package dgram answers probes.
func (n *Node) pingReceived(now time.Time, s sessions.Session, r dgram.Received, p dgram.Ping) {
	switch {
	case len(p.By) > 0:
		n.introduced(now, s, r, p)
		n.ep.Settle(now, r.Handle, dgram.ResultDelivered, 0)
	case p.Scope == dgram.ScopeFind, p.Scope == dgram.ScopeExplode:
		result, again := n.intro.answers.given(s.ID, p.Ticket.Number)
		switch {
		case again:
		case p.Scope == dgram.ScopeFind:
			result = n.introduce(now, s, r.Addr, p)
		default:
			result = n.passOn(now, s, r.Addr, p)
		}
		n.ep.Settle(now, r.Handle, result, 0)
	case p.Scope == dgram.ScopeReach:
		n.reachAsked(now, s, r, p)
	}
}

// seekingKeys lists the missing users in a fixed order.
func (n *Node) seekingKeys() []sessions.UserKey {
	keys := make([]sessions.UserKey, 0, len(n.seeking))
	for k := range n.seeking {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b sessions.UserKey) int { return bytes.Compare(a[:], b[:]) })
	return keys
}

// expect: a Source names a whole fingerprint, so the name means that key alone.
func (n *Node) expect(user string) {
	if name, print, ok := cutLast(user, '~'); ok {
		if err := n.book.Expect(name, print); err != nil {
			n.tell(Notice{fmt.Sprintf("the entry %s is ignored: %v", user, err)})
		}
	}
}

// confirmHint: somebody answered at an address where a Source expects a certain user. If the
// whole fingerprint fits, that counts as an act of this node's user.
func (n *Node) confirmHint(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	if s, known := n.book.Session(id); known && n.hintedSeed(s, addr) {
		if !n.book.NamedSeed(s.User) {
			n.warnOfSuccessor(s, addr)
		}
		n.book.SetNamed(s.User)
		if e := n.edges[id]; e != nil {
			n.reclass(e)
		}
	}
	user := n.expected(addr)
	name, print, ok := cutLast(user, '~')
	if !ok {
		return
	}
	s, known := n.book.Session(id)
	u, _ := n.book.User(s.User)
	switch {
	case !known || !sameName(u.Name, name):
	case strings.EqualFold(sessions.Fingerprint(s.User), print):
		n.pin(now, s.User)
	default:
		n.contacts.mismatch(now, n, name, s.User, fmt.Sprintf("%s answered as %s (%s); your contacts file expects %s (%s)",
			addr, u.Label, sessions.Fingerprint(s.User), name, print))
	}
}

func sameName(a, b string) bool {
	ma, err := sessions.MapName(a)
	mb, err2 := sessions.MapName(b)
	return err == nil && err2 == nil && ma == mb
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
