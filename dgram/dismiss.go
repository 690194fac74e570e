package dgram

import (
	"slices"
	"time"
)

// Dismiss erases the keys of a peer that said goodbye, once what it is owed has been sent,
// and gives back, as Lapsed, what was to be sent to it. What comes later is challenged, and
// shows a record (spec/theory.md 5.1).
func (e *Endpoint) Dismiss(now time.Time, id PeerID) {
	l := e.links[id]
	if l == nil {
		return
	}
	e.Pin(id, false)
	owed := l.courier.acks
	e.abandon(l)
	l.courier.acks = owed
	for _, a := range l.list {
		a.dismissed = true
	}
	e.touch(l)
	e.tidy(l)
}

// dismiss erases what was dismissed, behind the last datagrams.
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

// Shown returns the seq of the newest record that a peer has shown by the handshakes
// of its associations; 0: there is none.
func (e *Endpoint) Shown(id PeerID) uint64 {
	if l := e.links[id]; l != nil && l.live() {
		return l.peer.Seq
	}
	return 0
}
