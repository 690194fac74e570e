package neighbors

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

const (
	listRecords = 4    // in one page, as the wire allows
	listPage    = 1000 // bytes of records in one page, so that it fits a datagram
	listPages   = 32   // pages pulled from one neighbour each time it comes
)

// askForList pulls a new neighbour's list: what it knows propagates to us
// (paper, section 2.2). Only people are asked, and only those our user knows: a
// seed joins nobody to everybody.
func (n *Node) askForList(now time.Time, e *edge) {
	s, ok := n.book.Session(e.id)
	if !ok || n.cfg.Seed || !n.book.Trust(e.user).Known() {
		return
	}
	if s.Flags&sessions.FlagSeed != 0 {
		return
	}
	e.pages = 0
	n.ep.Send(now, dgram.PeerID(e.id), dgram.Message{ID: n.ep.NextID(), Body: dgram.ListRequest{Credit: 1}})
}

// listRequested answers with records of our own neighbours. Who has no edge to
// us gets an empty list, which looks like having no friends (the rule of the
// 2010 program). Who is on our own link or site is told who else is on our link: he
// could hear all of them himself, if only announcements reached him.
func (n *Node) listRequested(now time.Time, s sessions.Session, r dgram.Received, q dgram.ListRequest) {
	page := dgram.List{Request: r.Message.ID}
	near := n.isNear(r.Addr) || n.onSite(r.Addr.Addr())
	if (near || n.book.Trust(s.User).Known()) && !n.cfg.Seed && len(q.Of) == 0 {
		n.fillPage(&page, s, near, q.Cursor)
	}
	n.ep.Send(now, r.From, dgram.Message{ID: n.ep.NextID(), Body: page})
}

func (n *Node) fillPage(page *dgram.List, asker sessions.Session, near bool, cursor []byte) {
	friend := n.book.Trust(asker.User).Known()
	room := listPage
	var known []sessions.Session
	for _, id := range n.edgeIDs() {
		e := n.edges[id]
		s, ok := n.book.Session(id)
		told := friend && n.book.Trust(e.user).Known() || near && e.link && e.online
		if !ok || e.user == asker.User || !told || e.seed {
			continue
		}
		known = append(known, s)
	}
	page.Total = uint64(len(known))
	i, _ := slices.BinarySearchFunc(known, cursor, func(s sessions.Session, c []byte) int { return bytes.Compare(s.ID[:], c) })
	for ; i < len(known); i++ {
		s := known[i]
		if bytes.Equal(s.ID[:], cursor) {
			continue
		}
		if len(page.Records) == listRecords || len(s.Record) > room {
			last := known[i-1].ID
			page.Next = last[:]
			return
		}
		room -= len(s.Record) + 3
		page.Records = append(page.Records, s.Record)
	}
}

// listReceived takes a page that answers our own request; dgram has dropped all
// others. Its records are hearsay: they make names known, nobody online.
func (n *Node) listReceived(now time.Time, from sessions.Session, r dgram.Received, l dgram.List) {
	for _, signed := range l.Records {
		rec, err := sessions.Verify(signed)
		if err != nil || rec.Session == n.self || rec.State == sessions.StateGone {
			continue
		}
		n.learn(now, rec.Session, rec, signed, r.Addr, false)
		if n.isNear(r.Addr) || n.onSite(r.Addr.Addr()) {
			n.dialNear(now, rec.Session, r.Addr.Addr())
		}
	}
	e := n.edges[from.ID]
	if len(l.Next) > 0 && e != nil && e.pages < listPages {
		e.pages++
		n.ep.Send(now, r.From, dgram.Message{ID: n.ep.NextID(), Body: dgram.ListRequest{Cursor: l.Next, Credit: 1}})
	}
}

// isNear says that an address is another host's on one of our own links.
func (n *Node) isNear(a netip.AddrPort) bool {
	return n.links.near(a.Addr()) && !a.Addr().IsLoopback()
}

// dialNear says HELLO to somebody of whom a neighbour on our link or site told us, where
// the record says that he is there too: announcements may not reach him.
func (n *Node) dialNear(now time.Time, id sessions.SessionID, teller netip.Addr) {
	s, ok := n.book.Session(id)
	if e := n.edges[id]; !ok || e != nil && e.online || n.book.Trust(s.User) == sessions.TrustBlocked {
		return
	}
	for _, a := range s.Addrs {
		if (n.isNear(a.Addr) || n.onSite(a.Addr.Addr())) && n.dialable(a.Addr, teller) {
			n.dial(now, a.Addr, []dgram.Peer{peerOf(s)})
		}
	}
}
