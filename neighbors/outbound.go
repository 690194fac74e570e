package neighbors

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
	"darkchat/sessions/store"
)

// outbound is our own lines: what was typed here, on its way to others.
type outbound struct {
	*core
	ends ends
}

// say sends one line to all online sessions of a user, or to one session. With
// none online it is queued. An error means that nothing was sent or kept.
func (ob *outbound) say(now time.Time, to Target, line string) (Token, error) {
	switch {
	case len(line) > MaxLine:
		return 0, ErrLineTooLong
	case strings.TrimSpace(line) == "":
		return 0, errors.New("an empty line is not sent")
	case blank(line):
		return 0, ErrInvisible
	case !utf8.ValidString(line):
		return 0, errors.New("the line is not UTF-8; set your terminal to UTF-8 and type it again")
	}
	user := identity.UserKey(to.key)
	if ob.book.Trust(user) == book.TrustBlocked {
		return 0, errors.New(to.User + " is blocked: \\unblock " + to.User + " first")
	}
	online := ob.edges.onlineSessions(user)
	var only *identity.SessionID
	if to.Session != "" {
		id, err := identity.ParseSessionID(to.Session)
		if err != nil {
			return 0, err
		}
		only = &id
	}
	parts := split(line, mail.MaxCopyText)
	first, err := ob.own.numbers.take(store.CounterIDs, uint64(len(parts)))
	if err != nil {
		return 0, err
	}
	progress, err := ob.outbox.Put(now, first, user, only, parts, online)
	if err != nil {
		ob.writes.whenWritten(now, progress, 0)
	}
	if errors.Is(err, mail.ErrOutboxFull) {
		return 0, ErrOutboxFull
	} else if err != nil {
		return 0, err
	}
	ob.happened(now, meant{user})
	ob.noteOwn(now, user, first, line)
	ob.ends.last = first
	token := ob.nextToken()
	ob.writes.whenWritten(now, progress, token)
	if progress[len(progress)-1].State == mail.DeliveryQueued {
		ob.happened(now, wanted{user})
	}
	return token, nil
}

// returned: a session is back. Lines queued for its user go to the sessions that are online now;
// lines that this one missed go to it.
func (ob *outbound) returned(now time.Time, e *edge) {
	ob.writes.whenWritten(now, ob.outbox.Online(e.user, ob.edges.onlineSessions(e.user)), 0)
	e.send.retryAt, e.send.retryWait, e.talk.spoke = time.Time{}, 0, time.Time{}
	ob.pump(now, e)
}

func (ob *outbound) pumpAll(now time.Time, user identity.UserKey) {
	for _, id := range ob.edges.onlineSessions(user) {
		ob.pump(now, ob.edges.byID[id])
	}
}

// pump hands texts to the wire in order, as many as inFlight allows.
func (ob *outbound) pump(now time.Time, e *edge) {
	most := cmp.Or(e.send.atOnce, inFlight)
	if !e.online || len(e.send.flying) >= most || !e.send.retryAt.IsZero() || !ob.outbox.Waiting(e.id) {
		return
	}
	ob.happened(now, texted{e})
	for _, p := range ob.outbox.Next(e.id, most-len(e.send.flying)) {
		m := wire.Message{ID: p.ID, Body: wire.Text{
			Prev: p.Prev, Sent: p.Sent, Late: p.Late, Part: p.Part, Parts: p.Parts, Text: p.Text,
		}}
		if !e.send.retryAt.IsZero() || !ob.ep.Send(now, wire.PeerID(e.id), m) {
			ob.outbox.PutBack(e.id, p.ID)
			ob.retryLater(now, e)
			continue
		}
		ob.expectAnswer(now, e)
		e.send.flying = append(e.send.flying, p.ID)
	}
	if len(e.send.flying) > 0 && !ob.ep.Live(wire.PeerID(e.id)) {
		if s, ok := ob.book.Session(e.id); ok {
			ob.dialSession(now, s) // its keys were evicted: say HELLO again
		}
	}
}

// expectAnswer schedules a look at e, which owes an answer to a text. An attempt that ended
// without an answer does not change that.
func (ob *outbound) expectAnswer(now time.Time, e *edge) {
	if !e.talk.spoke.IsZero() {
		return
	}
	e.talk.spoke, e.talk.waited = now, 0
	if at := now.Add(textPatience); e.quietAt.After(at) && e.watch.probes == 0 {
		e.quietAt = at
		ob.edges.plan(e)
	}
}

// landed: a text is no longer under way to e.
func (e *edge) landed(id uint64) {
	if i := slices.Index(e.send.flying, id); i >= 0 {
		e.send.flying = slices.Delete(e.send.flying, i, i+1)
	}
}

// retryLater sends the texts for e again by a timer, while it is believed online.
func (ob *outbound) retryLater(now time.Time, e *edge) {
	if !e.send.retryAt.IsZero() || ob.edges.byID[e.id] != e {
		return
	}
	e.send.retryWait = min(max(2*e.send.retryWait, retryFirst), retryLast)
	e.send.retryAt = now.Add(ob.spread(e.send.retryWait))
	ob.edges.plan(e)
}

// retryNow: the session said something, so texts whose attempt ended go again, unless it asked
// for a pause.
func (ob *outbound) retryNow(now time.Time, id identity.SessionID) {
	if e := ob.edges.byID[id]; e != nil && !e.send.busy && !e.send.retryAt.IsZero() {
		e.send.retryAt = time.Time{}
		ob.pump(now, e)
		ob.edges.plan(e)
	}
}

// textSettled: a text of ours was answered.
func (ob *outbound) textSettled(now time.Time, s dgram.Settled) {
	id := identity.SessionID(s.Peer)
	e := ob.edges.byID[id]
	if e == nil {
		e = newEdge(id, identity.UserKey{}, budget.Payer{}) // its edge gave way to another; its answer still counts
	}
	e.landed(s.ID)
	if e.talk.spoke, e.talk.waited = now, 0; len(e.send.flying) == 0 {
		e.talk.spoke = time.Time{}
	}
	var moved []mail.Progress
	switch s.Result {
	case wire.ResultDelivered:
		e.send.retryWait, e.send.busy, e.send.tries = 0, false, 0
		if e.send.atOnce *= 2; e.send.atOnce >= inFlight {
			e.send.atOnce = 0
		}
		moved = ob.outbox.Acked(id, s.ID)
	case wire.ResultGap:
		if ob.outbox.Gap(id, s.ID, s.Have) { // it may never say anything else
			e.send.busy = true
			ob.retryLater(now, e)
		}
	case wire.ResultUnknownRecipient:
		moved = ob.outbox.Refused(id, s.ID, mail.ReasonUnknownRecipient)
	case wire.ResultNotTrusted:
		moved = ob.outbox.Refused(id, s.ID, mail.ReasonNotTrusted)
	case wire.ResultTooOld:
		moved = ob.outbox.Refused(id, s.ID, mail.ReasonTooOld)
	default:
		e.send.busy, e.send.atOnce = true, 1
		ob.outbox.PutBack(id, s.ID)
		ob.retryLater(now, e)
	}
	if s.Result != wire.ResultDelivered {
		ob.takeBack(e, moved)
	}
	ob.progress(now, moved, 0)
	ob.pump(now, e)
}

// takeBack stops sending the other parts of lines that were refused.
func (ob *outbound) takeBack(e *edge, refused []mail.Progress) {
	for _, p := range refused {
		ob.withdraw(e, p)
	}
}

// textLapsed: five sends went unanswered. That ends the attempt, never the text.
func (ob *outbound) textLapsed(now time.Time, l dgram.Lapsed) {
	id := identity.SessionID(l.Peer)
	ob.outbox.Lapsed(id, l.ID)
	if e := ob.edges.byID[id]; e != nil {
		e.landed(l.ID)
		e.send.tries++
		if e.online {
			ob.retryLater(now, e)
		}
	}
}

// textsBack takes the texts under way to a session back into the outbox.
func (ob *outbound) textsBack(e *edge) {
	for _, id := range e.send.flying {
		ob.ep.Cancel(wire.PeerID(e.id), wire.KindText, id)
		ob.outbox.Lapsed(e.id, id)
	}
	e.send.flying = nil
}

// progress tells how far lines have got; the token belongs to the last one.
func (ob *outbound) progress(now time.Time, list []mail.Progress, token Token) {
	for i, p := range list {
		ob.noteStep(p)
		if p.State == mail.DeliveryUndelivered && p.Reason != mail.ReasonCancelled { // the history notes those
			ob.noteEnd(now, p)
		}
		d := ob.delivery(p)
		if i == len(list)-1 {
			d.Token = token
		}
		ob.emit(d)
	}
}

// delivery is one step of a line, as the person is told.
func (ob *outbound) delivery(p mail.Progress) Delivery {
	d := Delivery{
		ID: p.ID, To: ob.book.Label(p.To), State: DeliveryState(p.State.String()),
		Acked: p.Acked, Sessions: p.Sessions, Reason: p.Reason.String(), Waiting: names(p.Waiting), Text: p.Text,
	}
	if p.State == mail.DeliveryHeld {
		d.By = ob.heldBy(p.Holders)
	}
	return d
}

func names(ids []identity.SessionID) (list []string) {
	for _, id := range ids {
		list = append(list, id.String())
	}
	return list
}

// receiptCame: a friend has brought the receipt of a session for a text of ours.
func (ob *outbound) receiptCame(now time.Time, r receiptCame) {
	if e := ob.edges.byID[r.from.ID]; e != nil {
		e.landed(r.text)
		ob.ep.Cancel(wire.PeerID(r.from.ID), wire.KindText, r.text)
	}
	ob.progressVia(r.list, r.friend)
	ob.pumpAll(now, r.from.User)
}

// progressVia tells the progress that a friend brought.
func (ob *outbound) progressVia(list []mail.Progress, friend identity.UserKey) {
	for _, p := range list {
		ob.noteStep(p)
		d := ob.delivery(p)
		d.By = ob.book.Label(friend)
		ob.emit(d)
	}
}

// heldBy names the friends who keep a line; empty: none.
func (ob *outbound) heldBy(holders []identity.SessionID) (names string) {
	for _, id := range holders {
		s, ok := ob.book.Session(id)
		if label := ob.book.Label(s.User); ok && names == "" {
			names = label
		} else if ok && label != names {
			names += ", " + label
		}
	}
	return names
}

// nowTrue brings the progress of lines up to date, now that it is written.
func (ob *outbound) nowTrue(list []mail.Progress) []mail.Progress {
	rest := list[:0]
	for _, p := range list {
		if p, ok := ob.outbox.Written(p); ok {
			rest = append(rest, p)
		}
	}
	return rest
}

// hurry: somebody who had no room for our texts declares to be online. There may be room now,
// so the texts go again soon, as after the first refusal.
func (ob *outbound) hurry(now time.Time, id identity.SessionID) {
	e := ob.edges.byID[id]
	if e == nil || !e.send.busy || e.send.retryAt.IsZero() {
		return
	}
	e.send.retryWait = 0
	e.send.retryAt = earliest(e.send.retryAt, now.Add(retryFirst))
	ob.edges.plan(e)
}
