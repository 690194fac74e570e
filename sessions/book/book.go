package book

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"darkchat/sessions/identity"
)

const (
	// keptSessions of every pinned user are never pruned for strangers.
	keptSessions = 4
	// newPerPrefix is how many new users of one network a client remembers: a whole office
	// may be behind one address. A seed may serve several offices there.
	newPerPrefix     = 64
	newPerPrefixSeed = 1024
)

// What a Book refuses.
var (
	ErrUnknownUser = errors.New("no such user is known")
	ErrStale       = errors.New("a newer record of that session is known")
	ErrFull        = errors.New("no room for another user or session")
	ErrBlocked     = errors.New("that user is blocked")
)

// Limits bound a Book. Zero values stand for the defaults of a client; a negative
// NewPerPrefix means no limit.
type Limits struct {
	Users           int // new users
	Sessions        int // sessions of new users
	Kept            int // pinned, verified and blocked users
	SessionsPerUser int
	NewPerPrefix    int // new users that authenticated from one /24 or /56, or one private address
	SameName        int // new users that go by one name
}

// DefaultLimits are the limits of a client, or of a seed.
func DefaultLimits(seed bool) Limits {
	if seed {
		return Limits{
			Users: 131072, Sessions: 262144, NewPerPrefix: newPerPrefixSeed, SameName: maxClaimantsSeed,
		}.withDefaults()
	}
	return Limits{}.withDefaults()
}

func (l Limits) withDefaults() Limits {
	l.Users = cmp.Or(l.Users, 4096)
	l.Sessions = cmp.Or(l.Sessions, 8192)
	l.Kept = cmp.Or(l.Kept, 65536)
	l.SessionsPerUser = max(cmp.Or(l.SessionsPerUser, 16), keptSessions)
	l.NewPerPrefix = cmp.Or(l.NewPerPrefix, newPerPrefix)
	l.SameName = cmp.Or(l.SameName, maxClaimants)
	return l
}

// The caches of a Book, by trust class.
const (
	classNew = iota
	classKept
	classBlocked
	classCount
)

func classOf(t Trust) int {
	switch {
	case t.Known():
		return classKept
	case t == TrustBlocked:
		return classBlocked
	}
	return classNew
}

// A Book remembers who a user is and where each session was last seen, within its Limits:
// strangers who are offline make room for newcomers; if all are here the newcomer is
// refused. No stranger takes the place of a pinned user. It belongs to one goroutine.
// Source: spec/theory.md 6.4 and 9.
type Book struct {
	self     identity.UserKey
	selfName string // in its mapped form
	ownLooks []string
	limits   Limits

	users      map[identity.UserKey]*user    // at most limits.Users + limits.Kept
	byID       map[identity.SessionID]*entry // at most limits.SessionsPerUser for each
	index      index
	classes    [classCount]cache
	tombstones tombstones
	expected   map[string]string // fingerprint by mapped name; at most maxExpected
	news       int               // new users
	alive      func(time.Time, identity.SessionID) bool
	invited    identity.SessionID // by the person; holds until the next record

	changed changes
	late    changes   // rows of new users, if lazy
	lateAt  time.Time // when those are written; zero: there are none yet
	lazy    bool      // rows of new users are written later
}

// index finds users by what is said of them; as large as the users make it.
type index struct {
	self   identity.UserKey
	claims map[string][]*user       // by mapped name, sorted by fingerprint; of new users at most limits.SameName each
	pins   map[string][]*user       // by the mapped name an act bound to them
	looks  map[string][]*user       // known users, by what their names look like
	nearby map[netip.Prefix][]*user // new users, at most limits.NewPerPrefix each
}

// New makes an empty Book for the user self, who is called selfName: no other key is
// shown under that name.
func New(self identity.UserKey, selfName string, l Limits) *Book {
	mapped, err := identity.MapName(selfName)
	if err != nil {
		mapped = selfName
	}
	b := &Book{
		self: self, selfName: mapped, ownLooks: looksOf(selfName), limits: l.withDefaults(),
		users: map[identity.UserKey]*user{}, byID: map[identity.SessionID]*entry{},
		index: index{
			self: self, claims: map[string][]*user{}, pins: map[string][]*user{},
			looks: map[string][]*user{}, nearby: map[netip.Prefix][]*user{},
		},
		tombstones: newTombstones(), expected: map[string]string{},
		changed: newChanges(), late: newChanges(),
	}
	for i := range b.classes {
		b.classes[i] = newCache()
	}
	return b
}

// User looks a user up.
func (b *Book) User(key identity.UserKey) (User, bool) {
	u, ok := b.users[key]
	if !ok {
		return User{}, false
	}
	return b.describe(u), true
}

func (b *Book) describe(u *user) User {
	d := u.User
	d.Label = b.label(u)
	return d
}

// Trust is what this node's user decided about a key; TrustNew for one never heard of.
func (b *Book) Trust(key identity.UserKey) Trust {
	if u, ok := b.users[key]; ok {
		return u.Trust
	}
	return TrustNew
}

// Users lists all users but our own, sorted by label.
func (b *Book) Users() []User {
	list := make([]User, 0, len(b.users))
	for key, u := range b.users {
		if key != b.self {
			list = append(list, b.describe(u))
		}
	}
	slices.SortFunc(list, func(x, y User) int {
		return cmp.Or(strings.Compare(x.Label, y.Label), identity.CompareKeys(x.Key, y.Key))
	})
	return list
}

// UserCount is how many users Users lists.
func (b *Book) UserCount() int {
	if _, ok := b.users[b.self]; ok {
		return len(b.users) - 1
	}
	return len(b.users)
}

// Session looks a session up.
func (b *Book) Session(id identity.SessionID) (Session, bool) {
	s, ok := b.byID[id]
	if !ok {
		return Session{}, false
	}
	return s.Session, true
}

// Since is how long before at the user of a session was first heard of.
func (b *Book) Since(id identity.SessionID, at time.Time) time.Duration {
	s, ok := b.byID[id]
	if !ok {
		return 0
	}
	return at.Sub(s.owner.FirstSeen)
}

// SessionsOf lists the sessions of a user, sorted by id.
func (b *Book) SessionsOf(key identity.UserKey) []Session {
	u, ok := b.users[key]
	if !ok {
		return nil
	}
	list := make([]Session, 0, len(u.sessions))
	for _, s := range u.sessions {
		list = append(list, s.Session)
	}
	slices.SortFunc(list, func(x, y Session) int { return identity.CompareIDs(x.ID, y.ID) })
	return list
}

// SessionIDs lists the sessions of a user, sorted.
func (b *Book) SessionIDs(key identity.UserKey) []identity.SessionID {
	u, ok := b.users[key]
	if !ok {
		return nil
	}
	list := make([]identity.SessionID, 0, len(u.sessions))
	for _, s := range u.sessions {
		list = append(list, s.ID)
	}
	slices.SortFunc(list, identity.CompareIDs)
	return list
}

// Len is the number of remembered sessions.
func (b *Book) Len() int { return len(b.byID) }

// KnownAddrs lists where sessions of pinned users last authenticated from,
// sorted and without repetition.
func (b *Book) KnownAddrs() []netip.Addr {
	var list []netip.Addr
	for _, u := range b.users {
		for _, s := range u.sessions {
			if u.Trust.Known() && len(s.Seen) > 0 {
				list = append(list, s.Seen[0].Addr.Addr())
			}
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// touch makes s the most recently heard in the list of its class.
func (b *Book) touch(s *entry) { b.classes[classOf(s.owner.Trust)].put(s) }
