package fuzz_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"darkchat/neighbors"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
	"darkchat/sessions/store"
)

// FuzzJournal starts a node on a slot whose journal is any bytes: b itself, or, when
// framed, two sound batches around a frame whose checksum is right and whose content
// is b.
func FuzzJournal(f *testing.F) {
	s := newSlot(f)
	sound := append(journalHead(1, s.number), s.frame(f, 1)...)
	both := append(bytes.Clone(sound), s.frame(f, 2)...)
	for _, seed := range [][]byte{
		nil, {0}, sound, both, both[:len(both)-3], journalHead(2, s.number), journalHead(1, s.number+1), make([]byte, 64),
		append(journalHeadAfter(1, 77, s.number), s.frame(f, 1)...),
		append(bytes.Clone(sound), make([]byte, 40)...), append(append(bytes.Clone(sound), 1, 2, 3), s.frame(f, 2)...),
	} {
		f.Add(seed, false)
	}
	for _, w := range [][]batchRow{
		{{Bucket: 7, Key: []byte("k"), Value: []byte("v")}}, {{Bucket: 5, Key: []byte("12345678")}}, {{Bucket: 1, Key: []byte("folded"), Value: []byte{9}}},
		{{Bucket: 8, Key: []byte("keys"), Value: []byte{1}}}, {{Bucket: 9, Key: []byte("k"), Value: []byte{1}}}, {{Bucket: 10, Key: []byte("k"), Value: []byte{1}}},
		{{Bucket: 3, Key: nil, Value: nil}}, {{Bucket: 200, Key: []byte("k"), Value: nil}}, {},
	} {
		b, err := cbor.Marshal(w)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
	}
	for _, w := range s.real {
		b, err := cbor.Marshal([]batchRow{{Bucket: uint8(w.Bucket), Key: w.Key, Value: w.Value}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, framed bool) {
		content := b
		if framed {
			if len(b) == 0 {
				return // a frame holds something
			}
			content = append(bytes.Clone(sound), frameOf(b)...)
			content = append(content, s.frame(t, 2)...)
		}
		s.check(t, content)
	})
}

// slot is a user's folder with one slot that has been used and left in order.
type slot struct {
	dir     string
	journal string // the path of the next journal
	number  uint64
	files   map[string][]byte // what is put back before each run
	real    []kv.Write        // rows as a node writes them
}

type batchRow struct {
	_      struct{} `cbor:",toarray"`
	Bucket uint8
	Key    []byte
	Value  []byte
}

func newSlot(f *testing.F) *slot {
	f.Helper()
	s := &slot{dir: memoryDir(f), files: map[string][]byte{}}
	p, err := s.open()
	if err != nil {
		f.Fatal(err)
	}
	bob := newPrincipal(f, "bob", 103)
	people, outbox := book.New(identity.UserKey{1}, "ann", book.DefaultLimits(false)), mail.NewOutbox()
	signed := bob.record(f, 5, identity.StateOnline)
	r, err := identity.Verify(signed)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := people.Learn(epoch, signed, r, true, stranger.Addr()); err != nil {
		f.Fatal(err)
	}
	people.Authenticated(epoch, r.Session, stranger)
	if err := people.Pin(bob.user()); err != nil {
		f.Fatal(err)
	}
	if _, err := outbox.Put(epoch, 1, bob.user(), nil, []string{"hello"}, nil); err != nil {
		f.Fatal(err)
	}
	inbox := mail.NewInbox(budget.New(false), func(identity.SessionID, identity.UserKey) budget.Payer {
		return budget.Payer{Class: budget.Known}
	})
	inbox.Offer(epoch, r.Session, r.User, mail.Part{ID: 1, Parts: 1, Text: "hello"})
	s.real = append(append(people.TakeWrites(), outbox.TakeWrites()...), inbox.TakeWrites()...)
	if !p.Store().Append(s.real, 1) {
		f.Fatal("the store takes nothing")
	}
	if d := <-p.Store().Done(); d.Err != nil {
		f.Fatal(d.Err)
	}
	if err := p.Close(); err != nil {
		f.Fatal(err)
	}
	s.snapshot(f)
	return s
}

// memoryDir is a folder in memory where the system has such a thing: a start syncs
// several times, and this is not about disks.
func memoryDir(f *testing.F) string {
	dir, err := os.MkdirTemp("/dev/shm", "darkchat")
	if err != nil {
		return f.TempDir()
	}
	f.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (s *slot) open() (*store.Profile, error) {
	return store.OpenProfile(store.ProfileOptions{Dir: s.dir, User: "ann", Now: epoch, Random: chance(1)})
}

// snapshot notes the files that a run leaves, and finds out how the next run will
// call its journal.
func (s *slot) snapshot(f *testing.F) {
	f.Helper()
	for _, pattern := range []string{"*/people", "*/*/store"} {
		found, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range found {
			if s.files[path], err = os.ReadFile(path); err != nil {
				f.Fatal(err)
			}
		}
	}
	p, err := s.open()
	if err != nil {
		f.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(s.dir, "*", "*", "journal.*"))
	if err != nil || len(found) != 1 || len(s.files) != 2 {
		f.Fatalf("journals %v (%v), other files %d", found, err, len(s.files))
	}
	s.journal = found[0]
	b, err := os.ReadFile(s.journal)
	if err != nil || len(b) < 24 {
		f.Fatal(err, len(b))
	}
	s.number = binary.BigEndian.Uint64(b[16:24])
	if !bytes.Equal(b, journalHead(1, s.number)) {
		f.Fatalf("a journal begins with %x", b)
	}
	if err := p.Close(); err != nil {
		f.Fatal(err)
	}
}

// restore puts the slot back, with content as its journal.
func (s *slot) restore(t *testing.T, content []byte) {
	t.Helper()
	stale, err := filepath.Glob(filepath.Join(filepath.Dir(s.journal), "journal.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for path, b := range s.files {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.journal, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// check starts a node on the slot and compares what it finds with a slow reading of
// the journal.
func (s *slot) check(t *testing.T, content []byte) {
	t.Helper()
	s.restore(t, content)
	want, damaged, unsure := s.slowRead(t, content)
	p, err := s.open()
	if errors.Is(err, kv.ErrNewer) {
		if b, _ := os.ReadFile(s.journal); !bytes.Equal(b, content) || newerHead(content, s.number) == nil {
			t.Fatalf("taken for newer, or touched: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatalf("it does not start: %v", err)
	}
	defer p.Close()
	got := map[string]string{}
	load := func(give func(kv.Bucket, []byte, []byte) error) error {
		return p.Load(func(b kv.Bucket, key, value []byte) error {
			if b != kv.BucketUsers { // those are merged with what other slots decided
				got[string(byte(b))+string(key)] = string(value)
			}
			return give(b, key, value)
		})
	}
	n, err := neighbors.New(neighbors.Config{
		Key: p.Key, Name: p.Name, Session: p.Session, Random: chance(2), Load: load,
		IDs: p.IDs, Seqs: p.Seqs,
	}, epoch)
	if err != nil && !errors.Is(err, kv.ErrNewer) {
		t.Fatalf("the node does not start: %v", err)
	}
	aside, _ := filepath.Glob(s.journal + ".damaged-*")
	if unsure && len(aside) == 1 {
		damaged = true
		want, _, _ = s.slowRead(t, append(journalHead(1, s.number), s.frame(t, 1)...))
	}
	if damaged != (len(aside) == 1) || damaged && len(p.Notices) == 0 {
		t.Fatalf("damaged: %v; set aside: %v, notices %q", damaged, aside, p.Notices)
	}
	if damaged {
		if b, _ := os.ReadFile(aside[0]); !bytes.Equal(b, content) {
			t.Fatal("what was set aside is not what was there")
		}
	}
	if err == nil && !maps.Equal(got, want) {
		t.Fatalf("found %q, want %q", got, want)
	}
	if n != nil {
		n.Advance(epoch.Add(time.Second))
		n.Drain()
	}
}

// slowRead is what a start must find: the entries of the store, and over them those
// of each whole frame in order up to the first damage. unsure: a frame's content is
// CBOR that our writer would not have written, which may be taken or refused.
func (s *slot) slowRead(t *testing.T, content []byte) (entries map[string]string, damaged, unsure bool) {
	t.Helper()
	entries = map[string]string{}
	put := func(rows []batchRow) {
		for _, r := range rows {
			key := string(rune(r.Bucket)) + string(r.Key)
			if b := kv.Bucket(r.Bucket); b == kv.BucketUsers || b == kv.BucketHistory {
				continue // merged with what other slots decided; in a file of its own
			}
			if r.Value == nil {
				delete(entries, key)
			} else {
				entries[key] = string(r.Value)
			}
		}
	}
	for _, w := range s.real {
		put([]batchRow{{Bucket: uint8(w.Bucket), Key: w.Key, Value: w.Value}})
	}
	head := journalHead(1, s.number)
	if len(content) >= len(head) { // nothing but the store is before it: whatever it follows
		head = journalHeadAfter(1, binary.BigEndian.Uint32(content[12:16]), s.number)
	}
	if !bytes.HasPrefix(content, head) {
		return entries, len(bytes.Trim(content, "\x00")) > 0 && !bytes.HasPrefix(head, content), false
	}
	rest := content[len(head):]
	for len(rest) > 0 {
		payload, size := soundFrame(rest)
		if size == 0 {
			for i := range rest {
				if _, later := soundFrame(rest[i:]); later > 0 {
					damaged = true
				}
			}
			return entries, damaged, unsure
		}
		rows, valid, strict := readBatch(payload)
		unsure = unsure || !strict
		if !valid && strict {
			return entries, true, unsure
		}
		put(rows)
		rest = rest[size:]
	}
	return entries, false, unsure
}

// readBatch reads the content of a frame. strict: our writer could have written it.
func readBatch(payload []byte) (rows []batchRow, valid, strict bool) {
	if err := cbor.Unmarshal(payload, &rows); err != nil {
		return nil, false, !errorsOfForm(err)
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	again, err := mode.Marshal(rows)
	strict = err == nil && bytes.Equal(again, payload)
	valid = len(rows) > 0
	for _, r := range rows {
		valid = valid && kv.Bucket(r.Bucket) > kv.BucketMeta && kv.Bucket(r.Bucket) <= kv.BucketHistory && len(r.Key) > 0 && len(r.Key) <= 1<<15
	}
	return rows, valid, strict
}

// errorsOfForm says whether the general reader found a value of another type, which
// a stricter one may see in another light.
func errorsOfForm(err error) bool {
	var e *cbor.UnmarshalTypeError
	return errors.As(err, &e)
}

func soundFrame(b []byte) (payload []byte, size int) {
	if len(b) < 12 || string(b[:4]) != "\xdc\xf7\x0a\xe5" {
		return nil, 0
	}
	n := uint64(binary.BigEndian.Uint32(b[4:8]))
	if n == 0 || n > 8<<20 || 12+n > uint64(len(b)) || !bytes.Equal(frameOf(b[12:12+n]), b[:12+n]) {
		return nil, 0
	}
	return b[12 : 12+n], int(12 + n)
}

func frameOf(payload []byte) []byte {
	b := append([]byte("\xdc\xf7\x0a\xe5"), binary.BigEndian.AppendUint32(nil, uint32(len(payload)))...)
	sum := crc32.Checksum(append(bytes.Clone(b[4:8]), payload...), crc32.MakeTable(crc32.Castagnoli))
	return append(binary.BigEndian.AppendUint32(b, sum), payload...)
}

// frame is a sound frame of one batch.
func (s *slot) frame(tb testing.TB, n byte) []byte {
	tb.Helper()
	b, err := cbor.Marshal([]batchRow{{Bucket: 6, Key: []byte{n, 1, 2, 3, 4, 5, 6, 7}, Value: []byte{n}}})
	if err != nil {
		tb.Fatal(err)
	}
	return frameOf(b)
}

func journalHead(format uint32, number uint64) []byte { return journalHeadAfter(format, 0, number) }

func journalHeadAfter(format, follows uint32, number uint64) []byte {
	b := append([]byte("darkjrnl"), binary.BigEndian.AppendUint32(nil, format)...)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, follows), number)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// newerHead returns the header of b if it is one of a later format.
func newerHead(b []byte, number uint64) []byte {
	if len(b) < 28 {
		return nil
	}
	format, follows := binary.BigEndian.Uint32(b[8:12]), binary.BigEndian.Uint32(b[12:16])
	if format < 2 || !strings.HasPrefix(string(b), string(journalHeadAfter(format, follows, number))) {
		return nil
	}
	return b[:28]
}
