package dgram

import "time"

// An association that we answered is unconfirmed until a DATA of its caller opens: the
// caller may have vanished right behind the HANDSHAKE, or may want nothing but to have us
// send. On it we send at most maxDraw times the bytes that came by it (RFC 9000 8.1), and
// whatever else there is to say waits for the confirmation (spec/theory.md 2.1).

// leftToSend is how many bytes may go on an association before it is confirmed; then it is
// any number.
func (a *association) leftToSend() int {
	if a.confirmed {
		return MaxDatagram
	}
	return maxDraw*a.got - a.gave
}

// stuck says that nothing goes on an association before its caller shows up: not even the
// shortest datagram that may be sent.
func (a *association) stuck() bool { return !a.confirmed && a.leftToSend() < resentSize }

// roomOn returns the bytes of plaintext in a DATA on an association.
func roomOn(a *association) int {
	most := room(a.path.to)
	if !a.confirmed {
		most = min(most, a.leftToSend()-maxOverhead)
	}
	return most
}

// confirm takes in that the caller of an association that we answered has its keys.
func (e *Endpoint) confirm(a *association) {
	a.confirmed, a.accept = true, nil
	e.cache.confirmed(a)
	e.emit(Confirmed{Peer: a.link.peer.ID, Addr: a.path.to, Fresh: a.fresh, Link: a.called})
}

// Confirmed says whether a peer is known to have the keys of an association: as an
// answerer it is, and as a caller when something that it sent on it has come.
func (e *Endpoint) Confirmed(id PeerID) bool {
	if l := e.links[id]; l != nil {
		for _, a := range l.list {
			if a.confirmed {
				return true
			}
		}
	}
	return false
}

// assurance is the empty DATA by which a caller confirms what it has nothing to say on. It
// may be lost, so it goes again, until something of the peer's comes back.
type assurance struct {
	sent int // at most assureSends
	at   time.Time
}

// assure notes that a DATA was sent on an association whose peer may not know yet that we
// have the keys.
func (e *Endpoint) assure(now time.Time, a *association) {
	if !a.caller || a.count > 0 || a.assurance.sent >= assureSends {
		return
	}
	a.assurance.sent++
	a.assurance.at = now.Add(e.backOff(a.path.to, a.assurance.sent))
}

// assureAt returns when the assurance goes again, zero if it does not.
func (a *association) assureAt() time.Time {
	if !a.caller || a.count > 0 || a.assurance.sent >= assureSends {
		return time.Time{}
	}
	return a.assurance.at
}
