package dgram

import "time"

// settled is what an ack said about a message that is held no longer. rtt is 0
// when the exchange measured nothing.
type settled struct {
	kind   Kind
	id     uint64
	result Result
	have   uint64
	rtt    time.Duration
}

// acked takes in one ack. It reports false when there is nothing to tell: the
// message is not held, or it goes on being held because the answer is `gap` and its
// predecessor is under way too.
func (c *courier) acked(now time.Time, a Ack) (settled, bool) {
	e := c.held[messageKey{a.Kind, a.ID}]
	if e == nil || a.Result > ResultTooOld {
		return settled{}, false
	}
	i := a.Attempt - e.base - 1 // wraps for an attempt of an earlier life
	var rtt time.Duration
	switch {
	case i < uint64(e.sent):
		f := e.sends[i]
		rtt = now.Sub(f.at)
		if !f.acked {
			c.landed(f)
			c.trip.sample(rtt, f.prompt && a.Kind == KindText)
		}
	case a.Attempt > e.base || a.Attempt == 0:
		return settled{}, false // never sent
	}
	c.heardAt = now
	if a.Kind == KindListRequest && a.Result == ResultDelivered {
		return settled{}, false // its list completes it
	}
	if a.Result == ResultGap && c.predecessorHeld(e) {
		c.park(e)
		return settled{}, false
	}
	switch a.Result {
	case ResultDelivered:
		c.proveEarlier(e)
	case ResultGap, ResultBusy:
		c.remember(e)
	}
	c.remove(e)
	return settled{kind: a.Kind, id: a.ID, result: a.Result, have: a.Have, rtt: rtt}, true
}

// complete ends a message by something else than an ack, as a List does its
// request. It reports whether the message was held.
func (c *courier) complete(now time.Time, k Kind, id uint64) bool {
	e := c.held[messageKey{k, id}]
	if e == nil {
		return false
	}
	c.heardAt = now
	if e.sent == 1 && !e.sends[0].acked { // else it cannot be told which send was answered
		c.landed(e.sends[0])
		c.trip.sample(now.Sub(e.sends[0].at), false)
	}
	c.remove(e)
	return true
}

// advance gives up what was sent maxSends times in vain and makes ready what goes
// again. Call it when next has come; take afterwards.
func (c *courier) advance(now time.Time) []lapsed {
	c.overtaken(now)
	var out []lapsed
	for i := 0; i < len(c.under); {
		e := c.under[i]
		if e.deadline.IsZero() || e.deadline.After(now) {
			i++
			continue
		}
		if e.sent < maxSends {
			c.expire(e)
			i = 0 // several may have left the list
			continue
		}
		silent := c.heardAt.Before(e.sends[0].at)
		c.settleLoss(e)
		out = c.lapse(out, []*errand{e})
		if silent {
			// Not one ack since the first send: what else is here would fare the same,
			// and one datagram at a time it would take minutes to say so.
			return c.lapse(out, c.everything())
		}
		i = 0
	}
	return out
}

// expire makes e go again, and with it what shared its datagram and is still due.
func (c *courier) expire(e *errand) {
	f := e.sends[e.sent-1]
	if f.acked || f.lost { // it arrived and the answer was lost, or this is known
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

// backOff doubles the wait for e while the peer is silent. When others were
// answered meanwhile it is merely lost (pto_count, RFC 9002 6.2.1).
func (c *courier) backOff(e *errand, f *flight) {
	if c.heardAt.After(f.at) {
		e.timeouts = 0
		return
	}
	e.timeouts++
}

// settleLoss counts the last datagram of e as lost, if that is news.
func (c *courier) settleLoss(e *errand) {
	if f := e.last(); !f.acked && !f.lost {
		c.lose(f)
	}
}

// overtaken finds the flights that later ones have overtaken by so much, in number
// or in time, that they are lost (RFC 9002 6.1).
func (c *courier) overtaken(now time.Time) {
	c.lossAt = time.Time{}
	for i := 0; i < len(c.flights); {
		f := c.flights[i]
		if f.number+1 >= c.arrived {
			return
		}
		late := f.at.Add(c.trip.lossDelay())
		switch {
		case !f.prompt:
			i++ // its answer may take longer than the network does
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

// proveEarlier notes that the texts before e arrived, since texts are recorded in
// order: what is missing of them is the ack. They go again to ask for it, but the
// network lost nothing of ours.
func (c *courier) proveEarlier(e *errand) {
	for t, ok := e.m.Body.(Text); ok; t, ok = e.m.Body.(Text) {
		e = c.held[messageKey{KindText, t.Prev}]
		if e == nil || e.sent != 1 || e.sends[0].proved {
			return // all before it are known too, or it cannot be told which send arrived
		}
		e.sends[0].proved = true
	}
}

// landed takes in that a datagram arrived at the peer.
func (c *courier) landed(f *flight) {
	f.acked = true
	c.arrived = max(c.arrived, f.number+1)
	if !f.lost {
		c.grounded(f)
		c.allowed.acked(f.number)
	}
}

// lose takes in that a datagram was lost and makes what it carried go again.
func (c *courier) lose(f *flight) {
	f.lost = true
	c.grounded(f)
	if !f.proved {
		c.allowed.lost(f.number, c.number)
	}
	for _, e := range f.errands {
		if e.place == underWay && e.last() == f && e.sent < maxSends {
			c.requeue(e)
		}
	}
}

// grounded takes f out of the air.
func (c *courier) grounded(f *flight) {
	for i := range c.flights {
		if c.flights[i] == f {
			copy(c.flights[i:], c.flights[i+1:])
			c.flights[len(c.flights)-1] = nil
			c.flights = c.flights[:len(c.flights)-1]
			return
		}
	}
}

// requeue moves a message that was sent into its lane again.
func (c *courier) requeue(e *errand) {
	c.withdraw(e)
	if e.sent == maxSends { // only what is replaced while parked comes here so late: a new life
		e.base, e.sent, e.timeouts = e.base+maxSends, 0, 0
	}
	c.lane(e.m).pushAgain(e)
}

// withdraw takes e out of the place where it stands.
func (c *courier) withdraw(e *errand) {
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

// park stops the timer of a text that the peer holds back until its predecessor,
// which is on its way here too, has come.
func (c *courier) park(e *errand) {
	if e.place == parked || e.sent == 0 {
		return
	}
	c.withdraw(e) // it may stand in the lane, thought lost
	c.under = append(c.under, e)
	e.place = parked
	c.parked++
}

// unpark undoes park, with a timer as if it had been sent at the last ack.
func (c *courier) unpark(e *errand) {
	e.place = underWay
	e.last().live++
	e.deadline = c.heardAt.Add(c.trip.timeout(true))
	c.parked--
}

// predecessorHeld reports whether the text before e is still on its way.
func (c *courier) predecessorHeld(e *errand) bool {
	t, ok := e.m.Body.(Text)
	return ok && c.held[messageKey{KindText, t.Prev}] != nil
}

// release takes e off its last flight; a flight that nothing depends on any more
// leaves the air without being counted as arrived or lost.
func (c *courier) release(e *errand) {
	f := e.last()
	if f.live--; f.live == 0 && !f.acked && !f.lost {
		c.grounded(f)
		f.lost = true
	}
}

// remove lets go of e. A successor that is parked gets its timer back, since now
// its own answer is due.
func (c *courier) remove(e *errand) {
	key := messageKey{e.m.Kind(), e.m.ID}
	delete(c.held, key)
	c.withdraw(e)
	if c.parked == 0 || key.kind != KindText {
		return
	}
	for _, o := range c.under {
		if t, ok := o.m.Body.(Text); ok && o.place == parked && t.Prev == key.id {
			c.unpark(o) // its answer travels with that of e; if not, it is asked for again
			return
		}
	}
}

// last returns the datagram of the latest send.
func (e *errand) last() *flight { return e.sends[e.sent-1] }
