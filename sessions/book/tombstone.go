package book

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

const (
	tombstoneLife  = 24 * time.Hour // how long a tombstone outlives its session
	maxTombstones  = 4096           // of each kind: of strangers, of users that are kept
	storeTombstone = 1              // version of a stored tombstone
)

// A tombstone is left of a session that is no longer remembered: records up to seq do not
// bring it back.
type tombstone struct {
	seq   uint64
	until time.Time
}

// tombstones are bounded; the oldest goes. Those of kept users are separate, so that strangers cannot
// push them out by signing tombstones.
type tombstones struct {
	kept, strange *simplelru.LRU[identity.SessionID, tombstone]
	changed       map[identity.SessionID]struct{}
}

func newTombstones() tombstones {
	t := tombstones{changed: map[identity.SessionID]struct{}{}}
	dropped := func(id identity.SessionID, _ tombstone) { t.changed[id] = struct{}{} }
	t.kept, _ = simplelru.NewLRU(maxTombstones, dropped) // fails only for a size below 1
	t.strange, _ = simplelru.NewLRU(maxTombstones, dropped)
	return t
}

// raise sets the tombstone of id to seq, unless it is higher already.
func (t tombstones) raise(now time.Time, id identity.SessionID, seq uint64, kept bool) {
	if old, ok := t.get(now, id); ok && old.seq >= seq {
		return
	}
	t.put(id, tombstone{seq: seq, until: now.Add(tombstoneLife)}, kept)
}

func (t tombstones) put(id identity.SessionID, to tombstone, kept bool) {
	t.remove(id)
	list := t.strange
	if kept {
		list = t.kept
	}
	list.Add(id, to)
	t.changed[id] = struct{}{}
}

func (t tombstones) get(now time.Time, id identity.SessionID) (tombstone, bool) {
	found, ok := t.kept.Peek(id)
	if !ok {
		found, ok = t.strange.Peek(id)
	}
	if ok && now.After(found.until) {
		t.remove(id)
		return tombstone{}, false
	}
	return found, ok
}

func (t tombstones) remove(id identity.SessionID) {
	t.kept.Remove(id)
	t.strange.Remove(id)
}

// tombstoneStored is a tombstone in the store.
type tombstoneStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Seq     uint64
	Until   uint64 // unix milliseconds
	Kept    bool
}

// encode returns nil for a tombstone that no longer exists.
func (t tombstones) encode(id identity.SessionID) []byte {
	found, kept := t.kept.Peek(id)
	if !kept {
		var ok bool
		if found, ok = t.strange.Peek(id); !ok {
			return nil
		}
	}
	return kv.Marshal(&tombstoneStored{Version: storeTombstone, Seq: found.seq, Until: kv.Millis(found.until), Kept: kept})
}

func (t tombstones) load(key, value []byte) error {
	var w tombstoneStored
	if err := kv.UnmarshalStored(value, storeTombstone, &w); err != nil {
		return err
	}
	if len(key) != len(identity.SessionID{}) {
		return kv.ErrForm
	}
	t.put(identity.SessionID(key), tombstone{seq: w.Seq, until: kv.FromMillis(w.Until)}, w.Kept)
	return nil
}
