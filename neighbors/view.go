package neighbors

import (
	"net/netip"
	"time"
)

// Self is who this node is.
type Self struct {
	Name        string
	Session     string // 16 hex digits
	Fingerprint string
	Listen      []netip.AddrPort // where others can reach us, a usable one first
	Seed        bool
	Unstored    bool // nothing is stored for the next run
}

// Filter chooses users by presence.
type Filter string

// The filters of \users, \online and \offline.
const (
	FilterAll     Filter = "all"
	FilterOnline  Filter = "online"
	FilterOffline Filter = "offline"
)

// UserView is one user as \users shows it. Seeds are among them, oneself is not.
type UserView struct {
	Name        string // what one types for that key
	Fingerprint string
	Online      bool
	State       State
	Via         string // the neighbour that State is from; empty: ourselves
	Trust       string
	Seed        bool // one of the sessions says that it serves strangers
	Sessions    []SessionView
}

// SessionView is one session of a user.
type SessionView struct {
	ID        string
	Addr      netip.AddrPort // zero: none known
	Online    bool           // reached directly
	State     State
	Via       string    // the neighbour that State is from; empty: ourselves
	LastHeard time.Time // zero: never heard directly
}

// Who identifies a user, whatever they are called: to compare, and to ask Client.Renew about.
type Who [32]byte

// Target is where typed lines go: a user's sessions, or one session.
type Target struct {
	User    string // what one types for that key
	Session string // 16 hex digits; empty: all of the user's sessions
	Online  bool
	key     Who
}

// VerifyView is what \verify shows.
type VerifyView struct {
	User        string
	Fingerprint string // of the user
	Mine        string // our own, to read to them
	Trust       string // after the call
}

// OutboxLine is one line of ours that is not yet delivered.
type OutboxLine struct {
	ID        uint64
	Handle    string // the end of ID, as much as distinguishes it from the others
	To        string
	State     DeliveryState
	Sent      time.Time
	Acked     int
	Sessions  int
	Delivered []string // sessions that have it
	Waiting   []string
	By        string // friends that keep it; empty: none
	Reason    string // why it is undelivered, or will not reach the remaining sessions
	Bytes     int
	Attempts  int       // that got no answer from the sessions it waits for, since their last answer
	Next      time.Time // when one of them is tried next; zero: it is under way, or none is known
}

// Stat is one counter or gauge of \stats.
type Stat struct {
	Name  string
	Value uint64
}

// Contact is one line of a contacts file.
type Contact struct {
	Name        string // as it is claimed
	Fingerprint string
	Addrs       []netip.AddrPort // where the user was, newest first; empty: not known
}

// PresenceView says which Source knows which users.
type PresenceView struct {
	Source string
	Users  []string
	Addrs  []netip.AddrPort // hints of that Source
}

// states orders presence, the best first: a user's state is that of their best session.
var states = [...]State{Online, Away, Suspect, Unknown, Offline}
