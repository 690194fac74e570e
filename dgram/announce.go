package dgram

import (
	"net/netip"
	"time"

	"darkchat/dgram/reliable"
	"darkchat/dgram/wire"
)

// Outlet is one way by which an announcement leaves: to a group or broadcast address,
// through one of our interfaces. Interface is an index, 0 if the system may choose, and
// Local our address there, the zero Addr likewise. An IPv6 group also has the interface
// as its zone.
type Outlet struct {
	To        netip.AddrPort
	Local     netip.Addr
	Interface int
}

// announcement is the last HELLO that we sent to whole links. Anybody who hears it may
// answer, so its nonce is good for many CHALLENGEs (spec/wire.md 6.7).
type announcement struct {
	nonce [wire.NonceSize]byte
	at    time.Time // zero: there was none
}

// Announce says one HELLO through every outlet. A node that hears it and does not know
// us answers with a CHALLENGE; each such node leads to an Associated whose Link is set.
// How often it is called is up to the caller.
func (e *Endpoint) Announce(now time.Time, outlets []Outlet) {
	if len(outlets) == 0 {
		return
	}
	old := e.announcements.own.nonce
	e.announcements.own = announcement{at: now}
	mustRead(e.random, e.announcements.own.nonce[:])
	e.announcements.begin(now, e.random)
	e.table.change(func() {
		delete(e.table.hellos, old)
		e.table.hellos[e.announcements.own.nonce] = netip.AddrPort{}
	})
	hello := wire.AppendHello(make([]byte, 0, wire.HelloSize), e.announcements.own.nonce[:])
	for _, o := range outlets {
		e.tally.add(SentHello)
		e.out.datagrams = append(e.out.datagrams, Datagram{To: o.To, Local: o.Local, Interface: o.Interface, Bytes: hello, kind: wire.PacketHello})
	}
}

// heardAnswer handles a CHALLENGE for our announcement: it waits for the draw, or is obeyed
// if it is late and there is room.
func (an *announcements) heardAnswer(now time.Time, o Opened) {
	g := &an.gathering
	switch {
	case !an.answers(now, o):
	case !g.until.IsZero() && now.Before(g.until):
		if !g.add(o) {
			an.drop(DroppedFull)
		}
	case g.late >= maxLateAnswers || g.served[o.from.Addr()] > 0:
		an.drop(DroppedFull)
	default:
		g.late++
		an.obeyAnswer(now, o)
	}
}

// answers says whether a CHALLENGE for our announcement is still of use.
func (an *announcements) answers(now time.Time, o Opened) bool {
	c, ok := an.announcers.Peek(o.from)
	switch {
	case now.Sub(an.own.at) > answerLife:
		an.drop(DroppedEcho)
	case ok && c.authentic && an.Confirmed(c.peer) && an.LastHeard(c.peer).After(an.own.at):
		an.drop(DroppedRepeated) // we have met since: both announced at once
	default:
		return true
	}
	return false
}

// drawAnswers obeys the gathered CHALLENGEs that are drawn.
func (an *announcements) drawAnswers(now time.Time) {
	if g := &an.gathering; !g.until.IsZero() && !g.until.After(now) {
		for _, o := range g.draw() {
			if an.answers(now, o) {
				an.obeyAnswer(now, o)
			}
		}
	}
}

// obeyAnswer begins the dial that answers a CHALLENGE for our announcement. It sends at most
// two HANDSHAKEs and nothing else: the next announcement begins anew.
func (an *announcements) obeyAnswer(now time.Time, o Opened) {
	d := an.dialer.dials[o.from]
	switch {
	case d != nil && d.waiting && d.echo != an.own.nonce:
		an.drop(DroppedRepeated) // one exchange at a time
		return
	case d == nil && !an.dialer.roomForDial(false):
		an.drop(DroppedFull)
		return
	case d == nil:
		d = an.dialer.newDial(o.from)
		d.quiet, d.near = true, true
	}
	an.served[o.from.Addr()]++
	d.trip = max(d.trip, min(now.Sub(an.own.at), reliable.TripMost))
	d.anyone, d.link = true, true
	an.dialer.obey(now, o, d)
}
