package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// At most a tenth of the file is lines of strangers, so that strangers cannot fill it by
// writing. Their lines give way to each other's and to all others; a friend's line gives way
// only to a friend's. A separate list says whose lines are strangers', in the order of age,
// until their writer becomes known. A file from an older version has no such list: all its
// lines count as friends'.
const (
	strangersPart  = 10     // of the bound
	strangersLines = 10_000 // and at most
)

// archiveTx is one change of the file.
type archiveTx struct {
	meta, lines          *bbolt.Bucket
	strangers            *bbolt.Bucket // key of a line -> user; nil: there are none
	tx                   *bbolt.Tx
	count, size          uint64 // of all lines
	strange, strangeSize uint64 // of strangers'
	limit                uint64 // lines, and KiB
	room                 int    // how many lines it may still drop
}

// put writes rows in one synced transaction, and takes users who have become known out of the
// strangers. The caller holds a.file.
func (a *archive) put(rows []kv.Write, befriended map[identity.UserKey]bool) error {
	return guarded(func() error {
		if err := a.open(len(rows) > 0); err != nil {
			return err
		}
		bolt := a.bolt.Load()
		if len(rows) == 0 {
			if bolt == nil {
				return nil
			}
			if some, err := hasStrangers(bolt, befriended); err != nil || !some {
				return err
			}
		}
		return bolt.Update(func(tx *bbolt.Tx) error {
			t := archiveTx{
				meta: tx.Bucket(archiveMeta), lines: tx.Bucket(archiveRows), strangers: tx.Bucket(archiveStrangers), tx: tx,
				limit: uint64(a.limit), room: archiveTrim + len(rows),
			}
			if t.meta == nil || t.lines == nil {
				return fmt.Errorf("%w: it is not a darkchat history", ErrDamaged)
			}
			t.lines.FillPercent = 0.95 // places rise, so pages may be left full
			t.count, t.size = getCount(t.meta, "count"), getCount(t.meta, "bytes")
			t.strange, t.strangeSize = getCount(t.meta, "strangers"), getCount(t.meta, "strangers bytes")
			return t.change(rows, befriended)
		})
	})
}

func (t *archiveTx) change(rows []kv.Write, befriended map[identity.UserKey]bool) error {
	if err := t.befriend(befriended); err != nil {
		return err
	}
	newest, _ := t.lines.Cursor().Last()
	newest = bytes.Clone(newest)
	for i, w := range rows {
		giveWay(i)
		if bytes.Compare(w.Key, newest) > 0 || t.lines.Get(w.Key) == nil { // most are new
			t.count, t.size = t.count+1, t.size+uint64(len(w.Value))
			if err := t.note(w, befriended); err != nil {
				return err
			}
		}
		if err := t.lines.Put(w.Key, w.Value); err != nil {
			return err
		}
	}
	if err := errors.Join(t.trimStrangers(), t.trim()); err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		n    uint64
	}{{"count", t.count}, {"bytes", t.size}, {"strangers", t.strange}, {"strangers bytes", t.strangeSize}} {
		if c.n == getCount(t.meta, c.name) {
			continue
		}
		if err := t.meta.Put([]byte(c.name), binary.BigEndian.AppendUint64(nil, c.n)); err != nil {
			return err
		}
	}
	return nil
}

// note records whose a new row is, if its writer is a stranger.
func (t *archiveTx) note(w kv.Write, befriended map[identity.UserKey]bool) error {
	if !isStrangers(w.Key) {
		return nil
	}
	e, err := decodeHistory(w.Key, w.Value)
	if err != nil || befriended[e.User] {
		return nil
	}
	if t.strangers == nil {
		if t.strangers, err = t.tx.CreateBucket(archiveStrangers); err != nil {
			return err
		}
	}
	t.strange, t.strangeSize = t.strange+1, t.strangeSize+uint64(len(w.Value))
	return t.strangers.Put(w.Key, e.User[:])
}

// befriend takes the lines of users who have become known out of the strangers' list.
func (t *archiveTx) befriend(users map[identity.UserKey]bool) error {
	if t.strangers == nil || len(users) == 0 {
		return nil
	}
	var known [][]byte // gathered first: a deletion moves cursors
	c := t.strangers.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(v) == len(identity.UserKey{}) && users[identity.UserKey(v)] {
			known = append(known, bytes.Clone(k))
		}
	}
	for _, k := range known {
		if err := t.own(k); err != nil {
			return err
		}
	}
	return nil
}

// own takes a line out of the strangers' list.
func (t *archiveTx) own(key []byte) error {
	size := uint64(len(t.lines.Get(key)))
	t.strange, t.strangeSize = t.strange-min(1, t.strange), t.strangeSize-min(size, t.strangeSize)
	return t.strangers.Delete(key)
}

// trimStrangers drops strangers' oldest lines while they exceed their share, or while all lines
// together are too many.
func (t *archiveTx) trimStrangers() error {
	if t.strangers == nil {
		return nil
	}
	part := min(max(t.limit/strangersPart, 1), strangersLines)
	var oldest [][]byte
	count, size, strange, strangeSize := t.count, t.size, t.strange, t.strangeSize
	c := t.strangers.Cursor()
	for k, _ := c.First(); k != nil && len(oldest) < t.room; k, _ = c.Next() {
		n := uint64(len(t.lines.Get(k)))
		if strange <= part && strangeSize <= part*archiveBytes && count <= t.limit && size <= t.limit*archiveBytes {
			break
		}
		count, size, strange, strangeSize = count-1, size-n, strange-1, strangeSize-n
		oldest = append(oldest, bytes.Clone(k))
	}
	t.room -= len(oldest)
	for _, k := range oldest {
		if err := errors.Join(t.own(k), t.drop(k)); err != nil {
			return err
		}
	}
	return nil
}

// trim drops the oldest lines while there are too many; strangers' are gone by then.
func (t *archiveTx) trim() error {
	var oldest [][]byte
	count, size := t.count, t.size
	c := t.lines.Cursor()
	for k, v := c.First(); k != nil && len(oldest) < t.room; k, v = c.Next() {
		if count <= t.limit && size <= t.limit*archiveBytes {
			break
		}
		count, size = count-1, size-min(size, uint64(len(v)))
		oldest = append(oldest, bytes.Clone(k))
	}
	for _, k := range oldest {
		if err := t.drop(k); err != nil {
			return err
		}
	}
	return nil
}

// drop deletes a line.
func (t *archiveTx) drop(key []byte) error {
	v := t.lines.Get(key)
	if v == nil {
		return nil
	}
	t.count, t.size = t.count-min(1, t.count), t.size-min(t.size, uint64(len(v)))
	return t.lines.Delete(key)
}

// hasStrangers says whether any line in the strangers' list is of one of these users.
func hasStrangers(b *bbolt.DB, users map[identity.UserKey]bool) (some bool, err error) {
	err = b.View(func(tx *bbolt.Tx) error {
		strangers := tx.Bucket(archiveStrangers)
		if strangers == nil {
			return nil
		}
		c := strangers.Cursor()
		for k, v := c.First(); k != nil && !some; k, v = c.Next() {
			some = len(v) == len(identity.UserKey{}) && users[identity.UserKey(v)]
		}
		return nil
	})
	return some, err
}

// befriendedIn returns the users that are known according to rows of users.
func befriendedIn(rows []kv.Write) (users map[identity.UserKey]bool) {
	for _, w := range rows {
		if w.Bucket != kv.BucketUsers || len(w.Key) != len(identity.UserKey{}) || w.Value == nil {
			continue
		}
		if d, err := decisionIn(w.Value); err == nil && book.Trust(d.Trust).Known() {
			if users == nil {
				users = map[identity.UserKey]bool{}
			}
			users[identity.UserKey(w.Key)] = true
		}
	}
	return users
}
