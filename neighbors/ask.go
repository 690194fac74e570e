package neighbors

import (
	"io"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// Who is asked for somebody. \add asks everybody; a node by itself asks few: a request is
// padded to a whole datagram, and all the friends of one who crashed look for him at once.
const (
	askSayers = 4 // of those who say that he is there
	askOthers = 3 // of those who say nothing of the kind: they would tell us when it changes
)

// askFor sends requestPing to every live seed and neighbour: whoever holds live
// associations with keys of that name, or with that user, introduces us.
func (n *Node) askFor(now time.Time, f find) (asked int) {
	for _, e := range n.live() {
		if e.user != f.user && n.askOne(now, e, f) {
			asked++
		}
	}
	return asked
}

// askOne sends requestPing to one neighbour; false: we reach it through a relay, so
// that it knows no address of ours.
func (n *Node) askOne(now time.Time, e *edge, f find) bool {
	if _, _, ok := n.direct(e.id); !ok {
		return false
	}
	id := n.ep.NextID()
	p := dgram.Ping{Scope: dgram.ScopeFind, Name: f.name, Record: n.signed}
	if !f.user.IsZero() {
		p.Name, p.User = "", f.user[:]
	}
	p.Ticket = n.ticket(now, e.id, p)
	if f.sent != nil {
		f.sent[id] = true
	}
	n.ep.Send(now, dgram.PeerID(e.id), dgram.Message{ID: id, Body: p})
	return true
}

// askAbout asks for a user who is missed: seeds, some who say that he is there, and, if
// wide, fewer of the others (spec/theory.md 5.3). Next time it is others again.
func (n *Node) askAbout(now time.Time, user sessions.UserKey, wide bool) (asked int) {
	var sayers, others []*edge
	for _, e := range n.live() {
		switch {
		case e.user == user:
		case e.seed:
			if n.askOne(now, e, find{user: user}) {
				asked++
			}
		case n.saysOnline(e, user):
			sayers = append(sayers, e)
		case wide:
			others = append(others, e)
		}
	}
	return asked + n.askSome(now, user, sayers, askSayers) + n.askSome(now, user, others, askOthers)
}

// askSome asks at most so many of a list, from a place drawn by lot.
func (n *Node) askSome(now time.Time, user sessions.UserKey, list []*edge, most int) (asked int) {
	if len(list) == 0 {
		return 0
	}
	var b [1]byte
	io.ReadFull(n.cfg.Random, b[:])
	begin := int(b[0]) * len(list) / 256
	for i := range list {
		if asked < most && n.askOne(now, list[(begin+i)%len(list)], find{user: user}) {
			asked++
		}
	}
	return asked
}

// saysOnline tells whether a neighbour's word is that a user is there.
func (n *Node) saysOnline(by *edge, user sessions.UserKey) bool {
	return slices.ContainsFunc(n.book.SessionIDs(user), func(id sessions.SessionID) bool {
		r := n.rumors.rumor(id)
		return r != nil && slices.ContainsFunc(r.tellers, func(t telling) bool {
			return t.by == by.id && saidState(t.state) != Offline
		})
	})
}
