package neighbors

import (
	"bytes"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// Bounds of what others tell us.
const (
	maxSubjects = 4096 // sessions (N2); the one not mentioned for longest goes
	maxTellers  = 16   // neighbours remembered that tell of one session
	maxClaimsOf = 256  // sessions told by one neighbour, who has 150 edges: a liar must not push out what others tell

	claimsAtOnce = 512                    // new claims of one neighbour that we act on at once:
	claimsGap    = 500 * time.Millisecond // enough for a piece of the network that comes back; then one per gap
)

// claims is the second edge, filled by gossip: which sessions our neighbours have edges to, and
// what each neighbour believes of them. It makes nobody online here (that takes a datagram of
// their own); it says whom to ask, and what the person sees of sessions two edges away.
type claims struct {
	*core
	of     *simplelru.LRU[identity.SessionID, *subject]
	toldBy map[identity.SessionID]int // how many sessions each teller tells of; as many entries as tellers
}

// subject is what neighbours tell of one session.
type subject struct {
	id      identity.SessionID
	tellers []claim // in the order of their first claim; at most maxTellers
	shown   State   // what the person was last told of it
}

// claim is one neighbour's claim.
type claim struct {
	by    identity.SessionID
	known bool // our user knows the teller
	seq   uint64
	state uint64 // of wire.Summary
}

func newClaims(c *core) *claims {
	r := &claims{core: c, toldBy: map[identity.SessionID]int{}}
	of, err := simplelru.NewLRU(maxSubjects, func(_ identity.SessionID, gone *subject) {
		for _, t := range gone.tellers {
			r.untold(t.by)
		}
	})
	if err != nil {
		panic("BUG: the bound of rumors must be positive")
	}
	r.of = of
	return r
}

// outdated: the person has just been told that a session is no longer reached. Of what others
// tell of it, only that they reach it is still news.
func (h *claims) outdated(id identity.SessionID) *subject {
	r := h.subject(id)
	if r != nil {
		r.shown = ""
	}
	return r
}

// untold counts one telling fewer.
func (h *claims) untold(by identity.SessionID) {
	if h.toldBy[by]--; h.toldBy[by] <= 0 {
		delete(h.toldBy, by)
	}
}

func (h *claims) subject(id identity.SessionID) *subject {
	r, _ := h.of.Peek(id)
	return r
}

// note records a neighbour's claim. It returns the entry (nil if there is no room), whether the
// claim is new, and the previous claim (gone if there was none). Strangers, who can be many on one
// link, leave room for people our user knows: half of all entries, and their places among the
// tellers. asked: the claim answers our request, so it counts even if earlier news had a higher seq.
func (h *claims) note(by identity.SessionID, known bool, s wire.Summary, asked bool) (r *subject, news bool, was uint64) {
	id := identity.SessionID(s.Session)
	r, ok := h.of.Get(id)
	i := -1
	if ok {
		i = slices.IndexFunc(r.tellers, func(t claim) bool { return t.by == by })
	}
	if i < 0 && (h.toldBy[by] >= maxClaimsOf || !ok && !known && h.of.Len() >= maxSubjects/2 || ok && !h.seat(r, known)) {
		return nil, false, 0
	}
	if !ok {
		r = &subject{id: id}
		h.of.Add(id, r)
	}
	if i < 0 {
		h.toldBy[by]++
		r.tellers = append(r.tellers, claim{by: by, known: known})
		i, news = len(r.tellers)-1, true
	}
	t := &r.tellers[i]
	if !asked && s.Seq < t.seq {
		return r, false, t.state // news that arrived out of order
	}
	was = t.state
	news = news || t.seq != s.Seq || t.state != s.State
	t.seq, t.state = s.Seq, s.State
	return r, news, was
}

// seat makes room for one more teller; a stranger gives way to somebody known.
func (h *claims) seat(r *subject, known bool) bool {
	if len(r.tellers) < maxTellers {
		return true
	}
	i := slices.IndexFunc(r.tellers, func(t claim) bool { return !t.known })
	if !known || i < 0 {
		return false
	}
	h.untold(r.tellers[i].by)
	r.tellers = slices.Delete(r.tellers, i, i+1)
	return true
}

// drop forgets all claims of a neighbour and returns the sessions concerned, in a fixed order.
func (h *claims) drop(by identity.SessionID) []*subject {
	return h.dropThose(by, func(identity.SessionID) bool { return true })
}

// replace forgets the claims of a neighbour that are missing from a page of its list, asked for
// behind cursor. It returns the sessions concerned, in a fixed order.
func (h *claims) replace(by identity.SessionID, cursor []byte, page *wire.List) []*subject {
	return h.dropThose(by, func(id identity.SessionID) bool {
		_, listed := slices.BinarySearchFunc(page.Summaries, id, func(s wire.Summary, id identity.SessionID) int {
			return bytes.Compare(s.Session[:], id[:])
		})
		return !listed && covers(page, cursor, wire.PeerID(id))
	})
}

func (h *claims) dropThose(by identity.SessionID, of func(identity.SessionID) bool) (touched []*subject) {
	if h.toldBy[by] == 0 {
		return nil
	}
	for _, r := range h.of.Values() {
		i := slices.IndexFunc(r.tellers, func(t claim) bool { return t.by == by })
		if i < 0 || !of(r.id) {
			continue
		}
		r.tellers = slices.Delete(r.tellers, i, i+1)
		h.untold(by)
		touched = append(touched, r)
		if len(r.tellers) == 0 && r.shown == "" {
			h.of.Remove(r.id)
		}
	}
	return touched
}

// held is what one neighbour told, in the form of its list: at most maxClaimsOf, by session id.
func (h *claims) held(by identity.SessionID) (list []wire.Summary) {
	for _, r := range h.of.Values() {
		for _, t := range r.tellers {
			if t.by == by {
				list = append(list, wire.Summary{Session: wire.PeerID(r.id), Seq: t.seq, State: t.state})
			}
		}
	}
	slices.SortFunc(list, func(a, b wire.Summary) int { return bytes.Compare(a.Session[:], b.Session[:]) })
	return list
}

// via returns the best state that neighbours which are here claim for a session, and who claims
// it. Only claims about the newest record count.
func (h *claims) via(r *subject) (state State, by *edge) {
	state = Unknown
	seq := uint64(0)
	if s, ok := h.book.Session(r.id); ok {
		if seq = s.Seq; s.State == identity.StateGone {
			return Offline, nil
		}
	}
	rank := slices.Index(states[:], Unknown)
	for _, t := range r.tellers {
		e := h.edges.byID[t.by]
		if e == nil || !e.online || t.seq < seq {
			continue
		}
		said := saidState(t.state)
		i := slices.Index(states[:], said)
		if said == Offline && state == Unknown { // better than nothing
			state, by = said, e
		} else if i < rank {
			state, by, rank = said, e, i
		}
	}
	return state, by
}

// saidState is the State for the state in a summary.
func saidState(s uint64) State {
	switch s {
	case uint64(identity.StateOnline):
		return Online
	case uint64(identity.StateAway):
		return Away
	case wire.SummarySuspect:
		return Suspect
	}
	return Offline
}

// covers says whether a page asked for behind cursor would tell of a session if its teller had
// it.
func covers(l *wire.List, cursor []byte, id wire.PeerID) bool {
	return (!l.Part || l.Buckets.Has(id)) && (len(cursor) == 0 || bytes.Compare(id[:], cursor) > 0) &&
		(len(l.Next) == 0 || bytes.Compare(id[:], l.Next) <= 0)
}
