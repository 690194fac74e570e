package dgram

import (
	"net/netip"
	"time"
)

// Outlet is one way by which an announcement leaves: a group or a broadcast address,
// through one of our interfaces. The interface is named by its index, 0 if the
// system may choose, and Local is our address there, the zero Addr likewise. A
// group of IPv6 has the interface as its zone too.
type Outlet struct {
	To        netip.AddrPort
	Local     netip.Addr
	Interface int
}

// announcement is the last HELLO that we said to whole links. Whoever hears it may
// answer, so its nonce is good for many CHALLENGEs (spec/wire.md 6.7).
type announcement struct {
	nonce   [nonceSize]byte
	at      time.Time // zero: there was none
	answers int       // CHALLENGEs that were obeyed, at most maxAnswers
}

// Announce says one HELLO through every outlet. Who hears it and does not know us
// answers with a CHALLENGE from where it is; for every such one there is an
// Associated whose Link is set. It is the caller's affair how often.
func (e *Endpoint) Announce(now time.Time, outlets []Outlet) {
	if len(outlets) == 0 {
		return
	}
	old := e.calls.said.nonce
	e.calls.said = announcement{at: now}
	mustRead(e.random, e.calls.said.nonce[:])
	e.table.change(func() {
		delete(e.table.hellos, old)
		e.table.hellos[e.calls.said.nonce] = netip.AddrPort{}
	})
	hello := appendHello(make([]byte, 0, helloSize), e.calls.said.nonce[:])
	for _, o := range outlets {
		e.tally.add(SentHello)
		e.out.datagrams = append(e.out.datagrams, Datagram{To: o.To, Local: o.Local, Interface: o.Interface, Bytes: hello})
	}
}

// answered returns the dial that obeys a CHALLENGE for our announcement; nil: it is
// not obeyed. Such a dial is two HANDSHAKEs and nothing else: the next announcement
// begins anew. d is the dial to that address that is under way, or nil.
func (e *Endpoint) answered(now time.Time, o Opened, d *dial) *dial {
	switch c, ok := e.calls.callers.Peek(o.from); {
	case now.Sub(e.calls.said.at) > answerLife:
		e.tally.add(DroppedEcho)
		return nil
	case ok && c.authentic && e.Confirmed(c.peer) && e.LastHeard(c.peer).After(e.calls.said.at):
		e.tally.add(DroppedRepeated) // we have met since: both called at once
		return nil
	case e.calls.said.answers >= maxAnswers, d == nil && !e.roomForDial(false):
		e.tally.add(DroppedFull)
		return nil
	}
	if d == nil {
		d = e.newDial(o.from)
		d.quiet, d.near = true, true
	}
	if d.echo != e.calls.said.nonce {
		e.calls.said.answers++
	}
	d.anyone, d.link = true, true
	return d
}
