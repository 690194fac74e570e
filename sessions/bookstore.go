package sessions

import (
	"net/netip"
	"slices"
	"time"
)

// TakeWrites returns what changed since the last call, as one batch, in an order
// that depends on the changes alone. Nothing is written twice.
func (b *Book) TakeWrites() []Write {
	if len(b.changedUsers) == 0 && len(b.changedSessions) == 0 && len(b.floors.changed) == 0 {
		return nil
	}
	var out []Write
	for _, key := range inOrder(b.changedUsers, compareKeys) {
		w := Write{Bucket: BucketUsers, Key: slices.Clone(key[:])}
		if u, ok := b.users[key]; ok {
			w.Value = u.encode()
		}
		out = append(out, w)
	}
	for _, id := range inOrder(b.changedSessions, compareIDs) {
		w := Write{Bucket: BucketSessions, Key: slices.Clone(id[:])}
		if s, ok := b.byID[id]; ok {
			w.Value = s.encode()
		}
		out = append(out, w)
	}
	for _, id := range inOrder(b.floors.changed, compareIDs) {
		out = append(out, Write{Bucket: BucketFloors, Key: slices.Clone(id[:]), Value: b.floors.encode(id)})
	}
	b.DropWrites()
	return out
}

// DropWrites is TakeWrites for who stores nothing.
func (b *Book) DropWrites() {
	clear(b.changedUsers)
	clear(b.changedSessions)
	clear(b.floors.changed)
}

func inOrder[K comparable](set map[K]struct{}, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// Freshen puts when sessions were last heard, to the millisecond, into the next
// batch. It is called before the last one; while running the store is up to a
// minute behind.
func (b *Book) Freshen() {
	for _, s := range b.byID {
		if !s.stored.Equal(s.LastHeard) {
			b.sessionChanged(s)
			b.userChanged(s.owner)
		}
	}
}

// Load gives back one stored entry of BucketUsers, BucketSessions or
// BucketFloors; those of other buckets are ignored. It must not be called after
// Loaded. An error means that the entry cannot be read: ErrNewer, or damage.
func (b *Book) Load(bucket Bucket, key, value []byte) error {
	switch bucket {
	case BucketUsers:
		u, err := decodeUser(key, value)
		if err != nil {
			return err
		}
		b.users[u.Key] = u
	case BucketSessions:
		s, err := decodeSession(value)
		if err != nil {
			return err
		}
		if string(key) != string(s.ID[:]) {
			return errForm
		}
		b.byID[s.ID] = s
	case BucketFloors:
		return b.floors.load(key, value)
	}
	return nil
}

// Loaded ends loading: what was stored is put in its order, expired tombstones
// go, and so does what is over the bounds of now.
func (b *Book) Loaded(now time.Time) {
	clear(b.floors.changed)
	for _, id := range slices.Concat(b.floors.kept.Keys(), b.floors.strange.Keys()) {
		b.floors.get(now, id)
	}
	for _, key := range inOrder(keySet(b.users), compareKeys) {
		u := b.users[key]
		b.claim(u)
		if u.pin != "" {
			b.pins[u.pin] = append(b.pins[u.pin], u)
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
		if !ok { // half of a damaged store
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
	for _, key := range inOrder(keySet(b.users), compareKeys) {
		if u := b.users[key]; u != nil { // nil: dropped for another of its network, or name
			b.settle(now, u)
		}
	}
	b.shrink(now, nil)
}

// settle holds a loaded user to the bounds.
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
