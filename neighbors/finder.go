package neighbors

import (
	"io"
	"slices"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// Whom we ask for somebody. Asking reveals whom we look for, so we ask only seeds that our
// user named and people our user knows; that a record claims to be a seed's means nothing.
// \add asks all of them. On its own a node asks few: a request is padded to a full datagram,
// and when somebody crashes all their friends look for them at once.
const (
	askSayers = 4 // of those who say that the missing user is there
	askOthers = 3 // of those who do not: they will tell us when that changes
)

// finder asks neighbours for somebody.
type finder struct {
	*core
	tickets tickets
}

// askable says whether a neighbour may be told whom we look for.
func (fi *finder) askable(e *edge) bool {
	return e.payer.Class <= budget.Seed
}

// isNamed says whether an edge is to a seed that our user named.
func (fi *finder) isNamed(e *edge) bool {
	at, _, _ := fi.direct(e.id)
	return fi.places.named(e.id, at)
}

// askFor sends requestPing to everybody who may be asked. Whoever holds live associations with
// keys of that name, or with that user, introduces us or tells them that we ask.
func (fi *finder) askFor(now time.Time, f find) (asked int) {
	for _, e := range fi.edges.live() {
		if e.user != f.user && fi.askOne(now, e, f) {
			asked++
		}
	}
	return asked
}

// askPause is the time between two requests of one \add: long enough for the nearest of those
// we asked to have answered.
func (fi *finder) askPause() time.Duration {
	least := time.Duration(0)
	for _, e := range fi.edges.live() {
		if trip := fi.ep.Trip(wire.PeerID(e.id)); fi.askable(e) && trip > 0 && (least == 0 || trip < least) {
			least = trip
		}
	}
	return max(askAgain, least*3/2)
}

// askOne sends requestPing to one neighbour; false: it may not be asked, or we reach it only
// through a relay, so it knows no address of ours.
func (fi *finder) askOne(now time.Time, e *edge, f find) bool {
	if _, _, ok := fi.direct(e.id); !ok || !fi.askable(e) {
		return false
	}
	p := wire.Ping{Scope: wire.ScopeFind, Name: f.name, Record: fi.own.signed}
	if !f.user.IsZero() {
		p.Name, p.User = "", f.user[:]
	}
	p.Ticket = fi.signTicket(now, e.id, p)
	fi.ep.Send(now, wire.PeerID(e.id), wire.Message{ID: fi.ep.NextID(), Body: p})
	return true
}

// askAbout asks for a missing user: seeds, some neighbours who say that the user is there and,
// if wide, fewer of the others (spec/theory.md 5.3). Each time it picks different ones.
func (fi *finder) askAbout(now time.Time, user identity.UserKey, wide bool) (asked int) {
	var sayers, others []*edge
	for _, e := range fi.edges.live() {
		switch {
		case e.user == user || !fi.askable(e):
		case e.seed || fi.isNamed(e):
			if fi.askOne(now, e, find{user: user}) {
				asked++
			}
		case fi.saysOnline(e, user):
			sayers = append(sayers, e)
		case wide:
			others = append(others, e)
		}
	}
	return asked + fi.askSome(now, user, sayers, askSayers) + fi.askSome(now, user, others, askOthers)
}

// askSome asks some neighbours of a list, no more than most, starting at a random place.
func (fi *finder) askSome(now time.Time, user identity.UserKey, list []*edge, most int) (asked int) {
	if len(list) == 0 {
		return 0
	}
	var b [1]byte
	io.ReadFull(fi.cfg.Random, b[:])
	begin := int(b[0]) * len(list) / 256
	for i := range list {
		if asked < most && fi.askOne(now, list[(begin+i)%len(list)], find{user: user}) {
			asked++
		}
	}
	return asked
}

// saysOnline tells whether a neighbour's word is that a user is there.
func (fi *finder) saysOnline(by *edge, user identity.UserKey) bool {
	return slices.ContainsFunc(fi.book.SessionIDs(user), func(id identity.SessionID) bool {
		r := fi.claims.subject(id)
		return r != nil && slices.ContainsFunc(r.tellers, func(t claim) bool {
			return t.by == by.id && saidState(t.state) != Offline
		})
	})
}

// find says whom somebody looks for: a name in its mapped form, or a user.
type find struct {
	name string
	user identity.UserKey
}
