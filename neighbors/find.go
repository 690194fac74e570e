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

// find is whom somebody looks for: a name in its mapped form, or a user.
type find struct {
	name string
	user sessions.UserKey
	sent map[uint64]bool // ids of our requests; at most one a peer and second while it lasts
}

func (f find) means(s sessions.Session, n *Node) bool {
	if !f.user.IsZero() {
		return s.User == f.user
	}
	u, ok := n.book.User(s.User)
	if !ok {
		return false
	}
	mapped, err := sessions.MapName(u.Name)
	return err == nil && mapped == f.name
}

// Bounds of the introducer's and the target's memory; the oldest entry goes.
const (
	introducePairs  = 4096
	introduceAskers = 4096
)

// introductions remembers who was introduced to whom, so that a request cannot
// be used to make others send (spec/threats.md, reflection).
type introductions struct {
	ticket  uint64                                         // the last number of ours
	pairs   *simplelru.LRU[[16]byte, pairState]            // asker and target
	askers  *simplelru.LRU[sessions.SessionID, askerState] // requests of one asker
	numbers *simplelru.LRU[sessions.SessionID, uint64]     // as target: the highest ticket of each asker
}

// askerState is what one asker was given: the introducer's side.
type askerState struct {
	number uint64
	since  time.Time
	count  int
}

// pairState says when a pair was introduced, and again, and where both were.
type pairState struct {
	first, again time.Time
	asker, to    netip.AddrPort
}

// allow says whether a pair may be introduced now: once in introduceGap, and once
// more for an attempt that failed. It is another introduction when one of them has
// proved another address since: what was told of it is not true any more.
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
	askers, err2 := simplelru.NewLRU[sessions.SessionID, askerState](introduceAskers, nil)
	numbers, err3 := simplelru.NewLRU[sessions.SessionID, uint64](introduceAskers, nil)
	if err != nil || err2 != nil || err3 != nil {
		panic("BUG: introduction bounds must be positive")
	}
	return introductions{pairs: pairs, askers: askers, numbers: numbers}
}

// ticket signs one introduction: its numbers rise, across restarts too.
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

// pingReceived: somebody looks for somebody, wants to be passed on, or is being
// introduced to us. Probes are answered by package dgram.
func (n *Node) pingReceived(now time.Time, s sessions.Session, r dgram.Received, p dgram.Ping) {
	switch {
	case len(p.By) > 0:
		n.introduced(now, s, r, p)
		n.ep.Settle(now, r.Handle, dgram.ResultDelivered, 0)
	case p.Scope == dgram.ScopeFind:
		n.ep.Settle(now, r.Handle, n.introduce(now, s, r.Addr, p), 0)
	case p.Scope == dgram.ScopeExplode:
		n.ep.Settle(now, r.Handle, n.passOn(now, s, r.Addr, p), 0)
	case p.Scope == dgram.ScopeReach:
		n.reachAsked(now, s, r, p)
	}
}

// introduce passes the asker's record to those it looks for, and theirs to it:
// only between nodes that both have a live association with us, only with
// addresses that we validated ourselves.
func (n *Node) introduce(now time.Time, asker sessions.Session, addr netip.AddrPort, p dgram.Ping) dgram.Result {
	rec, err := n.verify(p.Record)
	at, _, live := n.direct(asker.ID)
	if err != nil || rec.Session != asker.ID || !live || at != addr || !n.ticketHolds(rec, n.self, p) {
		return dgram.ResultUnknownRecipient
	}
	st, ok := n.intro.askers.Get(asker.ID)
	if ok && p.Ticket.Number <= st.number {
		return dgram.ResultTooOld
	}
	st.number = p.Ticket.Number
	if now.Sub(st.since) >= time.Minute {
		st.since, st.count = now, 0
	}
	if st.count >= introduceMax {
		n.intro.askers.Add(asker.ID, st)
		return dgram.ResultBusy
	}
	found := 0
	for _, t := range n.targets(p, asker) {
		var pair [16]byte
		copy(pair[:8], asker.ID[:])
		copy(pair[8:], t.ID[:])
		to, _, ok := n.direct(t.ID)
		if !ok || found == introduceTo {
			continue
		}
		found++
		st, _ := n.intro.pairs.Get(pair)
		if !st.allow(now, addr, to) {
			continue // they were told already
		}
		n.intro.pairs.Add(pair, st)
		other, err := sessions.Decode(t.Record) // the book's: it was verified
		if err != nil {
			continue
		}
		half := dgram.Ping{Scope: dgram.ScopeFind, Name: p.Name, User: p.User, By: n.self[:], Ticket: p.Ticket}
		half.Session, half.Record, half.Addrs = asker.ID[:], p.Record, candidates(rec, addr, to)
		n.ep.Send(now, dgram.PeerID(t.ID), dgram.Message{ID: n.ep.NextID(), Body: half})
		half.Session, half.Record, half.Addrs = t.ID[:], t.Record, candidates(other, to, addr)
		n.ep.Send(now, dgram.PeerID(asker.ID), dgram.Message{ID: n.ep.NextID(), Body: half})
	}
	if found > 0 {
		st.count++
	}
	n.intro.askers.Add(asker.ID, st)
	if found == 0 {
		n.seekers.note(asker.ID, p.User)
		return dgram.ResultUnknownRecipient
	}
	return dgram.ResultDelivered
}

// targets lists the sessions that p looks for and that we are associated with.
func (n *Node) targets(p dgram.Ping, asker sessions.Session) (list []sessions.Session) {
	f := find{name: p.Name}
	if len(p.User) == len(f.user) {
		f.user = sessions.UserKey(p.User)
	} else if p.Name == "" {
		return nil
	}
	for _, s := range n.meant(f) {
		e := n.edges[s.ID]
		if e == nil || !e.online || s.ID == asker.ID || s.User == asker.User || !n.ep.Live(dgram.PeerID(s.ID)) {
			continue
		}
		if s.Flags&sessions.FlagNoIntro != 0 {
			continue
		}
		list = append(list, s)
	}
	return list
}

// candidates lists where somebody may be dialled by another: at the address that we
// validated, and before it, if both come from behind one router, at those of his
// machine. Whoever is given the latter dials only what is on his own link.
func candidates(rec sessions.Record, addr, other netip.AddrPort) (list []netip.AddrPort) {
	if addr.Addr() == other.Addr() || addr.Addr().Is6() && neighborSubnet(addr.Addr()) == neighborSubnet(other.Addr()) {
		for _, a := range rec.Addrs {
			if a.Scope != sessions.ScopeObserved && a.Addr.Addr().IsPrivate() && len(list) < maxNearCandidates {
				list = append(list, a.Addr)
			}
		}
	}
	return append(list, addr)
}

// maxNearCandidates is how many addresses of a machine are told beside the validated one.
const maxNearCandidates = 2

// neighborSubnet is the IPv6 subnet of one link.
func neighborSubnet(a netip.Addr) netip.Prefix {
	p, _ := a.WithZone("").Prefix(64)
	return p
}

// meant lists the sessions of those whom f means.
func (n *Node) meant(f find) (list []sessions.Session) {
	if !f.user.IsZero() {
		return n.book.SessionsOf(f.user)
	}
	for _, u := range n.book.Named(f.name) {
		list = append(list, n.book.SessionsOf(u)...)
	}
	return list
}

// introduced: a common neighbour says that we and somebody else should meet. We
// dial if the ticket is ours and names whom we look for, or if it was signed by
// the one who looks for us. Who does not want it stays silent.
func (n *Node) introduced(now time.Time, by sessions.Session, r dgram.Received, p dgram.Ping) {
	rec, err := n.verify(p.Record)
	if err != nil || !bytes.Equal(p.By, by.ID[:]) || !bytes.Equal(p.Session, rec.Session[:]) || rec.Session == n.self {
		return
	}
	if n.book.Trust(rec.User) == sessions.TrustBlocked {
		return
	}
	if p.Scope == dgram.ScopeExplode {
		n.explodeHeard(now, rec, by, r, p)
		return
	}
	_, delay, _ := n.ep.Path(dgram.PeerID(by.ID))
	mine := n.myTicket(by.ID, p)
	if mine {
		delay = 0 // who asks begins, who is asked waits half a round trip
	}
	if !mine {
		if !n.ticketHolds(rec, by.ID, p) || !n.means(p) {
			return
		}
		if last, ok := n.intro.numbers.Get(rec.Session); ok && p.Ticket.Number <= last {
			return
		}
		n.intro.numbers.Add(rec.Session, p.Ticket.Number)
	} else if !n.lookingFor(rec, p) {
		return
	}
	var addrs []netip.AddrPort
	for _, a := range p.Addrs {
		if n.dialable(a, r.Addr.Addr()) {
			addrs = append(addrs, a)
		}
	}
	n.meet(now, by, rec, addrs, delay/2)
}

// means tells whether p looks for us.
func (n *Node) means(p dgram.Ping) bool {
	if len(p.User) > 0 {
		return bytes.Equal(p.User, n.user[:])
	}
	own, err := sessions.MapName(n.cfg.Name)
	return err == nil && own == p.Name
}

// myTicket tells whether we signed the ticket of p ourselves.
func (n *Node) myTicket(by sessions.SessionID, p dgram.Ping) bool {
	return n.ticketHolds(n.record, by, p)
}

// lookingFor tells whether rec is somebody we asked for.
func (n *Node) lookingFor(rec sessions.Record, p dgram.Ping) bool {
	if len(p.User) > 0 {
		return bytes.Equal(p.User, rec.User[:])
	}
	mapped, err := sessions.MapName(rec.Name)
	return err == nil && mapped == p.Name
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
			n.tell(Notice{fmt.Sprintf("the entry %s is left out: %v", user, err)})
		}
	}
}

// confirmHint: somebody answered where a Source said that a certain person is.
// A whole fingerprint that fits is as good as an act of this user.
func (n *Node) confirmHint(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
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
		n.contacts.mismatch(now, n, name, s.User, fmt.Sprintf("at %s answers %s with fingerprint %s, not %s of fingerprint %s as your file of people says",
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
