package neighbors

import (
	"maps"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// holdReceived: a friend gives us a copy to keep for another friend.
func (n *Node) holdReceived(now time.Time, by sessions.Session, r dgram.Received, b dgram.Hold) {
	to, known := n.book.Session(sessions.SessionID(b.To))
	from, e := n.edges[by.ID], n.edges[to.ID]
	switch {
	case n.holds.off || from == nil || !n.known(from) || sessions.SessionID(b.From) != by.ID:
		n.ep.Settle(now, r.Handle, dgram.ResultNotTrusted, 0)
		return
	case !known || e == nil || !n.tells(e, from):
		n.ep.Settle(now, r.Handle, dgram.ResultUnknownRecipient, 0)
		return
	}
	fresh, err := n.holds.shelf.Put(sessions.Held{
		To: to.ID, From: by.ID, Sender: by.User, ID: b.Text, Sealed: b.Sealed, At: now,
	})
	if err != nil {
		n.ep.Settle(now, r.Handle, dgram.ResultBusy, 0)
		return
	}
	n.answerKept(now, r.Handle, fresh)
	n.holds.shelfAt = n.holds.shelf.Expire(now)
	if e.online {
		n.handOver(now, e)
	}
	n.wake(now)
}

// handOver gives a session that is here everything kept for it: copies, in the order of each
// sender's ids, and receipts for its own texts.
func (n *Node) handOver(now time.Time, e *edge) {
	if !n.holds.shelf.Waits(e.id) {
		return
	}
	for _, r := range n.holds.shelf.ReceiptsFor(e.id) {
		c := carriage{peer: e.id, copy: copyKey{r.From, r.ID}, receipt: true}
		if n.isCarried(c) || n.carrying(e.id) >= holdAtOnce {
			continue
		}
		n.sendHeld(now, e.id, c, dgram.Receipt{
			From: dgram.PeerID(r.From), To: dgram.PeerID(r.To), Text: r.ID, Result: dgram.Result(r.Result), Sig: r.Sig,
		})
	}
	for _, h := range n.holds.shelf.For(e.id) {
		c := carriage{peer: e.id, copy: copyKey{h.To, h.ID}, from: h.From}
		if n.isCarried(c) || n.holds.handed[c].After(now) {
			continue
		}
		if n.carrying(e.id) >= holdAtOnce || !n.sendHeld(now, e.id, c, dgram.Hold{
			To: dgram.PeerID(h.To), From: dgram.PeerID(h.From), Text: h.ID, Sealed: h.Sealed,
		}) {
			return
		}
	}
}

func (n *Node) isCarried(c carriage) bool {
	for _, x := range n.holds.carried { // the order does not matter
		if x == c {
			return true
		}
	}
	return false
}

// copyHandedOver: the recipient has answered. Its receipt ends the copy here, and so does an
// answer that it cannot read the copy. One that waits for an earlier text, or for the screen,
// goes again later.
func (n *Node) copyHandedOver(now time.Time, c carriage, result dgram.Result, answered bool) {
	switch {
	case answered && result == dgram.ResultUnknownRecipient:
		n.holds.shelf.Drop(c.copy.to, c.from, c.copy.id)
	case !answered, result == dgram.ResultBusy, result == dgram.ResultGap:
		n.handLater(now, c.peer)
		return
	case n.holds.shelf.Has(c.copy.to, c.from, c.copy.id):
		// Its receipt is on the way. If none ever comes, the copy does not go again at once.
		maps.DeleteFunc(n.holds.handed, func(c carriage, _ time.Time) bool {
			return !n.holds.shelf.Has(c.copy.to, c.from, c.copy.id)
		})
		n.holds.handed[c] = now.Add(holdRetry)
		n.handLater(now, c.peer)
	}
	if e := n.edges[c.peer]; e != nil && e.online {
		n.handOver(now, e)
	}
}

// handLater has the copies kept for a session handed over again after a while.
func (n *Node) handLater(now time.Time, to sessions.SessionID) {
	if e := n.edges[to]; e != nil {
		e.handAt = now.Add(holdRetry) // when those in handed are due too
		n.plan(e)
	}
}

// keepReceipt keeps a recipient's receipt for the sender of a text that we have kept, and drops
// the copy. The receipt is checked, so that nobody can end somebody else's copy.
func (n *Node) keepReceipt(now time.Time, by sessions.Session, r dgram.Received, b dgram.Receipt) {
	word := sessions.Receipt{
		From: sessions.SessionID(b.From), To: sessions.SessionID(b.To), ID: b.Text, Result: uint64(b.Result),
	}
	waits := word.From == by.ID && n.holds.shelf.Has(word.From, word.To, word.ID)
	if waits && !n.affords(now, by, costSignature) {
		n.ep.Settle(now, r.Handle, dgram.ResultBusy, 0)
		return
	}
	if !waits || !word.Verify(by.User, b.Sig) {
		if word.From == by.ID && n.holds.shelf.HasReceipt(word) {
			n.answerKept(now, r.Handle, false) // a repetition
		} else {
			n.ep.Settle(now, r.Handle, dgram.ResultDelivered, 0) // we have no use for it
		}
		return
	}
	n.holds.shelf.Drop(word.From, word.To, word.ID)
	n.holds.shelf.PutReceipt(sessions.HeldReceipt{Receipt: word, Sig: b.Sig, At: now})
	n.answerKept(now, r.Handle, true)
	n.holds.shelfAt = n.holds.shelf.Expire(now)
	if e := n.edges[word.To]; e != nil && e.online {
		n.handOver(now, e)
	}
	n.wake(now)
}

// receiptHandedOver: a text's sender has the receipt, or is too busy to look at it.
func (n *Node) receiptHandedOver(now time.Time, c carriage, result dgram.Result, answered bool) {
	if answered && result == dgram.ResultBusy {
		n.handLater(now, c.peer)
		return
	}
	if answered {
		n.holds.shelf.DropReceipt(c.peer, c.copy.to, c.copy.id)
	}
	if e := n.edges[c.peer]; e != nil && e.online && answered {
		n.handOver(now, e)
	}
}
