package sessions

import (
	"encoding/binary"
	"slices"
	"time"
)

const (
	windowBits  = 1024 // ids below the highest of which it is known whether they came
	storeWindow = 1    // version of a stored window
)

// A window is what is known of the texts of one sender's session. Texts are
// taken in order, so their ids rise; head is the highest that was taken, and the
// bits say which of the ids behind it were.
type window struct {
	session SessionID
	user    UserKey
	head    uint64
	bits    [windowBits / 64]uint64 // id is bit id%windowBits

	held    []Part  // by id: their predecessor has not come; at most maxHeld
	writing []taken // in order: taken, and not all before them recorded
	line    *unfinished
	changed bool
}

// taken is a part on its way into the store.
type taken struct {
	part     Part
	at       time.Time
	before   uint64 // head before it was taken
	recorded bool
}

func (w *window) bit(id uint64) (word *uint64, mask uint64) {
	return &w.bits[id%windowBits/64], 1 << (id % 64)
}

// take moves head to id, which is above it. What lies between never comes: the
// sender named a predecessor below it.
func (w *window) take(id uint64) {
	if id-w.head >= windowBits {
		clear(w.bits[:])
	} else {
		for skipped := w.head + 1; skipped < id; skipped++ {
			word, mask := w.bit(skipped)
			*word &^= mask
		}
	}
	word, mask := w.bit(id)
	*word |= mask
	w.head = id
}

// untake undoes the takes above head.
func (w *window) untake(head uint64) {
	for id := w.head; id > head && w.head-id < windowBits; id-- {
		word, mask := w.bit(id)
		*word &^= mask
	}
	w.head = head
}

// has reports whether an id up to head was taken, and whether that is still
// known.
func (w *window) has(id uint64) (was, known bool) {
	if w.head-id >= windowBits {
		return false, false
	}
	word, mask := w.bit(id)
	return *word&mask != 0, true
}

// isWriting reports whether id was taken and is not known to be recorded.
func (w *window) isWriting(id uint64) bool {
	_, ok := w.writingAt(id)
	return ok
}

func (w *window) writingAt(id uint64) (int, bool) {
	return slices.BinarySearchFunc(w.writing, id, func(t taken, id uint64) int {
		switch {
		case t.part.ID < id:
			return -1
		case t.part.ID > id:
			return 1
		}
		return 0
	})
}

// idle reports whether the window may be forgotten now.
func (w *window) idle() bool { return len(w.writing) == 0 }

// windowStored is a window in the store.
type windowStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	User    []byte
	Head    uint64
	Bits    []byte
}

func (w *window) encode() []byte {
	bits := make([]byte, 0, windowBits/8)
	for _, word := range w.bits {
		bits = binary.BigEndian.AppendUint64(bits, word)
	}
	return marshal(&windowStored{Version: storeWindow, User: w.user[:], Head: w.head, Bits: bits})
}

func decodeWindow(key, value []byte) (*window, error) {
	var s windowStored
	if err := unmarshalStored(value, storeWindow, &s); err != nil {
		return nil, err
	}
	if len(key) != len(SessionID{}) || len(s.User) != len(UserKey{}) || len(s.Bits) != windowBits/8 {
		return nil, errForm
	}
	w := &window{session: SessionID(key), user: UserKey(s.User), head: s.Head}
	for i := range w.bits {
		w.bits[i] = binary.BigEndian.Uint64(s.Bits[8*i:])
	}
	return w, nil
}
