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
	maxTextID = 1<<53 - 1 // exact in every language
	storeText = 1         // version of a stored text
)

// textStored is a received part in the store. It stays there until its line is shown.
type textStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	User    []byte
	At      uint64 // unix milliseconds
	Sent    uint64 // unix milliseconds, by the sender's clock
	Late    bool
	Part    uint64
	Parts   uint64
	Text    string
}

// loadedText is a stored part while loading.
type loadedText struct {
	from identity.SessionID
	user identity.UserKey
	at   time.Time
	part Part
}

func textKey(from identity.SessionID, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 16), from[:]...), id)
}

func encodeText(now time.Time, user identity.UserKey, p Part) []byte {
	return kv.Marshal(&textStored{
		Version: storeText, User: user[:], At: kv.Millis(now), Sent: p.Sent, Late: p.Late,
		Part: p.Part, Parts: p.Parts, Text: p.Text,
	})
}

func decodeText(key, value []byte) (loadedText, error) {
	var s textStored
	if err := kv.UnmarshalStored(value, storeText, &s); err != nil {
		return loadedText{}, err
	}
	if len(key) != 16 || len(s.User) != len(identity.UserKey{}) || s.Parts < 1 || s.Parts > MaxParts || s.Part >= s.Parts {
		return loadedText{}, kv.ErrForm
	}
	id := binary.BigEndian.Uint64(key[8:])
	if id <= s.Part {
		return loadedText{}, kv.ErrForm
	}
	return loadedText{
		from: identity.SessionID(key[:8]), user: identity.UserKey(s.User), at: kv.FromMillis(s.At),
		part: Part{ID: id, Sent: s.Sent, Late: s.Late, Part: s.Part, Parts: s.Parts, Text: s.Text},
	}, nil
}

// TakeWrites returns what changed since the last call, as one batch: texts, and the windows which
// record that they came.
func (i *Inbox) TakeWrites() []kv.Write {
	for _, w := range i.changed {
		write := kv.Write{Bucket: kv.BucketInbox, Key: slices.Clone(w.session[:])}
		if i.holds(w) {
			write.Value = w.encode()
		}
		w.changed = false
		i.writes = append(i.writes, write)
	}
	clear(i.changed)
	i.changed = i.changed[:0]
	out := i.writes
	i.writes = nil
	return out
}

// holds reports whether w is still in the Inbox.
func (i *Inbox) holds(w *window) bool {
	x, ok := i.strangers.Peek(w.session)
	if !ok {
		x, ok = i.friends.Peek(w.session)
	}
	return ok && x == w
}

// Load gives back one stored entry of BucketInbox or BucketTexts; those of other
// buckets are ignored. It must not be called after Loaded.
func (i *Inbox) Load(bucket kv.Bucket, key, value []byte) error {
	switch bucket {
	case kv.BucketInbox:
		w, err := decodeWindow(key, value)
		if err != nil {
			return err
		}
		i.strangers.Add(w.session, w)
	case kv.BucketTexts:
		t, err := decodeText(key, value)
		if err != nil {
			return err
		}
		i.loaded = append(i.loaded, t)
	}
	return nil
}

// Loaded ends loading. Complete lines are Unread now; an unfinished one waits for the rest if its
// sender can still go on with it, and otherwise is Unread as far as it came.
func (i *Inbox) Loaded(now time.Time) {
	for _, w := range i.strangers.Values() {
		if w.by = i.payer(w.session, w.user); known(w.by) {
			i.strangers.Remove(w.session)
			i.friends.Add(w.session, w)
		}
	}
	slices.SortFunc(i.loaded, func(x, y loadedText) int {
		return cmp.Or(identity.CompareIDs(x.from, y.from), cmp.Compare(x.part.ID, y.part.ID))
	})
	for n, t := range i.loaded {
		w, ok := i.window(t.from)
		if !ok {
			w = i.open(t.from, t.user, i.payer(t.from, t.user)) // its window was forgotten since
		}
		if t.part.ID > w.head {
			w.take(t.part.ID)
			i.change(w)
		}
		i.reload(now, w, t)
		if n+1 == len(i.loaded) || i.loaded[n+1].from != t.from {
			if w.line != nil && t.part.ID != w.head {
				i.cut(w)
			}
		}
	}
	i.loaded = nil
	i.relist()
	i.Aside() // those lines are Unread now
}

// reload adds a stored part to its line. If the sender went on without finishing a line, its parts
// were acknowledged all the same, and the reason is no longer known.
func (i *Inbox) reload(now time.Time, w *window, t loadedText) {
	if w.line != nil && w.line.first != t.part.ID-t.part.Part {
		i.cut(w)
	}
	i.ledger.Take(budget.Unfinished, w.by, roomOf(t.part))
	if _, whole, _ := i.add(t.at, w, t.part); whole {
		i.ledger.Take(budget.Handles, w.by, 1)
	} else if w.line.at.After(now) {
		w.line.at = now // the clock has been set back since
	}
}

// relist sorts loaded windows with an unfinished line by age.
func (i *Inbox) relist() {
	for _, of := range i.begun {
		list := of.Values()
		slices.SortStableFunc(list, func(x, y *window) int { return x.line.at.Compare(y.line.at) })
		for _, w := range list {
			of.Add(w.session, w)
		}
	}
}
