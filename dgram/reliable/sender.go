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
// A confirmed message is in one of three places: waiting in a send queue, under
// way, or blocked on its predecessor. It leaves by settling or by lapsing, never
// by both. Everything is decided from the arguments and the injected randomness; maps are
// looked up, not walked.
type Sender struct {
	random io.Reader
	gate   Gate // of presence; nil: it may always go

	texts, presence sendQueue
	pending         map[messageKey]*pendingMessage // every confirmed message, at most maxQueued + maxOutstanding
	outstanding     []*pendingMessage              // under way or blocked, oldest send first; at most maxOutstanding
	blocked         int                            // how many of the outstanding wait for their predecessor
	inFlight        []*sentPacket                  // sent datagrams neither acknowledged nor lost, oldest first
	acks            ackQueue
	past            []pastAttempts // at most maxRemembered

	largest int // bytes of the largest datagram on the path to the peer

	roundTrip roundTrip
	window    congestion

	number  uint64    // of the next datagram with confirmed messages
	arrived uint64    // the highest number acknowledged, plus 1
	lossAt  time.Time // when a packet overtaken by others counts as lost
	heardAt time.Time // when the last ack came
}

// messageKey identifies a message among those sent to one peer.
type messageKey struct {
	kind wire.Kind
	id   uint64
}

// pendingMessage is one message to deliver.
type pendingMessage struct {
	message  wire.Message
	size     int                   // encoded length without acks, at its longest
	base     uint64                // attempts before it was handed in this time
	sends    [MaxSends]*sentPacket // since then
	sent     int                   // how many of them are filled
	timeouts int                   // how often nothing came in time; each doubles the wait
	deadline time.Time             // retransmission timeout of the send under way; zero while blocked or waiting
	place    place
}

// place is where a confirmed message stands.
type place uint8

const (
	waiting              place = iota // in a send queue
	underWay                          // sent, with a deadline
	blockedOnPredecessor              // the peer holds it back until its predecessor comes
)

// sentPacket is one sent datagram that carried confirmed messages.
type sentPacket struct {
	number   uint64
	at       time.Time
	messages []*pendingMessage
	live     int  // messages whose last send this is
	prompt   bool // it carries a text, which is answered at once
	acked    bool
	proved   bool // it arrived, though its ack did not
	lost     bool
}

// Lapsed names a confirmed message that was given up.
type Lapsed struct {
	Kind wire.Kind
	ID   uint64
}

// pastAttempts keeps attempt numbers rising when a message that left undelivered is handed
// in again: a late ack of an old attempt must not pass for a quick ack of a new one.
type pastAttempts struct {
	key      messageKey
	attempts uint64
}

// Gate decides when a datagram may go that carries nothing but presence.
type Gate interface {
	// Take says whether one may go now. If not, the sender's owner asks NextPacket again when it may.
	Take(now time.Time) bool
}

// NewSender returns a sender for a peer that was never heard. random gives jitter; g may be nil.
func NewSender(random io.Reader, g Gate, sameLink bool) *Sender {
	return &Sender{
		random:    random,
		gate:      g,
		pending:   map[messageKey]*pendingMessage{},
		largest:   wire.MaxDatagram,
		roundTrip: roundTrip{sameLink: sameLink},
		window:    newCongestion(),
	}
}

// Put takes a message to deliver. It reports false, and the caller keeps the message,
// when the queue is full, or when the message is out of bounds or too large for a
// datagram. A confirmed message that is held already is not queued twice: its body is
// replaced, and a text that now names another predecessor goes again at once if the peer
// holds it back. Attempt and Acks of m are ignored.
func (s *Sender) Put(m wire.Message) bool {
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
	if p := s.pending[key]; p != nil {
		s.replace(p, m, size)
		return true
	}
	q := s.queueOf(m)
	waits := len(s.texts.fresh) + len(s.presence.fresh)
	if waits >= maxQueued || s.texts.freshBytes+s.presence.freshBytes+size > maxQueuedBytes ||
		q == &s.presence && len(q.fresh) >= maxQueuedPresence {
		return false
	}
	p := &pendingMessage{message: m, size: size}
	if m.Confirmed() {
		p.base = s.recall(key)
		s.pending[key] = p
	}
	q.push(p)
	return true
}

// replace gives a held message a new body.
func (s *Sender) replace(p *pendingMessage, m wire.Message, size int) {
	was, _ := p.message.Body.(wire.Text)
	now, text := m.Body.(wire.Text)
	if text && was == now {
		return
	}
	if p.place == waiting {
		s.queueOf(m).resize(p, size)
	}
	p.message, p.size = m, size
	if p.place == blockedOnPredecessor {
		s.requeue(p)
	}
}

// Cancel takes a message back. An ack that still comes for it is ignored.
func (s *Sender) Cancel(k wire.Kind, id uint64) {
	if p := s.pending[messageKey{k, id}]; p != nil {
		s.remember(p)
		s.remove(p)
	}
}

// QueueAck queues an ack for the peer. An urgent one leaves with the next packet, together with
// all others; any other waits up to maxAckDelay for a datagram to share.
func (s *Sender) QueueAck(now time.Time, a wire.Ack, urgent bool) { s.acks.add(now, a, urgent) }

// Sample takes in the round trip of a handshake or a probe.
func (s *Sender) Sample(d time.Duration) { s.roundTrip.sample(d, true) }

// PresumeTrip takes in an upper bound of the round trip, from a handshake where it cannot be
// told which of its datagrams were answered. It serves until there is a sample.
func (s *Sender) PresumeTrip(d time.Duration) { s.roundTrip.presumed = min(d, TripMost) }

// FlushAcks makes the acks that the peer is owed leave with the next packet.
func (s *Sender) FlushAcks(now time.Time) { s.acks.hasten(now) }

// DropAcks forgets the acks that the peer is owed: the messages that they answer will come again.
func (s *Sender) DropAcks() { s.acks = ackQueue{} }

// RTT returns the smoothed round trip, 0 if none was measured.
func (s *Sender) RTT() time.Duration { return s.roundTrip.smoothed }

// KnownTrip returns the smoothed round trip or, before there is a sample, the presumed one; 0 if there
// is neither.
func (s *Sender) KnownTrip() time.Duration { return s.roundTrip.known() }

// Timeout returns the retransmission timeout of what may be answered late (by maxAckDelay).
func (s *Sender) Timeout() time.Duration { return s.roundTrip.timeout(false) }

// SetMaxDatagram sets the size in bytes of the largest datagram on the path to the peer.
func (s *Sender) SetMaxDatagram(largest int) { s.largest = largest }

// ResetPath forgets what was measured of the path: the peer is on another one now
// (RFC 9000 9.4). What is under way stays so.
func (s *Sender) ResetPath(sameLink bool) {
	s.roundTrip = roundTrip{sameLink: sameLink}
	s.window = newCongestion()
	s.window.recovery = s.number
}

// RetransmitAll sends everything under way again at once, because the path has changed.
func (s *Sender) RetransmitAll() {
	for _, p := range slices.Clone(s.outstanding) {
		if p.place == underWay {
			s.requeue(p)
		}
	}
}

// Idle reports whether nothing is queued, under way or owed.
func (s *Sender) Idle() bool {
	return len(s.pending) == 0 && s.texts.len()+s.presence.len() == 0 && len(s.acks.list) == 0
}

// Deadline returns the earliest timer, the zero Time if none runs. It does not say whether
// something could go at once: NextPacket does. Nor does it know when presence may go: the gate
// tells.
func (s *Sender) Deadline() time.Time {
	first := s.lossAt
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, p := range s.outstanding {
		sooner(p.deadline)
	}
	sooner(s.acks.due)
	return first
}

// Abandon gives back every confirmed message as lapsed and drops the rest, acks included:
// nothing is held afterwards.
func (s *Sender) Abandon() []Lapsed {
	s.DropAcks()
	return s.AbandonMessages()
}

// AbandonMessages is Abandon, but the acks that are owed stay.
func (s *Sender) AbandonMessages() []Lapsed {
	out := s.giveUp(nil, s.allMessages())
	s.texts, s.presence = sendQueue{}, sendQueue{}
	return out
}

// allMessages lists all messages in the order in which they would go.
func (s *Sender) allMessages() []*pendingMessage {
	all := append([]*pendingMessage(nil), s.outstanding...)
	for _, q := range []*sendQueue{&s.texts, &s.presence} {
		all = append(all, q.retransmissions...)
		all = append(all, q.fresh...)
	}
	return all
}

// queueOf returns where m queues.
func (s *Sender) queueOf(m wire.Message) *sendQueue {
	if m.Kind() == wire.KindText {
		return &s.texts
	}
	return &s.presence
}

// remember keeps the attempts of a message that leaves and may be handed in again.
func (s *Sender) remember(p *pendingMessage) {
	if p.base == 0 && p.sent == 0 {
		return
	}
	if len(s.past) == maxRemembered {
		s.past = append(s.past[:0], s.past[1:]...)
	}
	s.past = append(s.past, pastAttempts{messageKey{p.message.Kind(), p.message.ID}, p.base + uint64(p.sent)})
}

// recall returns, and forgets, the attempts of a message that left before.
func (s *Sender) recall(key messageKey) uint64 {
	for i, p := range s.past {
		if p.key == key {
			s.past = append(s.past[:i], s.past[i+1:]...)
			return p.attempts
		}
	}
	return 0
}

// giveUp gives up the confirmed messages of list and appends their names to out.
func (s *Sender) giveUp(out []Lapsed, list []*pendingMessage) []Lapsed {
	for _, p := range list {
		if !p.message.Confirmed() {
			continue
		}
		s.remember(p)
		s.remove(p)
		out = append(out, Lapsed{p.message.Kind(), p.message.ID})
	}
	return out
}
