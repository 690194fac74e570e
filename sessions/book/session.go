package book

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// Presence is what this node believes of a session.
type Presence uint8

// The presences.
const (
	PresenceUnknown Presence = iota // not heard of since the start, or since our own network changed
	PresenceOnline
	PresenceAway
	PresenceSuspect // silent, but not given up yet
	PresenceOffline
)

// String gives the word that -json prints.
func (p Presence) String() string {
	switch p {
	case PresenceOnline:
		return "online"
	case PresenceAway:
		return "away"
	case PresenceSuspect:
		return "suspect"
	case PresenceOffline:
		return "offline"
	}
	return "unknown"
}

const (
	maxSeen      = 4           // addresses remembered for a session
	heardGrain   = time.Minute // how precisely the store knows when a session was last heard
	storeSession = 1           // version of a stored session
)

// Seen is an address where the session's key authenticated to us.
type Seen struct {
	Addr netip.AddrPort
	At   time.Time
}

// A Session is what is remembered of one session. Its slices are shared and must not be changed.
type Session struct {
	ID        identity.SessionID
	User      identity.UserKey
	Name      string // as its own record claims it
	Static    [32]byte
	Seq       uint64
	State     identity.State
	Record    []byte             // as signed
	Addrs     []identity.Address // from the record: hints
	Seen      []Seen             // at most 4, newest first; proved, not hints
	Lifetime  time.Duration
	Flags     uint64
	Hold      identity.HoldKey // zero: it wants no held copies
	LastHeard time.Time        // zero: never
	Online    Presence
	Heard     bool // authenticated to us at least once
}

// entry is a Session with its place in the Book.
type entry struct {
	Session
	owner  *user
	stored time.Time // LastHeard in the store
}

// assume takes over what a newer record says.
func (s *entry) assume(signed []byte, rec identity.Record) {
	s.Name, s.Seq, s.State = rec.Name, rec.Seq, rec.State
	s.Record, s.Addrs = slices.Clone(signed), slices.Clone(rec.Addrs)
	s.Lifetime, s.Flags, s.Hold = rec.Lifetime, rec.Flags, rec.Hold
	if rec.State == identity.StateGone {
		s.Online = PresenceOffline
	}
}

// presenceOf is the Presence that follows from a session's own record, heard from itself.
func presenceOf(s identity.State) Presence {
	switch s {
	case identity.StateOnline:
		return PresenceOnline
	case identity.StateAway:
		return PresenceAway
	}
	return PresenceOffline
}

// saw notes that the key authenticated from addr, and reports whether the store should learn of it.
// The slice is replaced, because copies of the Session share it.
func (s *entry) saw(now time.Time, addr netip.AddrPort) bool {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if len(s.Seen) > 0 && s.Seen[0].Addr == addr && now.Sub(s.Seen[0].At) < heardGrain {
		return false
	}
	seen := make([]Seen, 1, maxSeen)
	seen[0] = Seen{Addr: addr, At: now}
	for _, old := range s.Seen {
		if old.Addr != addr && len(seen) < maxSeen {
			seen = append(seen, old)
		}
	}
	s.Seen = seen
	return true
}

// sessionStored is a session in the store. It does not repeat what the record says.
type sessionStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Record  []byte
	Seen    []seenStored
	Last    uint64 // unix milliseconds, 0 never
	Heard   bool
}

type seenStored struct {
	_    struct{} `cbor:",toarray"`
	Addr []byte
	At   uint64 // unix milliseconds
}

func (s *entry) encode() []byte {
	w := sessionStored{Version: storeSession, Record: s.Record, Last: kv.Millis(s.LastHeard), Heard: s.Heard}
	for _, seen := range s.Seen {
		w.Seen = append(w.Seen, seenStored{Addr: identity.AppendAddr(nil, seen.Addr), At: kv.Millis(seen.At)})
	}
	s.stored = s.LastHeard
	return kv.Marshal(&w)
}

func decodeSession(value []byte) (*entry, error) {
	var w sessionStored
	if err := kv.UnmarshalStored(value, storeSession, &w); err != nil {
		return nil, err
	}
	rec, err := identity.Decode(w.Record)
	if err != nil {
		return nil, err
	}
	s := &entry{Session: Session{
		ID: rec.Session, User: rec.User, Static: rec.Static, LastHeard: kv.FromMillis(w.Last), Heard: w.Heard,
	}}
	s.assume(w.Record, rec)
	s.stored = s.LastHeard
	for _, seen := range w.Seen[:min(len(w.Seen), maxSeen)] {
		addr, ok := identity.ParseAddr(seen.Addr)
		if !ok {
			return nil, kv.ErrForm
		}
		s.Seen = append(s.Seen, Seen{Addr: addr, At: kv.FromMillis(seen.At)})
	}
	return s, nil
}
