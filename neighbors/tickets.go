package neighbors

import (
	"cmp"
	"crypto/ed25519"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// An introducer's memory of tickets (spec/theory.md 7.3). Requests are re-sent when their ack is
// lost, and datagrams overtake each other. A number answered before gets the same answer again,
// and nothing is done twice; any other number is new.

// introduceAskers bounds the askers that an introducer, or a target, remembers.
const introduceAskers = 4096

// maxAnswered is how many numbers are kept for one asker, the highest ones: as many as that asker
// can have requests to us under way.
const maxAnswered = 64

// tickets is what a node knows of tickets: those it signs, as asker; those it answered, as
// introducer; and those of which it was told, as target.
type tickets struct {
	last uint64 // the number of our last one

	// answers are the results given to the tickets of each asker session, for finds and explodes
	// together. There are introduceAskers sessions; the one that asked longest ago goes. An asker
	// gets an entry only by a valid request, and has paid for checking its two signatures. Each
	// list rises by number and has at most maxAnswered entries.
	answers *simplelru.LRU[identity.SessionID, []answered]

	told *simplelru.LRU[identity.SessionID, uint64] // as target: the highest of each asker; introduceAskers sessions
}

// answered is one ticket and its result.
type answered struct {
	number uint64
	result wire.Result
}

func newTickets() tickets {
	answers, err := simplelru.NewLRU[identity.SessionID, []answered](introduceAskers, nil)
	told, err2 := simplelru.NewLRU[identity.SessionID, uint64](introduceAskers, nil)
	if err != nil || err2 != nil {
		panic("BUG: the bounds of tickets must be positive")
	}
	return tickets{answers: answers, told: told}
}

// given returns the result that a ticket got before, or too old if that is no longer known;
// false: the ticket is new.
func (t *tickets) given(asker identity.SessionID, number uint64) (wire.Result, bool) {
	list, _ := t.answers.Get(asker)
	i, found := placeOf(list, number)
	switch {
	case found:
		return list[i].result, true
	case i == 0 && len(list) == maxAnswered:
		return wire.ResultTooOld, true
	}
	return 0, false
}

// give notes the result of a new ticket. Busy is not noted: it only describes the moment.
func (t *tickets) give(asker identity.SessionID, number uint64, r wire.Result) wire.Result {
	list, _ := t.answers.Get(asker)
	i, _ := placeOf(list, number)
	list = slices.Insert(list, i, answered{number, r})
	if len(list) > maxAnswered {
		list = slices.Delete(list, 0, 1)
	}
	t.answers.Add(asker, list)
	return r
}

// placeOf is the index at which a number stands, or would.
func placeOf(list []answered, number uint64) (int, bool) {
	return slices.BinarySearchFunc(list, number, func(a answered, n uint64) int { return cmp.Compare(a.number, n) })
}

// fresh notes a ticket of which we, as target, are told; false: its asker has signed one with
// that number or a higher one before.
func (t *tickets) fresh(asker identity.SessionID, number uint64) bool {
	if last, ok := t.told.Get(asker); ok && number <= last {
		return false
	}
	t.told.Add(asker, number)
	return true
}

// signTicket signs one introduction. Its numbers rise, even across restarts.
func (fi *finder) signTicket(now time.Time, introducer identity.SessionID, p wire.Ping) wire.Ticket {
	fi.tickets.last = max(fi.tickets.last+1, uint64(now.UnixMilli()))
	t := identity.Ticket{Asker: fi.own.session, Introducer: introducer, Name: p.Name, User: p.User, Number: fi.tickets.last}
	return wire.Ticket{Number: t.Number, Sig: t.SignBy(fi.own.signatures, fi.cfg.Key)}
}

// ticketHolds checks the ticket of p, whose asker is rec.
func (co *core) ticketHolds(rec identity.Record, introducer identity.SessionID, p wire.Ping) bool {
	t := identity.Ticket{Asker: rec.Session, Introducer: introducer, Name: p.Name, User: p.User, Number: p.Ticket.Number}
	return t.VerifyBy(co.own.signatures, ed25519.PublicKey(rec.User[:]), p.Ticket.Sig)
}
