package dgram

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"darkchat/dgram/wire"
)

// table is where the readers look things up while the loop changes it: its values do not change once
// they are in it. Only the loop writes.
type table struct {
	mu       sync.RWMutex
	keys     map[uint32]*association                 // by our index, at most what cache holds
	attempts map[uint32]*attempt                     // HANDSHAKEs without an answer, by our index
	hellos   map[[wire.NonceSize]byte]netip.AddrPort // where each nonce was sent; the zero AddrPort: an announcement
	sending  map[remoteIndex]*association            // by where its DATA goes: for CHALLENGEs that echo it
	used     [2]usedUp                               // the single-use memory of the epochs that are accepted
	most     int                                     // entries of both of those together
}

// remoteIndex is what our DATA shows on the wire.
type remoteIndex struct {
	to    netip.AddrPort
	index uint32
}

// usedUp is the single-use memory of one epoch (spec/wire.md 3.7).
type usedUp struct {
	epoch   *epoch
	entries map[[wire.KeySize]byte]*use
}

// use is a HANDSHAKE that was accepted.
type use struct {
	digest [sha256.Size]byte // of its noise element
	made   *association
}

func newTable(most int) *table {
	return &table{
		keys:     map[uint32]*association{},
		attempts: map[uint32]*attempt{},
		hellos:   map[[wire.NonceSize]byte]netip.AddrPort{},
		sending:  map[remoteIndex]*association{},
		most:     most,
	}
}

// association returns the one with our index, or nil.
func (t *table) association(index uint32) *association {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.keys[index]
}

// attempt returns the HANDSHAKE with our index that waits for its ACCEPT, or nil.
func (t *table) attempt(index uint32) *attempt {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.attempts[index]
}

// expects says whether a CHALLENGE with that echo may be an answer from there, and where we sent what
// it answers; the zero AddrPort is an announcement.
func (t *table) expects(from netip.AddrPort, echo [wire.NonceSize]byte) (to netip.AddrPort, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if to, ok := t.hellos[echo]; ok {
		return to, to == from || !to.IsValid()
	}
	return from, t.sending[remoteIndex{from, wire.EchoIndex(echo)}] != nil
}

// ours says whether a HELLO of our own has that nonce.
func (t *table) ours(nonce [wire.NonceSize]byte) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok := t.hellos[nonce]
	return ok
}

// sender returns the association whose DATA shows that index on its way to to.
func (t *table) sender(to netip.AddrPort, echo [wire.NonceSize]byte) *association {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.sending[remoteIndex{to, wire.EchoIndex(echo)}]
}

// lookUsed returns the entry of a sender's e, and whether there is no room for another one.
func (t *table) lookUsed(e []byte) (u *use, full bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := 0
	for i := range t.used {
		if u := t.used[i].entries[[wire.KeySize]byte(e)]; u != nil {
			return u, false
		}
		n += len(t.used[i].entries)
	}
	return nil, n >= t.most
}

// use enters a sender's e. It reports false if it is there already or there is no room: then no
// association may be made from the HANDSHAKE.
func (t *table) use(now time.Time, ep *epoch, e []byte, u *use) bool {
	if old, full := t.lookUsed(e); old != nil || full || !ep.accepts(now) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := 0
	for i < len(t.used) && t.used[i].epoch != ep {
		i++
	}
	if i == len(t.used) { // the first of its epoch: take the place of the oldest
		i = 0
		if t.used[0].epoch != nil && (t.used[1].epoch == nil || t.used[1].epoch.began.Before(t.used[0].epoch.began)) {
			i = 1
		}
		if old := t.used[i].epoch; old != nil && old.accepts(now) {
			return false // three epochs at once are impossible
		}
		t.used[i] = usedUp{ep, map[[wire.KeySize]byte]*use{}}
	}
	t.used[i].entries[[wire.KeySize]byte(e)] = u
	return true
}

// expireUsed forgets the entries of epochs that are no longer accepted, and with them the kept
// ACCEPTs. It returns when to call it again, zero if there is nothing.
func (t *table) expireUsed(now time.Time) (next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.used {
		ep := t.used[i].epoch
		if ep == nil {
			continue
		}
		if !ep.accepts(now) {
			for _, u := range t.used[i].entries {
				u.made.reply.bytes = nil
			}
			t.used[i] = usedUp{}
			continue
		}
		next = sooner(next, ep.began.Add(epochAccept))
	}
	return next
}

// freeIndex says whether an index of ours is free.
func (t *table) freeIndex(index uint32) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return index != 0 && t.keys[index] == nil && t.attempts[index] == nil
}

// change runs f while no reader reads the table.
func (t *table) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}
