package dgram

import (
	"time"

	"darkchat/dgram/wire"
)

// An association that we answered is unconfirmed until a DATA of its caller opens: the caller may have
// vanished right after the HANDSHAKE, or may only want to make us send. On it we send at most maxDraw
// times the bytes that came on it (RFC 9000 8.1); everything else waits for the confirmation
// (spec/theory.md 2.1).

// leftToSend is how many bytes may still go on an unconfirmed association; on a confirmed one there is
// no limit.
func (a *association) leftToSend() int {
	if a.confirmed {
		return wire.MaxDatagram
	}
	return maxDraw*a.proof.got - a.proof.gave
}

// stuck says that nothing more may go on an association before its caller shows up, not even the
// shortest datagram allowed.
func (a *association) stuck() bool { return !a.confirmed && a.leftToSend() < wire.ResentSize }

// roomOn returns the bytes of plaintext in a DATA on an association.
func roomOn(a *association) int {
	most := room(a.path.to)
	if !a.confirmed {
		most = min(most, a.leftToSend()-wire.DataOverhead)
	}
	return most
}

// confirm notes that the caller of an association that we answered has its keys.
func (e *Endpoint) confirm(now time.Time, a *association) {
	if !a.reply.first.IsZero() { // a caller that has the ACCEPT sends something at once
		a.trip = now.Sub(a.reply.first)
		a.link.sender.PresumeTrip(a.trip)
	}
	a.confirmed, a.reply.bytes = true, nil
	e.cache.confirmed(a)
	e.emit(Confirmed{Peer: a.link.peer.ID, Addr: a.path.to, Fresh: a.proof.fresh, Link: a.proof.called})
}

// Confirmed says whether a peer is known to have the keys of an association: an answerer always is, a
// caller once something that it sent on the association has come.
func (e *Endpoint) Confirmed(id wire.PeerID) bool {
	if l := e.links[id]; l != nil {
		for _, a := range l.list {
			if a.confirmed {
				return true
			}
		}
	}
	return false
}

// assurance is the probe by which a caller with nothing to send confirms its keys. It may be lost, so it
// is re-sent until it is answered.
type assurance struct {
	id   uint64
	sent int // at most assureSends
	at   time.Time
}

// assure sends the assurance when it is due.
func (e *Endpoint) assure(now time.Time, a *association) {
	s := &a.proof.assurance
	if s.at.After(now) {
		return
	}
	if s.sent == 0 {
		s.id = e.nextProbe()
	}
	if s.sent++; s.sent == assureSends {
		a.owes = false
	}
	s.at = now.Add(e.dialer.backOff(a.path.to, s.sent, a.link.sender.KnownTrip()))
	e.sendData(now, a, []wire.Message{{ID: s.id, Body: wire.Ping{Scope: wire.ScopeProbe}}}, 0)
}

// assured ends the assurance: the peer has opened a DATA of ours.
func (l *link) assured(k wire.Ack) bool {
	for _, a := range l.list {
		if a.proof.assurance.sent > 0 && k.Kind == wire.KindPing && k.ID == a.proof.assurance.id {
			a.owes, a.proof.assurance = false, assurance{}
			return true
		}
	}
	return false
}

// assureAt returns when the assurance goes again, zero if it does not.
func (a *association) assureAt() time.Time {
	if !a.owes {
		return time.Time{}
	}
	return a.proof.assurance.at
}
