package neighbors

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// The introducer's side (spec/theory.md 7.1, 7.2). Asker and target must both want the
// introduction. An introducer cannot know whom the target knows, so the target decides: they
// are told who asks, and ask back.

// wishKey is one wish: the session that asks, and the user it asks for.
type wishKey struct {
	asker  identity.SessionID
	target identity.UserKey
}

// wish is what somebody asked for, while it is remembered. The asker gets the ticket back with
// the introduction, and so knows that they asked for it.
type wish struct {
	name   string
	user   []byte
	ticket wire.Ticket
	at     time.Time
	knocks pairState // when the target was told
}

// wishOf returns a session's wish for a user, if it asked for that user lately.
func (in *introducer) wishOf(now time.Time, asker identity.SessionID, target identity.UserKey) *wish {
	w, ok := in.wishes.Get(wishKey{asker, target})
	if !ok || now.Sub(w.at) > wishTime {
		return nil
	}
	return w
}

// rememberWish stores an asker's wish.
func (in *introducer) rememberWish(now time.Time, asker identity.SessionID, target identity.UserKey, p wire.Ping) *wish {
	w, ok := in.wishes.Get(wishKey{asker, target})
	if !ok {
		w = &wish{}
	}
	w.name, w.user, w.ticket, w.at = p.Name, slices.Clone(p.User), p.Ticket, now
	in.wishes.Add(wishKey{asker, target}, w)
	return w
}

// serves says whether we introduce on behalf of an asker: a seed does for anybody, a person's
// node for people our user knows and those on our own link.
func (in *introducer) serves(asker budget.Payer) bool {
	return in.cfg.Seed || asker.Class <= budget.Known || asker.Class == budget.Link
}

// findCost is what a search costs. One by key is cheap: names can be guessed, keys cannot, and
// somebody who has been away asks for all friends by key at once.
func findCost(p wire.Ping) float64 {
	if len(p.User) > 0 {
		return 0.1
	}
	return 1
}

// introduce brings the asker together with those it looks for, if they want that: only if both
// have a live association with us, and only with addresses that we validated ourselves. The
// asker cannot tell somebody who is not here from somebody who does not want it (yet).
func (in *introducer) introduce(now time.Time, asker book.Session, addr netip.AddrPort, p wire.Ping) wire.Result {
	payer := in.edges.payerAt(asker, addr)
	at, _, live := in.direct(asker.ID)
	if !live || at != addr || !in.serves(payer) {
		return wire.ResultUnknownRecipient
	}
	if !in.budget.Spend(now, budget.Finds, payer, findCost(p)) {
		return wire.ResultBusy
	}
	rec, err := in.verify(p.Record)
	if err != nil || rec.Session != asker.ID || !isMapped(p.Name) || !in.ticketHolds(rec, in.own.session, p) {
		return wire.ResultUnknownRecipient
	}
	found := 0
	for _, t := range in.targets(now, p, asker) {
		to, _, ok := in.direct(t.ID)
		if !ok {
			continue
		}
		mine := in.rememberWish(now, asker.ID, t.User, p)
		theirs := in.wishOf(now, t.ID, asker.User)
		switch {
		case introducesAtOnce(t.Flags, in.together(addr, to)):
			theirs = mine
		case theirs != nil: // both asked
		case t.Flags&identity.FlagNoIntro == 0 && mine.knocks.allow(now, addr, to):
			in.ep.Send(now, wire.PeerID(t.ID), wire.Message{ID: in.ep.NextID(), Body: in.half(mine, rec.Session, p.Record)})
			continue
		default:
			continue
		}
		found++
		in.introducePair(now, rec, p.Record, addr, t, to, mine, theirs)
	}
	if found == 0 {
		in.waiters.note(asker.ID, p.User)
		return in.finder.tickets.give(asker.ID, p.Ticket.Number, wire.ResultUnknownRecipient)
	}
	return in.finder.tickets.give(asker.ID, p.Ticket.Number, wire.ResultDelivered)
}

// isMapped says whether a name in a search is in its mapped form; an empty one is. Everybody on
// the way compares it with mapped names, so any other form would match nothing.
func isMapped(name string) bool {
	mapped, err := identity.MapName(name)
	return name == "" || err == nil && mapped == name
}

// introducePair tells asker and target of each other, each with the ticket of a wish.
func (in *introducer) introducePair(now time.Time, rec identity.Record, signed []byte, addr netip.AddrPort,
	t book.Session, to netip.AddrPort, mine, theirs *wish) {
	var pair [16]byte
	copy(pair[:8], rec.Session[:])
	copy(pair[8:], t.ID[:])
	st, _ := in.pairs.Get(pair)
	other, err := identity.Decode(t.Record) // the book's: it was verified
	if !st.allow(now, addr, to) || err != nil {
		return // they have been told already
	}
	in.pairs.Add(pair, st)
	half := in.half(theirs, rec.Session, signed)
	half.Addrs = candidates(rec, addr, to)
	in.ep.Send(now, wire.PeerID(t.ID), wire.Message{ID: in.ep.NextID(), Body: half})
	half = in.half(mine, t.ID, t.Record)
	half.Addrs = candidates(other, to, addr)
	in.ep.Send(now, wire.PeerID(rec.Session), wire.Message{ID: in.ep.NextID(), Body: half})
}

// half makes the forwarded half of a request: it tells of a session, and why, by the ticket of w.
// Without addresses it only says who asks.
func (in *introducer) half(w *wish, of identity.SessionID, signed []byte) wire.Ping {
	return wire.Ping{Scope: wire.ScopeFind, Name: w.name, User: w.user, By: in.own.session[:], Ticket: w.ticket, Session: of[:], Record: signed}
}

// introducesAtOnce says whether a session with these flags is introduced without being asked: to
// anybody, or to an asker in the same place (together).
func introducesAtOnce(flags uint64, together bool) bool {
	switch {
	case flags&identity.FlagNoIntro != 0:
		return false
	case flags&identity.FlagIntroLink != 0:
		return together
	}
	return flags&identity.FlagIntroAll != 0
}

// targets lists at most introduceTo sessions that p looks for and that we are associated with:
// first those that look for the asker, then others at random.
func (in *introducer) targets(now time.Time, p wire.Ping, asker book.Session) (list []book.Session) {
	f := find{name: p.Name}
	if len(p.User) == len(f.user) {
		f.user = identity.UserKey(p.User)
	} else if p.Name == "" {
		return nil
	}
	var others []book.Session
	for _, s := range in.meant(f) {
		e := in.edges.byID[s.ID]
		switch {
		case e == nil || !e.online || s.ID == asker.ID || s.User == asker.User || !in.ep.Live(wire.PeerID(s.ID)):
		case in.wishOf(now, s.ID, asker.User) != nil:
			list = append(list, s)
		default:
			others = append(others, s)
		}
	}
	if len(others) > introduceTo { // not always the same ones
		at := int(p.Ticket.Number % uint64(len(others)))
		others = slices.Concat(others[at:], others[:at])
	}
	list = append(list, others...)
	return list[:min(len(list), introduceTo)]
}

// candidates lists the addresses at which the other may dial a session: the one that we
// validated and, before it, if both come from behind one router, those of the machine. Of the
// latter the dialler uses only those on their own link.
func candidates(rec identity.Record, addr, other netip.AddrPort) (list []netip.AddrPort) {
	if oneHome(addr.Addr(), other.Addr()) {
		for _, a := range rec.Addrs {
			if a.Scope != identity.ScopeObserved && a.Addr.Addr().IsPrivate() && len(list) < maxNearCandidates {
				list = append(list, a.Addr)
			}
		}
	}
	return append(list, addr)
}

// maxNearCandidates is how many addresses of a machine are told besides the validated one.
const maxNearCandidates = 2

// meant lists the sessions of the users that f means.
func (co *core) meant(f find) (list []book.Session) {
	if !f.user.IsZero() {
		return co.book.SessionsOf(f.user)
	}
	for _, u := range co.book.Named(f.name) {
		list = append(list, co.book.SessionsOf(u)...)
	}
	return list
}
