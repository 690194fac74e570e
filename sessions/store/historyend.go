package store

import (
	"encoding/binary"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
)

// A typed line may never arrive: it was taken back, or refused, or is too old. A separate row
// after the line's says so. The file grows only at its end, and a reader that starts there meets
// the end of a line before the line.

// storeHistoryEnd is the version of such a row. Older programs skip it.
const storeHistoryEnd = 2

// historyEnd is that row in the store.
type historyEnd struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	User    []byte
	Reason  uint64
	Acked   uint64 // sessions that have the line nevertheless
}

// LineEnd is why a line will not reach all of its recipients.
type LineEnd struct {
	Reason mail.Reason // ReasonNone: it did not end like this
	Acked  int         // sessions that have it nevertheless
}

// NoteEnd notes the end of a line typed here, by its id.
func (h *History) NoteEnd(now time.Time, user identity.UserKey, id uint64, end LineEnd) {
	h.note(now, identity.SessionID{}, id, false, kv.Marshal(&historyEnd{Version: storeHistoryEnd, User: user[:], Reason: uint64(end.Reason), Acked: uint64(max(end.Acked, 0))}))
}

// isHistoryEnd tells by its head whether a row is a historyEnd.
func isHistoryEnd(value []byte) bool {
	return len(value) > 1 && value[0] == kv.MajorArray<<5|4 && value[1] == storeHistoryEnd
}

// ended remembers the end of a line until the line's row comes.
func (f *finder) ended(key, value []byte) {
	var w historyEnd
	if len(key) < historyKey || kv.UnmarshalStored(value, storeHistoryEnd, &w) != nil || w.Reason > 255 {
		return
	}
	if f.ends == nil {
		f.ends = map[uint64]LineEnd{} // as many as the file has rows
	}
	f.ends[binary.BigEndian.Uint64(key[16:])] = LineEnd{mail.Reason(w.Reason), int(min(w.Acked, 1<<16))}
}
