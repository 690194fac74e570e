package neighbors

import (
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
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

// custody is what a node does for held copies as sender and as friend.
type custody struct {
	*core
	held    *mail.HeldCopies
	off     bool                   // keeps nothing for others
	offers  map[copyKey]*offer     // of our own texts; at most maxOffers
	carried map[uint64]carriage    // messages under way, by id; at most maxCarried
	handed  map[carriage]time.Time // copies already answered that are still held, and when they may go again; at most what it has
	heldAt  time.Time              // when something held next expires
	next    time.Time              // when copies are offered again; zero: there is nothing to offer
}

// copyKey names a copy: a text for one session.
type copyKey struct {
	to identity.SessionID
	id uint64
}

// offer says which friends were given a copy of a text of ours.
type offer struct {
	friends []identity.SessionID // that have it or are asked; at most holdFriends
	kept    []identity.SessionID // those of them that said they keep it
	refused []identity.SessionID // that refused it; at most holdFriends of each offer
	sealed  []byte
}

// carriage is a message about a copy that waits for its ack.
type carriage struct {
	peer    identity.SessionID
	copy    copyKey
	from    identity.SessionID // whose text it is; zero: ours
	receipt bool
}

func newCustody(c *core) *custody {
	cu := &custody{
		core: c, held: mail.NewHeldCopies(), off: c.cfg.HoldOff || c.cfg.Seed,
		offers: map[copyKey]*offer{}, carried: map[uint64]carriage{},
		handed: map[carriage]time.Time{},
	}
	if c.cfg.Unstored {
		cu.held.Unstored()
	}
	return cu
}

// startHolds looks at what an earlier run left.
func (cu *custody) startHolds(now time.Time) {
	cu.heldAt = cu.held.Expire(now)
	cu.next = now
}

// advanceHolds drops copies that have waited too long, and offers ours.
func (cu *custody) advanceHolds(now time.Time) (next time.Time) {
	h := cu
	if due(h.heldAt, now) {
		h.heldAt = h.held.Expire(now)
	}
	if due(h.next, now) {
		h.next = time.Time{}
		cu.offerCopies(now)
	}
	return earliest(h.heldAt, h.next)
}

// offerSoon has copies offered after wait.
func (cu *custody) offerSoon(now time.Time, wait time.Duration) {
	cu.next = earliest(cu.next, now.Add(wait))
	cu.wake(cu.next)
}

// offerCopies gives friends copies of the texts that wait for users who are away.
func (cu *custody) offerCopies(now time.Time) {
	if cu.cfg.Seed || !cu.own.left.IsZero() {
		return
	}
	cu.forgetOffers()
	for _, user := range cu.outbox.Absent() {
		if len(cu.edges.onlineSessions(user)) > 0 || cu.book.Trust(user) == book.TrustBlocked {
			continue
		}
		for _, s := range cu.lastSessions(user) {
			if !cu.offerTo(now, s) {
				cu.offerSoon(now, holdRetry)
			}
		}
	}
}

// lastSessions lists the sessions of a user to which copies are sealed, the most recently heard
// first.
func (cu *custody) lastSessions(user identity.UserKey) []book.Session {
	list := slices.DeleteFunc(cu.book.SessionsOf(user), func(s book.Session) bool { return s.Hold == identity.HoldKey{} })
	slices.SortStableFunc(list, func(a, b book.Session) int { return b.LastHeard.Compare(a.LastHeard) })
	return list[:min(len(list), holdSessions)]
}

// offerTo gives friends the copies for one session; false: come again for the rest.
func (cu *custody) offerTo(now time.Time, s book.Session) (done bool) {
	friends := cu.commonFriends(s.ID)
	if len(friends) == 0 {
		return true // we look again when a friend of theirs comes
	}
	done = true
	for _, p := range cu.outbox.Copies(s.User, s.ID, maxOffers) {
		key := copyKey{s.ID, p.ID}
		o := cu.offers[key]
		if o == nil {
			if len(cu.offers) >= maxOffers {
				return false
			}
			sealed, err := mail.Copy{From: cu.own.session, To: s.ID, Part: p}.Seal(cu.cfg.Key, s.Hold)
			if err != nil {
				return true // the hold key in its record is not valid
			}
			o = &offer{sealed: sealed}
			cu.offers[key] = o
		}
		for _, e := range friends {
			if len(o.friends) >= holdFriends {
				break
			}
			if slices.Contains(o.friends, e.id) || slices.Contains(o.refused, e.id) {
				continue
			}
			if cu.carrying(e.id) >= holdAtOnce || !cu.sendHeld(now, e.id, carriage{peer: e.id, copy: key}, wire.Hold{
				To: wire.PeerID(s.ID), From: wire.PeerID(cu.own.session), Text: p.ID, Sealed: o.sealed,
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
func (cu *custody) commonFriends(id identity.SessionID) (list []*edge) {
	r := cu.claims.subject(id)
	if r == nil {
		return nil
	}
	for _, t := range r.tellers {
		if e := cu.edges.byID[t.by]; e != nil && e.online && !e.seed && cu.edges.known(e) && cu.ep.Live(wire.PeerID(e.id)) {
			list = append(list, e)
		}
	}
	return list
}

// carrying counts the messages about copies under way to one peer.
func (cu *custody) carrying(peer identity.SessionID) (count int) {
	for _, c := range cu.carried {
		if c.peer == peer {
			count++
		}
	}
	return count
}

// sendHeld sends one message about a copy.
func (cu *custody) sendHeld(now time.Time, to identity.SessionID, c carriage, body wire.Body) bool {
	id := cu.ep.NextID()
	if len(cu.carried) >= maxCarried || !cu.ep.Send(now, wire.PeerID(to), wire.Message{ID: id, Body: body}) {
		return false
	}
	cu.carried[id] = c
	return true
}

// carriageSettled: a message about a copy was answered or given up.
func (cu *custody) carriageSettled(now time.Time, peer identity.SessionID, id uint64, result wire.Result, answered bool) {
	c, ok := cu.carried[id]
	if !ok || c.peer != peer {
		return
	}
	delete(cu.carried, id)
	switch {
	case c.receipt:
		cu.receiptHandedOver(now, c, result, answered)
	case !c.from.IsZero():
		cu.copyHandedOver(now, c, result, answered)
	default:
		cu.copyOffered(now, c, result, answered)
	}
}

// copyOffered: a friend has taken a copy of ours, or refused it.
func (cu *custody) copyOffered(now time.Time, c carriage, result wire.Result, answered bool) {
	o := cu.offers[c.copy]
	if o == nil {
		return
	}
	again := time.Duration(0) // the next copies may go now
	switch {
	case answered && result == wire.ResultDelivered:
		o.kept = append(o.kept, c.peer)
		cu.keptBy(now, c.peer, c.copy.id)
	default:
		o.friends = slices.DeleteFunc(o.friends, func(id identity.SessionID) bool { return id == c.peer })
		if answered && result != wire.ResultBusy && len(o.refused) < holdFriends {
			o.refused = append(o.refused, c.peer)
		} else {
			again = holdRetry
		}
	}
	cu.offerSoon(now, again)
}

// keptBy tells the person that a friend keeps a line, once that friend has all parts of it for
// one of the recipient's sessions.
func (cu *custody) keptBy(now time.Time, friend identity.SessionID, id uint64) {
	line, ok := cu.outbox.LineOf(id)
	if !ok {
		return
	}
	for _, s := range cu.lastSessions(line.To) {
		all := true
		for i := range uint64(line.Parts) {
			o := cu.offers[copyKey{s.ID, line.ID + i}]
			all = all && o != nil && slices.Contains(o.kept, friend)
		}
		if all {
			cu.happened(now, progressed{cu.outbox.Held(id, friend)})
			return
		}
	}
}

// forgetOffers drops the offers of lines that have left the outbox.
func (cu *custody) forgetOffers() {
	for key := range cu.offers { // the order does not matter
		if _, ok := cu.outbox.LineOf(key.id); !ok {
			delete(cu.offers, key)
		}
	}
}

// receiptReceived: a friend brings a receipt for a text of ours, or a recipient gives us one for
// somebody whose text we kept.
func (cu *custody) receiptReceived(now time.Time, by book.Session, r dgram.Received, b wire.Receipt) {
	if identity.SessionID(b.To) != cu.own.session {
		cu.keepReceipt(now, by, r, b)
		return
	}
	from, ok := cu.book.Session(identity.SessionID(b.From))
	word := mail.Receipt{From: identity.SessionID(b.From), To: cu.own.session, ID: b.Text, Result: uint64(b.Result)}
	line, waits := cu.outbox.LineOf(b.Text)
	waits = ok && waits && line.To == from.User
	if waits && !cu.affords(now, by, costSignature) {
		cu.ep.Settle(now, r.Handle, wire.ResultBusy, 0)
		return
	}
	cu.ep.Settle(now, r.Handle, wire.ResultDelivered, 0)
	if !waits || !word.Verify(from.User, b.Sig) {
		return
	}
	why := mail.ReasonNone
	switch b.Result {
	case wire.ResultNotTrusted:
		why = mail.ReasonNotTrusted
	case wire.ResultTooOld:
		why = mail.ReasonTooOld
	}
	cu.happened(now, receiptCame{cu.outbox.Receipt(from.ID, b.Text, why), by.User, from, b.Text})
}
