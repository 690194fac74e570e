package dgram

import (
	"container/list"
	"time"
)

// pace is this node's share of presence: how many datagrams a second may carry nothing
// else, to all peers together (spec/theory.md 3.6). Who finds it used up waits for their turn:
// pinned peers and what the person asks before all others, and else whoever asked first. So the presence of those
// whom the user knows waits for nobody's, and a datagram that may go wakes one peer's
// messages, however many wait. It has one turn for each link at most, and is the
// Endpoint's.
type pace struct {
	all     *bucket
	waiting [2]list.List // of *turn: of pinned peers and for the person, of others
}

// turn is a peer's place in the queue for presence. The zero value never waits, and pace
// nil allows everything.
type turn struct {
	pace    *pace
	link    *link // whose it is
	pinned  bool
	asked   bool          // the person waits for what is to go
	granted bool          // the next datagram may go; it is paid for
	place   *list.Element // nil: it does not wait
}

func newPace(perSecond float64) *pace { return &pace{all: newBucket(perSecond, perSecond)} }

// take says whether a datagram with presence alone may go now. If not its turn comes.
func (t *turn) take(now time.Time) bool {
	p := t.pace
	switch {
	case p == nil:
		return true
	case t.granted:
		t.granted, t.asked = false, false
		return true
	case t.place != nil:
		return false
	}
	if p.waiting[0].Len() == 0 && (t.first() || p.waiting[1].Len() == 0) && p.all.take(now, 1) {
		t.asked = false
		return true
	}
	t.wait()
	return false
}

func (t *turn) wait() {
	queue := &t.pace.waiting[1]
	if t.first() {
		queue = &t.pace.waiting[0]
	}
	t.place = queue.PushBack(t)
}

// leave gives the turn back: nothing is to go any more.
func (t *turn) leave() {
	if t.place != nil {
		t.pace.waiting[0].Remove(t.place) // from that of the two in which it is
		t.pace.waiting[1].Remove(t.place)
		t.place = nil
	}
	if t.granted {
		t.granted = false
		t.pace.all.give(1)
	}
}

func (t *turn) first() bool { return t.pinned || t.asked }

// rank says whether the peer is pinned, and whether the person asks something of them. That
// ends with the next datagram.
func (t *turn) rank(pinned, asked bool) {
	was := t.first()
	t.pinned, t.asked = pinned, asked
	if t.place != nil && t.first() != was {
		t.leave()
		t.wait()
	}
}

// next takes out whose turn has come, nil if there is nobody or it is too early.
func (p *pace) next(now time.Time) *turn {
	for i := range p.waiting {
		if first := p.waiting[i].Front(); first != nil {
			if !p.all.take(now, 1) {
				return nil
			}
			t := p.waiting[i].Remove(first).(*turn)
			t.place, t.granted = nil, true
			return t
		}
	}
	return nil
}

// at is when the next turn comes, the zero Time if nobody waits.
func (p *pace) at(now time.Time) time.Time {
	if p.waiting[0].Len()+p.waiting[1].Len() == 0 {
		return time.Time{}
	}
	return p.all.at(now, 1)
}
