package neighbors

import (
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// texts are received texts and lines on their way: write, print, acknowledge.
type texts struct {
	waiting  map[textKey]asker // whom to answer later, only for texts that the inbox has
	printing map[uint64]shown  // lines by receipt; the inbox bounds them
	receipt  uint64
	bytes    int                 // of those lines, at most maxUnprintedBytes and one line
	backlog  []sessions.Incoming // lines for which printing has no room, in order; the inbox bounds them
}

type textKey struct {
	from sessions.SessionID
	id   uint64
}

// asker is whom to answer about a text: its sender, or a friend who brought it.
type asker struct {
	handle dgram.Handle
	bringer
}

// bringer is the session that brought a copy, and its user; zero: it came from the sender itself.
type bringer struct {
	by   sessions.SessionID
	user sessions.UserKey
}

// shown is a line that was handed to the shell.
type shown struct {
	line sessions.Incoming
	via  sessions.UserKey // the friend who brought it
}

func newTexts() texts {
	return texts{waiting: map[textKey]asker{}, printing: map[uint64]shown{}}
}

// startTexts shows the lines that an earlier run wrote but did not print before it died.
func (n *Node) startTexts(now time.Time) {
	n.inbox.Aside() // those lines are unread, too
	for _, line := range n.inbox.Unread() {
		line.Late = true
		n.show(line)
	}
}

// mailPayer says who pays for what a session's texts use here: whoever their sender is now.
func (n *Node) mailPayer(id sessions.SessionID, user sessions.UserKey) budget.Payer {
	p := n.userPayer(user)
	if s, ok := n.book.Session(id); ok && p.Class == budget.Stranger && n.ep != nil {
		return n.payer(s.ID)
	}
	return p
}

// offered: a text came that the door lets through. It is answered at once only if nothing has to be written for
// it, and the asker is remembered only for texts that the inbox has.
func (n *Node) offered(now time.Time, s sessions.Session, id uint64, from asker, b dgram.Text) {
	key := textKey{s.ID, id}
	v := n.inbox.Offer(now, s.ID, s.User, sessions.Part{
		ID: id, Prev: b.Prev, Sent: b.Sent, Late: b.Late, Part: b.Part, Parts: b.Parts, Text: b.Text,
	})
	n.putAside()
	switch v.Answer {
	case sessions.AnswerDeliver:
		n.texts.wait(key, from)
		n.book.Hasten(s.User)
		for _, id := range v.IDs {
			n.writes.gathered.texts = append(n.writes.gathered.texts, textKey{s.ID, id})
		}
	case sessions.AnswerPending:
		n.texts.wait(key, from)
	case sessions.AnswerGap:
		if v.Kept {
			n.texts.wait(key, from)
		}
		n.ep.Settle(now, from.handle, dgram.ResultGap, v.Have)
	case sessions.AnswerDuplicate:
		n.answerText(now, key, from, dgram.ResultDelivered)
	case sessions.AnswerTooOld:
		n.answerText(now, key, from, dgram.ResultTooOld)
	default:
		n.answerText(now, key, from, dgram.ResultBusy)
	}
}

// wait remembers whom to answer. The newest attempt is the one to answer, but a friend who
// brought the text still gets a receipt.
func (t *texts) wait(key textKey, from asker) {
	if old := t.waiting[key]; from.by.IsZero() {
		from.bringer = old.bringer
	}
	t.waiting[key] = from
}

// putAside takes what the inbox gave up: texts that no longer wait there for an earlier one,
// and lines whose remaining parts never came.
func (n *Node) putAside() {
	dropped, ended := n.inbox.Aside()
	for _, k := range dropped {
		delete(n.texts.waiting, textKey{k.From, k.ID})
	}
	for _, line := range ended {
		n.show(line)
	}
}

// advanceTexts shows unfinished lines, as far as they came, whose rest does not come.
func (n *Node) advanceTexts(now time.Time) (next time.Time) {
	next = n.inbox.Expire(now)
	n.putAside()
	return next
}

// textWritten: a text is on disk, or could not be written.
func (n *Node) textWritten(now time.Time, key textKey, err error) {
	if err != nil {
		for _, id := range n.inbox.Failed(key.from, key.id) {
			n.acknowledge(now, textKey{key.from, id}, dgram.ResultBusy)
		}
		return
	}
	acks, lines := n.inbox.Recorded(key.from, key.id)
	for _, id := range acks {
		n.acknowledge(now, textKey{key.from, id}, dgram.ResultDelivered)
	}
	for _, line := range lines {
		n.show(line)
	}
}

// acknowledge answers whoever waits for a text's acknowledgement.
func (n *Node) acknowledge(now time.Time, key textKey, r dgram.Result) {
	if from, ok := n.texts.waiting[key]; ok {
		delete(n.texts.waiting, key)
		n.answerText(now, key, from, r)
	}
}

// show hands a line to the shell; Printed comes back with its receipt. A line for which the
// shell has no room now waits.
func (n *Node) show(line sessions.Incoming) {
	t := &n.texts
	if t.bytes >= maxUnprintedBytes {
		t.backlog = append(t.backlog, line)
		return
	}
	t.receipt++
	via := n.texts.waiting[textKey{line.From, line.Last}].user
	t.printing[t.receipt] = shown{line, via}
	t.bytes += len(line.Text)
	n.notify.introduce(line.User) // who they are comes before what they say
	n.notify.flush(line.From)
	n.emit(Incoming{
		Receipt: t.receipt, ID: line.ID, From: n.book.Label(line.User), Session: line.From.String(), Text: line.Text,
		Sent: line.Sent, Late: line.Late, Trust: n.book.Trust(line.User).String(), Via: n.book.Label(via),
		Missing: line.Lost.String(), Who: Who(line.User),
	})
}

// Printed says that the lines with these receipts are on the screen. This is written
// first, so that no later run shows them again; then they are acknowledged.
func (n *Node) Printed(now time.Time, receipts []uint64) {
	t := &n.texts
	for _, r := range receipts {
		p, ok := t.printing[r]
		if !ok {
			continue
		}
		delete(t.printing, r)
		t.bytes -= len(p.line.Text)
		acks := n.inbox.Shown(p.line.From, p.line.Last)
		for _, id := range acks {
			n.writes.gathered.shown = append(n.writes.gathered.shown, textKey{p.line.From, id})
		}
		if len(acks) > 0 {
			n.noteShown(now, p)
		}
	}
	for len(t.backlog) > 0 && t.bytes < maxUnprintedBytes {
		line := t.backlog[0]
		t.backlog = t.backlog[1:]
		n.show(line)
	}
	n.wake(now)
}
