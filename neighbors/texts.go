package neighbors

import (
	"bytes"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// texts keeps the order write, print, acknowledge for received texts, and write,
// send for our own lines.
type texts struct {
	seq      uint64             // the batch that is being gathered
	gathered waiting            // what depends on that batch
	unsure   map[uint64]waiting // batches handed out and not yet written; as many as the store takes
	waiting  map[textKey]asker  // whom to answer later, only for texts that the inbox has
	printing map[uint64]shown   // lines by receipt; the inbox bounds them
	receipt  uint64
	bytes    int                 // of those lines, at most maxUnprintedBytes and one line
	backlog  []sessions.Incoming // lines for which printing has no room, in order; the inbox bounds them
	failed   time.Time           // when the last batch failed, until storing works again
	worked   bool                // a batch has been stored since then

	unstored []sessions.Write // of failed batches, to be written again; each key once
	again    time.Time        // when
}

// waiting is what may happen only after a batch is written.
type waiting struct {
	texts []textKey
	shown []textKey // printed: acknowledged once that is written, or cannot be
	lines []ownLine
	kept  []dgram.Handle   // copies and receipts that are kept for others
	keys  bool             // a hold key is in it
	batch []sessions.Write // the writes to repeat if this batch fails
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

type ownLine struct {
	token    Token
	progress []sessions.Progress
}

// shown is a line that was handed to the shell.
type shown struct {
	line sessions.Incoming
	via  sessions.UserKey // the friend who brought it
}

func newTexts() texts {
	return texts{seq: 1, unsure: map[uint64]waiting{}, waiting: map[textKey]asker{}, printing: map[uint64]shown{}}
}

// close ends the gathering of a batch and returns its number.
func (t *texts) close(batch []sessions.Write) uint64 {
	t.gathered.batch = batch
	t.gathered.keys = slices.ContainsFunc(batch, func(w sessions.Write) bool { return w.Bucket == sessions.BucketHoldKeys })
	t.supersede(batch)
	t.unsure[t.seq] = t.gathered
	t.gathered = waiting{}
	t.seq++
	return t.seq - 1
}

// startTexts shows the lines that an earlier run wrote but did not print before it died.
func (n *Node) startTexts(now time.Time) {
	n.inbox.Aside() // those lines are unread, too
	for _, line := range n.inbox.Unread() {
		line.Late = true
		n.show(line)
	}
	n.progress(now, n.outbox.Expire(now), 0)
}

// mailPayer says who pays for what a session's texts use here: whoever their sender is now.
func (n *Node) mailPayer(id sessions.SessionID, user sessions.UserKey) budget.Payer {
	p := n.userPayer(user)
	if s, ok := n.book.Session(id); ok && p.Class == budget.Stranger && n.ep != nil {
		return n.payer(s.ID)
	}
	return p
}

// textReceived: a text came. It is answered at once only if nothing has to be written for
// it, and the asker is remembered only for texts that the inbox has.
func (n *Node) textReceived(now time.Time, s sessions.Session, id uint64, from asker, b dgram.Text) {
	key := textKey{s.ID, id}
	if refusal, ok := n.admit(now, s, id, b); !ok {
		n.answerText(now, key, from, refusal)
		return
	}
	n.talk(now, n.edges[s.ID])
	v := n.inbox.Offer(now, s.ID, s.User, sessions.Part{
		ID: id, Prev: b.Prev, Sent: b.Sent, Late: b.Late, Part: b.Part, Parts: b.Parts, Text: b.Text,
	})
	n.putAside()
	switch v.Answer {
	case sessions.AnswerDeliver:
		n.texts.wait(key, from)
		n.book.Hasten(s.User)
		for _, id := range v.IDs {
			n.texts.gathered.texts = append(n.texts.gathered.texts, textKey{s.ID, id})
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

// Finished takes the outcome of a batch or of a request for numbers.
func (n *Node) Finished(now time.Time, d sessions.Done) {
	switch {
	case d.Seq == 0:
		n.storeFails(now, d.Err)
	case d.Seq&reserveMark != 0:
		n.numbers.granted(sessions.Counter(d.Seq&^reserveMark), d.Granted, d.Err)
	default:
		w := n.texts.unsure[d.Seq]
		delete(n.texts.unsure, d.Seq)
		n.storeFails(now, d.Err)
		if d.Err != nil {
			n.texts.keep(now, w.batch)
		}
		n.written(now, w, d.Err)
	}
	n.wake(now)
}

// passWrite goes on without a write in a run that stores nothing.
func (n *Node) passWrite(now time.Time) {
	if w := n.texts.gathered; n.cfg.Unstored && len(w.texts)+len(w.shown)+len(w.lines)+len(w.kept) > 0 {
		n.texts.gathered = waiting{}
		n.written(now, w, nil)
	}
}

// written does what waited for a write.
func (n *Node) written(now time.Time, w waiting, err error) {
	for _, key := range w.texts {
		n.textWritten(now, key, err)
	}
	for _, key := range w.shown {
		n.acknowledge(now, key, dgram.ResultDelivered)
	}
	if w.keys && err == nil {
		n.holdKeyWritten(now)
	}
	for _, h := range w.kept {
		result := dgram.ResultDelivered
		if err != nil {
			result = dgram.ResultBusy
		}
		n.ep.Settle(now, h, result, 0)
	}
	// Our own lines go out even when the disk is full: the person is told, and
	// they are kept in memory.
	var users []sessions.UserKey
	for _, l := range w.lines {
		for _, p := range l.progress {
			if !slices.Contains(users, p.To) {
				users = append(users, p.To)
			}
		}
		queued := l.progress[len(l.progress)-1].State == sessions.DeliveryQueued
		n.progress(now, n.nowTrue(l.progress), l.token)
		if queued {
			n.offerSoon(now, 0)
		}
	}
	for _, user := range users {
		n.pumpAll(now, user)
	}
}

// nowTrue brings the progress of lines up to date, now that it is written.
func (n *Node) nowTrue(list []sessions.Progress) []sessions.Progress {
	rest := list[:0]
	for _, p := range list {
		if p, ok := n.outbox.Written(p); ok {
			rest = append(rest, p)
		}
	}
	return rest
}

// storeFails tells the person, once, that the disk takes nothing.
func (n *Node) storeFails(now time.Time, err error) {
	t := &n.texts
	t.worked = err == nil
	if err == nil {
		return
	}
	if t.failed.IsZero() {
		n.tell(Notice{"nothing can be stored: " + err.Error() + "; texts to you wait with their senders, yours are kept in memory only"})
	}
	t.failed = now
}

// storeRecovers tells the person, once, that the disk takes writes again; a small batch that
// slips in while it is full does not count.
func (n *Node) storeRecovers(now time.Time) (next time.Time) {
	t := &n.texts
	if t.failed.IsZero() || !t.worked {
		return time.Time{}
	}
	if at := t.failed.Add(2 * storeAgain); at.After(now) {
		return at
	}
	t.failed = time.Time{}
	n.tell(Notice{"storing works again"})
	return time.Time{}
}

// keep notes the writes of a failed batch that concern our own lines and people, so that
// they are written when there is room again. Texts of others need no note: their senders
// send them again.
func (t *texts) keep(now time.Time, batch []sessions.Write) {
	t.again = now.Add(storeAgain)
	t.supersede(batch)
	for _, w := range batch {
		if w.Bucket != sessions.BucketInbox && w.Bucket != sessions.BucketTexts {
			t.unstored = append(t.unstored, w)
		}
	}
}

// supersede drops the noted writes that batch replaces.
func (t *texts) supersede(batch []sessions.Write) {
	if len(t.unstored) == 0 {
		return
	}
	for _, w := range batch {
		t.unstored = slices.DeleteFunc(t.unstored, func(u sessions.Write) bool {
			return u.Bucket == w.Bucket && bytes.Equal(u.Key, w.Key)
		})
	}
}

// rewrite returns the writes that failed, when it is time to try again.
func (t *texts) rewrite(now time.Time) (batch []sessions.Write, next time.Time) {
	if len(t.unstored) == 0 {
		return nil, time.Time{}
	}
	if t.again.After(now) {
		return nil, t.again
	}
	batch, t.unstored = t.unstored, nil
	return batch, time.Time{}
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
	n.contacts.introduce(n, line.User) // who they are comes before what they say
	n.contacts.flush(n, line.From)
	n.tell(Incoming{
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
			t.gathered.shown = append(t.gathered.shown, textKey{p.line.From, id})
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
