package book

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// changes are the rows that differ from what is stored.
type changes struct {
	users    map[identity.UserKey]struct{}
	sessions map[identity.SessionID]struct{}
}

func newChanges() changes {
	return changes{map[identity.UserKey]struct{}{}, map[identity.SessionID]struct{}{}}
}

// storeLater is how long rows of new users wait to be written together. By then most of a flood
// of them are not worth writing any more, and a friend's text does not wait for the disk behind
// them. A kill costs at most this much of what is known of strangers, and nothing else.
const storeLater = 5 * time.Second

// WriteLate delays the writing of new users' rows. Ripen must be called when it is due.
func (b *Book) WriteLate() { b.lazy = true }

// changesOf returns the changes to which a user's rows belong.
func (b *Book) changesOf(u *user) *changes {
	if b.lazy && u.Trust == TrustNew {
		return &b.late
	}
	return &b.changed
}

func (b *Book) userChanged(u *user)     { b.changesOf(u).users[u.Key] = struct{}{} }
func (b *Book) sessionChanged(s *entry) { b.changesOf(s.owner).sessions[s.ID] = struct{}{} }

// Ripen releases the delayed rows for writing when it is time, and returns when to call it
// again; zero: nothing waits.
func (b *Book) Ripen(now time.Time) (next time.Time) {
	switch {
	case len(b.late.users)+len(b.late.sessions) == 0:
		return time.Time{}
	case b.lateAt.IsZero():
		b.lateAt = now.Add(storeLater)
	case !b.lateAt.After(now):
		b.ripenAll()
		return time.Time{}
	}
	return b.lateAt
}

func (b *Book) ripenAll() {
	for key := range b.late.users {
		b.changed.users[key] = struct{}{}
	}
	for id := range b.late.sessions {
		b.changed.sessions[id] = struct{}{}
	}
	b.late, b.lateAt = newChanges(), time.Time{}
}

// Hasten releases the rows of one user for writing now, because a line of theirs is written, or
// because they are no longer new.
func (b *Book) Hasten(key identity.UserKey) {
	if len(b.late.users)+len(b.late.sessions) == 0 {
		return
	}
	u, ok := b.users[key]
	if !ok {
		return
	}
	if _, waits := b.late.users[key]; waits {
		delete(b.late.users, key)
		b.changed.users[key] = struct{}{}
	}
	for _, s := range u.sessions {
		if _, waits := b.late.sessions[s.ID]; waits {
			delete(b.late.sessions, s.ID)
			b.changed.sessions[s.ID] = struct{}{}
		}
	}
}

// TakeWrites returns what changed since the last call, as one batch, in an order that depends
// only on the changes. Nothing is written twice.
func (b *Book) TakeWrites() []kv.Write {
	if len(b.changed.users) == 0 && len(b.changed.sessions) == 0 && len(b.tombstones.changed) == 0 {
		return nil
	}
	var out []kv.Write
	for _, key := range inOrder(b.changed.users, identity.CompareKeys) {
		w := kv.Write{Bucket: kv.BucketUsers, Key: slices.Clone(key[:])}
		if u, ok := b.users[key]; ok {
			w.Value = u.encode()
		}
		out = append(out, w)
	}
	for _, id := range inOrder(b.changed.sessions, identity.CompareIDs) {
		w := kv.Write{Bucket: kv.BucketSessions, Key: slices.Clone(id[:])}
		if s, ok := b.byID[id]; ok {
			w.Value = s.encode()
		}
		out = append(out, w)
	}
	for _, id := range inOrder(b.tombstones.changed, identity.CompareIDs) {
		out = append(out, kv.Write{Bucket: kv.BucketTombstones, Key: slices.Clone(id[:]), Value: b.tombstones.encode(id)})
	}
	b.dropChanged()
	return out
}

// DropWrites is TakeWrites for a run that stores nothing.
func (b *Book) DropWrites() {
	b.dropChanged()
	clear(b.late.users)
	clear(b.late.sessions)
}

func (b *Book) dropChanged() {
	clear(b.changed.users)
	clear(b.changed.sessions)
	clear(b.tombstones.changed)
}

func inOrder[K comparable](set map[K]struct{}, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// Freshen puts the times at which sessions were last heard, to the millisecond, into the next
// batch. It is called before the last batch; during a run the store is up to a minute behind.
func (b *Book) Freshen() {
	for _, s := range b.byID {
		if !s.stored.Equal(s.LastHeard) {
			b.sessionChanged(s)
			b.userChanged(s.owner)
		}
	}
	b.ripenAll()
}

// Load gives back one stored entry of BucketUsers, BucketSessions or
// BucketTombstones; those of other buckets are ignored. It must not be called after
// Loaded. An error means that the entry cannot be read: ErrNewer, or damage.
func (b *Book) Load(bucket kv.Bucket, key, value []byte) error {
	switch bucket {
	case kv.BucketUsers:
		u, err := decodeUser(key, value)
		if err != nil {
			return err
		}
		b.users[u.Key] = u
	case kv.BucketSessions:
		s, err := decodeSession(value)
		if err != nil {
			return err
		}
		if string(key) != string(s.ID[:]) {
			return kv.ErrForm
		}
		b.byID[s.ID] = s
	case kv.BucketTombstones:
		return b.tombstones.load(key, value)
	}
	return nil
}

// Loaded ends loading: it sorts what was stored, and drops expired tombstones and what exceeds
// the present bounds.
func (b *Book) Loaded(now time.Time) {
	clear(b.tombstones.changed)
	for _, id := range slices.Concat(b.tombstones.kept.Keys(), b.tombstones.strange.Keys()) {
		b.tombstones.get(now, id)
	}
	for _, key := range inOrder(keySet(b.users), identity.CompareKeys) {
		u := b.users[key]
		b.index.claim(u)
		if u.pin != "" {
			b.index.pins[u.pin] = append(b.index.pins[u.pin], u)
		}
		if u.Trust == TrustNew {
			b.news++
		}
	}
	order := make([]*entry, 0, len(b.byID))
	for _, s := range b.byID {
		order = append(order, s)
	}
	slices.SortFunc(order, compareSilence)
	for _, s := range order {
		u, ok := b.users[s.User]
		if !ok { // the store is damaged: half is missing
			delete(b.byID, s.ID)
			b.sessionChanged(s)
			continue
		}
		s.owner = u
		u.sessions = append(u.sessions, s)
		if s.LastHeard.After(u.LastSeen) {
			u.LastSeen = s.LastHeard
		}
		b.touch(s)
	}
	for _, key := range inOrder(keySet(b.users), identity.CompareKeys) {
		if u := b.users[key]; u != nil { // nil: dropped in favour of another of its network, or name
			b.settle(now, u)
		}
	}
	b.shrink(now, nil)
}

// settle applies the bounds to a loaded user.
func (b *Book) settle(now time.Time, u *user) {
	for len(u.sessions) > b.limits.SessionsPerUser {
		b.drop(now, slices.MinFunc(u.sessions, compareSilence))
	}
	if u.Trust == TrustNew && len(u.sessions) == 0 {
		b.removeUser(u)
		return
	}
	var last netip.AddrPort
	for _, s := range u.sessions { // oldest first
		if len(s.Seen) > 0 {
			last = s.Seen[0].Addr
		}
	}
	if last.IsValid() {
		b.place(now, u, last) // nobody is here yet: there is room
	}
	if !b.seat(now, u, u.mapped, false) {
		b.dropUser(now, u)
	}
}

func keySet[K comparable, V any](m map[K]V) map[K]struct{} {
	set := make(map[K]struct{}, len(m))
	for k := range m {
		set[k] = struct{}{}
	}
	return set
}
