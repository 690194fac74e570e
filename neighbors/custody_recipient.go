package neighbors

import (
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
)

// copyBrought: a friend brings a copy that was sealed to us. Its text is treated as if the
// sender had sent it directly; the friend can neither read nor change it.
//
// Opening a copy costs as much as a hundred other messages, and anybody may bring anything.
// So every check that needs no opening comes first, and whoever brings the copy pays.
func (ib *inbound) copyBrought(now time.Time, by book.Session, r dgram.Received, b wire.Hold) {
	from := identity.SessionID(b.From)
	key := textKey{from, b.Text}
	back := asker{r.Handle, bringer{by.ID, by.User}}
	sender, known := ib.book.Session(from)
	blocked := ib.book.Trust(sender.User) == book.TrustBlocked
	what := digestOf(from, b.Text, b.Sealed)
	sound, seen := ib.holdKeys.verdicts.sound.Get(what)
	again, taken := ib.inbox.Taken(from, b.Text)
	switch {
	case !known:
		ib.happened(now, senderUnknown{from, by})
		ib.ep.Settle(now, r.Handle, wire.ResultBusy, 0)
		return
	case sender.User == ib.own.user, seen && !sound, blocked && !ib.book.Trust(by.User).Known():
		// Only friends, who keep their copies, are told that somebody is blocked.
		ib.ep.Settle(now, r.Handle, wire.ResultUnknownRecipient, 0)
		return
	case seen && taken && !blocked && again == mail.AnswerPending:
		ib.wait(key, back)
		return
	case seen && taken && !blocked && ib.affords(now, by, costSignature):
		ib.answerText(now, key, back, wire.ResultDelivered)
		return
	case seen && taken && !blocked, !ib.affords(now, by, costCopy):
		ib.ep.Settle(now, r.Handle, wire.ResultBusy, 0)
		return
	}
	c, err := ib.holdKeys.keys.Open(ib.own.session, b.Sealed)
	sound = err == nil && c.From == from && c.ID == b.Text && c.Verify(sender.User) == nil
	ib.holdKeys.verdicts.sound.Add(what, sound)
	switch {
	case !sound:
		ib.ep.Settle(now, r.Handle, wire.ResultUnknownRecipient, 0)
	case blocked:
		ib.answerText(now, key, back, wire.ResultNotTrusted)
	default:
		ib.happened(now, copyOpened{sender, c.ID, back, wire.Text{
			Prev: c.Prev, Sent: c.Sent, Late: true, Part: c.Part.Part, Parts: c.Parts, Text: c.Text,
		}})
	}
}

// answerText answers a text; if a friend brought it, it adds a receipt that the sender will
// believe.
func (ib *inbound) answerText(now time.Time, key textKey, to asker, result wire.Result) {
	ib.ep.Settle(now, to.handle, result, 0)
	if to.by.IsZero() {
		return
	}
	switch result {
	case wire.ResultDelivered, wire.ResultNotTrusted, wire.ResultTooOld:
	default:
		return
	}
	word := mail.Receipt{From: ib.own.session, To: key.from, ID: key.id, Result: uint64(result)}
	ib.ep.Send(now, wire.PeerID(to.by), wire.Message{ID: ib.ep.NextID(), Body: wire.Receipt{
		From: wire.PeerID(ib.own.session), To: wire.PeerID(key.from), Text: key.id, Result: result, Sig: word.Sign(ib.cfg.Key),
	}})
}

// holdKeys are the keys to which copies for us are sealed, and what we know of copies that were
// brought.
type holdKeys struct {
	keys     mail.HoldKeys
	at       time.Time // when they are next turned
	verdicts verdicts
}

func newHoldKeys(cfg Config) holdKeys {
	h := holdKeys{verdicts: newVerdicts()}
	if cfg.Unstored {
		h.keys.Unstored()
	}
	return h
}

// startHoldKeys makes the keys that our record publishes.
func (ib *inbound) startHoldKeys(now time.Time) {
	if !ib.cfg.Seed {
		ib.turnHoldKeys(now)
	}
}

// advanceHoldKeys turns the keys when it is time.
func (ib *inbound) advanceHoldKeys(now time.Time) (next time.Time) {
	if due(ib.holdKeys.at, now) && ib.own.left.IsZero() {
		ib.turnHoldKeys(now)
	}
	return ib.holdKeys.at
}

// turnHoldKeys makes and erases keys. A new one enters our record once it is on disk.
func (ib *inbound) turnHoldKeys(now time.Time) {
	if _, ib.holdKeys.at = ib.holdKeys.keys.Turn(now, ib.cfg.Random); ib.cfg.Unstored {
		ib.holdKeyWritten(now)
	}
}

func (ib *inbound) holdKeyWritten(now time.Time) {
	if ib.holdKeys.keys.Written() && ib.ep != nil && ib.own.left.IsZero() {
		ib.happened(now, restated{}) // without a number the old key stays a while longer
	}
}
