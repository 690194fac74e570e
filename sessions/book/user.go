package book

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

const (
	storeUser  = 1 // version of a stored user,
	storeNamed = 2 // and of one whose node was named as a seed, which older programs refuse
)

// A User is what is remembered of one key.
type User struct {
	Key       identity.UserKey
	Name      string // a claim; Label is what they are called here
	Label     string // what the user of this node types: "ann" or "ann~k7f2"
	Trust     Trust
	FirstSeen time.Time
	LastSeen  time.Time // when a session of the user was last heard, zero: never
	Mixed     bool      // Name mixes scripts
	Edge      bool      // met on the LAN
	Told      bool      // the person was told of a first contact
	Named     bool      // this node's user once named their node as a seed
}

// user is a User with its place in the Book. Label is filled in only for callers.
type user struct {
	User
	nameSeq  uint64   // seq of the record that Name is from
	mapped   string   // Name in its mapped form
	pin      string   // the mapped name that an act of our user bound to this key; "": none
	before   Trust    // the trust from before they were blocked
	digits   string   // of the fingerprint
	looks    []string // keys under which it is in Book.looks; nil: the user is not known
	sessions []*entry
	prefix   netip.Prefix // where a new user authenticated from, if they are counted there
}

func newUser(key identity.UserKey, now time.Time) *user {
	return &user{User: User{Key: key, FirstSeen: now}, digits: identity.FingerprintDigits(key)}
}

// rank is how many sessions of the user were heard after s: those with a rank below keptSessions are
// the last 4 of invariant 5.
func (u *user) rank(s *entry) int {
	n := 0
	for _, other := range u.sessions {
		if later := other.LastHeard.Compare(s.LastHeard); later > 0 || later == 0 && identity.CompareIDs(other.ID, s.ID) < 0 {
			n++
		}
	}
	return n
}

func (u *user) remove(s *entry) {
	if i := slices.Index(u.sessions, s); i >= 0 {
		u.sessions = slices.Delete(u.sessions, i, i+1)
	}
}

// met says whether a session of the user ever authenticated to us.
func (u *user) met() bool {
	return slices.ContainsFunc(u.sessions, func(s *entry) bool { return s.Heard })
}

// UserRow is a user in the store, as the outside of a Book may read and change it.
type UserRow struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Name    string
	NameSeq uint64
	Trust   uint64
	Before  uint64
	Pin     string
	First   uint64 // unix milliseconds
	Last    uint64 // unix milliseconds, 0 never
	Edge    bool
	Told    bool
	named   bool // store it as a namedStored
}

// namedStored is a UserRow whose node was named as a seed. Only such rows have this later form.
type namedStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Name    string
	NameSeq uint64
	Trust   uint64
	Before  uint64
	Pin     string
	First   uint64
	Last    uint64
	Edge    bool
	Told    bool
	Named   bool
}

// Encode encodes a stored user in the older form if that is enough.
func (w UserRow) Encode() []byte {
	if w.Version = storeUser; !w.named {
		return kv.Marshal(&w)
	}
	return kv.Marshal(&namedStored{
		Version: storeNamed, Name: w.Name, NameSeq: w.NameSeq, Trust: w.Trust, Before: w.Before,
		Pin: w.Pin, First: w.First, Last: w.Last, Edge: w.Edge, Told: w.Told, Named: true,
	})
}

// ReadUserRow decodes a stored user of either form.
func ReadUserRow(row []byte) (UserRow, error) {
	if len(row) < 2 || row[1] != storeNamed {
		var w UserRow
		err := kv.UnmarshalStored(row, storeUser, &w)
		if len(row) > 1 && row[1] > storeNamed {
			err = kv.UnmarshalStored(row, storeNamed, &w) // its error names the known form
		}
		return w, err
	}
	var w namedStored
	err := kv.UnmarshalStored(row, storeNamed, &w)
	return UserRow{
		Version: storeUser, Name: w.Name, NameSeq: w.NameSeq, Trust: w.Trust, Before: w.Before,
		Pin: w.Pin, First: w.First, Last: w.Last, Edge: w.Edge, Told: w.Told, named: w.Named,
	}, err
}

func (u *user) encode() []byte {
	return UserRow{
		Name: u.Name, NameSeq: u.nameSeq, Trust: uint64(u.Trust), Before: uint64(u.before),
		Pin: u.pin, First: kv.Millis(u.FirstSeen), Last: kv.Millis(u.LastSeen), Edge: u.Edge, Told: u.Told, named: u.Named,
	}.Encode()
}

func decodeUser(key, value []byte) (*user, error) {
	w, err := ReadUserRow(value)
	if err != nil {
		return nil, err
	}
	if len(key) != len(identity.UserKey{}) || w.Trust > uint64(TrustBlocked) || w.Before > uint64(TrustBlocked) {
		return nil, kv.ErrForm
	}
	mapped, err := identity.MapName(w.Name)
	if err != nil {
		return nil, err
	}
	u := newUser(identity.UserKey(key), kv.FromMillis(w.First))
	u.Name, u.nameSeq, u.mapped, u.pin = w.Name, w.NameSeq, mapped, w.Pin
	u.Trust, u.before, u.Edge, u.Told, u.Named = Trust(w.Trust), Trust(w.Before), w.Edge, w.Told, w.named
	u.LastSeen, u.Mixed = kv.FromMillis(w.Last), identity.MixedScript(w.Name)
	return u, nil
}
