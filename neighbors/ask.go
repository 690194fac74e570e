package neighbors

import (
	"io"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// Who is asked for somebody. Whoever is asked is told whom we look for, so only seeds that
// our user named and people whom our user knows are: that a record says seed means nothing.
// \add asks all of these; a node by itself asks few: a request is padded to a whole
// datagram, and all the friends of one who crashed look for them at once.
const (
	askSayers = 4 // of those who say that the missing one is there
	askOthers = 3 // of those who say nothing of the kind: they would tell us when it changes
)

// askable says whether a neighbour may be told whom we look for.
func (n *Node) askable(e *edge) bool {
	return e.payer.Class <= budget.Seed
}

// isNamed says whether an edge is to a seed that our user named.
func (n *Node) isNamed(e *edge) bool {
	at, _, _ := n.direct(e.id)
	return n.named(e.id, at)
}

// askFor sends requestPing to all who may be asked: whoever holds live associations with
// keys of that name, or with that user, introduces us, or tells them that we ask.
func (n *Node) askFor(now time.Time, f find) (asked int) {
	for _, e := range n.live() {
		if e.user != f.user && n.askOne(now, e, f) {
			asked++
		}
	}
	return asked
}

// askPause is the time between two requests of one \add: the nearest of those who are asked
// could have answered.
func (n *Node) askPause() time.Duration {
	least := time.Duration(0)
	for _, e := range n.live() {
		if trip := n.ep.Trip(dgram.PeerID(e.id)); n.askable(e) && trip > 0 && (least == 0 || trip < least) {
			least = trip
		}
	}
	return max(askAgain, least*3/2)
}

// askOne sends requestPing to one neighbour; false: it may not be asked, or we reach it
// through a relay, so that it knows no address of ours.
func (n *Node) askOne(now time.Time, e *edge, f find) bool {
	if _, _, ok := n.direct(e.id); !ok || !n.askable(e) {
		return false
	}
	p := dgram.Ping{Scope: dgram.ScopeFind, Name: f.name, Record: n.signed}
	if !f.user.IsZero() {
		p.Name, p.User = "", f.user[:]
	}
	p.Ticket = n.ticket(now, e.id, p)
	n.ep.Send(now, dgram.PeerID(e.id), dgram.Message{ID: n.ep.NextID(), Body: p})
	return true
}

// askAbout asks for a user who is missed: seeds, some who say that they are there, and, if
// wide, fewer of the others (spec/theory.md 5.3). Next time it is others again.
func (n *Node) askAbout(now time.Time, user sessions.UserKey, wide bool) (asked int) {
	var sayers, others []*edge
	for _, e := range n.live() {
		switch {
		case e.user == user || !n.askable(e):
		case e.seed || n.isNamed(e):
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
