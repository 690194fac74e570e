package dgram

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram/wire"
)

// Advance does what is due, makes datagrams of the messages queued since the last call, and
// returns when it wants to be called again; zero: only after new input. Everything that one
// turn of the owner's loop has for a peer (texts, the acks of what the same turn recorded)
// shares datagrams, so call it once, at the end of a turn.
func (e *Endpoint) Advance(now time.Time) (next time.Time) {
	e.ringDue(now)
	e.announcements.sendReplies(now)
	e.announcements.drawAnswers(now)
	e.flushDirty(now)
	e.takeTurns(now)
	// Messages inside a HANDSHAKE count as sent when it left, so they may be due again by the
	// time its ACCEPT comes.
	if e.ringDue(now) {
		e.flushDirty(now)
	}
	if !e.expireAt.IsZero() && !e.expireAt.After(now) {
		e.expireAt = sooner(e.epochs.erase(now), e.table.expireUsed(now))
	}
	return sooner(sooner(e.announcements.replyAt, e.announcements.until), sooner(sooner(e.timers.Next(), e.expireAt), e.pace.at(now)))
}

// takeTurns sends waiting presence whose turn has come, one datagram a turn.
func (e *Endpoint) takeTurns(now time.Time) {
	for t := e.pace.next(now); t != nil; t = e.pace.next(now) {
		e.touch(t.link)
		e.flushDirty(now)
		t.leave() // there was nothing left to send
	}
}

// ringDue does what is due, and says whether anything was.
func (e *Endpoint) ringDue(now time.Time) (any bool) {
	for t := e.timers.Due(now); t != nil; t = e.timers.Due(now) {
		any = true
		if of := t.Owner; of.link != nil {
			e.ring(now, of.link)
		} else {
			e.dialer.ringDial(now, of.dial)
		}
	}
	return any
}

// flushDirty makes the datagrams to all peers for which something was queued.
func (e *Endpoint) flushDirty(now time.Time) {
	for i := 0; i < len(e.dirty); i++ { // it may grow
		l := e.dirty[i]
		l.dirty = false
		e.flush(now, l)
		e.timers.Set(&l.timer, l.deadline())
	}
	clear(e.dirty)
	e.dirty = e.dirty[:0]
}

// output is what waits for Drain, and buffers that are reused.
type output struct {
	datagrams, oldDatagrams []Datagram
	events, oldEvents       []Event
	plain                   []byte // room for a plaintext before it is sealed
	box                     box
	dropped                 Counter // what Receive returns
}

// Drain returns what is to be sent and what happened, in order. Both slices are
// valid until the next call; the bytes of the datagrams belong to the caller.
func (e *Endpoint) Drain() (datagrams []Datagram, events []Event) {
	o := &e.out
	clear(o.oldDatagrams)
	clear(o.oldEvents)
	o.datagrams, o.oldDatagrams = o.oldDatagrams[:0], o.datagrams
	o.events, o.oldEvents = o.oldEvents[:0], o.events
	return o.oldDatagrams, o.oldEvents
}

func (e *Endpoint) emit(v Event) { e.out.events = append(e.out.events, v) }

// send queues one datagram to be written.
func (e *Endpoint) send(k wire.PacketKind, p path, b []byte, says ...wire.Message) {
	e.tally.add(sent(k))
	e.out.datagrams = append(e.out.datagrams, Datagram{To: p.to, Local: p.local, Bytes: b, kind: k, says: says})
}

// flush makes the datagrams to one peer.
func (e *Endpoint) flush(now time.Time, l *link) {
	accepting := l.accepting
	l.accepting = nil
	for _, a := range accepting {
		e.answer(now, l, a)
	}
	use := preferred(l.list)
	if use == nil {
		return
	}
	if use.dismissed {
		l.sender.FlushAcks(now)
	} else {
		e.rekey(now, l, use)
	}
	for !use.stuck() {
		ms, padTo, ok := l.sender.NextPacket(now, roomOn(use))
		if !ok {
			break
		}
		if l.probesAgain(ms) {
			padTo = max(padTo, wire.ResentSize)
		}
		e.sendData(now, use, ms, padTo)
	}
	for _, a := range l.list {
		if a.owes {
			e.assure(now, a)
		}
	}
	e.dismiss(l)
}

// room returns the bytes of plaintext in a DATA to an address.
func room(to netip.AddrPort) int {
	if Relayed(to.Addr()) {
		return wire.RelayRoom
	}
	return wire.MaxDatagram - wire.DataOverhead
}

// sendData sends messages as one DATA.
func (e *Endpoint) sendData(now time.Time, a *association, ms []wire.Message, padTo int) {
	if a.mayHaveMoved(now) {
		padTo = max(padTo, wire.ResentSize)
	}
	b := e.seal(a, ms, padTo)
	if b == nil {
		return
	}
	a.demands(now, ms)
	a.counter++
	a.owes = a.owes && !slices.ContainsFunc(ms, func(m wire.Message) bool { return m.Confirmed() }) // those go again until they are answered
	a.proof.gave += len(b)
	e.send(wire.PacketData, a.path, b, ms...)
}

// seal makes a DATA under the association's next number, which its caller counts.
// padTo is the least length of the datagram. nil: the messages cannot be encoded.
func (e *Endpoint) seal(a *association, ms []wire.Message, padTo int) []byte {
	overhead := wire.DataOverhead - (5 - wire.HeadSize(uint64(a.remote))) - (9 - wire.HeadSize(a.counter))
	if padTo > 0 {
		size := overhead + wire.HeadSize(uint64(len(ms)))
		for i := range ms {
			size += ms[i].Size()
		}
		size -= wire.SealedHead - wire.HeadSize(uint64(padTo-overhead+wire.TagSize)) // of a short one it is shorter
		ms = pad(ms, padTo-size)
	}
	plain, err := wire.AppendMessages(e.out.plain[:0], ms)
	if err != nil || overhead+len(plain) > largest(a.path.to) {
		return nil // put has checked them, so this never happens
	}
	e.out.plain = plain
	return e.out.box.sealData(a.send, a.remote, a.counter, plain)
}

// pad adds an empty ack message of missing bytes, or of the fewest bytes possible.
func pad(ms []wire.Message, missing int) []wire.Message {
	if missing <= 0 || len(ms) >= wire.MaxMessages {
		return ms
	}
	m := wire.Message{}
	for n := missing; n >= 0; n-- {
		m.Body = wire.Acknowledgement{Pad: n}
		if m.Size() <= missing {
			break
		}
	}
	if m.Size() == missing-1 {
		m.ID = 24 // where a longer head would be one byte too many, an id of two bytes fills up; the id means nothing
	}
	return append(slices.Clip(ms), m)
}
