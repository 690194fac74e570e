package neighbors

import (
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
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
	sound, seen := n.holdKeys.verdicts.sound.Get(what)
	again, taken := n.inbox.Taken(from, b.Text)
	switch {
	case !known:
		n.happened(now, senderUnknown{from, by})
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
	c, err := n.holdKeys.keys.Open(n.self, b.Sealed)
	sound = err == nil && c.From == from && c.ID == b.Text && c.Verify(sender.User) == nil
	n.holdKeys.verdicts.sound.Add(what, sound)
	switch {
	case !sound:
		n.ep.Settle(now, r.Handle, dgram.ResultUnknownRecipient, 0)
	case blocked:
		n.answerText(now, key, back, dgram.ResultNotTrusted)
	default:
		n.happened(now, copyOpened{sender, c.ID, back, dgram.Text{
			Prev: c.Prev, Sent: c.Sent, Late: true, Part: c.Part.Part, Parts: c.Parts, Text: c.Text,
		}})
	}
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

// holdKeys are the keys to which copies for us are sealed, and what we know of copies that were
// brought.
type holdKeys struct {
	keys     sessions.HoldKeys
	at       time.Time // when they are next turned
	verdicts verdicts
}

func (n *Node) newHoldKeys() {
	n.holdKeys = holdKeys{verdicts: newVerdicts()}
	if n.cfg.Unstored {
		n.holdKeys.keys.Unstored()
	}
}

// startHoldKeys makes the keys that our record publishes.
func (n *Node) startHoldKeys(now time.Time) {
	if !n.cfg.Seed {
		n.turnHoldKeys(now)
	}
}

// advanceHoldKeys turns the keys when it is time.
func (n *Node) advanceHoldKeys(now time.Time) (next time.Time) {
	if due(n.holdKeys.at, now) && n.left.IsZero() {
		n.turnHoldKeys(now)
	}
	return n.holdKeys.at
}

// turnHoldKeys makes and erases keys. A new one enters our record once it is on disk.
func (n *Node) turnHoldKeys(now time.Time) {
	if _, n.holdKeys.at = n.holdKeys.keys.Turn(now, n.cfg.Random); n.cfg.Unstored {
		n.holdKeyWritten(now)
	}
}

func (n *Node) holdKeyWritten(now time.Time) {
	if n.holdKeys.keys.Written() && n.ep != nil && n.left.IsZero() {
		n.happened(now, restated{}) // without a number the old key stays a while longer
	}
}
