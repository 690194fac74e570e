package dgram

import (
	"slices"
	"time"

	"darkchat/dgram/wire"
)

// Dismiss erases the keys of a peer that said goodbye, once what it is owed has been sent, and
// gives back, as Lapsed, the messages that waited for it. Later datagrams of it are challenged,
// and so show a record (spec/theory.md 5.1).
func (e *Endpoint) Dismiss(now time.Time, id wire.PeerID) {
	l := e.links[id]
	if l == nil {
		return
	}
	e.Pin(id, false)
	e.lapse(l, l.sender.AbandonMessages())
	for _, a := range l.list {
		a.dismissed = true
	}
	e.touch(l)
	e.tidy(l)
}

// dismiss erases the keys of a dismissed peer, after the last datagrams.
func (e *Endpoint) dismiss(l *link) {
	for _, a := range slices.Clone(l.list) {
		if !a.dismissed {
			continue
		}
		if len(l.list) == 1 {
			e.abandon(l)
		}
		e.erase(a, AssociationsErased)
	}
}

// Shown returns the seq of the newest record that a peer has shown in the handshakes of its
// associations; 0: there is none.
func (e *Endpoint) Shown(id wire.PeerID) uint64 {
	if l := e.links[id]; l != nil && l.live() {
		return l.peer.Seq
	}
	return 0
}
