package reliable

import (
	"time"

	"darkchat/dgram/wire"
)

// settled is what an ack said about a message that is no longer held. rtt is 0 when the
// exchange measured nothing.
type settled struct {
	Kind   wire.Kind
	ID     uint64
	Result wire.Result
	Have   uint64
	RTT    time.Duration
}

// OnAck takes in one ack. It reports false when there is nothing to tell: the message is
// not held, or is still held because the answer is gap and its predecessor is under way
// too.
func (c *Sender) OnAck(now time.Time, a wire.Ack) (settled, bool) {
	e := c.held[messageKey{a.Kind, a.ID}]
	if e == nil || a.Result > wire.ResultTooOld {
		return settled{}, false
	}
	i := a.Attempt - e.base - 1 // wraps around for an attempt before it was handed in again
	var rtt time.Duration
	switch {
	case i < uint64(e.sent):
		f := e.sends[i]
		rtt = now.Sub(f.at)
		if !f.acked {
			c.landed(f)
			c.trip.sample(rtt, f.prompt && a.Kind == wire.KindText)
		}
	case a.Attempt > e.base || a.Attempt == 0:
		return settled{}, false // never sent
	}
	c.heardAt = now
	if a.Kind == wire.KindListRequest && a.Result == wire.ResultDelivered {
		return settled{}, false // the List completes it
	}
	if a.Result == wire.ResultGap && c.predecessorHeld(e) {
		c.park(e)
		return settled{}, false
	}
	switch a.Result {
	case wire.ResultDelivered:
		c.proveEarlier(e)
	case wire.ResultGap, wire.ResultBusy:
		c.remember(e)
	}
	c.remove(e)
	return settled{Kind: a.Kind, ID: a.ID, Result: a.Result, Have: a.Have, RTT: rtt}, true
}

// Complete ends a message by something other than an ack, as a List ends its request. It
// reports whether the message was held.
func (c *Sender) Complete(now time.Time, k wire.Kind, id uint64) bool {
	e := c.held[messageKey{k, id}]
	if e == nil {
		return false
	}
	c.heardAt = now
	if e.sent == 1 && !e.sends[0].acked { // otherwise it is unknown which send was answered
		c.landed(e.sends[0])
		c.trip.sample(now.Sub(e.sends[0].at), false)
	}
	c.remove(e)
	return true
}

// Advance gives up messages sent MaxSends times in vain, and prepares those that go again.
// Call it when next has come, then take.
func (c *Sender) Advance(now time.Time) []Lapsed {
	c.overtaken(now)
	var out []Lapsed
	for i := 0; i < len(c.under); {
		e := c.under[i]
		if e.deadline.IsZero() || e.deadline.After(now) {
			i++
			continue
		}
		if e.sent < MaxSends {
			c.expire(e)
			i = 0 // several may have left the list: start over
			continue
		}
		silent := c.heardAt.Before(e.sends[0].at)
		c.settleLoss(e)
		out = c.lapse(out, []*errand{e})
		if silent {
			// Not one ack since the first send: all other messages would fare the same,
			// and at one datagram at a time it would take minutes to find out.
			return c.lapse(out, c.everything())
		}
		i = 0
	}
	return out
}

// expire makes e go again, together with the messages that shared its datagram and are
// still unanswered.
func (c *Sender) expire(e *errand) {
	f := e.sends[e.sent-1]
	if f.acked || f.lost { // it arrived and the answer was lost, or the loss is known already
		c.backOff(e, f)
		c.requeue(e)
		return
	}
	for _, o := range f.errands {
		if o.place == underWay && o.last() == f {
			c.backOff(o, f)
		}
	}
	c.lose(f)
}

// backOff doubles the wait for e while the peer is silent. If others were answered in the
// meantime, e is merely lost (pto_count, RFC 9002 6.2.1).
func (c *Sender) backOff(e *errand, f *flight) {
	if c.heardAt.After(f.at) {
		e.timeouts = 0
		return
	}
	e.timeouts++
}

// settleLoss counts the last datagram of e as lost, if it is not counted yet.
func (c *Sender) settleLoss(e *errand) {
	if f := e.last(); !f.acked && !f.lost {
		c.lose(f)
	}
}

// overtaken declares flights lost that later ones have overtaken by enough, in number or in
// time (RFC 9002 6.1).
func (c *Sender) overtaken(now time.Time) {
	c.lossAt = time.Time{}
	for i := 0; i < len(c.flights); {
		f := c.flights[i]
		if f.number+1 >= c.arrived {
			return
		}
		late := f.at.Add(c.trip.lossDelay())
		switch {
		case !f.prompt:
			i++ // its answer may take longer than the round trip
		case f.number+reorderThreshold < c.arrived || !late.After(now):
			c.lose(f)
		default:
			if c.lossAt.IsZero() || late.Before(c.lossAt) {
				c.lossAt = late
			}
			i++
		}
	}
}

// proveEarlier notes that the texts before e arrived, since texts are recorded in order: only
// their acks are missing. They go again to ask for those, but no datagram of ours was lost.
func (c *Sender) proveEarlier(e *errand) {
	for t, ok := e.m.Body.(wire.Text); ok; t, ok = e.m.Body.(wire.Text) {
		e = c.held[messageKey{wire.KindText, t.Prev}]
		if e == nil || e.sent != 1 || e.sends[0].proved {
			return // all before it are known too, or it is unknown which send arrived
		}
		e.sends[0].proved = true
	}
}

// landed notes that a datagram arrived at the peer.
func (c *Sender) landed(f *flight) {
	f.acked = true
	c.arrived = max(c.arrived, f.number+1)
	if !f.lost {
		c.grounded(f)
		c.allowed.acked(f.number)
	}
}

// lose notes that a datagram was lost, and makes its messages go again.
func (c *Sender) lose(f *flight) {
	f.lost = true
	c.grounded(f)
	if !f.proved {
		c.allowed.lost(f.number, c.number)
	}
	for _, e := range f.errands {
		if e.place == underWay && e.last() == f && e.sent < MaxSends {
			c.requeue(e)
		}
	}
}

// grounded removes f from the datagrams under way.
func (c *Sender) grounded(f *flight) {
	for i := range c.flights {
		if c.flights[i] == f {
			copy(c.flights[i:], c.flights[i+1:])
			c.flights[len(c.flights)-1] = nil
			c.flights = c.flights[:len(c.flights)-1]
			return
		}
	}
}

// requeue moves a sent message back into its lane.
func (c *Sender) requeue(e *errand) {
	c.withdraw(e)
	if e.sent == MaxSends { // only a message replaced while parked gets here so late: count its sends anew
		e.base, e.sent, e.timeouts = e.base+MaxSends, 0, 0
	}
	c.lane(e.m).pushAgain(e)
}

// withdraw takes e out of its place.
func (c *Sender) withdraw(e *errand) {
	switch e.place {
	case waiting:
		c.lane(e.m).remove(e)
	case underWay:
		c.under, _ = without(c.under, e)
		c.release(e)
	case parked:
		c.under, _ = without(c.under, e)
		c.parked--
	}
	e.deadline, e.place = time.Time{}, waiting
}

// park stops the timer of a text that the peer holds back until its predecessor has come,
// which is still on its way too.
func (c *Sender) park(e *errand) {
	if e.place == parked || e.sent == 0 {
		return
	}
	c.withdraw(e) // it may be in the lane, believed lost
	c.under = append(c.under, e)
	e.place = parked
	c.parked++
}

// unpark undoes park, and sets the timer as if e had been sent at the last ack.
func (c *Sender) unpark(e *errand) {
	e.place = underWay
	e.last().live++
	e.deadline = c.heardAt.Add(c.trip.timeout(true))
	c.parked--
}

// predecessorHeld reports whether the text before e is still on its way.
func (c *Sender) predecessorHeld(e *errand) bool {
	t, ok := e.m.Body.(wire.Text)
	return ok && c.held[messageKey{wire.KindText, t.Prev}] != nil
}

// release takes e off its last flight. A flight on which nothing depends any more is dropped
// without counting as arrived or lost.
func (c *Sender) release(e *errand) {
	f := e.last()
	if f.live--; f.live == 0 && !f.acked && !f.lost {
		c.grounded(f)
		f.lost = true
	}
}

// remove drops e. A parked successor gets its timer back, since now its own answer is due.
func (c *Sender) remove(e *errand) {
	key := messageKey{e.m.Kind(), e.m.ID}
	delete(c.held, key)
	c.withdraw(e)
	if c.parked == 0 || key.kind != wire.KindText {
		return
	}
	for _, o := range c.under {
		if t, ok := o.m.Body.(wire.Text); ok && o.place == parked && t.Prev == key.id {
			c.unpark(o) // its answer travels with that of e; if it does not, e's successor goes again
			return
		}
	}
}

// last returns the datagram of e's latest send.
func (e *errand) last() *flight { return e.sends[e.sent-1] }
