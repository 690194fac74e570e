package reliable

import (
	"time"

	"darkchat/dgram/wire"
)

// Settled is what an ack said about a message that is no longer held. RTT is 0 when the
// exchange measured nothing.
type Settled struct {
	Kind   wire.Kind
	ID     uint64
	Result wire.Result
	Have   uint64
	RTT    time.Duration
}

// OnAck takes in one ack. It reports false when there is nothing to tell: the message is
// not held, or is still held because the answer is gap and its predecessor is under way
// too.
func (s *Sender) OnAck(now time.Time, a wire.Ack) (Settled, bool) {
	p := s.pending[messageKey{a.Kind, a.ID}]
	if p == nil || a.Result > wire.ResultTooOld {
		return Settled{}, false
	}
	i := a.Attempt - p.base - 1 // wraps around for an attempt before it was handed in again
	var rtt time.Duration
	switch {
	case i < uint64(p.sent):
		pkt := p.sends[i]
		rtt = now.Sub(pkt.at)
		if !pkt.acked {
			s.onAcked(pkt)
			s.roundTrip.sample(rtt, pkt.prompt && a.Kind == wire.KindText)
		}
	case a.Attempt > p.base || a.Attempt == 0:
		return Settled{}, false // never sent
	}
	s.heardAt = now
	if a.Kind == wire.KindListRequest && a.Result == wire.ResultDelivered {
		return Settled{}, false // the List completes it
	}
	if a.Result == wire.ResultGap && s.predecessorPending(p) {
		s.block(p)
		return Settled{}, false
	}
	switch a.Result {
	case wire.ResultDelivered:
		s.proveEarlier(p)
	case wire.ResultGap, wire.ResultBusy:
		s.remember(p)
	}
	s.remove(p)
	return Settled{Kind: a.Kind, ID: a.ID, Result: a.Result, Have: a.Have, RTT: rtt}, true
}

// Complete ends a message by something other than an ack, as a List ends its request. It
// reports whether the message was held.
func (s *Sender) Complete(now time.Time, k wire.Kind, id uint64) bool {
	p := s.pending[messageKey{k, id}]
	if p == nil {
		return false
	}
	s.heardAt = now
	if p.sent == 1 && !p.sends[0].acked { // otherwise it is unknown which send was answered
		s.onAcked(p.sends[0])
		s.roundTrip.sample(now.Sub(p.sends[0].at), false)
	}
	s.remove(p)
	return true
}

// Advance gives up messages sent MaxSends times in vain, and prepares those that go again.
// Call it when Deadline has come, then NextPacket.
func (s *Sender) Advance(now time.Time) []Lapsed {
	s.detectLost(now)
	var out []Lapsed
	for i := 0; i < len(s.outstanding); {
		p := s.outstanding[i]
		if p.deadline.IsZero() || p.deadline.After(now) {
			i++
			continue
		}
		if p.sent < MaxSends {
			s.onTimeout(p)
			i = 0 // several may have left the list: start over
			continue
		}
		silent := s.heardAt.Before(p.sends[0].at)
		s.countLost(p)
		out = s.giveUp(out, []*pendingMessage{p})
		if silent {
			// Not one ack since the first send: all other messages would fare the same,
			// and at one datagram at a time it would take minutes to find out.
			return s.giveUp(out, s.allMessages())
		}
		i = 0
	}
	return out
}

// onTimeout makes p go again, together with the messages that shared its datagram and are
// still unanswered.
func (s *Sender) onTimeout(p *pendingMessage) {
	pkt := p.sends[p.sent-1]
	if pkt.acked || pkt.lost { // it arrived and the answer was lost, or the loss is known already
		s.backOff(p, pkt)
		s.requeue(p)
		return
	}
	for _, other := range pkt.messages {
		if other.place == underWay && other.last() == pkt {
			s.backOff(other, pkt)
		}
	}
	s.onLost(pkt)
}

// backOff doubles the wait for p while the peer is silent. If others were answered in the
// meantime, p is merely lost (pto_count, RFC 9002 6.2.1).
func (s *Sender) backOff(p *pendingMessage, pkt *sentPacket) {
	if s.heardAt.After(pkt.at) {
		p.timeouts = 0
		return
	}
	p.timeouts++
}

// countLost counts the last datagram of p as lost, if it is not counted yet.
func (s *Sender) countLost(p *pendingMessage) {
	if pkt := p.last(); !pkt.acked && !pkt.lost {
		s.onLost(pkt)
	}
}

// detectLost declares packets lost that later ones have overtaken by enough, in number or in
// time (RFC 9002 6.1).
func (s *Sender) detectLost(now time.Time) {
	s.lossAt = time.Time{}
	for i := 0; i < len(s.inFlight); {
		pkt := s.inFlight[i]
		if pkt.number+1 >= s.arrived {
			return
		}
		late := pkt.at.Add(s.roundTrip.lossDelay())
		switch {
		case !pkt.prompt:
			i++ // its answer may take longer than the round trip
		case pkt.number+reorderThreshold < s.arrived || !late.After(now):
			s.onLost(pkt)
		default:
			if s.lossAt.IsZero() || late.Before(s.lossAt) {
				s.lossAt = late
			}
			i++
		}
	}
}

// proveEarlier notes that the texts before p arrived, since texts are recorded in order: only
// their acks are missing. They go again to ask for those, but no datagram of ours was lost.
func (s *Sender) proveEarlier(p *pendingMessage) {
	for t, ok := p.message.Body.(wire.Text); ok; t, ok = p.message.Body.(wire.Text) {
		p = s.pending[messageKey{wire.KindText, t.Prev}]
		if p == nil || p.sent != 1 || p.sends[0].proved {
			return // all before it are known too, or it is unknown which send arrived
		}
		p.sends[0].proved = true
	}
}

// onAcked notes that a datagram arrived at the peer.
func (s *Sender) onAcked(pkt *sentPacket) {
	pkt.acked = true
	s.arrived = max(s.arrived, pkt.number+1)
	if !pkt.lost {
		s.removeInFlight(pkt)
		s.window.acked(pkt.number)
	}
}

// onLost notes that a datagram was lost, and makes its messages go again.
func (s *Sender) onLost(pkt *sentPacket) {
	pkt.lost = true
	s.removeInFlight(pkt)
	if !pkt.proved {
		s.window.lost(pkt.number, s.number)
	}
	for _, p := range pkt.messages {
		if p.place == underWay && p.last() == pkt && p.sent < MaxSends {
			s.requeue(p)
		}
	}
}

// removeInFlight removes pkt from the datagrams under way.
func (s *Sender) removeInFlight(pkt *sentPacket) {
	for i := range s.inFlight {
		if s.inFlight[i] == pkt {
			copy(s.inFlight[i:], s.inFlight[i+1:])
			s.inFlight[len(s.inFlight)-1] = nil
			s.inFlight = s.inFlight[:len(s.inFlight)-1]
			return
		}
	}
}

// requeue moves a sent message back into its queue.
func (s *Sender) requeue(p *pendingMessage) {
	s.withdraw(p)
	if p.sent == MaxSends { // only a message replaced while blocked gets here so late: count its sends anew
		p.base, p.sent, p.timeouts = p.base+MaxSends, 0, 0
	}
	s.queueOf(p.message).pushRetransmission(p)
}

// withdraw takes p out of its place.
func (s *Sender) withdraw(p *pendingMessage) {
	switch p.place {
	case waiting:
		s.queueOf(p.message).remove(p)
	case underWay:
		s.outstanding, _ = without(s.outstanding, p)
		s.release(p)
	case blockedOnPredecessor:
		s.outstanding, _ = without(s.outstanding, p)
		s.blocked--
	}
	p.deadline, p.place = time.Time{}, waiting
}

// block stops the timer of a text that the peer holds back until its predecessor has come,
// which is still on its way too.
func (s *Sender) block(p *pendingMessage) {
	if p.place == blockedOnPredecessor || p.sent == 0 {
		return
	}
	s.withdraw(p) // it may be in its queue, believed lost
	s.outstanding = append(s.outstanding, p)
	p.place = blockedOnPredecessor
	s.blocked++
}

// unblock undoes block, and sets the timer as if p had been sent at the last ack.
func (s *Sender) unblock(p *pendingMessage) {
	p.place = underWay
	p.last().live++
	p.deadline = s.heardAt.Add(s.roundTrip.timeout(true))
	s.blocked--
}

// predecessorPending reports whether the text before p is still on its way.
func (s *Sender) predecessorPending(p *pendingMessage) bool {
	t, ok := p.message.Body.(wire.Text)
	return ok && s.pending[messageKey{wire.KindText, t.Prev}] != nil
}

// release takes p off its last packet. A packet on which nothing depends any more is dropped
// without counting as arrived or lost.
func (s *Sender) release(p *pendingMessage) {
	pkt := p.last()
	if pkt.live--; pkt.live == 0 && !pkt.acked && !pkt.lost {
		s.removeInFlight(pkt)
		pkt.lost = true
	}
}

// remove drops p. A blocked successor gets its timer back, since now its own answer is due.
func (s *Sender) remove(p *pendingMessage) {
	key := messageKey{p.message.Kind(), p.message.ID}
	delete(s.pending, key)
	s.withdraw(p)
	if s.blocked == 0 || key.kind != wire.KindText {
		return
	}
	for _, other := range s.outstanding {
		if t, ok := other.message.Body.(wire.Text); ok && other.place == blockedOnPredecessor && t.Prev == key.id {
			s.unblock(other) // its answer travels with that of p; if it does not, p's successor goes again
			return
		}
	}
}

// last returns the datagram of p's latest send.
func (p *pendingMessage) last() *sentPacket { return p.sends[p.sent-1] }
