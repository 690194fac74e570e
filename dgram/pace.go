package dgram

import (
	"container/list"
	"time"

	"darkchat/dgram/timing"
)

// pace limits presence: how many datagrams a second may carry nothing else, to all peers
// together (spec/theory.md 3.6). When that is used up, peers wait for their turn: pinned peers
// and what the person asks for before all others, otherwise in order of asking. So presence for
// people the user knows waits for nobody else's, and each datagram that may go wakes only one
// peer's messages, however many wait. There is at most one turn for each link. The Endpoint
// owns it.
type pace struct {
	all     timing.Bucket
	waiting [2]list.List // of *turn: those of pinned peers and for the person; those of others
}

// turn is a peer's place in the queue for presence. The zero value does not wait, and with a nil
// pace everything may go.
type turn struct {
	pace    *pace
	link    *link // whose it is
	pinned  bool
	asked   bool          // the person waits for the answer to what is to go
	granted bool          // the next datagram may go; it is paid for
	place   *list.Element // nil: it does not wait
}

func newPace(perSecond float64) *pace { return &pace{all: timing.NewBucket(perSecond, perSecond)} }

// Take says whether a datagram with only presence may go now. If not, its turn will come.
func (t *turn) Take(now time.Time) bool {
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
	if p.waiting[0].Len() == 0 && (t.first() || p.waiting[1].Len() == 0) && p.all.Take(now, 1) {
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

// leave gives the turn back: there is nothing left to send.
func (t *turn) leave() {
	if t.place != nil {
		t.pace.waiting[0].Remove(t.place) // it is in one of the two
		t.pace.waiting[1].Remove(t.place)
		t.place = nil
	}
	if t.granted {
		t.granted = false
		t.pace.all.Give(1)
	}
}

func (t *turn) first() bool { return t.pinned || t.asked }

// rank sets whether the peer is pinned, and whether the person asks something of it. The latter
// holds for the next datagram only.
func (t *turn) rank(pinned, asked bool) {
	was := t.first()
	t.pinned, t.asked = pinned, asked
	if t.place != nil && t.first() != was {
		t.leave()
		t.wait()
	}
}

// next takes out the turn that has come, nil if nobody waits or it is too early.
func (p *pace) next(now time.Time) *turn {
	for i := range p.waiting {
		if first := p.waiting[i].Front(); first != nil {
			if !p.all.Take(now, 1) {
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
	return p.all.At(now, 1)
}
