package dgram

import "time"

// rekey contacts a peer anew while its keys still work, once they have been used for long or
// often (spec/theory.md 2.3). Only use, in either direction, triggers it: unused keys expire by
// themselves. A fresh association is preferred as soon as it exists; the old one goes on
// receiving until it ends.
func (e *Endpoint) rekey(now time.Time, l *link, a *association) {
	if !a.soft(now) || !l.rekeyed.IsZero() && now.Sub(l.rekeyed) < rekeyRetry {
		return
	}
	l.rekeyed = now
	if e.dialer.dials[a.path.to] != nil || !e.dialer.roomForDial(false) {
		return
	}
	if _, ok := e.dialer.contacts.take(now, a.path.to, false); !ok {
		return
	}
	d := e.dialer.newDial(a.path.to)
	d.quiet, d.local = true, a.path.local
	d.expect([]Peer{l.peer})
	e.dialer.greet(now, d)
}

// soft says whether the keys have served long enough to be replaced. The answerer waits a little
// longer, so that both sides do not begin at once.
func (a *association) soft(now time.Time) bool {
	age, used := softTime, uint64(softCount)
	if !a.caller {
		age, used = age+rekeyRetry, used+used/8
	}
	return !now.Before(a.made.Add(age)) || a.counter >= used || a.seen.highest >= used
}
