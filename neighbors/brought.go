package neighbors

import (
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// broughts says who brought a text that is being recorded.
type broughts struct {
	by   sessions.SessionID
	user sessions.UserKey
}

// copyBrought: a friend brings a copy that was sealed to us. What is in it is treated as
// if its sender had sent it himself; he who brought it can neither read nor change it.
func (n *Node) copyBrought(now time.Time, by sessions.Session, r dgram.Received, b dgram.Hold) {
	c, err := n.holds.keys.Open(n.self, b.Sealed)
	if err != nil || c.From != sessions.SessionID(b.From) || c.ID != b.Text {
		n.ep.Settle(now, r.Handle, dgram.ResultUnknownRecipient, 0)
		return
	}
	sender, known := n.book.Session(c.From)
	if !known {
		n.want(now, c.From, by.ID)
		n.pumpWants(now)
		n.ep.Settle(now, r.Handle, dgram.ResultBusy, 0) // with his record we know whose key must have signed
		return
	}
	if c.Verify(sender.User) != nil || sender.User == n.user {
		n.ep.Settle(now, r.Handle, dgram.ResultUnknownRecipient, 0)
		return
	}
	key := textKey{c.From, c.ID}
	if len(n.holds.brought) < maxUnprinted {
		n.holds.brought[key] = broughts{by.ID, by.User}
	}
	if n.book.Trust(sender.User) == sessions.TrustBlocked {
		n.answerText(now, key, r.Handle, dgram.ResultNotTrusted, 0)
		return
	}
	r.Message.ID = c.ID
	n.textReceived(now, sender, r, dgram.Text{
		Prev: c.Prev, Sent: c.Sent, Late: true, Part: c.Part.Part, Parts: c.Parts, Text: c.Text,
	})
}

// answerText answers a text, and if a friend brought it also with a receipt that its
// sender will believe.
func (n *Node) answerText(now time.Time, key textKey, h dgram.Handle, result dgram.Result, have uint64) {
	n.ep.Settle(now, h, result, have)
	b, ok := n.holds.brought[key]
	if !ok {
		return
	}
	delete(n.holds.brought, key)
	switch result {
	case dgram.ResultDelivered, dgram.ResultNotTrusted, dgram.ResultTooOld:
	default:
		return
	}
	word := sessions.Receipt{From: n.self, To: key.from, ID: key.id, Result: uint64(result)}
	n.ep.Send(now, dgram.PeerID(b.by), dgram.Message{ID: n.ep.NextID(), Body: dgram.Receipt{
		From: dgram.PeerID(n.self), To: dgram.PeerID(key.from), Text: key.id, Result: result, Sig: word.Sign(n.cfg.Key),
	}})
}

// broughtBy is the friend who brought a line; zero: its sender did himself.
func (n *Node) broughtBy(line sessions.Incoming) sessions.UserKey {
	if len(n.holds.brought) == 0 {
		return sessions.UserKey{}
	}
	for part := range uint64(sessions.MaxParts) { // the first ones may be answered already
		if b, ok := n.holds.brought[textKey{line.From, line.ID + part}]; ok {
			return b.user
		}
	}
	return sessions.UserKey{}
}
