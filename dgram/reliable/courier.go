package reliable

import (
	"io"
	"slices"
	"time"

	"darkchat/dgram/wire"
)

// Sender gets messages to one peer session: it queues them, decides which go into the
// next datagram, retransmits confirmed ones until they are answered, and keeps the acks
// that the peer is owed (spec/theory.md 3). It knows neither keys nor addresses.
//
// A confirmed message is in one of three places: waiting in a lane (a send queue), under
// way, or parked (blocked on its predecessor). It leaves by settling or by lapsing, never
// by both. Everything is decided from the arguments and the injected randomness; maps are
// looked up, not walked.
type Sender struct {
	random io.Reader
	gate   Gate // of presence; nil: it may always go

	texts, presence lane
	held            map[messageKey]*errand // every confirmed message, at most maxQueued + maxOutstanding
	under           []*errand              // under way or parked, oldest send first; at most maxOutstanding
	parked          int                    // how many of those in under wait for their predecessor
	flights         []*flight              // sent datagrams neither acknowledged nor lost, oldest first
	acks            ackQueue
	past            []earlierLife // at most maxRemembered

	largest int // bytes of the largest datagram on the path to the peer

	trip    roundTrip
	allowed congestion

	number  uint64    // of the next datagram with confirmed messages
	arrived uint64    // the highest number acknowledged, plus 1
	lossAt  time.Time // when a flight overtaken by others counts as lost
	heardAt time.Time // when the last ack came
}

// messageKey identifies a message among those sent to one peer.
type messageKey struct {
	kind wire.Kind
	id   uint64
}

// errand is one message to deliver.
type errand struct {
	m        wire.Message
	size     int               // encoded length without acks, at its longest
	base     uint64            // attempts before it was handed in this time
	sends    [MaxSends]*flight // since then
	sent     int               // how many of them are filled
	timeouts int               // how often nothing came in time; each doubles the wait
	deadline time.Time         // retransmission timeout of the send under way; zero while parked or waiting
	place    place
}

// place is where a confirmed message stands.
type place uint8

const (
	waiting  place = iota // in a lane
	underWay              // sent, with a deadline
	parked                // the peer holds it back until its predecessor comes
)

// flight is one sent datagram that carried confirmed messages.
type flight struct {
	number  uint64
	at      time.Time
	errands []*errand
	live    int  // errands whose last send this is
	prompt  bool // it carries a text, which is answered at once
	acked   bool
	proved  bool // it arrived, though its ack did not
	lost    bool
}

// Lapsed names a confirmed message that was given up.
type Lapsed struct {
	Kind wire.Kind
	ID   uint64
}

// earlierLife keeps attempt numbers rising when a message that left undelivered is handed
// in again: a late ack of an old attempt must not pass for a quick ack of a new one.
type earlierLife struct {
	key      messageKey
	attempts uint64
}

// Gate decides when a datagram may go that carries nothing but presence.
type Gate interface {
	// Take says whether one may go now. If not, the courier's owner takes again when it may.
	Take(now time.Time) bool
}

// NewSender returns a courier for a peer that was never heard. random gives jitter; g may be nil.
func NewSender(random io.Reader, g Gate, sameLink bool) *Sender {
	return &Sender{
		random:  random,
		gate:    g,
		held:    map[messageKey]*errand{},
		largest: wire.MaxDatagram,
		trip:    roundTrip{sameLink: sameLink},
		allowed: newCongestion(),
	}
}

// Put takes a message to deliver. It reports false, and the caller keeps the message,
// when the queue is full, or when the message is out of bounds or too large for a
// datagram. A confirmed message that is held already is not queued twice: its body is
// replaced, and a text that now names another predecessor goes again at once if the peer
// holds it back. Attempt and Acks of m are ignored.
func (c *Sender) Put(m wire.Message) bool {
	m.Attempt, m.Acks = 0, nil
	if m.Body == nil || m.Check() != nil {
		return false
	}
	const growth = 2 * 8 // attempt and the number of acks at their longest
	size := m.Size() + growth
	if size > wire.MaxDatagram-wire.DataOverhead {
		return false
	}
	key := messageKey{m.Kind(), m.ID}
	if e := c.held[key]; e != nil {
		c.replace(e, m, size)
		return true
	}
	l := c.lane(m)
	waits := len(c.texts.fresh) + len(c.presence.fresh)
	if waits >= maxQueued || c.texts.freshBytes+c.presence.freshBytes+size > maxQueuedBytes ||
		l == &c.presence && len(l.fresh) >= maxQueuedPresence {
		return false
	}
	e := &errand{m: m, size: size}
	if m.Confirmed() {
		e.base = c.recall(key)
		c.held[key] = e
	}
	l.push(e)
	return true
}

// replace gives a held message a new body.
func (c *Sender) replace(e *errand, m wire.Message, size int) {
	was, _ := e.m.Body.(wire.Text)
	now, text := m.Body.(wire.Text)
	if text && was == now {
		return
	}
	if e.place == waiting {
		c.lane(m).resize(e, size)
	}
	e.m, e.size = m, size
	if e.place == parked {
		c.requeue(e)
	}
}

// Cancel takes a message back. An ack that still comes for it is ignored.
func (c *Sender) Cancel(k wire.Kind, id uint64) {
	if e := c.held[messageKey{k, id}]; e != nil {
		c.remember(e)
		c.remove(e)
	}
}

// QueueAck queues an ack for the peer. An urgent one leaves with the next take, together with
// all others; any other waits up to maxAckDelay for a datagram to share.
func (c *Sender) QueueAck(now time.Time, a wire.Ack, urgent bool) { c.acks.add(now, a, urgent) }

// Sample takes in the round trip of a handshake or a probe.
func (c *Sender) Sample(d time.Duration) { c.trip.sample(d, true) }

// PresumeTrip takes in an upper bound of the round trip, from a handshake where it cannot be
// told which of its datagrams were answered. It serves until there is a sample.
func (c *Sender) PresumeTrip(d time.Duration) { c.trip.presumed = min(d, TripMost) }

// FlushAcks makes the acks that the peer is owed leave with the next take.
func (c *Sender) FlushAcks(now time.Time) { c.acks.hasten(now) }

// DropAcks forgets the acks that the peer is owed: the messages that they answer will come again.
func (c *Sender) DropAcks() { c.acks = ackQueue{} }

// RTT returns the smoothed round trip, 0 if none was measured.
func (c *Sender) RTT() time.Duration { return c.trip.smoothed }

// KnownTrip returns the smoothed round trip or, before there is a sample, the presumed one; 0 if there
// is neither.
func (c *Sender) KnownTrip() time.Duration { return c.trip.known() }

// Timeout returns the retransmission timeout of what may be answered late (by maxAckDelay).
func (c *Sender) Timeout() time.Duration { return c.trip.timeout(false) }

// SetMaxDatagram sets the size in bytes of the largest datagram on the path to the peer.
func (c *Sender) SetMaxDatagram(largest int) { c.largest = largest }

// ResetPath forgets what was measured of the path: the peer is on another one now
// (RFC 9000 9.4). What is under way stays so.
func (c *Sender) ResetPath(sameLink bool) {
	c.trip = roundTrip{sameLink: sameLink}
	c.allowed = newCongestion()
	c.allowed.recovery = c.number
}

// RetransmitAll sends everything under way again at once, because the path has changed.
func (c *Sender) RetransmitAll() {
	for _, e := range slices.Clone(c.under) {
		if e.place == underWay {
			c.requeue(e)
		}
	}
}

// Idle reports whether nothing is queued, under way or owed.
func (c *Sender) Idle() bool {
	return len(c.held) == 0 && c.texts.len()+c.presence.len() == 0 && len(c.acks.list) == 0
}

// Deadline returns the earliest timer, the zero Time if none runs. It does not say whether
// something could go at once: take does. Nor does it know when its turn to send presence
// comes: its gate tells.
func (c *Sender) Deadline() time.Time {
	first := c.lossAt
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, e := range c.under {
		sooner(e.deadline)
	}
	sooner(c.acks.due)
	return first
}

// Abandon gives back every confirmed message as lapsed and drops the rest, acks included:
// nothing is held afterwards.
func (c *Sender) Abandon() []Lapsed {
	c.DropAcks()
	return c.AbandonMessages()
}

// AbandonMessages is abandon, but the acks that are owed stay.
func (c *Sender) AbandonMessages() []Lapsed {
	out := c.lapse(nil, c.everything())
	c.texts, c.presence = lane{}, lane{}
	return out
}

// everything lists all messages in the order in which they would go.
func (c *Sender) everything() []*errand {
	all := append([]*errand(nil), c.under...)
	for _, l := range []*lane{&c.texts, &c.presence} {
		all = append(all, l.again...)
		all = append(all, l.fresh...)
	}
	return all
}

// lane returns where m queues.
func (c *Sender) lane(m wire.Message) *lane {
	if m.Kind() == wire.KindText {
		return &c.texts
	}
	return &c.presence
}

// remember keeps the attempts of a message that leaves and may be handed in again.
func (c *Sender) remember(e *errand) {
	if e.base == 0 && e.sent == 0 {
		return
	}
	if len(c.past) == maxRemembered {
		c.past = append(c.past[:0], c.past[1:]...)
	}
	c.past = append(c.past, earlierLife{messageKey{e.m.Kind(), e.m.ID}, e.base + uint64(e.sent)})
}

// recall returns, and forgets, the attempts of an earlier life.
func (c *Sender) recall(key messageKey) uint64 {
	for i, p := range c.past {
		if p.key == key {
			c.past = append(c.past[:i], c.past[i+1:]...)
			return p.attempts
		}
	}
	return 0
}

// lapse gives up the confirmed messages of list and appends their names to out.
func (c *Sender) lapse(out []Lapsed, list []*errand) []Lapsed {
	for _, e := range list {
		if !e.m.Confirmed() {
			continue
		}
		c.remember(e)
		c.remove(e)
		out = append(out, Lapsed{e.m.Kind(), e.m.ID})
	}
	return out
}
