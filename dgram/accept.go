package dgram

import (
	"time"

	"darkchat/dgram/wire"
)

// shaken makes an association of a HANDSHAKE that verified. Its ACCEPT goes out
// with what this turn has to say to the peer (see Advance).
func (e *Endpoint) shaken(now time.Time, o Opened) {
	s := o.shake
	if s.repeat != nil {
		e.acceptAgain(now, o.size, s.repeat.made)
		return
	}
	a := &association{
		local: e.newIndex(), remote: s.index, hash: s.hash,
		receive: s.keys.toAnswerer, send: s.keys.toCaller,
		path: path{o.from, o.local}, counter: 1, proof: proof{got: o.size},
	}
	s.used.made = a
	if !e.table.use(now, s.epoch, s.e, &s.used) {
		e.drop(DroppedUsed)
		return
	}
	e.expireAt = sooner(e.expireAt, s.epoch.began.Add(epochAccept))
	fresh := !e.Live(s.peer.ID)
	var of crowd
	if !e.admit.isReserved(o.from.Addr()) {
		of = crowdOf(o.from, e.near(o.from.Addr()))
	}
	l := e.associate(now, a, s, of)
	if a.erased {
		return // there was no room
	}
	e.settle(l, 0)
	l.accepting = append(l.accepting, a)
	a.knows, a.reply.salt = s.have == e.self.Seq, s.salt
	a.proof.fresh, a.proof.called = fresh, e.announcements.authenticated(now, s.peer.ID, o.from)
	e.emit(Associated{Peer: s.peer, Record: s.record, Addr: o.from, Fresh: fresh, Link: a.proof.called})
	e.deliver(now, l, o)
}

// acceptAgain answers a repeated HANDSHAKE with the kept ACCEPT, or not at all; it
// makes no state. Its cookie proves that it comes from where the first one came from.
func (e *Endpoint) acceptAgain(now time.Time, size int, a *association) {
	a.proof.got += size
	if a.reply.bytes == nil || now.Sub(a.reply.at) < keptResend || len(a.reply.bytes) > a.leftToSend() {
		e.drop(DroppedRepeated)
		return
	}
	a.reply.at = now
	a.proof.gave += len(a.reply.bytes)
	e.send(wire.PacketAccept, a.path, a.reply.bytes)
	if !a.erased {
		e.touch(a.link) // there is room again for messages that waited
	}
}

// answer makes and sends the ACCEPT of an association, with what waits for the peer.
func (e *Endpoint) answer(now time.Time, l *link, a *association) {
	var p wire.AcceptPayload
	if !a.knows {
		p.Record = e.record
	}
	room := min(largest(a.path.to), a.leftToSend()) - wire.AcceptOverhead - (1 + 3 + len(p.Record) + 1)
	ms, _, _ := l.sender.NextPacket(now, room)
	var err error
	if p.Messages, err = wire.AppendMessages(nil, ms); err != nil {
		p.Messages, _ = wire.AppendMessages(nil, nil)
	}
	a.reply.bytes = e.out.box.sealAccept(a.send, a.remote, a.local, a.reply.salt[:], p.Append(nil))
	e.sendAccept(now, a)
}

// sendAccept sends the ACCEPT, and schedules a repetition in case the caller does not
// show that it arrived.
func (e *Endpoint) sendAccept(now time.Time, a *association) {
	if a.reply.times++; a.reply.times == 1 {
		a.reply.first = now
	}
	a.reply.at, a.reply.again = now, now.Add(e.dialer.backOff(a.path.to, a.reply.times, e.dialer.contacts.trips.trip(a.path.to.Addr())))
	a.proof.gave += len(a.reply.bytes)
	e.send(wire.PacketAccept, a.path, a.reply.bytes)
}

// acceptDue returns when an ACCEPT goes again, zero if it does not.
func (a *association) acceptDue() time.Time {
	if a.reply.bytes == nil || a.reply.times >= acceptSends || len(a.reply.bytes) > a.leftToSend() {
		return time.Time{}
	}
	return a.reply.again
}
