package reliable

import (
	"io"
	"time"

	"darkchat/dgram/wire"
)

// load is a datagram being filled.
type load struct {
	free    int // bytes left
	acks    int // how many of the pending acks it takes
	errands []*errand
	text    bool // it carries a text
	sure    bool // it carries a confirmed message
	resent  bool
	whole   bool // it is a DATA of full size, which can be padded to the limit
	finds   bool // it introduces: alone of its sort, in a padded datagram
	full    bool // something that was ready did not fit
}

// Lengths that a load must allow for: the head of up to MaxMessages messages; an ack message around
// acks, with the head of up to MaxAcks of them.
const (
	loadHead      = 2
	attemptGrowth = 2 // bytes by which an attempt's number grows in practice
	ackAround     = 1 + 1 + 1 + 1 + 2 + 2
	padRoom       = 8 // the least that padding takes; a find leaves that much, to be padded exactly
)

// NextPacket returns the messages for one datagram with room bytes of plaintext, marked as sent: first the
// acks that are owed, then texts, then presence, as much as fits, without waiting for more. padTo is
// the length to which the whole datagram must be padded, 0 for none. Call it until ok is false.
//
// A stream is cheap because everything that became ready since the last call shares datagrams: the
// acks of all texts recorded in one wake-up, and the texts for which those acks make room. So settle
// and put everything first.
func (c *Sender) NextPacket(now time.Time, room int) (ms []wire.Message, padTo int, ok bool) {
	c.overtaken(now)
	open := len(c.flights) < c.allowed.size
	l := load{free: room - loadHead, whole: room >= c.largest-wire.DataOverhead}
	due := len(c.acks.list) > 0 && !c.acks.due.After(now)
	var ackBytes int
	if l.acks, ackBytes = c.acks.fit(l.free - ackAround); l.acks > 0 {
		l.free -= ackBytes + 1 // the head of the array of acks may grow by one byte
	}
	c.fill(&l, &c.texts, open, func() bool { return true })
	c.fill(&l, &c.presence, open, func() bool {
		return l.text || len(l.errands) > 0 || (c.gate == nil || c.gate.Take(now))
	})
	if len(l.errands) == 0 {
		c.noteLimit(room)
		if l.acks == 0 || !due && !l.full {
			return nil, 0, false
		}
		return []wire.Message{{Acks: c.acks.remove(l.acks), Body: wire.Acknowledgement{}}}, 0, true
	}
	ms = c.depart(now, &l)
	c.noteLimit(room)
	switch {
	case l.finds:
		padTo = min(wire.IntroductionSize, c.largest)
	case l.resent:
		padTo = wire.ResentSize
	}
	return ms, padTo, true
}

// fill moves messages that fit from the head of q into l. allowed is called before each message that
// would go.
func (c *Sender) fill(l *load, q *lane, open bool, allowed func() bool) {
	if !open && q == &c.texts {
		return
	}
	for _, list := range [][]*errand{q.again, q.fresh} {
		for _, e := range list {
			sure := e.m.Confirmed()
			if sure && (!open || len(c.under)+len(l.errands) >= maxOutstanding) {
				continue // a probe or a list behind it may go
			}
			find := e.m.Introduces()
			alone := len(l.errands) == 0 && l.acks == 0 && l.whole
			size, most := e.size, wire.MaxMessages
			if find {
				size += padRoom
			}
			if find || l.finds {
				most-- // for the padding
			}
			if alone && size > l.free {
				size = e.m.Size() + attemptGrowth - (loadHead - 1)
			}
			if alone && size > l.free {
				continue // only on a direct path
			}
			if size > l.free || len(l.errands) >= most || find && (l.finds || !l.whole) {
				l.full = true
				return
			}
			if !allowed() {
				return
			}
			l.free -= size
			l.errands = append(l.errands, e)
			l.sure = l.sure || sure
			l.text = l.text || q == &c.texts
			l.resent = l.resent || e.base > 0 || e.sent > 0
			l.finds = l.finds || find
		}
	}
}

// depart marks the messages of l as sent at now and returns them.
func (c *Sender) depart(now time.Time, l *load) []wire.Message {
	var f *flight
	var jitter float64
	if l.sure {
		f, jitter = c.takeOff(now, l.text), c.jitter()
		f.errands = make([]*errand, 0, len(l.errands))
	}
	ms := make([]wire.Message, 0, len(l.errands))
	for _, e := range l.errands {
		c.lane(e.m).remove(e)
		if e.m.Confirmed() {
			c.board(f, e, jitter)
		}
		ms = append(ms, e.m)
	}
	if l.acks > 0 {
		ms[0].Acks = c.acks.remove(l.acks)
	}
	return ms
}

// takeOff makes the flight for the next datagram.
func (c *Sender) takeOff(now time.Time, text bool) *flight {
	f := &flight{number: c.number, at: now, prompt: text}
	c.number++
	c.flights = append(c.flights, f)
	return f
}

// board puts e on f and starts its retransmission timer.
func (c *Sender) board(f *flight, e *errand, jitter float64) {
	f.errands = append(f.errands, e)
	f.live++
	e.sends[e.sent] = f
	e.sent++
	e.m.Attempt = e.base + uint64(e.sent)
	wait := min(c.trip.timeout(f.prompt)<<e.timeouts, timeoutCeiling)
	e.deadline = f.at.Add(wait + time.Duration(float64(wait)*jitter))
	e.place = underWay
	c.under = append(c.under, e)
}

// noteLimit tells the congestion window whether it is the only thing that holds a full datagram back.
func (c *Sender) noteLimit(room int) {
	c.allowed.limited = len(c.flights) >= c.allowed.size && c.texts.bytes()+c.presence.bytes() >= room-loadHead
}

// jitter returns a number from 0 to below a quarter, so that peers that lost datagrams together do
// not all retransmit at once; never below 0, so that no timer is early.
func (c *Sender) jitter() float64 {
	var b [1]byte
	if _, err := io.ReadFull(c.random, b[:]); err != nil {
		panic("BUG: no randomness: " + err.Error())
	}
	return float64(b[0]) / 256 / 4
}

// HandshakeMessages returns messages to send inside a HANDSHAKE, as many as fit into room bytes: first those
// under way (no key opens their datagrams any more), then those that wait, texts before others. It
// changes nothing, since a CHALLENGE proves nothing yet; call sent once the HANDSHAKE was accepted.
func (c *Sender) HandshakeMessages(room int) []wire.Message {
	free := room - loadHead
	var ms []wire.Message
	for _, text := range []bool{true, false} {
		for _, e := range c.everything() {
			if text != (e.m.Kind() == wire.KindText) || !e.m.Confirmed() || e.place == parked ||
				e.m.Introduces() {
				continue
			}
			if e.size > free || len(ms) == wire.MaxMessages {
				return ms
			}
			free -= e.size
			m := e.m
			m.Attempt = e.base + uint64(e.sent) + 1
			ms = append(ms, m)
		}
	}
	return ms
}

// MarkSent marks messages that takeFirst returned as sent at the given time, all in one datagram. Call it
// when the ACCEPT has verified, before handling the acks inside it.
func (c *Sender) MarkSent(at time.Time, ms []wire.Message) {
	var f *flight
	for _, m := range ms {
		e := c.held[messageKey{m.Kind(), m.ID}]
		if e == nil || m.Attempt != e.base+uint64(e.sent)+1 {
			continue // cancelled, or sent again meanwhile
		}
		c.withdraw(e)
		if e.sent == MaxSends {
			e.base, e.sent, e.timeouts = e.base+MaxSends, 0, 0
		}
		if f == nil {
			f = c.takeOff(at, false)
		}
		f.prompt = f.prompt || e.m.Kind() == wire.KindText
		c.board(f, e, 0)
	}
}
