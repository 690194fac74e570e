package neighbors

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
)

const (
	maxEnds     = 64 // ended lines of which we remember how they ended
	leastHandle = 2  // digits
)

// ends remembers how the last lines ended, for \status.
type ends struct {
	lines []mail.Progress // a ring of at most maxEnds
	next  int             // place of the oldest, once it is full
	last  uint64          // the line that was typed last
}

// note remembers how a line ended.
func (s *ends) note(p mail.Progress) {
	p.Text = "" // told only once
	if len(s.lines) < maxEnds {
		s.lines = append(s.lines, p)
		return
	}
	s.lines[s.next] = p
	s.next = (s.next + 1) % maxEnds
}

// endedLines lists the lines that ended last, oldest first.
func (ob *outbound) endedLines() (list []OutboxLine) {
	s := &ob.ends
	for i := range s.lines {
		p := s.lines[(s.next+i)%len(s.lines)]
		list = slices.DeleteFunc(list, func(l OutboxLine) bool { return l.ID == p.ID }) // the later entry counts
		list = append(list, ob.outboxLine(p))
	}
	return list
}

// waiting lists the lines that are not yet delivered, oldest first.
func (ob *outbound) waiting() (list []OutboxLine) {
	for _, l := range ob.outbox.List() {
		list = append(list, ob.outboxLine(l.Progress))
	}
	shorten(list)
	return list
}

// shorten gives the lines handles that distinguish them.
func shorten(lines []OutboxLine) {
	ids := make([]string, 0, len(lines))
	for _, l := range lines {
		ids = append(ids, strconv.FormatUint(l.ID, 10))
	}
	for i, h := range handlesOf(ids) {
		lines[i].Handle = h
	}
}

func (ob *outbound) outboxLine(p mail.Progress) OutboxLine {
	l := OutboxLine{
		ID: p.ID, Handle: strconv.FormatUint(p.ID, 10), To: ob.book.Label(p.To), State: DeliveryState(p.State.String()),
		Sent: p.Put, Bytes: p.Bytes,
		Acked: p.Acked, Sessions: p.Sessions, Delivered: names(p.Arrived), Waiting: names(p.Waiting),
		By: ob.heldBy(p.Holders), Reason: p.Reason.String(),
	}
	waiting := p.Waiting
	switch {
	case p.State == mail.DeliveryUndelivered:
	case p.State == mail.DeliveryQueued && !p.Only.IsZero():
		waiting = []identity.SessionID{p.Only}
	case p.Sessions == 0:
		waiting = ob.book.SessionIDs(p.To)
	}
	for _, id := range waiting {
		if e := ob.edges.byID[id]; e != nil {
			l.Attempts = max(l.Attempts, e.send.tries)
			l.Next = earliest(l.Next, earliest(e.send.retryAt, e.redialAt))
		}
	}
	return l
}

// handlesOf shortens ids to endings that are all different.
func handlesOf(ids []string) []string {
	backwards := make([]string, len(ids))
	order := make([]int, len(ids))
	for i, id := range ids {
		b := []byte(id)
		slices.Reverse(b)
		backwards[i], order[i] = string(b), i
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(backwards[i], backwards[j]) })
	alike := func(i, j int) (n int) {
		for n < min(len(ids[i]), len(ids[j])) && backwards[i][n] == backwards[j][n] {
			n++
		}
		return n
	}
	short := make([]string, len(ids))
	for k, i := range order {
		digits := leastHandle
		if k > 0 {
			digits = max(digits, alike(i, order[k-1])+1)
		}
		if k+1 < len(order) {
			digits = max(digits, alike(i, order[k+1])+1)
		}
		short[i] = ids[i][max(len(ids[i])-digits, 0):]
	}
	return short
}

// lineMeant finds lines by the end of the id, or by the whole id.
func lineMeant(lines []OutboxLine, typed string) (hits []OutboxLine) {
	typed = strings.TrimPrefix(typed, "#")
	for _, l := range lines {
		id := strconv.FormatUint(l.ID, 10)
		if id == typed {
			return []OutboxLine{l}
		}
		if typed != "" && strings.HasSuffix(id, typed) {
			hits = append(hits, l)
		}
	}
	return hits
}

// status tells where a line is: one that waits, or one of the last that ended. typed is
// its number, or the end of it; empty: the line that was typed last.
func (ob *outbound) status(typed string) (OutboxLine, error) {
	waiting := ob.waiting()
	if typed == "" {
		if ob.ends.last == 0 {
			return OutboxLine{}, errors.New("nothing was typed yet in this run; \\outbox shows what waits of earlier ones")
		}
		typed = strconv.FormatUint(ob.ends.last, 10)
	}
	hits := lineMeant(waiting, typed)
	if len(hits) == 0 {
		all := slices.Concat(waiting, ob.endedLines())
		shorten(all)
		hits = lineMeant(all[len(waiting):], typed)
	}
	return oneLine(hits, typed)
}

func oneLine(hits []OutboxLine, typed string) (OutboxLine, error) {
	switch len(hits) {
	case 0:
		return OutboxLine{}, fmt.Errorf("no line %s waits here, and none of the last %d had that number: \\outbox lists what waits", typed, maxEnds)
	case 1:
		return hits[0], nil
	}
	return OutboxLine{}, fmt.Errorf("%d lines end with %s: type more of the number", len(hits), typed)
}

// cancel takes back a line that waits: a session that does not have it yet will not get it from
// us.
func (ob *outbound) cancel(now time.Time, typed string) (OutboxLine, error) {
	l, err := oneLine(lineMeant(ob.waiting(), typed), typed)
	if err != nil {
		return OutboxLine{}, err
	}
	p, ok := ob.outbox.Cancel(l.ID)
	if !ok {
		return OutboxLine{}, fmt.Errorf("the line %s has just been delivered", typed)
	}
	for _, id := range ob.edges.edgeIDs() {
		ob.withdraw(ob.edges.byID[id], p)
	}
	ob.noteEnd(now, p)
	ob.writes.whenWritten(now, []mail.Progress{p}, 0)
	ended := ob.outboxLine(p)
	ended.Handle, ended.By = l.Handle, l.By
	return ended, nil
}

// withdraw stops sending the parts of a line to a session.
func (ob *outbound) withdraw(e *edge, p mail.Progress) {
	for id := p.ID; id < p.ID+uint64(p.Parts); id++ {
		if slices.Contains(e.send.flying, id) {
			e.landed(id)
			ob.ep.Cancel(wire.PeerID(e.id), wire.KindText, id)
		}
	}
}

// noteStep takes one step of a line's progress. It is called for every step of every line.
func (ob *outbound) noteStep(p mail.Progress) {
	if !ob.outbox.Has(p.ID) {
		ob.ends.note(p)
	}
}
