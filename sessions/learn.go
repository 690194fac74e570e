package sessions

import (
	"net/netip"
	"slices"
	"time"
)

// Outcome is what a record changed.
type Outcome struct {
	NewUser       bool
	NewSession    bool
	Newer         bool   // the record was not known yet
	Clash         bool   // by this record its user first claims a name that another key has
	ClaimsOwnName bool   // by this record another key first claims our own name
	Renamed       string // the user's former name, "" if it stayed the same
	Unverified    bool   // the new name cost the user the mark of being verified
}

// Learn takes in a record that Verify accepted. direct says that the session
// itself handed it over, in an authenticated datagram that came from the address
// from (which may be zero); otherwise it is hearsay. A record with a lower
// sequence number than a known one, a tombstone included, is ErrStale and
// changes nothing, whoever brings it; the same number again is no error. ErrFull
// means that the session could not be kept.
func (b *Book) Learn(now time.Time, signed []byte, rec Record, direct bool, from netip.Addr) (Outcome, error) {
	var out Outcome
	s := b.byID[rec.Session]
	switch {
	case s == nil:
		if f, ok := b.floors.get(now, rec.Session); ok && rec.Seq <= f.seq {
			return out, ErrStale
		}
		if rec.State == StateGone {
			b.floors.raise(now, rec.Session, rec.Seq, b.Trust(rec.User).Known())
			return out, nil
		}
		u, isNew := b.ownerOf(now, rec)
		s = &entry{Session: Session{ID: rec.Session, User: rec.User, Static: rec.Static}, owner: u}
		out = Outcome{NewUser: isNew, NewSession: true, Newer: true}
	case s.User != rec.User || s.Static != rec.Static || rec.Seq < s.Seq:
		return out, ErrStale
	case rec.Seq > s.Seq:
		out.Newer = true
	}
	if out.Newer {
		s.assume(signed, rec)
		b.sessionChanged(s)
	}
	if direct {
		s.Heard, s.LastHeard = true, now
		s.Online = presenceOf(s.State)
		s.owner.LastSeen = now
	}
	if out.NewSession {
		b.floors.remove(s.ID)
		b.admit(now, s)
	} else {
		b.touch(s)
	}
	b.rename(s.owner, rec, &out)
	if direct && from.IsValid() {
		b.place(now, s.owner, netip.AddrPortFrom(from, 0))
	}
	b.shrink(now)
	if b.byID[s.ID] != s {
		return Outcome{}, ErrFull
	}
	return out, nil
}

// ownerOf finds the user of a record, or makes one.
func (b *Book) ownerOf(now time.Time, rec Record) (u *user, isNew bool) {
	if u, ok := b.users[rec.User]; ok {
		return u, false
	}
	u = newUser(rec.User, now)
	if rec.User == b.self {
		u.Trust = TrustVerified
	}
	b.addUser(u)
	return u, true
}

func (b *Book) addUser(u *user) {
	b.users[u.Key] = u
	if u.Trust == TrustNew {
		b.news++
	}
	b.userChanged(u)
}

// admit adds s to its user. The user's own cap costs that user's own sessions:
// the one heard longest ago, an online one only if all are.
func (b *Book) admit(now time.Time, s *entry) {
	u := s.owner
	for len(u.sessions) >= b.limits.SessionsPerUser {
		b.drop(now, slices.MinFunc(u.sessions, compareSilence))
	}
	u.sessions = append(u.sessions, s)
	b.byID[s.ID] = s
	b.touch(s)
}

// compareSilence orders sessions by who leaves first: the offline ones, then
// who was heard longest ago.
func compareSilence(x, y *entry) int {
	if x.live() != y.live() {
		if y.live() {
			return -1
		}
		return 1
	}
	if c := x.LastHeard.Compare(y.LastHeard); c != 0 {
		return c
	}
	return compareIDs(x.ID, y.ID)
}

// rename lets the record with the highest number say what its user is called. A
// pin stays with the name that it was given for, so that nobody moves to
// another's plain name.
func (b *Book) rename(u *user, rec Record, out *Outcome) {
	if rec.Seq <= u.nameSeq && u.Name != "" {
		return
	}
	u.nameSeq = rec.Seq
	b.userChanged(u)
	if rec.Name == u.Name {
		return
	}
	mapped, err := MapName(rec.Name)
	if err != nil {
		return // Verify has refused such a name
	}
	former := u.Name
	u.Name = rec.Name
	if mapped == u.mapped {
		return // written differently only
	}
	b.unclaim(u)
	u.mapped, u.Mixed = mapped, MixedScript(rec.Name)
	b.claim(u)
	out.Renamed = former
	if former != "" && u.Trust == TrustVerified && u.Key != b.self {
		u.Trust, out.Unverified = TrustPinned, true
	}
	if u.Trust != TrustBlocked && u.Key != b.self {
		out.ClaimsOwnName = mapped == b.selfName
		out.Clash = len(b.claimants(mapped)) > 1
	}
}

// Authenticated notes that an authentic datagram of a known session came from
// addr; a zero addr is a sign of life without an address.
func (b *Book) Authenticated(now time.Time, id SessionID, addr netip.AddrPort) {
	s, ok := b.byID[id]
	if !ok {
		return
	}
	if !s.Heard {
		s.Heard = true
		b.sessionChanged(s)
	}
	s.LastHeard, s.owner.LastSeen = now, now
	if addr.IsValid() && s.saw(now, addr) {
		b.place(now, s.owner, addr)
		b.sessionChanged(s)
	}
	if now.Sub(s.stored) >= heardGrain {
		b.sessionChanged(s)
	}
	b.touch(s)
}

// SetPresence sets what is believed of a session and reports whether that
// changed. It is kept in memory only.
func (b *Book) SetPresence(id SessionID, p Presence) bool {
	s, ok := b.byID[id]
	if !ok || s.Online == p {
		return false
	}
	s.Online = p
	b.touch(s)
	return true
}
