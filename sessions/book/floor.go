package book

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

const (
	floorLife  = 24 * time.Hour // how long a tombstone outlives its session
	maxFloors  = 4096           // of each kind: of strangers, of users that are kept
	storeFloor = 1              // version of a stored floor
)

// A floor is the tombstone of a session that is no longer remembered: records up to seq do not
// bring it back.
type floor struct {
	seq   uint64
	until time.Time
}

// floors are bounded; the oldest goes. Those of kept users are separate, so that strangers cannot
// push them out by signing tombstones.
type floors struct {
	kept, strange *simplelru.LRU[identity.SessionID, floor]
	changed       map[identity.SessionID]struct{}
}

func newFloors() floors {
	f := floors{changed: map[identity.SessionID]struct{}{}}
	dropped := func(id identity.SessionID, _ floor) { f.changed[id] = struct{}{} }
	f.kept, _ = simplelru.NewLRU(maxFloors, dropped) // fails only for a size below 1
	f.strange, _ = simplelru.NewLRU(maxFloors, dropped)
	return f
}

// raise sets the floor of id to seq, unless it is higher already.
func (f floors) raise(now time.Time, id identity.SessionID, seq uint64, kept bool) {
	if old, ok := f.get(now, id); ok && old.seq >= seq {
		return
	}
	f.put(id, floor{seq: seq, until: now.Add(floorLife)}, kept)
}

func (f floors) put(id identity.SessionID, to floor, kept bool) {
	f.remove(id)
	list := f.strange
	if kept {
		list = f.kept
	}
	list.Add(id, to)
	f.changed[id] = struct{}{}
}

func (f floors) get(now time.Time, id identity.SessionID) (floor, bool) {
	fl, ok := f.kept.Peek(id)
	if !ok {
		fl, ok = f.strange.Peek(id)
	}
	if ok && now.After(fl.until) {
		f.remove(id)
		return floor{}, false
	}
	return fl, ok
}

func (f floors) remove(id identity.SessionID) {
	f.kept.Remove(id)
	f.strange.Remove(id)
}

// floorStored is a floor in the store.
type floorStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Seq     uint64
	Until   uint64 // unix milliseconds
	Kept    bool
}

// encode returns nil for a floor that no longer exists.
func (f floors) encode(id identity.SessionID) []byte {
	fl, kept := f.kept.Peek(id)
	if !kept {
		var ok bool
		if fl, ok = f.strange.Peek(id); !ok {
			return nil
		}
	}
	return kv.Marshal(&floorStored{Version: storeFloor, Seq: fl.seq, Until: kv.Millis(fl.until), Kept: kept})
}

func (f floors) load(key, value []byte) error {
	var w floorStored
	if err := kv.UnmarshalStored(value, storeFloor, &w); err != nil {
		return err
	}
	if len(key) != len(identity.SessionID{}) {
		return kv.ErrForm
	}
	f.put(identity.SessionID(key), floor{seq: w.Seq, until: kv.FromMillis(w.Until)}, w.Kept)
	return nil
}
