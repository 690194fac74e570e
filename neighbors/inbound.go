package neighbors

import (
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
	"darkchat/sessions/store"
)

// inbound is received texts and lines on their way: write, print, acknowledge.
type inbound struct {
	*core
	holdKeys holdKeys

	waiting  map[textKey]asker // whom to answer later, only for texts that the inbox has
	printing map[uint64]shown  // lines by receipt; the inbox bounds them
	receipt  uint64
	bytes    int             // of those lines, at most maxUnprintedBytes and one line
	backlog  []mail.Incoming // lines for which printing has no room, in order; the inbox bounds them
}

// shown is a line that was handed to the shell.
type shown struct {
	line mail.Incoming
	via  identity.UserKey // the friend who brought it
}

func newInbound(c *core) *inbound {
	return &inbound{core: c, holdKeys: newHoldKeys(c.cfg), waiting: map[textKey]asker{}, printing: map[uint64]shown{}}
}

// startTexts shows the lines that an earlier run wrote but did not print before it died.
func (ib *inbound) startTexts(now time.Time) {
	ib.inbox.Aside() // those lines are unread, too
	for _, line := range ib.inbox.Unread() {
		line.Late = true
		ib.show(line)
	}
}

// offered: a text came that the door lets through. It is answered at once only if nothing has to be written for
// it, and the asker is remembered only for texts that the inbox has.
func (ib *inbound) offered(now time.Time, s book.Session, id uint64, from asker, b wire.Text) {
	key := textKey{s.ID, id}
	v := ib.inbox.Offer(now, s.ID, s.User, mail.Part{
		ID: id, Prev: b.Prev, Sent: b.Sent, Late: b.Late, Part: b.Part, Parts: b.Parts, Text: b.Text,
	})
	ib.putAside()
	switch v.Answer {
	case mail.AnswerDeliver:
		ib.wait(key, from)
		ib.book.Hasten(s.User)
		for _, id := range v.IDs {
			ib.writes.gathered.texts = append(ib.writes.gathered.texts, textKey{s.ID, id})
		}
	case mail.AnswerPending:
		ib.wait(key, from)
	case mail.AnswerGap:
		if v.Kept {
			ib.wait(key, from)
		}
		ib.ep.Settle(now, from.handle, wire.ResultGap, v.Have)
	case mail.AnswerDuplicate:
		ib.answerText(now, key, from, wire.ResultDelivered)
	case mail.AnswerTooOld:
		ib.answerText(now, key, from, wire.ResultTooOld)
	default:
		ib.answerText(now, key, from, wire.ResultBusy)
	}
}

// wait remembers whom to answer. The newest attempt is the one to answer, but a friend who
// brought the text still gets a receipt.
func (ib *inbound) wait(key textKey, from asker) {
	if old := ib.waiting[key]; from.by.IsZero() {
		from.bringer = old.bringer
	}
	ib.waiting[key] = from
}

// putAside takes what the inbox gave up: texts that no longer wait there for an earlier one,
// and lines whose remaining parts never came.
func (ib *inbound) putAside() {
	dropped, ended := ib.inbox.Aside()
	for _, k := range dropped {
		delete(ib.waiting, textKey{k.From, k.ID})
	}
	for _, line := range ended {
		ib.show(line)
	}
}

// advanceTexts shows unfinished lines, as far as they came, whose rest does not come.
func (ib *inbound) advanceTexts(now time.Time) (next time.Time) {
	next = ib.inbox.Expire(now)
	ib.putAside()
	return next
}

// textWritten: a text is on disk, or could not be written.
func (ib *inbound) textWritten(now time.Time, key textKey, err error) {
	if err != nil {
		for _, id := range ib.inbox.Failed(key.from, key.id) {
			ib.acknowledge(now, textKey{key.from, id}, wire.ResultBusy)
		}
		return
	}
	acks, lines := ib.inbox.Recorded(key.from, key.id)
	for _, id := range acks {
		ib.acknowledge(now, textKey{key.from, id}, wire.ResultDelivered)
	}
	for _, line := range lines {
		ib.show(line)
	}
}

// acknowledge answers whoever waits for a text's acknowledgement.
func (ib *inbound) acknowledge(now time.Time, key textKey, r wire.Result) {
	if from, ok := ib.waiting[key]; ok {
		delete(ib.waiting, key)
		ib.answerText(now, key, from, r)
	}
}

// show hands a line to the shell; Printed comes back with its receipt. A line for which the
// shell has no room now waits.
func (ib *inbound) show(line mail.Incoming) {
	t := ib
	if t.bytes >= maxUnprintedBytes {
		t.backlog = append(t.backlog, line)
		return
	}
	t.receipt++
	via := ib.waiting[textKey{line.From, line.Last}].user
	t.printing[t.receipt] = shown{line, via}
	t.bytes += len(line.Text)
	ib.notify.introduce(line.User) // who they are comes before what they say
	ib.notify.flush(line.From)
	ib.emit(Incoming{
		Receipt: t.receipt, ID: line.ID, From: ib.book.Label(line.User), Session: line.From.String(), Text: line.Text,
		Sent: line.Sent, Late: line.Late, Trust: ib.book.Trust(line.User).String(), Via: ib.book.Label(via),
		Missing: line.Lost.String(), Who: Who(line.User),
	})
}

// printed says that the lines with these receipts are on the screen. This is written
// first, so that no later run shows them again; then they are acknowledged.
func (ib *inbound) printed(now time.Time, receipts []uint64) {
	t := ib
	for _, r := range receipts {
		p, ok := t.printing[r]
		if !ok {
			continue
		}
		delete(t.printing, r)
		t.bytes -= len(p.line.Text)
		acks := ib.inbox.Shown(p.line.From, p.line.Last)
		for _, id := range acks {
			ib.writes.gathered.shown = append(ib.writes.gathered.shown, textKey{p.line.From, id})
		}
		if len(acks) > 0 {
			ib.noteShown(now, p)
		}
	}
	for len(t.backlog) > 0 && t.bytes < maxUnprintedBytes {
		line := t.backlog[0]
		t.backlog = t.backlog[1:]
		ib.show(line)
	}
	ib.wake(now)
}

// noteShown notes a line that is on the screen. A seed keeps no lines of strangers: it serves
// them, and nobody reads their lines.
func (co *core) noteShown(now time.Time, s shown) {
	stranger := co.userPayer(s.line.User).Class == budget.Stranger
	if !co.keepsHistory() || co.cfg.Seed && stranger {
		return
	}
	text := s.line.Text
	if s.line.Lost != 0 {
		text += " (missing from this line: " + s.line.Lost.String() + ")"
	}
	co.past.Note(now, store.HistoryEntry{
		User: s.line.User, Session: s.line.From, ID: s.line.ID, Sent: s.line.Sent, Late: s.line.Late,
		Via: s.via, Text: text, Stranger: stranger,
	})
}
