package mail

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

const (
	windowRuns  = 128 // so at least the last 128 taken texts are known: as many as a sender may have under way
	storeWindow = 1   // version of a stored window
)

// A window is what is known of the texts of one sender's session. Texts are taken in order, so their
// ids rise. Ids are sparse: a sender numbers the texts to all its friends in one series, and skips a
// whole block after an unclean end; so we remember runs of consecutive ids, not a bitmap over a range.
type window struct {
	session identity.SessionID
	user    identity.UserKey
	by      budget.Payer // who pays for what it has
	head    uint64       // the highest id taken
	runs    []run        // of the last ids taken, rising; at most windowRuns

	held    []Part  // by id: their predecessor has not come; at most maxHeld
	writing []taken // in order: taken, but not yet recorded with all before them
	line    *unfinished
	changed bool
}

// run is the ids from first to last.
type run struct{ first, last uint64 }

// taken is a part on its way into the store.
type taken struct {
	part     Part
	at       time.Time
	before   uint64 // the head before it was taken
	recorded bool
}

// take moves head to id, which is above it. Ids between the two never come: the sender named a
// predecessor below them.
func (w *window) take(id uint64) {
	if n := len(w.runs); n > 0 && w.runs[n-1].last+1 == id {
		w.runs[n-1].last = id
	} else {
		if n == windowRuns {
			w.runs = slices.Delete(w.runs, 0, 1)
		}
		w.runs = append(w.runs, run{id, id})
	}
	w.head = id
}

// untake undoes the takes above head.
func (w *window) untake(head uint64) {
	for n := len(w.runs); n > 0 && w.runs[n-1].last > head; n-- {
		if w.runs[n-1].first <= head {
			w.runs[n-1].last = head
			break
		}
		w.runs = w.runs[:n-1]
	}
	w.head = head
}

// has reports whether an id up to head is known to have been taken.
func (w *window) has(id uint64) bool {
	at, ok := slices.BinarySearchFunc(w.runs, id, func(r run, id uint64) int { return cmp.Compare(r.first, id) })
	return ok || at > 0 && id <= w.runs[at-1].last
}

// isWriting reports whether id was taken and is not yet known to be recorded.
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

// heldAt finds the index of a held text, or where it would be.
func (w *window) heldAt(id uint64) (int, bool) {
	return slices.BinarySearchFunc(w.held, id, func(h Part, id uint64) int { return cmp.Compare(h.ID, id) })
}

// idle reports whether the window may be forgotten now.
func (w *window) idle() bool { return len(w.writing) == 0 }

// windowStored is a window in the store. Runs has, from the highest run down, how many ids are missing
// above it and how many it has besides its last, as varints. That is short for the usual window of one
// run, and it is written with every text.
type windowStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	User    []byte
	Head    uint64
	Runs    []byte
}

func (w *window) encode() []byte {
	var runs []byte
	above := w.head + 1 // the lowest id that is in a run so far, or one above head
	for _, r := range slices.Backward(w.runs) {
		runs = binary.AppendUvarint(runs, above-1-r.last)
		runs = binary.AppendUvarint(runs, r.last-r.first)
		above = r.first
	}
	return kv.Marshal(&windowStored{Version: storeWindow, User: w.user[:], Head: w.head, Runs: runs})
}

func decodeWindow(key, value []byte) (*window, error) {
	var s windowStored
	if err := kv.UnmarshalStored(value, storeWindow, &s); err != nil {
		return nil, err
	}
	if len(key) != len(identity.SessionID{}) || len(s.User) != len(identity.UserKey{}) || s.Head > maxTextID {
		return nil, kv.ErrForm
	}
	w := &window{session: identity.SessionID(key), user: identity.UserKey(s.User), head: s.Head}
	above := s.Head + 1
	for b := s.Runs; len(b) > 0; {
		gap, n := binary.Uvarint(b)
		if n <= 0 || gap >= above {
			return nil, kv.ErrForm
		}
		b = b[n:]
		count, m := binary.Uvarint(b)
		last := above - 1 - gap
		if m <= 0 || count >= last || len(w.runs) == windowRuns {
			return nil, kv.ErrForm
		}
		w.runs = append(w.runs, run{last - count, last})
		above, b = last-count, b[m:]
	}
	slices.Reverse(w.runs)
	return w, nil
}
