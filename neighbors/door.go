package neighbors

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// door is where new users wait: each may leave a few lines until the person answers one, or
// lets them in by \accept. The ledger says how many; a line beyond that is answered busy, and so
// stays with its sender.
type door struct {
	*core
	visitors map[identity.UserKey]*visitor     // at most maxVisitors
	paid     *simplelru.LRU[textKey, struct{}] // texts already paid for; at most maxPaid
	knocking knocking                          // nil: nobody knocks
}

const (
	// maxVisitors bounds the new users remembered for the lines they left. The network with
	// most of them gives way.
	maxVisitors = 256
	// maxPaid bounds the texts remembered as paid for. A paid text may not have been taken
	// yet: an earlier one was missing, there was no room, or the disk took nothing. All new
	// users together leave one a second.
	maxPaid = 512
	// maxListed bounds a list of visitors for the person.
	maxListed = 64
)

// visitor is a new user who left lines, or tried to.
type visitor struct {
	lines   int
	waits   bool // more were answered busy
	heard   time.Time
	network netip.Prefix
}

// knocking is another way to come to the door: asking, through somebody else, to meet our
// user. Its implementation bounds what those who ask may cost.
type knocking interface {
	knocks(now time.Time) []knock                     // in any order, of new users only
	letIn(now time.Time, user identity.UserKey) error // the person wants to meet them
	turnAway(now time.Time, user identity.UserKey)    // the person has blocked them
}

// knock is somebody who asks.
type knock struct {
	user  identity.UserKey
	label string // what to type for that key; nobody else in the book has it
	at    time.Time
}

// How somebody came to the door.
const (
	CameWrote   = "wrote"
	CameKnocked = "knocked"
	CameLink    = "link" // on our own link, and has said nothing yet
)

// StrangerView is a new user at the door.
type StrangerView struct {
	Name        string // what one types for that key
	Fingerprint string
	Came        string // CameWrote, CameKnocked or CameLink
	Lines       int    // left in this run
	Waiting     bool   // more lines wait with them
	Online      bool
	LastHeard   time.Time // by a line or a knock; on the link by anything
}

// StrangersView is who is at the door: first those who want something of the person, the
// newest first, then those who are merely on the link. More is how many are left out.
type StrangersView struct {
	List []StrangerView
	More int
}

// AcceptView is who was let in.
type AcceptView struct {
	User        string
	Fingerprint string
	Trust       string
	Lines       int // left until now
}

func newDoor(c *core) *door {
	paid, err := simplelru.NewLRU[textKey, struct{}](maxPaid, nil)
	if err != nil {
		panic("BUG: the bound of paid texts must be positive")
	}
	return &door{core: c, visitors: map[identity.UserKey]*visitor{}, paid: paid}
}

// startDoor notes the new users whose lines an earlier run took but did not show.
func (dr *door) startDoor() {
	for _, line := range dr.inbox.Unread() {
		if by := dr.edges.payer(line.From); by.Class > budget.Known {
			dr.visitor(line.User, by, line.At).lines++
		}
	}
}

// admit says whether a text may go on to the inbox, and what to answer if not. A text is paid
// for once, however often it comes.
func (dr *door) admit(now time.Time, s book.Session, id uint64, b wire.Text) (refusal wire.Result, ok bool) {
	key := textKey{s.ID, id}
	by := dr.edges.payer(s.ID)
	switch {
	case by.Class <= budget.Known, dr.inbox.Took(s.ID, id):
		return 0, true
	case !dr.opensTo(by.Class):
		return wire.ResultNotTrusted, false
	case dr.paid.Contains(key):
		return 0, true
	}
	v := dr.visitor(s.User, by, now)
	if !dr.budget.Spend(now, budget.Lines, by, 1) {
		v.waits = true
		return wire.ResultBusy, false
	}
	dr.paid.Add(key, struct{}{})
	if v.waits = false; b.Part+1 == b.Parts {
		v.lines++
	}
	return 0, true
}

// opensTo says whether new users of a class may leave lines at all.
func (dr *door) opensTo(c budget.Class) bool {
	switch dr.cfg.Door {
	case DoorNone:
		return false
	case DoorLink:
		return c <= budget.Link
	}
	return true
}

// visitor returns what is known of a user at the door, and notes that they were heard now.
func (dr *door) visitor(user identity.UserKey, by budget.Payer, now time.Time) *visitor {
	d := dr
	v := d.visitors[user]
	if v == nil {
		if len(d.visitors) >= maxVisitors {
			dr.forgetOne()
		}
		v = &visitor{}
		dr.visitors[user] = v
	}
	v.heard, v.network = now, by.Prefix
	return v
}

// forgetOne forgets, in the network with most visitors, the one not heard of for longest. Their
// lines stay where they are.
func (dr *door) forgetOne() {
	count := map[netip.Prefix]int{}
	for _, v := range dr.visitors {
		count[v.network]++
	}
	var worst identity.UserKey
	var of *visitor
	for user, v := range dr.visitors {
		if of == nil || cmp.Or(
			cmp.Compare(count[v.network], count[of.network]), of.heard.Compare(v.heard), slices.Compare(user[:], worst[:]),
		) > 0 {
			worst, of = user, v
		}
	}
	delete(dr.visitors, worst)
}

// letIn: the person has meant a user who was new, who is bounded no longer. If lines of theirs
// may wait for us, they are told that we are here, which makes them send those lines.
func (dr *door) letIn(now time.Time, user identity.UserKey) {
	v := dr.visitors[user]
	delete(dr.visitors, user)
	for _, id := range dr.edges.onlineSessions(user) {
		wrote := dr.inbox.Took(id, 0) // perhaps long ago: visitors are forgotten in the end
		if v != nil && !v.waits || v == nil && !wrote {
			continue
		}
		dr.ep.Send(now, wire.PeerID(id), wire.Message{ID: dr.ep.NextID(), Body: wire.Online{Record: dr.own.signed, Observed: dr.edges.byID[id].told}})
	}
	dr.wake(now)
}

// strangers lists who is at the door.
func (dr *door) strangers(now time.Time) (view StrangersView) {
	list := dr.wroteOrOnLink()
	for _, k := range dr.knocks(now) {
		i := slices.IndexFunc(list, func(v StrangerView) bool { return v.Fingerprint == identity.Fingerprint(k.user) })
		if i < 0 {
			list = append(list, StrangerView{Name: k.label, Fingerprint: identity.Fingerprint(k.user), Came: CameKnocked, LastHeard: k.at})
		} else if list[i].Came == CameLink {
			list[i].Came, list[i].LastHeard = CameKnocked, k.at
		}
	}
	wants := func(v StrangerView) int {
		if v.Came == CameLink {
			return 1
		}
		return 0
	}
	slices.SortFunc(list, func(a, b StrangerView) int {
		return cmp.Or(cmp.Compare(wants(a), wants(b)), b.LastHeard.Compare(a.LastHeard), strings.Compare(a.Name, b.Name))
	})
	view.List = list[:min(len(list), maxListed)]
	view.More = len(list) - len(view.List)
	return view
}

// wroteOrOnLink lists new users who left lines or are here on the link.
func (dr *door) wroteOrOnLink() (list []StrangerView) {
	seen := map[identity.UserKey]bool{}
	add := func(user identity.UserKey, came string) {
		u, ok := dr.book.User(user)
		if !ok || u.Trust != book.TrustNew || seen[user] {
			return
		}
		seen[user] = true
		v := StrangerView{
			Name: u.Label, Fingerprint: identity.Fingerprint(user), Came: came, Online: len(dr.edges.onlineSessions(user)) > 0,
		}
		if at := dr.visitors[user]; at != nil {
			v.Lines, v.Waiting, v.LastHeard = at.lines, at.waits, at.heard
		} else {
			for _, s := range dr.book.SessionsOf(user) {
				if s.LastHeard.After(v.LastHeard) {
					v.LastHeard = s.LastHeard
				}
			}
		}
		list = append(list, v)
	}
	for user := range dr.visitors { // sorted later
		add(user, CameWrote)
	}
	for _, id := range dr.edges.edgeIDs() {
		if e := dr.edges.byID[id]; e.online && e.link && e.user != dr.own.user {
			add(e.user, CameLink)
		}
	}
	return list
}

func (dr *door) knocks(now time.Time) []knock {
	if dr.knocking == nil {
		return nil
	}
	return dr.knocking.knocks(now)
}
