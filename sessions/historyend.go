package sessions

import (
	"encoding/binary"
	"time"
)

// A line that was typed may never arrive: it was taken back, or refused, or too old. A row of
// its own says so, behind the line's: the file grows at its end alone, and who reads it from
// there meets the end of a line before the line.

// storeHistoryEnd is the version of such a row. Older programs pass over it.
const storeHistoryEnd = 2

// historyEnd is such a row in the store.
type historyEnd struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	User    []byte
	Reason  uint64
	Acked   uint64 // sessions that have the line all the same
}

// LineEnd is what became of a line that will not reach all to whom it went.
type LineEnd struct {
	Reason Reason // ReasonNone: nothing of the kind
	Acked  int    // sessions that have it all the same
}

// NoteEnd notes what became of a line that was typed here, by its id.
func (h *History) NoteEnd(now time.Time, user UserKey, id uint64, end LineEnd) {
	h.note(now, SessionID{}, id, false, marshal(&historyEnd{Version: storeHistoryEnd, User: user[:], Reason: uint64(end.Reason), Acked: uint64(max(end.Acked, 0))}))
}

// isHistoryEnd says whether a row is such a one, by its head.
func isHistoryEnd(value []byte) bool {
	return len(value) > 1 && value[0] == cborArray<<5|4 && value[1] == storeHistoryEnd
}

// ended remembers the end of a line, until the line comes.
func (f *finder) ended(key, value []byte) {
	var w historyEnd
	if len(key) < historyKey || unmarshalStored(value, storeHistoryEnd, &w) != nil || w.Reason > 255 {
		return
	}
	if f.ends == nil {
		f.ends = map[uint64]LineEnd{} // as many as the file has rows
	}
	f.ends[binary.BigEndian.Uint64(key[16:])] = LineEnd{Reason(w.Reason), int(min(w.Acked, 1<<16))}
}
