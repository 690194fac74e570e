package dgram

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram/reliable"
	"darkchat/dgram/timing"
	"darkchat/dgram/wire"
)

// link is everything about one peer session: its keys, its messages, its address. It exists
// while there is an association or something to send.
type link struct {
	peer      Peer // only the ID is set before the first association
	sender    *reliable.Sender
	turn      turn           // its turn to send presence
	list      []*association // oldest first, at most maxPerPeer
	accepting []*association // their ACCEPTs go with the next datagrams
	heard     time.Time      // when the last authentic datagram came
	near      bool           // on our own link
	pinned    bool
	uprooted  bool // our network has changed since a datagram last came directly
	dirty     bool // in Endpoint.dirty
	probes    []probe
	offered   *attempt // a HANDSHAKE under way that carries messages of the sender
	candidate *candidate
	switched  time.Time      // the last change of path
	rekeyed   time.Time      // the last try
	way       netip.AddrPort // where datagrams went last: direct or through a relay
	trial     trial
	spoken    spoken
	timer     timing.Timer[owner]
}

// owner is whose a timer is: one of the two.
type owner struct {
	link *link
	dial *dial
}

// probe is an unanswered probe; at most maxProbes a link.
type probe struct {
	id    uint64
	at    time.Time
	helps bool // it asks about another session
}

// live says whether there is a key to send with.
func (l *link) live() bool { return len(l.list) > 0 }

// link returns the link of a peer, made if it is new.
func (e *Endpoint) link(id wire.PeerID) *link {
	l := e.links[id]
	if l == nil {
		l = &link{peer: Peer{ID: id}}
		l.turn = turn{pace: e.pace, link: l}
		l.sender = reliable.NewSender(e.random, &l.turn, false)
		l.timer.Owner.link = l
		e.links[id] = l
		e.unlinked++
	}
	return l
}

// touch makes the next Advance look at the link.
func (e *Endpoint) touch(l *link) {
	if !l.dirty {
		l.dirty = true
		e.dirty = append(e.dirty, l)
	}
}

// associate enters a new association of a peer. shake says who it is.
func (e *Endpoint) associate(now time.Time, a *association, s *shake, of crowd) *link {
	l := e.link(s.peer.ID)
	if s.peer.Seq >= l.peer.Seq {
		l.peer = s.peer
	}
	if !l.live() {
		e.unlinked--
		if near := e.near(a.path.to.Addr()); near != l.near {
			l.near = near
			l.sender.ResetPath(near)
		}
	}
	l.sender.PresumeTrip(a.trip)
	a.link, a.made, a.heard, l.heard = l, now, now, now
	l.uprooted = l.uprooted && a.relayed()
	if l.offered != nil {
		// Whichever handshake ends first, the messages in ours have been sent.
		l.sender.MarkSent(l.offered.at, l.offered.messages)
		l.offered = nil
	}
	if len(l.list) == maxPerPeer {
		e.erase(l.spare(), AssociationsErased)
	}
	l.list = append(l.list, a)
	e.table.change(func() {
		e.table.keys[a.local] = a
		e.table.sending[remoteIndex{a.path.to, a.remote}] = a
	})
	e.cache.add(a, of)
	if l.pinned {
		e.cache.pin(a, true)
	}
	e.tally.add(AssociationsMade)
	e.touch(l)
	return l
}

// spare returns the association that is needed least: the oldest that is not in use.
func (l *link) spare() *association {
	use := preferred(l.list)
	for _, a := range l.list {
		if a != use {
			return a
		}
	}
	return l.list[0]
}

// erase forgets an association.
func (e *Endpoint) erase(a *association, why Counter) {
	e.cache.remove(a)
	e.forgotten(a, why)
}

// forgotten ends everything that depends on an association no longer in the cache.
func (e *Endpoint) forgotten(a *association, why Counter) {
	a.erased, a.reply.bytes = true, nil
	e.table.change(func() {
		delete(e.table.keys, a.local)
		if at := (remoteIndex{a.path.to, a.remote}); e.table.sending[at] == a {
			delete(e.table.sending, at)
		}
	})
	e.tally.add(why)
	l := a.link
	same := func(b *association) bool { return b == a }
	l.list = slices.DeleteFunc(l.list, same)
	l.accepting = slices.DeleteFunc(l.accepting, same)
	if l.candidate != nil && l.candidate.of == a {
		l.candidate = nil
	}
	if l.live() {
		e.settle(l, 0)
		return
	}
	e.dialer.contacts.trips.note(a.path.to.Addr(), l.sender.KnownTrip())
	l.candidate, l.probes = nil, nil
	l.sender.DropAcks()
	e.unlinked++
	l.way = netip.AddrPort{}
	e.emit(Closed{l.peer.ID})
	e.tidy(l)
}

// tidy ends a link that nobody needs. One with something to send waits for a new
// association, as long as there is room for such links.
func (e *Endpoint) tidy(l *link) {
	if l.live() || e.links[l.peer.ID] != l {
		return
	}
	if e.unlinked > maxUnlinked && !l.pinned {
		e.abandon(l)
	}
	if !l.sender.Idle() || l.pinned {
		return
	}
	e.timers.Stop(&l.timer)
	l.turn.leave()
	delete(e.links, l.peer.ID)
	e.unlinked--
}

// abandon gives back the messages that were to be sent.
func (e *Endpoint) abandon(l *link) { e.lapse(l, l.sender.Abandon()) }

// lapse tells of messages that were given up.
func (e *Endpoint) lapse(l *link, list []reliable.Lapsed) {
	for _, m := range list {
		e.emit(Lapsed{l.peer.ID, m.Kind, m.ID})
	}
}

// deadline returns when the link must be looked at again.
func (l *link) deadline() time.Time {
	if !l.live() {
		return time.Time{} // no key, no timers: messages wait
	}
	var next time.Time
	if !preferred(l.list).stuck() { // if it is stuck, messages wait
		next = l.sender.Deadline()
	}
	for _, a := range l.list {
		next = sooner(sooner(next, a.end()), sooner(a.muteAt(), sooner(a.assureAt(), a.acceptDue())))
	}
	return sooner(next, l.tryAt())
}

// end returns when the keys are erased at the latest.
func (a *association) end() time.Time {
	if a.confirmed {
		return a.made.Add(hardTime)
	}
	return a.made.Add(forgetUnused)
}

// ring does what is due at a link, except sending.
func (e *Endpoint) ring(now time.Time, l *link) {
	for _, a := range slices.Clone(l.list) {
		if !a.end().After(now) {
			if !a.confirmed && a == preferred(l.list) {
				e.abandon(l) // the caller has vanished, and was not heard elsewhere since
			}
			e.erase(a, AssociationsErased)
		}
	}
	if !l.live() {
		return
	}
	for _, a := range l.list {
		if at := a.acceptDue(); !at.IsZero() && !at.After(now) {
			e.sendAccept(now, a)
		}
	}
	e.hush(now, l)
	e.dialer.retry(now, l)
	e.lapse(l, l.sender.Advance(now))
	e.touch(l)
}
