package dgram

import (
	"io"
	"slices"
	"time"
)

// courier gets messages to one peer session: it queues them, decides which go into the
// next datagram, retransmits confirmed ones until they are answered, and keeps the acks
// that the peer is owed (spec/theory.md 3). It knows neither keys nor addresses.
//
// A confirmed message is in one of three places: waiting in a lane (a send queue), under
// way, or parked (blocked on its predecessor). It leaves by settling or by lapsing, never
// by both. Everything is decided from the arguments and the injected randomness; maps are
// looked up, not walked.
type courier struct {
	random io.Reader
	gate   gate // of presence; nil: it may always go

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
	kind Kind
	id   uint64
}

// errand is one message to deliver.
type errand struct {
	m        Message
	size     int               // encoded length without acks, at its longest
	base     uint64            // attempts before it was handed in this time
	sends    [maxSends]*flight // since then
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

// lapsed names a confirmed message that was given up.
type lapsed struct {
	kind Kind
	id   uint64
}

// earlierLife keeps attempt numbers rising when a message that left undelivered is handed
// in again: a late ack of an old attempt must not pass for a quick ack of a new one.
type earlierLife struct {
	key      messageKey
	attempts uint64
}

// gate decides when a datagram may go that carries nothing but presence.
type gate interface {
	// Take says whether one may go now. If not, the courier's owner takes again when it may.
	Take(now time.Time) bool
}

// newCourier returns a courier for a peer that was never heard. random gives jitter; g may be nil.
func newCourier(random io.Reader, g gate, sameLink bool) *courier {
	return &courier{
		random:  random,
		gate:    g,
		held:    map[messageKey]*errand{},
		largest: MaxDatagram,
		trip:    roundTrip{sameLink: sameLink},
		allowed: newCongestion(),
	}
}

// put takes a message to deliver. It reports false, and the caller keeps the message,
// when the queue is full, or when the message is out of bounds or too large for a
// datagram. A confirmed message that is held already is not queued twice: its body is
// replaced, and a text that now names another predecessor goes again at once if the peer
// holds it back. Attempt and Acks of m are ignored.
func (c *courier) put(m Message) bool {
	m.Attempt, m.Acks = 0, nil
	if m.Body == nil || m.check() != nil {
		return false
	}
	const growth = 2 * 8 // attempt and the number of acks at their longest
	size := m.size() + growth
	if size > MaxDatagram-dataOverhead {
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
	if m.confirmed() {
		e.base = c.recall(key)
		c.held[key] = e
	}
	l.push(e)
	return true
}

// replace gives a held message a new body.
func (c *courier) replace(e *errand, m Message, size int) {
	was, _ := e.m.Body.(Text)
	now, text := m.Body.(Text)
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

// cancel takes a message back. An ack that still comes for it is ignored.
func (c *courier) cancel(k Kind, id uint64) {
	if e := c.held[messageKey{k, id}]; e != nil {
		c.remember(e)
		c.remove(e)
	}
}

// ack queues an ack for the peer. An urgent one leaves with the next take, together with
// all others; any other waits up to maxAckDelay for a datagram to share.
func (c *courier) ack(now time.Time, a Ack, urgent bool) { c.acks.add(now, a, urgent) }

// measured takes in the round trip of a handshake or a probe.
func (c *courier) measured(d time.Duration) { c.trip.sample(d, true) }

// presume takes in an upper bound of the round trip, from a handshake where it cannot be
// told which of its datagrams were answered. It serves until there is a sample.
func (c *courier) presume(d time.Duration) { c.trip.presumed = min(d, tripMost) }

// hasten makes the acks that the peer is owed leave with the next take.
func (c *courier) hasten(now time.Time) { c.acks.hasten(now) }

// dropAcks forgets the acks that the peer is owed: the messages that they answer will come again.
func (c *courier) dropAcks() { c.acks = ackQueue{} }

// rtt returns the smoothed round trip, 0 if none was measured.
func (c *courier) rtt() time.Duration { return c.trip.smoothed }

// knownTrip returns the smoothed round trip or, before there is a sample, the presumed one; 0 if there
// is neither.
func (c *courier) knownTrip() time.Duration { return c.trip.known() }

// timeout returns the retransmission timeout of what may be answered late (by maxAckDelay).
func (c *courier) timeout() time.Duration { return c.trip.timeout(false) }

// limit sets the size in bytes of the largest datagram on the path to the peer.
func (c *courier) limit(largest int) { c.largest = largest }

// restart forgets what was measured of the path: the peer is on another one now
// (RFC 9000 9.4). What is under way stays so.
func (c *courier) restart(sameLink bool) {
	c.trip = roundTrip{sameLink: sameLink}
	c.allowed = newCongestion()
	c.allowed.recovery = c.number
}

// again sends everything under way again at once, because the path has changed.
func (c *courier) again() {
	for _, e := range slices.Clone(c.under) {
		if e.place == underWay {
			c.requeue(e)
		}
	}
}

// idle reports whether nothing is queued, under way or owed.
func (c *courier) idle() bool {
	return len(c.held) == 0 && c.texts.len()+c.presence.len() == 0 && len(c.acks.list) == 0
}

// next returns the earliest timer, the zero Time if none runs. It does not say whether
// something could go at once: take does. Nor does it know when its turn to send presence
// comes: its gate tells.
func (c *courier) next() time.Time {
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

// abandon gives back every confirmed message as lapsed and drops the rest, acks included:
// nothing is held afterwards.
func (c *courier) abandon() []lapsed {
	c.dropAcks()
	return c.abandonMessages()
}

// abandonMessages is abandon, but the acks that are owed stay.
func (c *courier) abandonMessages() []lapsed {
	out := c.lapse(nil, c.everything())
	c.texts, c.presence = lane{}, lane{}
	return out
}

// everything lists all messages in the order in which they would go.
func (c *courier) everything() []*errand {
	all := append([]*errand(nil), c.under...)
	for _, l := range []*lane{&c.texts, &c.presence} {
		all = append(all, l.again...)
		all = append(all, l.fresh...)
	}
	return all
}

// lane returns where m queues.
func (c *courier) lane(m Message) *lane {
	if m.Kind() == KindText {
		return &c.texts
	}
	return &c.presence
}

// remember keeps the attempts of a message that leaves and may be handed in again.
func (c *courier) remember(e *errand) {
	if e.base == 0 && e.sent == 0 {
		return
	}
	if len(c.past) == maxRemembered {
		c.past = append(c.past[:0], c.past[1:]...)
	}
	c.past = append(c.past, earlierLife{messageKey{e.m.Kind(), e.m.ID}, e.base + uint64(e.sent)})
}

// recall returns, and forgets, the attempts of an earlier life.
func (c *courier) recall(key messageKey) uint64 {
	for i, p := range c.past {
		if p.key == key {
			c.past = append(c.past[:i], c.past[i+1:]...)
			return p.attempts
		}
	}
	return 0
}

// lapse gives up the confirmed messages of list and appends their names to out.
func (c *courier) lapse(out []lapsed, list []*errand) []lapsed {
	for _, e := range list {
		if !e.m.confirmed() {
			continue
		}
		c.remember(e)
		c.remove(e)
		out = append(out, lapsed{e.m.Kind(), e.m.ID})
	}
	return out
}
