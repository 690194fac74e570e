package neighbors

import (
	"slices"

	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// HELLOs for what the person asked for and waits for (\ping, \add, \chat, a typed text) have a
// budget that nothing else can use up (spec/wire.md 6.3).

// askedFor says that the person waits for the one whom an introducer brings to us.
func (rq *requests) askedFor(rec identity.Record) bool {
	if rq.book.Trust(rec.User).Known() && rq.outbox.Queued(rec.User) {
		return true
	}
	return slices.ContainsFunc(rq.list, func(q *request) bool {
		return (q.kind == addUser || q.kind == pingUser) && q.waitsFor(rec.User)
	})
}

// awaited says whether the person asked for a session and waits for it to come online.
func (rq *requests) awaited(s book.Session) bool {
	for _, q := range rq.pings() {
		at, _, _ := rq.ep.Path(wire.PeerID(s.ID))
		switch q.kind {
		case pingAddr:
			if q.addr == at || q.peer == s.ID {
				return true
			}
		case pingUser, addUser:
			if q.waitsFor(s.User) {
				return true
			}
		}
	}
	return false
}
