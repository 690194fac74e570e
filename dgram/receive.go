package dgram

import (
	"time"

	"darkchat/dgram/wire"
)

// Receive handles an opened datagram, and returns why it was dropped after all; CountNothing: it
// was not. The results come out of Drain after the next Advance.
func (e *Endpoint) Receive(now time.Time, o Opened) (dropped Counter) {
	e.out.dropped = CountNothing
	switch {
	case o.Empty():
	case o.announcement:
		e.announcements.heardAnnouncement(now, o)
	case o.reply != nil:
		e.send(wire.PacketChallenge, path{o.from, o.local}, o.reply)
		e.expireAt = sooner(e.expireAt, now.Add(epochAccept))
	case o.kind == wire.PacketChallenge:
		e.dialer.challenged(now, o)
	case o.kind == wire.PacketHandshake:
		e.shaken(now, o)
	case o.kind == wire.PacketAccept:
		e.dialer.accepted(now, o)
	case o.kind == wire.PacketData:
		e.data(now, o)
	}
	return e.out.dropped
}

// drop counts the datagram that Receive is handling as dropped.
func (e *Endpoint) drop(why Counter) {
	e.tally.add(why)
	e.out.dropped = why
}

// data handles an authentic DATA.
func (e *Endpoint) data(now time.Time, o Opened) {
	a := o.of
	if a.erased {
		e.drop(DroppedGone)
		return
	}
	newest := o.counter > a.seen.highest
	if !a.seen.fresh(o.counter) {
		e.drop(DroppedReplay)
		return
	}
	l := a.link
	l.heard, a.heard = now, now
	l.uprooted = l.uprooted && a.relayed()
	a.count++
	if !a.confirmed {
		e.confirm(now, a)
	}
	e.cache.used(a, a.count >= usedOften)
	a.silence = silence{}
	l.heardOn(now, a, o.said.messages)
	e.settle(l, 0)
	e.touch(l)
	switch {
	case o.from == a.path.to:
		a.path.local = o.local
	case newest && Relayed(o.from.Addr()) == a.relayed():
		e.strayed(now, l, o)
	}
	if o.fault != CountNothing {
		e.drop(o.fault)
		return
	}
	e.deliver(now, l, o)
}

// deliver hands up the messages of an authentic datagram. dgram itself answers only what concerns
// nobody else: probes, and messages of its own exchanges.
func (e *Endpoint) deliver(now time.Time, l *link, o Opened) {
	for range o.said.skipped {
		e.tally.add(DroppedUnknownKinds)
	}
	for _, m := range o.said.messages {
		for _, a := range m.Acks {
			e.acked(now, l, o, a)
		}
		m.Acks = nil
		switch b := m.Body.(type) {
		case wire.Acknowledgement:
			continue
		case wire.Ping:
			if b.Scope == wire.ScopeProbe {
				l.sender.QueueAck(now, wire.Ack{Kind: wire.KindPing, ID: m.ID, Attempt: m.Attempt}, true)
				continue
			}
		}
		h := Handle{peer: l.peer.ID, kind: m.Kind(), id: m.ID, attempt: m.Attempt}
		e.emit(Received{From: l.peer.ID, Addr: o.from, Message: m, Handle: h})
		if list, ok := m.Body.(wire.List); ok && l.sender.Complete(now, wire.KindListRequest, list.Request) {
			e.emit(Settled{Peer: l.peer.ID, Kind: wire.KindListRequest, ID: list.Request})
		}
	}
}

// acked handles one ack.
func (e *Endpoint) acked(now time.Time, l *link, o Opened, a wire.Ack) {
	if l.answersPath(a) {
		e.proved(now, l, o)
		return
	}
	if s, ok := l.sender.OnAck(now, a); ok {
		e.emit(Settled{Peer: l.peer.ID, Kind: s.Kind, ID: s.ID, Result: s.Result, Have: s.Have, RTT: s.RTT})
		return
	}
	if !l.assured(a) {
		e.probed(now, l, a)
	}
}
