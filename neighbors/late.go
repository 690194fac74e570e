package neighbors

import (
	"fmt"
	"slices"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// A \ping ends within PingTimeout, since a script waits for it. On a slow path the answer cannot
// have come by then: the error says that trying goes on, and the result is told later.

// Probes of a \ping that goes on: the first after lateFirst, then at doubling intervals, and only
// so many, since a peer that refuses us is not probed for ever.
const (
	lateFirst   = 2 * time.Second
	lateDoubled = 3
)

// pings lists the requests under way, and the \pings that go on after their end.
func (r *requests) pings() []*request { return slices.Concat(r.list, r.late) }

// probePause is the time between two probes of one \ping: an answer under way comes first.
func (rq *requests) probePause(q *request) time.Duration {
	pause := time.Second / 2
	for _, id := range rq.pinged(q) {
		pause = max(pause, rq.ep.Trip(id)*3/2)
	}
	return pause
}

// pinged lists the sessions that a \ping sends probes to.
func (rq *requests) pinged(q *request) (list []wire.PeerID) {
	if q.kind == pingAddr && !q.peer.IsZero() {
		return []wire.PeerID{wire.PeerID(q.peer)}
	}
	if q.kind == pingUser {
		for _, s := range rq.book.SessionsOf(q.find.user) {
			if id := wire.PeerID(s.ID); rq.ep.Live(id) && (q.peer.IsZero() || q.peer == s.ID) {
				list = append(list, id)
			}
		}
	}
	return list
}

// underWay says whether a \ping may still be answered, and whether anything came back since
// it began.
func (rq *requests) underWay(now time.Time, q *request) (going, signs bool) {
	for _, id := range rq.pinged(q) {
		heard := rq.ep.LastHeard(id).After(q.started)
		going = going || heard || now.Sub(q.started) < slowTrips*rq.ep.Trip(id)
		signs = signs || heard
	}
	if q.kind == pingAddr {
		challenged, dialling := rq.ep.Dialling(q.addr)
		return going || dialling, signs || challenged
	}
	for _, s := range rq.book.SessionsOf(q.find.user) {
		for _, seen := range s.Seen {
			challenged, dialling := rq.ep.Dialling(seen.Addr)
			going, signs = going || dialling, signs || challenged
		}
	}
	return going, signs
}

// pingFailure is what the person is told of a \ping that was not answered in time. If an answer
// may still come, it goes on.
func (rq *requests) pingFailure(now time.Time, q *request) string {
	going, signs := rq.underWay(now, q)
	if going {
		rq.goesOn(now, q)
	}
	what, trip := q.addr.String(), time.Duration(0)
	if q.kind == pingUser {
		what = q.find.name
	}
	for _, id := range rq.pinged(q) {
		trip = max(trip, rq.ep.Trip(id))
	}
	switch {
	case now.Sub(q.started) < slowTrips*trip:
		return fmt.Sprintf("no pong from %s yet: a round trip there has taken %s. Trying goes on for a minute, and you are told when they answer", what, trip.Round(100*time.Millisecond))
	case signs:
		return fmt.Sprintf("no pong from %s yet: datagrams come back, but slowly. Trying goes on for a minute, and you are told when they answer", what)
	case q.kind == pingUser:
		return fmt.Sprintf("no answer from %s%s; messages are kept and delivered when they return", what, rq.lastStages(q.find.user))
	case going:
		return fmt.Sprintf("no answer from %s: check the address and the port, that darkchat runs there, and that its firewall lets UDP in. Trying goes on for a while, and you are told if it answers", what)
	}
	return fmt.Sprintf("no answer from %s: check the address and the port, that darkchat runs there, and that its firewall lets UDP in", what)
}

// goesOn keeps a \ping after its end. The oldest makes room; one of the same target is replaced.
func (rq *requests) goesOn(now time.Time, q *request) {
	late := *q
	late.late, late.deadline, late.next, late.asked = true, now.Add(lateTime), now.Add(max(rq.probePause(q), lateFirst)), 0
	list := slices.DeleteFunc(slices.Clone(rq.late), func(p *request) bool {
		return p.kind == q.kind && p.addr == q.addr && p.find == q.find && p.peer == q.peer
	})
	if len(list) == maxLate {
		list = list[1:]
	}
	rq.late = append(list, &late)
	rq.wake(late.next)
}

// advanceLate probes again where there are keys by now, and ends those that took too long without
// a word: the person has been told that no answer came.
func (rq *requests) advanceLate(now time.Time) (next time.Time) {
	for _, q := range slices.Clone(rq.late) {
		if !q.deadline.After(now) {
			rq.end(q, nil)
			continue
		}
		if !q.next.After(now) {
			for _, id := range rq.pinged(q) {
				q.probes = append(q.probes, rq.ep.ProbeAsked(now, id))
			}
			q.next = now.Add(max(rq.probePause(q), lateFirst<<q.asked))
			q.asked = min(q.asked+1, lateDoubled)
		}
		next = earliest(next, earliest(q.next, q.deadline))
	}
	return next
}

// lastStages tells how far the failed contacts with a user got.
func (rq *requests) lastStages(user identity.UserKey) (text string) {
	for _, s := range rq.book.SessionsOf(user) {
		if e := rq.edges.byID[s.ID]; e != nil && e.stage != "" && !e.online {
			text += " (" + e.stage + ")"
		}
	}
	return text
}
