package mail

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"darkchat/sessions/identity"
)

// A Line is a line in the outbox, for a listing.
type Line struct {
	Progress
	Text string // all parts
}

// List lists the lines in the outbox, oldest first.
func (o *Outbox) List() []Line {
	list := make([]Line, 0, len(o.lines))
	for _, l := range o.lines {
		list = append(list, l.listed())
	}
	return list
}

// Has says whether a line, given by its id, is in the outbox.
func (o *Outbox) Has(id uint64) bool {
	_, ok := o.find(id)
	return ok
}

// LineOf looks up the line that a part belongs to.
func (o *Outbox) LineOf(id uint64) (Progress, bool) {
	if l := o.lineOf(id); l != nil {
		return l.progress(), true
	}
	return Progress{}, false
}

func (l *line) listed() Line { return Line{Progress: l.progress(), Text: l.text()} }

func (l *line) text() string { return strings.Join(l.parts, "") }

// Len is the number of lines in the outbox.
func (o *Outbox) Len() int { return len(o.lines) }

// Last is the highest id ever put.
func (o *Outbox) Last() uint64 { return o.last }

// Waiting reports whether something waits for this session.
func (o *Outbox) Waiting(session identity.SessionID) bool {
	s := o.sequences[session]
	return s != nil && len(s.recipients) > 0 || o.only[session] > 0
}

// Queued reports whether something waits until any session of this user comes.
func (o *Outbox) Queued(user identity.UserKey) bool { return len(o.queued[user]) > 0 }

// Cancel gives up a line.
func (o *Outbox) Cancel(id uint64) (Progress, bool) {
	at, ok := o.find(id)
	if !ok {
		return Progress{}, false
	}
	return o.abandon(o.lines[at], ReasonCancelled), true
}

// Expire gives up lines that have waited for OutboxAge. One of an earlier run still gets
// OutboxPatience to be delivered: the program may not have run in between, or the clock may be
// wrong and about to be set.
func (o *Outbox) Expire(now time.Time) (gone []Progress) {
	for at := o.Expiry(); !at.IsZero() && !now.Before(at); at = o.Expiry() {
		gone = append(gone, o.abandon(o.lines[0], ReasonExpired))
	}
	return gone
}

// Expiry is when to call Expire next, or zero.
func (o *Outbox) Expiry() time.Time {
	if len(o.lines) == 0 {
		return time.Time{}
	}
	at := o.lines[0].at.Add(OutboxAge)
	if at.Before(o.patient) {
		return o.patient
	}
	return at
}

// abandon gives up every recipient of a line that has not yet arrived.
func (o *Outbox) abandon(l *line, why Reason) Progress {
	for _, r := range l.recipients {
		if !r.arrived && r.reason == ReasonNone {
			o.giveUp(r, why)
		}
	}
	l.reason, l.open = why, 0
	return o.moved(l)
}

// giveUp takes one recipient out of its sequence.
func (o *Outbox) giveUp(r *recipient, why Reason) {
	r.reason, r.line.reason = why, why
	r.line.open--
	s := o.sequences[r.session]
	if at, bit, ok := s.find(r.line.id); ok {
		s.remove(at)
		s.release(at, bit, true)
	}
}

// end takes a line out of the outbox.
func (o *Outbox) end(l *line) {
	at, ok := o.find(l.id)
	if !ok {
		return
	}
	if at == 0 {
		o.lines[0] = nil
		o.lines = o.lines[1:]
	} else {
		o.lines = slices.Delete(o.lines, at, at+1)
	}
	o.bytes -= l.size
	if len(l.recipients) == 0 {
		o.unqueued(l)
		rest := slices.DeleteFunc(o.queued[l.to], func(x *line) bool { return x == l })
		o.setQueued(l.to, rest)
	}
	l.ended = true
}

func (o *Outbox) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(o.lines, id, func(l *line, id uint64) int { return cmp.Compare(l.id, id) })
}
