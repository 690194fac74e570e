package neighbors

import (
	"maps"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
)

// holdReceived: a friend gives us a copy to keep for another friend.
func (cu *custody) holdReceived(now time.Time, by book.Session, r dgram.Received, b wire.Hold) {
	to, known := cu.book.Session(identity.SessionID(b.To))
	from, e := cu.edges.byID[by.ID], cu.edges.byID[to.ID]
	switch {
	case cu.off || from == nil || !cu.edges.known(from) || identity.SessionID(b.From) != by.ID:
		cu.ep.Settle(now, r.Handle, wire.ResultNotTrusted, 0)
		return
	case !known || e == nil || !cu.edges.tells(e, from):
		cu.ep.Settle(now, r.Handle, wire.ResultUnknownRecipient, 0)
		return
	}
	fresh, err := cu.held.Put(mail.Held{
		To: to.ID, From: by.ID, Sender: by.User, ID: b.Text, Sealed: b.Sealed, At: now,
	})
	if err != nil {
		cu.ep.Settle(now, r.Handle, wire.ResultBusy, 0)
		return
	}
	cu.writes.answerKept(now, r.Handle, fresh)
	cu.heldAt = cu.held.Expire(now)
	if e.online {
		cu.handOver(now, e)
	}
	cu.wake(now)
}

// handOver gives a session that is here everything kept for it: copies, in the order of each
// sender's ids, and receipts for its own texts.
func (cu *custody) handOver(now time.Time, e *edge) {
	if !cu.held.Waits(e.id) {
		return
	}
	for _, r := range cu.held.ReceiptsFor(e.id) {
		c := carriage{peer: e.id, copy: copyKey{r.From, r.ID}, receipt: true}
		if cu.isCarried(c) || cu.carrying(e.id) >= holdAtOnce {
			continue
		}
		cu.sendHeld(now, e.id, c, wire.Receipt{
			From: wire.PeerID(r.From), To: wire.PeerID(r.To), Text: r.ID, Result: wire.Result(r.Result), Sig: r.Sig,
		})
	}
	for _, h := range cu.held.For(e.id) {
		c := carriage{peer: e.id, copy: copyKey{h.To, h.ID}, from: h.From}
		if cu.isCarried(c) || cu.handed[c].After(now) {
			continue
		}
		if cu.carrying(e.id) >= holdAtOnce || !cu.sendHeld(now, e.id, c, wire.Hold{
			To: wire.PeerID(h.To), From: wire.PeerID(h.From), Text: h.ID, Sealed: h.Sealed,
		}) {
			return
		}
	}
}

func (cu *custody) isCarried(c carriage) bool {
	for _, x := range cu.carried { // the order does not matter
		if x == c {
			return true
		}
	}
	return false
}

// copyHandedOver: the recipient has answered. Its receipt ends the copy here, and so does an
// answer that it cannot read the copy. One that waits for an earlier text, or for the screen,
// goes again later.
func (cu *custody) copyHandedOver(now time.Time, c carriage, result wire.Result, answered bool) {
	switch {
	case answered && result == wire.ResultUnknownRecipient:
		cu.held.Drop(c.copy.to, c.from, c.copy.id)
	case !answered, result == wire.ResultBusy, result == wire.ResultGap:
		cu.handLater(now, c.peer)
		return
	case cu.held.Has(c.copy.to, c.from, c.copy.id):
		// Its receipt is on the way. If none ever comes, the copy does not go again at once.
		maps.DeleteFunc(cu.handed, func(c carriage, _ time.Time) bool {
			return !cu.held.Has(c.copy.to, c.from, c.copy.id)
		})
		cu.handed[c] = now.Add(holdRetry)
		cu.handLater(now, c.peer)
	}
	if e := cu.edges.byID[c.peer]; e != nil && e.online {
		cu.handOver(now, e)
	}
}

// handLater has the copies kept for a session handed over again after a while.
func (cu *custody) handLater(now time.Time, to identity.SessionID) {
	if e := cu.edges.byID[to]; e != nil {
		e.handAt = now.Add(holdRetry) // when those in handed are due too
		cu.edges.plan(e)
	}
}

// keepReceipt keeps a recipient's receipt for the sender of a text that we have kept, and drops
// the copy. The receipt is checked, so that nobody can end somebody else's copy.
func (cu *custody) keepReceipt(now time.Time, by book.Session, r dgram.Received, b wire.Receipt) {
	word := mail.Receipt{
		From: identity.SessionID(b.From), To: identity.SessionID(b.To), ID: b.Text, Result: uint64(b.Result),
	}
	waits := word.From == by.ID && cu.held.Has(word.From, word.To, word.ID)
	if waits && !cu.affords(now, by, costSignature) {
		cu.ep.Settle(now, r.Handle, wire.ResultBusy, 0)
		return
	}
	if !waits || !word.Verify(by.User, b.Sig) {
		if word.From == by.ID && cu.held.HasReceipt(word) {
			cu.writes.answerKept(now, r.Handle, false) // a repetition
		} else {
			cu.ep.Settle(now, r.Handle, wire.ResultDelivered, 0) // we have no use for it
		}
		return
	}
	cu.held.Drop(word.From, word.To, word.ID)
	cu.held.PutReceipt(mail.HeldReceipt{Receipt: word, Sig: b.Sig, At: now})
	cu.writes.answerKept(now, r.Handle, true)
	cu.heldAt = cu.held.Expire(now)
	if e := cu.edges.byID[word.To]; e != nil && e.online {
		cu.handOver(now, e)
	}
	cu.wake(now)
}

// receiptHandedOver: a text's sender has the receipt, or is too busy to look at it.
func (cu *custody) receiptHandedOver(now time.Time, c carriage, result wire.Result, answered bool) {
	if answered && result == wire.ResultBusy {
		cu.handLater(now, c.peer)
		return
	}
	if answered {
		cu.held.DropReceipt(c.peer, c.copy.to, c.copy.id)
	}
	if e := cu.edges.byID[c.peer]; e != nil && e.online && answered {
		cu.handOver(now, e)
	}
}
