package neighbors

import (
	"time"

	"darkchat/sessions/identity"
)

// slept says whether the wall clock advanced well past the monotonic one, which stands still
// while the machine sleeps.
func slept(wall, steady time.Duration) bool { return wall-steady > sleepLeast }

// talk notes that texts go to or come from a neighbour. While they do, silence is noticed
// sooner, including that of the nodes that would help if the path between us broke.
func (dt *detector) talk(now time.Time, e *edge) {

	if e == nil || e.talk.talked.Add(time.Second).After(now) {
		return
	}
	e.talk.talked = now
	for _, helper := range dt.helpers(e) {
		dt.hasten(now, helper)
	}
}

// helpers lists the neighbour and the one that introduced us.
func (dt *detector) helpers(e *edge) []*edge {
	list := []*edge{e}
	if w := dt.ways.byID[e.id]; w != nil {
		if by := dt.edges.byID[w.by]; by != nil {
			by.talk.talked = e.talk.talked
			list = append(list, by)
		}
	}
	return list
}

// hasten brings the next look at a neighbour's silence forward.
func (dt *detector) hasten(now time.Time, e *edge) {
	at := now.Add(dt.silence(now, e))
	if e.online && e.quietAt.After(at) {
		e.quietAt = at
		dt.edges.plan(e)
	}
}

// heardAgain ends the doubt about a session after a change.
func (dt *detector) heardAgain(id identity.SessionID) {
	if e := dt.edges.byID[id]; e != nil {
		e.unsure = time.Time{}
	}
}
