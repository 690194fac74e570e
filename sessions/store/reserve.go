package store

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"darkchat/sessions/identity"
)

const (
	// rangeSize is how many numbers are reserved at a time.
	rangeSize = 8192
	// maxNumber bounds text ids and sequence numbers, so that every language can represent
	// them exactly. Spec: spec/wire.md, records.
	maxNumber = 1 << 53
)

// A Range is numbers given to this run of a session and to no other: First <= n < Limit. Those not
// used are given back by GiveBack, or skipped for ever.
type Range struct{ First, Limit uint64 }

// A Counter is one of the two series of numbers that a session never repeats.
type Counter uint8

const (
	// CounterIDs numbers the texts of a session, from 1.
	CounterIDs Counter = 1
	// CounterSeq numbers the records of a session.
	CounterSeq Counter = 2
)

// session is the content of a slot's session file: the key of the session, and how far its numbers are
// reserved. They are kept together, since a number is unique only under its key.
type session struct {
	user identity.UserKey
	key  [32]byte // X25519 private
	ids  uint64   // the first text id not given out
	seq  uint64   // the first record seq not given out
	seed bool     // this run is a seed

	folder string // where the file was when it was last written; "": unknown
}

// roleSeed is the role of a session that last ran as a seed; sessions of people have none.
const roleSeed = "seed"

const sessionNote = "Never copy this file: two sessions with one key take each other's texts."

func newSession(user identity.UserKey, now time.Time, random io.Reader) (session, error) {
	s := session{user: user, ids: 1, seq: startSeq(0, now)}
	if _, err := io.ReadFull(random, s.key[:]); err != nil {
		return session{}, fmt.Errorf("no randomness for a key: %w", err)
	}
	return s, nil
}

// startSeq is the sequence number with which a run begins: above all that were used and, as long as the
// clock is about right, also above those that a forgotten past of this session used.
func startSeq(next uint64, now time.Time) uint64 {
	if ms := now.UnixMilli(); ms > 0 {
		next = max(next, uint64(ms))
	}
	return max(next, 1)
}

// A run also skips the text ids that a forgotten past may have used: a disk restored to an older state
// would give them out again, and a text whose id the reader knows is taken for the old one. Ids travel
// with each text and each ack, so they grow more slowly than milliseconds: 32 bits last for eight years.
const idsPerSecond = 16 // on average, between a backup and its restoration

var firstIDs = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func startID(next uint64, now time.Time) uint64 {
	if since := now.Sub(firstIDs); since > 0 {
		next = max(next, uint64(since/time.Second)*idsPerSecond)
	}
	return max(next, 1)
}

// readSession reads a session file. copied says that it is not where it was written: it, or its whole
// folder, came from a copy or a backup whose original may be running.
func readSession(path string, lockInode uint64) (s session, copied bool, err error) {
	fields, err := readTextFile(path, "session")
	if err != nil {
		return session{}, false, err
	}
	user, err := decodeKey(fields["user"])
	if err != nil {
		return session{}, false, fmt.Errorf("%w: its user key is wrong", ErrDamaged)
	}
	s.user = user
	if s.key, err = decodeKey(fields["key"]); err != nil {
		return session{}, false, fmt.Errorf("%w: its key is wrong", ErrDamaged)
	}
	if s.ids, err = fields.number("ids"); err != nil {
		return session{}, false, err
	}
	if s.seq, err = fields.number("seq"); err != nil {
		return session{}, false, err
	}
	if s.ids == 0 || s.ids > maxNumber-2*rangeSize || s.seq > maxNumber-2*rangeSize {
		return session{}, false, fmt.Errorf("%w: its numbers are out of range", ErrDamaged)
	}
	s.folder, _ = strconv.Unquote(fields["folder"]) // only words for a notice
	self, err := inodeAt(path)
	if err != nil {
		return session{}, false, err
	}
	return s, fields["place"] != place(lockInode, self), nil
}

// write replaces the session file at path. It is on disk when write returns.
func (s session) write(path string, lockInode uint64) error {
	pairs := [][2]string{
		{"user", encodeKey(s.user[:])}, {"key", encodeKey(s.key[:])},
		{"ids", fmt.Sprint(s.ids)}, {"seq", fmt.Sprint(s.seq)},
	}
	if s.seed {
		pairs = append(pairs, [2]string{"role", roleSeed})
	}
	if dir, err := filepath.Abs(filepath.Dir(path)); err == nil && len(dir) <= maxFolder {
		pairs = append(pairs, [2]string{"folder", strconv.Quote(dir)})
	}
	return replaceFile(path, func(self uint64) []byte {
		return formatTextFile("session", sessionNote, append(pairs, [2]string{"place", place(lockInode, self)})...)
	})
}

// maxFolder bounds the path that is kept, quoted, in a session file.
const maxFolder = maxTextFile / 8

// place identifies where a session file is, by the inode numbers of two files: the slot's lock, made once,
// and the session file itself, made anew at each start. A copy or a restored backup has others, unless the
// file system happens to reuse both. A copy of the whole disk has the same; it is found out when it meets
// its original (Profile.Fresh).
func place(lockInode, self uint64) string { return fmt.Sprintf("%d.%d", lockInode, self) }

// reserver hands out blocks of numbers. A block is synced to disk before it is
// returned. Its methods may be called by any goroutine.
type reserver struct {
	mu    sync.Mutex
	path  string // empty: in memory only
	inode uint64 // of the slot's lock
	now   session
}

// reserve takes the next block of c.
func (r *reserver) reserve(c Counter) (Range, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.now
	n := &next.ids
	if c == CounterSeq {
		n = &next.seq
	}
	b := Range{*n, *n + rangeSize}
	if b.Limit >= maxNumber {
		return Range{}, fault(r.path, fmt.Errorf("%w: its numbers are used up", ErrDamaged),
			"move it away to start as a new session")
	}
	*n = b.Limit
	if err := r.put(next); err != nil {
		return Range{}, err
	}
	return b, nil
}

// start takes the first block of both counters with one write.
func (r *reserver) start(s session, now time.Time) (ids, seq Range, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begin := func(next, first uint64) Range {
		if first >= maxNumber-rangeSize {
			first = next // a clock set far into the future must not use up the numbers
		}
		return Range{first, first + rangeSize}
	}
	ids, seq = begin(s.ids, startID(s.ids, now)), begin(s.seq, startSeq(s.seq, now))
	s.ids, s.seq = ids.Limit, seq.Limit
	return ids, seq, r.put(s)
}

// giveBack ends a run that used all numbers below ids and seq, and none from there on.
func (r *reserver) giveBack(ids, seq uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.now
	next.ids = min(next.ids, max(ids, 1))
	next.seq = min(next.seq, max(seq, 1))
	if next == r.now {
		return nil
	}
	return r.put(next)
}

// rekey replaces the key and keeps the numbers.
func (r *reserver) rekey(key [32]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.now
	next.key = key
	return r.put(next)
}

func (r *reserver) put(next session) error {
	if r.path != "" {
		if err := next.write(r.path, r.inode); err != nil {
			return fault(r.path, err, "check "+filepath.Dir(r.path))
		}
	}
	r.now = next
	return nil
}
