package reliable

import (
	"io"
	"time"

	"darkchat/dgram/wire"
)

// packetBuilder is a datagram being filled.
type packetBuilder struct {
	free       int // bytes left
	acks       int // how many of the pending acks it takes
	messages   []*pendingMessage
	text       bool // it carries a text
	confirmed  bool // it carries a confirmed message
	resent     bool
	fullSize   bool // it is a DATA of full size, which can be padded to the limit
	introduces bool // it introduces: alone of its sort, in a padded datagram
	full       bool // something that was ready did not fit
}

// Lengths that a packet must allow for: the head of up to MaxMessages messages; an ack message around
// acks, with the head of up to MaxAcks of them.
const (
	packetHead    = 2
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
// and Put everything first.
func (s *Sender) NextPacket(now time.Time, room int) (ms []wire.Message, padTo int, ok bool) {
	s.detectLost(now)
	open := len(s.inFlight) < s.window.size
	b := packetBuilder{free: room - packetHead, fullSize: room >= s.largest-wire.DataOverhead}
	due := len(s.acks.list) > 0 && !s.acks.due.After(now)
	var ackBytes int
	if b.acks, ackBytes = s.acks.fit(b.free - ackAround); b.acks > 0 {
		b.free -= ackBytes + 1 // the head of the array of acks may grow by one byte
	}
	s.fill(&b, &s.texts, open, func() bool { return true })
	s.fill(&b, &s.presence, open, func() bool {
		return b.text || len(b.messages) > 0 || s.gate == nil || s.gate.Take(now)
	})
	if len(b.messages) == 0 {
		s.noteLimit(room)
		if b.acks == 0 || !due && !b.full {
			return nil, 0, false
		}
		return []wire.Message{{Acks: s.acks.remove(b.acks), Body: wire.Acknowledgement{}}}, 0, true
	}
	ms = s.build(now, &b)
	s.noteLimit(room)
	switch {
	case b.introduces:
		padTo = min(wire.IntroductionSize, s.largest)
	case b.resent:
		padTo = wire.ResentSize
	}
	return ms, padTo, true
}

// fill moves messages that fit from the head of q into b. allowed is called before each message that
// would go.
func (s *Sender) fill(b *packetBuilder, q *sendQueue, open bool, allowed func() bool) {
	if !open && q == &s.texts {
		return
	}
	for _, list := range [][]*pendingMessage{q.retransmissions, q.fresh} {
		for _, p := range list {
			sure := p.message.Confirmed()
			if sure && (!open || len(s.outstanding)+len(b.messages) >= maxOutstanding) {
				continue // a probe or a list behind it may go
			}
			find := p.message.Introduces()
			alone := len(b.messages) == 0 && b.acks == 0 && b.fullSize
			size, most := p.size, wire.MaxMessages
			if find {
				size += padRoom
			}
			if find || b.introduces {
				most-- // for the padding
			}
			if alone && size > b.free {
				size = p.message.Size() + attemptGrowth - (packetHead - 1)
			}
			if alone && size > b.free {
				continue // only on a direct path
			}
			if size > b.free || len(b.messages) >= most || find && (b.introduces || !b.fullSize) {
				b.full = true
				return
			}
			if !allowed() {
				return
			}
			b.free -= size
			b.messages = append(b.messages, p)
			b.confirmed = b.confirmed || sure
			b.text = b.text || q == &s.texts
			b.resent = b.resent || p.base > 0 || p.sent > 0
			b.introduces = b.introduces || find
		}
	}
}

// build marks the messages of b as sent at now and returns them.
func (s *Sender) build(now time.Time, b *packetBuilder) []wire.Message {
	var pkt *sentPacket
	var jitter float64
	if b.confirmed {
		pkt, jitter = s.newSentPacket(now, b.text), s.jitter()
		pkt.messages = make([]*pendingMessage, 0, len(b.messages))
	}
	ms := make([]wire.Message, 0, len(b.messages))
	for _, p := range b.messages {
		s.queueOf(p.message).remove(p)
		if p.message.Confirmed() {
			s.add(pkt, p, jitter)
		}
		ms = append(ms, p.message)
	}
	if b.acks > 0 {
		ms[0].Acks = s.acks.remove(b.acks)
	}
	return ms
}

// newSentPacket notes the next datagram as under way.
func (s *Sender) newSentPacket(now time.Time, text bool) *sentPacket {
	pkt := &sentPacket{number: s.number, at: now, prompt: text}
	s.number++
	s.inFlight = append(s.inFlight, pkt)
	return pkt
}

// add puts p on pkt and starts its retransmission timer.
func (s *Sender) add(pkt *sentPacket, p *pendingMessage, jitter float64) {
	pkt.messages = append(pkt.messages, p)
	pkt.live++
	p.sends[p.sent] = pkt
	p.sent++
	p.message.Attempt = p.base + uint64(p.sent)
	wait := min(s.roundTrip.timeout(pkt.prompt)<<p.timeouts, timeoutCeiling)
	p.deadline = pkt.at.Add(wait + time.Duration(float64(wait)*jitter))
	p.place = underWay
	s.outstanding = append(s.outstanding, p)
}

// noteLimit tells the congestion window whether it is the only thing that holds a full datagram back.
func (s *Sender) noteLimit(room int) {
	s.window.limited = len(s.inFlight) >= s.window.size && s.texts.bytes()+s.presence.bytes() >= room-packetHead
}

// jitter returns a number from 0 to below a quarter, so that peers that lost datagrams together do
// not all retransmit at once; never below 0, so that no timer is early.
func (s *Sender) jitter() float64 {
	var b [1]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		panic("BUG: no randomness: " + err.Error())
	}
	return float64(b[0]) / 256 / 4
}

// HandshakeMessages returns messages to send inside a HANDSHAKE, as many as fit into room bytes: first those
// under way (no key opens their datagrams any more), then those that wait, texts before others. It
// changes nothing, since a CHALLENGE proves nothing yet; call MarkSent once the HANDSHAKE was accepted.
func (s *Sender) HandshakeMessages(room int) []wire.Message {
	free := room - packetHead
	var ms []wire.Message
	for _, text := range []bool{true, false} {
		for _, p := range s.allMessages() {
			if text != (p.message.Kind() == wire.KindText) || !p.message.Confirmed() || p.place == blockedOnPredecessor ||
				p.message.Introduces() {
				continue
			}
			if p.size > free || len(ms) == wire.MaxMessages {
				return ms
			}
			free -= p.size
			m := p.message
			m.Attempt = p.base + uint64(p.sent) + 1
			ms = append(ms, m)
		}
	}
	return ms
}

// MarkSent marks messages that HandshakeMessages returned as sent at the given time, all in one datagram. Call it
// when the ACCEPT has verified, before handling the acks inside it.
func (s *Sender) MarkSent(at time.Time, ms []wire.Message) {
	var pkt *sentPacket
	for _, m := range ms {
		p := s.pending[messageKey{m.Kind(), m.ID}]
		if p == nil || m.Attempt != p.base+uint64(p.sent)+1 {
			continue // cancelled, or sent again meanwhile
		}
		s.withdraw(p)
		if p.sent == MaxSends {
			p.base, p.sent, p.timeouts = p.base+MaxSends, 0, 0
		}
		if pkt == nil {
			pkt = s.newSentPacket(at, false)
		}
		pkt.prompt = pkt.prompt || p.message.Kind() == wire.KindText
		s.add(pkt, p, 0)
	}
}
