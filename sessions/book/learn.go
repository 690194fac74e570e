package book

import (
	"cmp"
	"net/netip"
	"time"

	"darkchat/sessions/identity"
)

// Outcome is what learning a record changed.
type Outcome struct {
	NewUser       bool
	NewSession    bool
	Newer         bool   // the record was not known yet
	Clash         bool   // its user now first claims a name that another key has
	ClaimsKnown   bool   // and that other is pinned, or named by a contacts file
	ClaimsOwnName bool   // another key now first claims our own name
	Renamed       string // the user's former name, "" if it stayed the same
	Unverified    bool   // because of the new name the user is no longer verified
	Like          string // the known user's name, or our own, that the new name looks like
}

// Learn takes in a record that Verify accepted. direct says that the session itself handed it over,
// in an authenticated datagram from the address from (which may be zero); otherwise it is hearsay. A
// record with a lower sequence number than a known one, including a tombstone, is ErrStale and changes
// nothing, whoever brings it; the same number again is no error. ErrFull means that the session was
// not kept: it is a newcomer, and all sessions that could make room are here.
func (b *Book) Learn(now time.Time, signed []byte, rec identity.Record, direct bool, from netip.Addr) (Outcome, error) {
	var out Outcome
	s := b.byID[rec.Session]
	switch {
	case s == nil:
		if f, ok := b.tombstones.get(now, rec.Session); ok && rec.Seq <= f.seq {
			return out, ErrStale
		}
		if rec.State == identity.StateGone {
			b.tombstones.raise(now, rec.Session, rec.Seq, b.Trust(rec.User).Known())
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
	met := s.owner.met() // asked before the change: a user who was here once is not a newcomer
	if direct {
		s.Heard, s.LastHeard = true, now
		s.Online = presenceOf(s.State)
		s.owner.LastSeen = now
	}
	invited := b.invited == s.ID && b.news <= b.limits.Users+maxGuests &&
		b.classes[classNew].len() <= b.limits.Sessions+maxGuests
	b.invited = identity.SessionID{}
	var newcomer *entry
	if !out.NewSession {
		b.touch(s)
	} else if !b.admit(now, s, invited) {
		return Outcome{}, ErrFull
	} else if !invited {
		newcomer = s
	}
	room := !direct || !from.IsValid() || b.place(now, s.owner, netip.AddrPortFrom(from, 0)) || met || invited
	if !room || !b.rename(now, s.owner, rec, &out, invited) {
		b.dropUser(now, s.owner)
		return Outcome{}, ErrFull
	}
	b.shrink(now, newcomer)
	if b.byID[s.ID] != s {
		return Outcome{}, ErrFull
	}
	return out, nil
}

// maxGuests is how many invited sessions may be here beyond the bounds: an address that the person
// named may have many keys.
const maxGuests = 64

// Invite makes Learn take the next record of a session even if strangers fill all the room: the person
// asked for whoever it is.
func (b *Book) Invite(id identity.SessionID) { b.invited = id }

// ownerOf finds the user of a record, or makes one.
func (b *Book) ownerOf(now time.Time, rec identity.Record) (u *user, isNew bool) {
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

// admit adds s to its user. The user's cap evicts one of that user's own sessions: of those that are not
// here, the one heard longest ago. If all are here there is no room for s, unless it is invited.
func (b *Book) admit(now time.Time, s *entry, invited bool) bool {
	u := s.owner
	for len(u.sessions) >= b.limits.SessionsPerUser {
		quiet, ok := b.silent(now, u)
		if !ok {
			if invited {
				break
			}
			return false
		}
		b.drop(now, quiet)
	}
	b.tombstones.remove(s.ID)
	u.sessions = append(u.sessions, s)
	b.byID[s.ID] = s
	b.touch(s)
	return true
}

// silent is, of a user's sessions that are not here, the one heard longest ago.
func (b *Book) silent(now time.Time, u *user) (quiet *entry, ok bool) {
	for _, s := range u.sessions {
		if (quiet == nil || compareSilence(s, quiet) < 0) && !b.live(now, s) {
			quiet = s
		}
	}
	return quiet, quiet != nil
}

// compareSilence orders sessions by when they were heard, those heard longest ago first.
func compareSilence(x, y *entry) int {
	return cmp.Or(x.LastHeard.Compare(y.LastHeard), identity.CompareIDs(x.ID, y.ID))
}

// rename takes the user's name from the record with the highest number. A pin stays with the name that it
// was made for, so that nobody can move to another's plain name. It returns false if there is no room for
// a newcomer of that name; a user that exists already then keeps the old name.
func (b *Book) rename(now time.Time, u *user, rec identity.Record, out *Outcome, invited bool) bool {
	if rec.Seq <= u.nameSeq && u.Name != "" {
		return true
	}
	mapped, err := identity.MapName(rec.Name)
	if err != nil {
		return true // Verify has refused such a name
	}
	if mapped != u.mapped && !b.seat(now, u, mapped, invited) {
		return u.Name != ""
	}
	u.nameSeq = rec.Seq
	b.userChanged(u)
	if rec.Name == u.Name {
		return true
	}
	former := u.Name
	u.Name = rec.Name
	if mapped == u.mapped {
		b.index.look(u)
		out.Like = b.like(u)
		return true // only the spelling differs
	}
	b.index.unclaim(u)
	u.mapped, u.Mixed = mapped, identity.MixedScript(rec.Name)
	b.index.claim(u)
	out.Renamed = former
	if former != "" && u.Trust == TrustVerified && u.Key != b.self {
		u.Trust, out.Unverified = TrustPinned, true
	}
	if u.Trust != TrustBlocked && u.Key != b.self {
		out.ClaimsOwnName = mapped == b.selfName
		out.Clash = len(b.index.claimants(mapped)) > 1
		out.ClaimsKnown = b.takenFrom(u)
	}
	out.Like = b.like(u)
	return true
}

// Authenticated notes that an authentic datagram of a known session came from addr; a zero addr is a sign
// of life without an address.
func (b *Book) Authenticated(now time.Time, id identity.SessionID, addr netip.AddrPort) {
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
func (b *Book) SetPresence(id identity.SessionID, p Presence) bool {
	s, ok := b.byID[id]
	if !ok || s.Online == p {
		return false
	}
	s.Online = p
	b.touch(s)
	return true
}
