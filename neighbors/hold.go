package neighbors

import (
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// Held copies (spec/theory.md 4.7): a text to somebody who is away is sealed to their last
// sessions and given to common friends, who hand it over when they come. This file is the
// sender's side; keep.go is the friend's, brought.go the recipient's.

const (
	holdSessions = 4                // last sessions of a user to which copies are sealed
	holdFriends  = 2                // that keep one copy each
	holdAtOnce   = 16               // copies under way to or from one friend
	holdSoon     = time.Second      // after somebody was lost: they may be back at once
	holdRetry    = 30 * time.Second // after a friend had no room, or could not be asked
	maxOffers    = 4096             // copies of which we remember who has them
	maxCarried   = 1024             // copies and receipts under way
)

// holds is what a node does for held copies as sender and as friend.
type holds struct {
	shelf   *sessions.Shelf
	off     bool                   // keeps nothing for others
	offers  map[copyKey]*offer     // of our own texts; at most maxOffers
	carried map[uint64]carriage    // messages under way, by id; at most maxCarried
	handed  map[carriage]time.Time // copies already answered that the shelf still has, and when they may go again; at most what it has
	shelfAt time.Time              // when something on the shelf next expires
	next    time.Time              // when copies are offered again; zero: there is nothing to offer
}

// copyKey names a copy: a text for one session.
type copyKey struct {
	to sessions.SessionID
	id uint64
}

// offer says which friends were given a copy of a text of ours.
type offer struct {
	friends []sessions.SessionID // that have it or are asked; at most holdFriends
	kept    []sessions.SessionID // those of them that said they keep it
	refused []sessions.SessionID // that refused it; at most holdFriends of each offer
	sealed  []byte
}

// carriage is a message about a copy that waits for its ack.
type carriage struct {
	peer    sessions.SessionID
	copy    copyKey
	from    sessions.SessionID // whose text it is; zero: ours
	receipt bool
}

func (n *Node) newHolds(now time.Time) {
	n.holds = holds{
		shelf: sessions.NewShelf(), off: n.cfg.HoldOff || n.cfg.Seed,
		offers: map[copyKey]*offer{}, carried: map[uint64]carriage{},
		handed: map[carriage]time.Time{},
	}
	if n.cfg.Unstored {
		n.holds.shelf.Unstored()
	}
}

// startHolds looks at what an earlier run left.
func (n *Node) startHolds(now time.Time) {
	n.holds.shelfAt = n.holds.shelf.Expire(now)
	n.holds.next = now
}

// advanceHolds drops copies that have waited too long, and offers ours.
func (n *Node) advanceHolds(now time.Time) (next time.Time) {
	h := &n.holds
	if due(h.shelfAt, now) {
		h.shelfAt = h.shelf.Expire(now)
	}
	if due(h.next, now) {
		h.next = time.Time{}
		n.offerCopies(now)
	}
	return earliest(h.shelfAt, h.next)
}

// offerSoon has copies offered after wait.
func (n *Node) offerSoon(now time.Time, wait time.Duration) {
	n.holds.next = earliest(n.holds.next, now.Add(wait))
	n.wake(n.holds.next)
}

// offerCopies gives friends copies of the texts that wait for users who are away.
func (n *Node) offerCopies(now time.Time) {
	if n.cfg.Seed || !n.left.IsZero() {
		return
	}
	n.forgetOffers()
	for _, user := range n.outbox.Absent() {
		if len(n.onlineSessions(user)) > 0 || n.book.Trust(user) == sessions.TrustBlocked {
			continue
		}
		for _, s := range n.lastSessions(user) {
			if !n.offerTo(now, s) {
				n.offerSoon(now, holdRetry)
			}
		}
	}
}

// lastSessions lists the sessions of a user to which copies are sealed, the most recently heard
// first.
func (n *Node) lastSessions(user sessions.UserKey) []sessions.Session {
	list := slices.DeleteFunc(n.book.SessionsOf(user), func(s sessions.Session) bool { return s.Hold == sessions.HoldKey{} })
	slices.SortStableFunc(list, func(a, b sessions.Session) int { return b.LastHeard.Compare(a.LastHeard) })
	return list[:min(len(list), holdSessions)]
}

// offerTo gives friends the copies for one session; false: come again for the rest.
func (n *Node) offerTo(now time.Time, s sessions.Session) (done bool) {
	friends := n.commonFriends(s.ID)
	if len(friends) == 0 {
		return true // we look again when a friend of theirs comes
	}
	done = true
	for _, p := range n.outbox.Copies(s.User, s.ID, maxOffers) {
		key := copyKey{s.ID, p.ID}
		o := n.holds.offers[key]
		if o == nil {
			if len(n.holds.offers) >= maxOffers {
				return false
			}
			sealed, err := sessions.Copy{From: n.self, To: s.ID, Part: p}.Seal(n.cfg.Key, s.Hold)
			if err != nil {
				return true // the hold key in its record is not valid
			}
			o = &offer{sealed: sealed}
			n.holds.offers[key] = o
		}
		for _, e := range friends {
			if len(o.friends) >= holdFriends {
				break
			}
			if slices.Contains(o.friends, e.id) || slices.Contains(o.refused, e.id) {
				continue
			}
			if n.carrying(e.id) >= holdAtOnce || !n.sendHeld(now, e.id, carriage{peer: e.id, copy: key}, dgram.Hold{
				To: dgram.PeerID(s.ID), From: dgram.PeerID(n.self), Text: p.ID, Sealed: o.sealed,
			}) {
				done = false
				continue
			}
			o.friends = append(o.friends, e.id)
		}
	}
	return done
}

// commonFriends lists, in a fixed order, the neighbours that are here, known to our user, and
// say that they have an edge to a session.
func (n *Node) commonFriends(id sessions.SessionID) (list []*edge) {
	r := n.rumors.rumor(id)
	if r == nil {
		return nil
	}
	for _, t := range r.tellers {
		if e := n.edges[t.by]; e != nil && e.online && !e.seed && n.known(e) && n.ep.Live(dgram.PeerID(e.id)) {
			list = append(list, e)
		}
	}
	return list
}

// carrying counts the messages about copies under way to one peer.
func (n *Node) carrying(peer sessions.SessionID) (count int) {
	for _, c := range n.holds.carried {
		if c.peer == peer {
			count++
		}
	}
	return count
}

// sendHeld sends one message about a copy.
func (n *Node) sendHeld(now time.Time, to sessions.SessionID, c carriage, body dgram.Body) bool {
	id := n.ep.NextID()
	if len(n.holds.carried) >= maxCarried || !n.ep.Send(now, dgram.PeerID(to), dgram.Message{ID: id, Body: body}) {
		return false
	}
	n.holds.carried[id] = c
	return true
}

// carriageSettled: a message about a copy was answered or given up.
func (n *Node) carriageSettled(now time.Time, peer sessions.SessionID, id uint64, result dgram.Result, answered bool) {
	c, ok := n.holds.carried[id]
	if !ok || c.peer != peer {
		return
	}
	delete(n.holds.carried, id)
	switch {
	case c.receipt:
		n.receiptHandedOver(now, c, result, answered)
	case !c.from.IsZero():
		n.copyHandedOver(now, c, result, answered)
	default:
		n.copyOffered(now, c, result, answered)
	}
}

// copyOffered: a friend has taken a copy of ours, or refused it.
func (n *Node) copyOffered(now time.Time, c carriage, result dgram.Result, answered bool) {
	o := n.holds.offers[c.copy]
	if o == nil {
		return
	}
	again := time.Duration(0) // the next copies may go now
	switch {
	case answered && result == dgram.ResultDelivered:
		o.kept = append(o.kept, c.peer)
		n.keptBy(now, c.peer, c.copy.id)
	default:
		o.friends = slices.DeleteFunc(o.friends, func(id sessions.SessionID) bool { return id == c.peer })
		if answered && result != dgram.ResultBusy && len(o.refused) < holdFriends {
			o.refused = append(o.refused, c.peer)
		} else {
			again = holdRetry
		}
	}
	n.offerSoon(now, again)
}

// keptBy tells the person that a friend keeps a line, once that friend has all parts of it for
// one of the recipient's sessions.
func (n *Node) keptBy(now time.Time, friend sessions.SessionID, id uint64) {
	line, ok := n.outbox.LineOf(id)
	if !ok {
		return
	}
	for _, s := range n.lastSessions(line.To) {
		all := true
		for i := range uint64(line.Parts) {
			o := n.holds.offers[copyKey{s.ID, line.ID + i}]
			all = all && o != nil && slices.Contains(o.kept, friend)
		}
		if all {
			n.happened(now, progressed{n.outbox.Held(id, friend)})
			return
		}
	}
}

// forgetOffers drops the offers of lines that have left the outbox.
func (n *Node) forgetOffers() {
	for key := range n.holds.offers { // the order does not matter
		if _, ok := n.outbox.LineOf(key.id); !ok {
			delete(n.holds.offers, key)
		}
	}
}

// receiptReceived: a friend brings a receipt for a text of ours, or a recipient gives us one for
// somebody whose text we kept.
func (n *Node) receiptReceived(now time.Time, by sessions.Session, r dgram.Received, b dgram.Receipt) {
	if sessions.SessionID(b.To) != n.self {
		n.keepReceipt(now, by, r, b)
		return
	}
	from, ok := n.book.Session(sessions.SessionID(b.From))
	word := sessions.Receipt{From: sessions.SessionID(b.From), To: n.self, ID: b.Text, Result: uint64(b.Result)}
	line, waits := n.outbox.LineOf(b.Text)
	waits = ok && waits && line.To == from.User
	if waits && !n.affords(now, by, costSignature) {
		n.ep.Settle(now, r.Handle, dgram.ResultBusy, 0)
		return
	}
	n.ep.Settle(now, r.Handle, dgram.ResultDelivered, 0)
	if !waits || !word.Verify(from.User, b.Sig) {
		return
	}
	why := sessions.ReasonNone
	switch b.Result {
	case dgram.ResultNotTrusted:
		why = sessions.ReasonNotTrusted
	case dgram.ResultTooOld:
		why = sessions.ReasonTooOld
	}
	n.happened(now, receiptCame{n.outbox.Receipt(from.ID, b.Text, why), by.User, from, b.Text})
}
