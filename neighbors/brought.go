package neighbors

import (
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// copyBrought: a friend brings a copy that was sealed to us. Its text is treated as if the
// sender had sent it directly; the friend can neither read nor change it.
//
// Opening a copy costs as much as a hundred other messages, and anybody may bring anything.
// So every check that needs no opening comes first, and whoever brings the copy pays.
func (n *Node) copyBrought(now time.Time, by sessions.Session, r dgram.Received, b dgram.Hold) {
	from := sessions.SessionID(b.From)
	key := textKey{from, b.Text}
	back := asker{r.Handle, bringer{by.ID, by.User}}
	sender, known := n.book.Session(from)
	blocked := n.book.Trust(sender.User) == sessions.TrustBlocked
	what := digestOf(from, b.Text, b.Sealed)
	sound, seen := n.holds.verdicts.sound.Get(what)
	again, taken := n.inbox.Taken(from, b.Text)
	switch {
	case !known:
		n.wantSender(now, from, by)
		n.ep.Settle(now, r.Handle, dgram.ResultBusy, 0)
		return
	case sender.User == n.user, seen && !sound, blocked && !n.book.Trust(by.User).Known():
		// Only friends, who keep their copies, are told that somebody is blocked.
		n.ep.Settle(now, r.Handle, dgram.ResultUnknownRecipient, 0)
		return
	case seen && taken && !blocked && again == sessions.AnswerPending:
		n.texts.wait(key, back)
		return
	case seen && taken && !blocked && n.affords(now, by, costSignature):
		n.answerText(now, key, back, dgram.ResultDelivered)
		return
	case seen && taken && !blocked, !n.affords(now, by, costCopy):
		n.ep.Settle(now, r.Handle, dgram.ResultBusy, 0)
		return
	}
	c, err := n.holds.keys.Open(n.self, b.Sealed)
	sound = err == nil && c.From == from && c.ID == b.Text && c.Verify(sender.User) == nil
	n.holds.verdicts.sound.Add(what, sound)
	switch {
	case !sound:
		n.ep.Settle(now, r.Handle, dgram.ResultUnknownRecipient, 0)
	case blocked:
		n.answerText(now, key, back, dgram.ResultNotTrusted)
	default:
		n.textReceived(now, sender, c.ID, back, dgram.Text{
			Prev: c.Prev, Sent: c.Sent, Late: true, Part: c.Part.Part, Parts: c.Parts, Text: c.Text,
		})
	}
}

// wantSender asks whoever brings a copy for its sender's record, which says whose key must
// have signed it. Strangers can fill only a part of that queue.
func (n *Node) wantSender(now time.Time, from sessions.SessionID, by sessions.Session) {
	if n.payer(by.ID).Class == budget.Stranger && len(n.wants.queue) >= maxWants/4 || !n.affords(now, by, costSignature) {
		return
	}
	n.want(now, from, by.ID)
	n.pumpWants(now)
}

// answerText answers a text; if a friend brought it, it adds a receipt that the sender will
// believe.
func (n *Node) answerText(now time.Time, key textKey, to asker, result dgram.Result) {
	n.ep.Settle(now, to.handle, result, 0)
	if to.by.IsZero() {
		return
	}
	switch result {
	case dgram.ResultDelivered, dgram.ResultNotTrusted, dgram.ResultTooOld:
	default:
		return
	}
	word := sessions.Receipt{From: n.self, To: key.from, ID: key.id, Result: uint64(result)}
	n.ep.Send(now, dgram.PeerID(to.by), dgram.Message{ID: n.ep.NextID(), Body: dgram.Receipt{
		From: dgram.PeerID(n.self), To: dgram.PeerID(key.from), Text: key.id, Result: result, Sig: word.Sign(n.cfg.Key),
	}})
}
