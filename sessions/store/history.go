package store

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// The history is what was said, for this user's eyes only: each line that was shown here, and
// each that was typed here. A received line is written together with the mark that it was
// shown, before it is acknowledged, so every acknowledged line is in the history, once.

// DefaultHistory is how many lines a session keeps unless told otherwise.
const DefaultHistory = 100_000

// MaxHistory is the most lines that may be asked for.
const MaxHistory = 10_000_000

// HistoryEntry is one line of the history.
type HistoryEntry struct {
	At      time.Time          // when it was shown, or typed
	User    identity.UserKey   // whom the line came from, or went to
	Session identity.SessionID // the session it came from; zero: it was typed here
	ID      uint64             // of its first part
	Sent    time.Time
	Late    bool             // it had waited
	Via     identity.UserKey // the friend that held it; zero: none
	Text    string
	// Stranger says that its writer was not known when it was shown. Such lines have only a
	// part of the room, until their writer is known.
	Stranger bool
	End      LineEnd // of a line typed here
}

// Own says whether the line was typed here.
func (e HistoryEntry) Own() bool { return e.Session.IsZero() }

// History gives the lines of a run their places; if it is Profile.Past, behind those of earlier
// runs. One goroutine uses it.
type History struct {
	last   uint64 // place of the last one
	writes []kv.Write
}

// A place is a time in unix milliseconds with a number in its low bits, so that places follow the
// order of events even if the clock is set back, during a run or between two. In that case the
// true time follows in the key.
const placeBits = 12

// Note adds a line.
func (h *History) Note(now time.Time, e HistoryEntry) {
	h.note(now, e.Session, e.ID, e.Stranger, e.encode())
}

func (h *History) note(now time.Time, from identity.SessionID, id uint64, stranger bool, value []byte) {
	h.last = max(h.last+1, kv.Millis(now)<<placeBits)
	key := make([]byte, 0, historyKey+8)
	key = binary.BigEndian.AppendUint64(key, h.last)
	key = append(key, from[:]...)
	key = binary.BigEndian.AppendUint64(key, id)
	if at := kv.Millis(now); at != h.last>>placeBits {
		key = binary.BigEndian.AppendUint64(key, at)
	}
	if stranger {
		key = append(key, strangerMark)
	}
	h.writes = append(h.writes, kv.Write{Bucket: kv.BucketHistory, Key: key, Value: value})
}

// TakeWrites returns what is to be stored.
func (h *History) TakeWrites() []kv.Write {
	w := h.writes
	h.writes = nil
	return w
}

const (
	historyKey   = 24 // place, session, id; 8 bytes more if the place is not the time; one more for a stranger's line
	strangerMark = 's'
	storeHistory = 1 // version of a stored line of the history
)

// historyStored is a line of the history in the store. The text comes last, so that a search finds
// it without decoding the rest.
type historyStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	User    []byte
	Sent    uint64 // unix milliseconds
	Late    bool
	Via     []byte // 0 or 32 bytes
	Text    string
}

// encode is hand-written because it runs for each text.
func (e HistoryEntry) encode() []byte {
	b := make([]byte, 0, 2+2*(2+len(identity.UserKey{}))+9+1+5+len(e.Text))
	b = kv.AppendHead(b, kv.MajorArray, 6)
	b = append(b, storeHistory)
	b = append(kv.AppendHead(b, kv.MajorBytes, len(e.User)), e.User[:]...)
	b = kv.AppendUint(b, kv.Millis(e.Sent))
	if e.Late {
		b = append(b, kv.SimpleTrue)
	} else {
		b = append(b, kv.SimpleFalse)
	}
	if e.Via.IsZero() {
		b = kv.AppendHead(b, kv.MajorBytes, 0)
	} else {
		b = append(kv.AppendHead(b, kv.MajorBytes, len(e.Via)), e.Via[:]...)
	}
	return append(kv.AppendHead(b, kv.MajorText, len(e.Text)), e.Text...)
}

// isStrangers says whether a row's key is that of a stranger's line.
func isStrangers(key []byte) bool {
	return (len(key) == historyKey+1 || len(key) == historyKey+8+1) && key[len(key)-1] == strangerMark
}

func decodeHistory(key, value []byte) (e HistoryEntry, err error) {
	var w historyStored
	if err := kv.UnmarshalStored(value, storeHistory, &w); err != nil {
		return e, err
	}
	stranger := isStrangers(key)
	if stranger {
		key = key[:len(key)-1]
	}
	if len(key) != historyKey && len(key) != historyKey+8 || len(w.User) != len(identity.UserKey{}) || len(w.Via) != 0 && len(w.Via) != len(identity.UserKey{}) {
		return e, kv.ErrForm
	}
	at := binary.BigEndian.Uint64(key) >> placeBits
	if len(key) > historyKey {
		at = binary.BigEndian.Uint64(key[historyKey:])
	}
	e = HistoryEntry{
		At: kv.FromMillis(at), Session: identity.SessionID(key[8:16]), ID: binary.BigEndian.Uint64(key[16:]), User: identity.UserKey(w.User), Sent: kv.FromMillis(w.Sent), Late: w.Late, Text: w.Text,
		Stranger: stranger,
	}
	if len(w.Via) > 0 {
		e.Via = identity.UserKey(w.Via)
	}
	return e, nil
}

// HistoryQuery says which lines are wanted: those that match every field that is set.
type HistoryQuery struct {
	User  identity.UserKey // with this user
	Words []string         // with all these words, in any case
	Since bool             // came since the last line typed here
	Most  int              // the newest so many; 0: all
}

// HistoryPage is the answer.
type HistoryPage struct {
	Entries []HistoryEntry // oldest first
	More    int            // how many older ones match too
	Notice  string         // what the person should know about the store, once
}

// finder collects the matching rows of a history, offered from the newest on.
type finder struct {
	query HistoryQuery
	words [][]byte
	ascii bool
	page  HistoryPage
	ends  map[uint64]LineEnd // by line
}

func newFinder(q HistoryQuery) *finder {
	f := &finder{query: q, ascii: true}
	for _, w := range q.Words {
		w = strings.ToLower(norm.NFC.String(w))
		f.words = append(f.words, []byte(w))
		f.ascii = f.ascii && isASCII(w)
	}
	return f
}

// offer takes the next older row; false: no older one is wanted.
func (f *finder) offer(key, value []byte) bool {
	if isHistoryEnd(value) {
		f.ended(key, value)
		return true
	}
	if f.query.Since && len(key) >= historyKey && identity.SessionID(key[8:16]).IsZero() {
		return false
	}
	user, text, quick := historyParts(value)
	if quick && (!f.query.User.IsZero() && !bytes.Equal(user, f.query.User[:]) || !f.fits(text)) {
		return true
	}
	full := f.query.Most > 0 && len(f.page.Entries) == f.query.Most
	if quick && full {
		f.page.More++
		return true
	}
	e, err := decodeHistory(key, value)
	if err != nil || !quick && (!f.query.User.IsZero() && e.User != f.query.User || !f.fits([]byte(e.Text))) {
		return true // of a newer program, or not a match
	}
	if full {
		f.page.More++
		return true
	}
	if e.Own() {
		e.End = f.ends[e.ID]
	}
	f.page.Entries = append(f.page.Entries, e)
	return true
}

func (f *finder) done() HistoryPage {
	slices.Reverse(f.page.Entries)
	return f.page
}

// fits says whether a text has all the words. It ignores how letters are composed: keyboards and
// programs differ in that, and nobody sees it.
func (f *finder) fits(text []byte) bool {
	if len(f.words) == 0 {
		return true
	}
	if !norm.NFC.IsNormal(text) { // plain ASCII is normal, which is quick to see
		text = norm.NFC.Bytes(text)
	}
	if !f.ascii {
		text = bytes.ToLower(text)
	}
	for _, w := range f.words {
		if f.ascii && !containsFold(text, w) || !f.ascii && !bytes.Contains(text, w) {
			return false
		}
	}
	return true
}

// containsFold finds a word of lower-case ASCII in any case.
func containsFold(text, word []byte) bool {
	if len(word) == 0 {
		return true
	}
	lower, upper := word[0], word[0]
	if 'a' <= lower && lower <= 'z' {
		upper -= 'a' - 'A'
	}
next:
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i] != lower && text[i] != upper {
			continue
		}
		for j := 1; j < len(word); j++ {
			c := text[i+j]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != word[j] {
				continue next
			}
		}
		return true
	}
	return false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// historyParts finds user and text in a row of this version without decoding it.
func historyParts(b []byte) (user, text []byte, ok bool) {
	const head = 4 + len(identity.UserKey{}) // array of 6, version, byte string of 32
	if len(b) < head+11 || b[0] != 0x86 || b[1] != storeHistory || b[2] != 0x58 || b[3] != byte(len(identity.UserKey{})) || b[head] != 0x1b {
		return nil, nil, false
	}
	user = b[4:head]
	rest := b[head+10:] // behind Sent, of 9 bytes, and Late
	switch {
	case rest[0] == 0x40:
		rest = rest[1:]
	case rest[0] == 0x58 && len(rest) > 2+len(identity.UserKey{}):
		rest = rest[2+len(identity.UserKey{}):]
	default:
		return nil, nil, false
	}
	skip := 0
	switch {
	case len(rest) == 0 || rest[0]>>5 != 3:
		return nil, nil, false
	case rest[0] < 0x78:
		skip = 1
	case rest[0] == 0x78:
		skip = 2
	case rest[0] == 0x79:
		skip = 3
	default:
		return nil, nil, false
	}
	return user, rest[min(skip, len(rest)):], true
}
