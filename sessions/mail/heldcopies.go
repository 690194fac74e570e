package mail

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// Bounds of HeldCopies. A copy has at most 1 KiB.
const (
	HoldLife = 48 * time.Hour // of a copy, and of a receipt

	maxHeldCopies = 512 // copies
	maxHeldBytes  = 512 << 10
	maxHeldSender = 64  // of one user
	maxHeldFor    = 128 // for one session
	maxReceipts   = 512

	storeHeld = 1 // version of a stored row
)

// What HeldCopies refuses.
var ErrHeldFull = errors.New("no room for another held copy")

// HeldCopies is what a node keeps for its friends: sealed copies of texts for friends who are away,
// which it cannot read, and the receipts of those who came. It belongs to one goroutine. Source:
// spec/theory.md 4.7.
type HeldCopies struct {
	copies   map[copyKey]*Held
	receipts map[copyKey]*HeldReceipt
	bytes    int
	unstored bool
	changed  map[heldRow]struct{}
}

// copyKey names a copy: for whom, from whom, which text. A receipt goes the other way.
type copyKey struct {
	to, from identity.SessionID
	id       uint64
}

// Held is one copy.
type Held struct {
	To, From identity.SessionID
	Sender   identity.UserKey
	ID       uint64
	Sealed   []byte
	At       time.Time // since when
}

// HeldReceipt is one receipt that waits for the text's sender.
type HeldReceipt struct {
	Receipt
	Sig []byte
	At  time.Time
}

// heldRow is a row of the store.
type heldRow struct {
	kind byte
	key  copyKey
}

const (
	rowCopy    = 'c'
	rowReceipt = 'r'
)

// NewHeldCopies makes one that has none.
func NewHeldCopies() *HeldCopies {
	return &HeldCopies{
		copies: map[copyKey]*Held{}, receipts: map[copyKey]*HeldReceipt{}, changed: map[heldRow]struct{}{},
	}
}

// Unstored is called right after NewHeldCopies in a run that stores nothing.
func (s *HeldCopies) Unstored() { s.unstored = true }

// Put keeps a copy; fresh is false if it was kept already. ErrHeldFull: there is no room, for this
// sender or at all; nobody else's copy makes room for it.
func (s *HeldCopies) Put(h Held) (fresh bool, err error) {
	key := copyKey{h.To, h.From, h.ID}
	if s.copies[key] != nil || s.receipts[copyKey{h.From, h.To, h.ID}] != nil {
		return false, nil // it is kept already, or its recipient has it
	}
	sender, session := 0, 0
	for _, c := range s.copies {
		if c.Sender == h.Sender {
			sender++
		}
		if c.To == h.To {
			session++
		}
	}
	if len(s.copies) >= maxHeldCopies || s.bytes+len(h.Sealed) > maxHeldBytes || sender >= maxHeldSender || session >= maxHeldFor {
		return false, ErrHeldFull
	}
	h.Sealed = slices.Clone(h.Sealed)
	s.copies[key] = &h
	s.bytes += len(h.Sealed)
	s.change(rowCopy, key)
	return true, nil
}

// For lists the copies for a session, each sender's in the order of their ids.
func (s *HeldCopies) For(to identity.SessionID) (list []Held) {
	for _, h := range s.copies {
		if h.To == to {
			list = append(list, *h)
		}
	}
	slices.SortFunc(list, func(a, b Held) int {
		if c := bytes.Compare(a.From[:], b.From[:]); c != 0 {
			return c
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return list
}

// Waits says whether something is kept for a session: a copy, or a receipt.
func (s *HeldCopies) Waits(to identity.SessionID) bool {
	for key := range s.copies {
		if key.to == to {
			return true
		}
	}
	for key := range s.receipts {
		if key.to == to {
			return true
		}
	}
	return false
}

// Has says whether a copy is kept.
func (s *HeldCopies) Has(to, from identity.SessionID, id uint64) bool {
	return s.copies[copyKey{to, from, id}] != nil
}

// Drop deletes a copy.
func (s *HeldCopies) Drop(to, from identity.SessionID, id uint64) {
	key := copyKey{to, from, id}
	if h := s.copies[key]; h != nil {
		s.bytes -= len(h.Sealed)
		delete(s.copies, key)
		s.change(rowCopy, key)
	}
}

// PutReceipt keeps a receipt for the text's sender; the oldest makes room.
func (s *HeldCopies) PutReceipt(r HeldReceipt) {
	key := copyKey{r.To, r.From, r.ID}
	if s.receipts[key] == nil && len(s.receipts) >= maxReceipts {
		var oldest copyKey
		for k, o := range s.receipts {
			if s.receipts[oldest] == nil || o.At.Before(s.receipts[oldest].At) ||
				o.At.Equal(s.receipts[oldest].At) && lessKey(k, oldest) {
				oldest = k
			}
		}
		s.DropReceipt(oldest.to, oldest.from, oldest.id)
	}
	r.Sig = slices.Clone(r.Sig)
	s.receipts[key] = &r
	s.change(rowReceipt, key)
}

// HasReceipt says whether a receipt of that recipient for that text is kept.
func (s *HeldCopies) HasReceipt(r Receipt) bool {
	return s.receipts[copyKey{r.To, r.From, r.ID}] != nil
}

// ReceiptsFor lists the receipts for a session, by recipient and id.
func (s *HeldCopies) ReceiptsFor(to identity.SessionID) (list []HeldReceipt) {
	for _, r := range s.receipts {
		if r.To == to {
			list = append(list, *r)
		}
	}
	slices.SortFunc(list, func(a, b HeldReceipt) int {
		if c := bytes.Compare(a.From[:], b.From[:]); c != 0 {
			return c
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return list
}

// DropReceipt deletes a receipt.
func (s *HeldCopies) DropReceipt(to, from identity.SessionID, id uint64) {
	key := copyKey{to, from, id}
	if s.receipts[key] != nil {
		delete(s.receipts, key)
		s.change(rowReceipt, key)
	}
}

// Expire deletes what has waited for HoldLife, or comes from the future because the clock was set back.
// It returns when to call it again; zero: nothing is kept.
func (s *HeldCopies) Expire(now time.Time) (next time.Time) {
	over := func(at time.Time) bool {
		if age := now.Sub(at); age >= HoldLife || age < -HoldLife {
			return true
		}
		if end := at.Add(HoldLife); next.IsZero() || end.Before(next) {
			next = end
		}
		return false
	}
	for _, h := range s.copies { // the order does not matter
		if over(h.At) {
			s.Drop(h.To, h.From, h.ID)
		}
	}
	for _, r := range s.receipts {
		if over(r.At) {
			s.DropReceipt(r.To, r.From, r.ID)
		}
	}
	return next
}

// Len is how many copies are kept, and how many bytes they have.
func (s *HeldCopies) Len() (copies, size int) { return len(s.copies), s.bytes }

func (s *HeldCopies) change(kind byte, key copyKey) {
	if !s.unstored {
		s.changed[heldRow{kind, key}] = struct{}{}
	}
}

func lessKey(a, b copyKey) bool {
	return bytes.Compare(heldRow{0, a}.bytes(), heldRow{0, b}.bytes()) < 0
}

// bytes is the row's key in the store.
func (r heldRow) bytes() []byte {
	b := append([]byte{r.kind}, r.key.to[:]...)
	b = append(b, r.key.from[:]...)
	return binary.BigEndian.AppendUint64(b, r.key.id)
}

// heldStored is a row in the store: for a copy the sealed bytes and the sender, for a receipt the
// signature and the result.
type heldStored struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	At      uint64 // unix milliseconds
	Sender  []byte
	Bytes   []byte
	Result  uint64
}

// TakeWrites returns what changed since the last call, as one batch.
func (s *HeldCopies) TakeWrites() []kv.Write {
	if len(s.changed) == 0 {
		return nil
	}
	rows := slices.SortedFunc(maps.Keys(s.changed), func(a, b heldRow) int { return bytes.Compare(a.bytes(), b.bytes()) })
	clear(s.changed)
	out := make([]kv.Write, 0, len(rows))
	for _, row := range rows {
		w := kv.Write{Bucket: kv.BucketHeld, Key: row.bytes()}
		if h := s.copies[row.key]; row.kind == rowCopy && h != nil {
			w.Value = kv.Marshal(&heldStored{Version: storeHeld, At: kv.Millis(h.At), Sender: h.Sender[:], Bytes: h.Sealed})
		}
		if r := s.receipts[row.key]; row.kind == rowReceipt && r != nil {
			w.Value = kv.Marshal(&heldStored{Version: storeHeld, At: kv.Millis(r.At), Bytes: r.Sig, Result: r.Result})
		}
		out = append(out, w)
	}
	return out
}

// Load gives back one stored row; those of other buckets are ignored.
func (s *HeldCopies) Load(b kv.Bucket, key, value []byte) error {
	if b != kv.BucketHeld {
		return nil
	}
	var w heldStored
	if err := kv.UnmarshalStored(value, storeHeld, &w); err != nil {
		return err
	}
	if len(key) != 25 {
		return kv.ErrForm
	}
	k := copyKey{identity.SessionID(key[1:9]), identity.SessionID(key[9:17]), binary.BigEndian.Uint64(key[17:])}
	switch {
	case key[0] == rowCopy && len(w.Sender) == len(identity.UserKey{}) && len(s.copies) < maxHeldCopies:
		s.copies[k] = &Held{To: k.to, From: k.from, ID: k.id, Sender: identity.UserKey(w.Sender), Sealed: w.Bytes, At: kv.FromMillis(w.At)}
		s.bytes += len(w.Bytes)
	case key[0] == rowReceipt && len(s.receipts) < maxReceipts:
		s.receipts[k] = &HeldReceipt{Receipt: Receipt{From: k.from, To: k.to, ID: k.id, Result: w.Result}, Sig: w.Bytes, At: kv.FromMillis(w.At)}
	default:
		return kv.ErrForm
	}
	return nil
}
