package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/sessiontest"
)

// archiveBed is a file of the history without a store.
type archiveBed struct {
	t interface {
		Helper()
		Fatalf(string, ...any)
	}
	*archive
	h    History
	now  time.Time
	next uint64
}

func newArchiveBed(t *testing.T, limit int) *archiveBed {
	b := &archiveBed{t: t, archive: &archive{path: filepath.Join(t.TempDir(), archiveName), limit: limit}, now: sessiontest.Epoch}
	t.Cleanup(func() { b.close() })
	return b
}

// lines makes the rows of n lines of a user.
func (b *archiveBed) lines(user, n int, stranger bool) []kv.Write {
	for range n {
		b.now = b.now.Add(time.Second)
		b.next++
		b.h.Note(b.now, HistoryEntry{
			User: sessiontest.User(user), Session: identity.SessionID{byte(user), 1}, ID: b.next, Text: fmt.Sprint("line ", b.next), Stranger: stranger,
		})
	}
	return b.h.TakeWrites()
}

func (b *archiveBed) put(rows []kv.Write, befriended ...int) {
	b.t.Helper()
	users := map[identity.UserKey]bool{}
	for _, u := range befriended {
		users[sessiontest.User(u)] = true
	}
	if err := b.compact(rows, users, b.now); err != nil {
		b.t.Fatalf("%v", err)
	}
}

// of counts the lines of a user that are kept.
func (b *archiveBed) of(user int) int {
	b.t.Helper()
	page, err := b.find(HistoryQuery{User: sessiontest.User(user)}, b.now)
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	return len(page.Entries)
}

func (b *archiveBed) expect(want ...int) {
	b.t.Helper()
	var got []int
	for user := range want {
		got = append(got, b.of(user+1))
	}
	if !slices.Equal(got, want) {
		b.t.Fatalf("lines by user: %v, want %v", got, want)
	}
	b.audit()
}

// audit compares what the file counts with what is in it.
func (b *archiveBed) audit() {
	b.t.Helper()
	bolt := b.bolt.Load()
	if bolt == nil {
		return
	}
	err := bolt.View(func(tx *bbolt.Tx) error {
		count, size, strange, strangeSize := uint64(0), uint64(0), uint64(0), uint64(0)
		strangers := tx.Bucket(archiveStrangers)
		c := tx.Bucket(archiveRows).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			count, size = count+1, size+uint64(len(v))
			if strangers != nil && strangers.Get(k) != nil {
				strange, strangeSize = strange+1, strangeSize+uint64(len(v))
			}
		}
		meta := tx.Bucket(archiveMeta)
		got := [4]uint64{getCount(meta, "count"), getCount(meta, "bytes"), getCount(meta, "strangers"), getCount(meta, "strangers bytes")}
		if want := [4]uint64{count, size, strange, strangeSize}; got != want {
			b.t.Fatalf("it counts %v, and has %v", got, want)
		}
		if strangers != nil && uint64(strangers.Stats().KeyN) != strange {
			b.t.Fatalf("%d lines of strangers, and %d are named", strange, strangers.Stats().KeyN)
		}
		return nil
	})
	if err != nil {
		b.t.Fatalf("%v", err)
	}
}

// However much strangers write, no friend's line goes for it, and strangers have a tenth.
func TestStrangersDoNotPushOutFriendsLines(t *testing.T) {
	b := newArchiveBed(t, 1000)
	b.put(b.lines(1, 800, false))
	for range 20 {
		b.put(b.lines(2, 300, true))
	}
	b.expect(800, 100)
	b.put(b.lines(3, 60, true))
	b.expect(800, 40, 60) // the oldest of them go
	b.put(b.lines(1, 150, false))
	b.expect(950, 0, 50) // all strangers' before one of a friend
	b.put(b.lines(1, 60, false))
	b.expect(1000, 0, 0)
	b.put(b.lines(2, 10, true))
	b.expect(1000, 0, 0)

	long := newArchiveBed(t, 1000)
	long.put(long.lines(1, 800, false))
	for range 100 {
		long.now = long.now.Add(time.Second)
		long.h.Note(long.now, HistoryEntry{User: sessiontest.User(2), Session: identity.SessionID{1}, ID: 1, Text: strings.Repeat("x", 16<<10), Stranger: true})
	}
	long.put(long.h.TakeWrites())
	long.expect(800, 6) // 100 KiB
}

// From when on somebody is known their lines are a friend's, those of before, too.
func TestLinesOfSomebodyWhoIsPinned(t *testing.T) {
	b := newArchiveBed(t, 1000)
	b.put(nil, 2) // there is no file yet
	if b.bolt.Load() != nil {
		t.Error("a file was made for nothing")
	}
	b.put(b.lines(2, 100, true))
	b.put(nil, 2, 9)
	b.put(b.lines(3, 300, true))
	b.expect(0, 100, 100)
	b.put(b.lines(4, 50, true), 4) // known in the same compaction
	b.put(b.lines(3, 300, true))
	b.expect(0, 100, 100, 50)
}

// A file of before has no list of strangers: all its lines are friends'.
func TestHistoryWithoutAListOfStrangers(t *testing.T) {
	b := newArchiveBed(t, 100)
	b.put(b.lines(1, 50, false))
	err := b.bolt.Load().View(func(tx *bbolt.Tx) error {
		if tx.Bucket(archiveStrangers) != nil {
			t.Error("a list of nobody")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	b.put(b.lines(2, 500, true))
	b.expect(50, 10)
}

// Whoever writes, is befriended, and whatever is compacted twice: what the file counts is in
// it, its bounds hold, and a friend's line goes only when no stranger's is left.
func TestArchiveAgainstModel(t *testing.T) {
	const limit = 60
	rapid.Check(t, func(rt *rapid.T) {
		b := newArchiveBed(t, limit)
		b.t = rt
		known := map[int]bool{1: true}
		for range rapid.IntRange(1, 40).Draw(rt, "compactions") {
			user, n := rapid.IntRange(1, 4).Draw(rt, "user"), rapid.IntRange(0, 30).Draw(rt, "lines")
			before := 0
			for u := range known {
				before += b.of(u)
			}
			var befriended []int
			rows := b.lines(user, n, !known[user])
			if user > 1 && rapid.IntRange(0, 5).Draw(rt, "befriend") == 0 {
				known[user] = true
				befriended = append(befriended, user)
			}
			b.put(rows, befriended...)
			if rapid.IntRange(0, 3).Draw(rt, "twice") == 0 {
				b.put(rows, befriended...)
			}
			b.audit()
			friends, strangers := 0, 0
			for u := 1; u <= 4; u++ {
				if known[u] {
					friends += b.of(u)
				} else {
					strangers += b.of(u)
				}
			}
			if friends+strangers > limit || strangers > limit/strangersPart {
				rt.Fatalf("%d lines of friends, %d of strangers", friends, strangers)
			}
			if known[user] {
				before += n
			}
			if len(befriended) == 0 && friends < min(before, limit) {
				rt.Fatalf("%d lines of friends of %d, %d of strangers", friends, before, strangers)
			}
		}
		b.close()
	})
}

// The decision to pin somebody comes through the same journals as the lines.
func TestPinnedInTheStore(t *testing.T) {
	d := newDiskTest(t)
	p, h := d.keeping(50), &History{}
	say := func(user, n int) {
		for id := range uint64(n) {
			h.Note(sessiontest.Epoch, HistoryEntry{User: sessiontest.User(user), Session: identity.SessionID{1}, ID: id + 1, Text: "x", Stranger: true})
		}
		note(t, p, h, sessiontest.Epoch)
	}
	say(1, 5)
	d.close(p)
	p = d.keeping(50)
	people := book.New(sessiontest.User(0), "me", book.Limits{})
	if err := people.Contact(sessiontest.Epoch, sessiontest.User(1), "ann"); err != nil {
		t.Fatal(err)
	}
	if !p.Store().Append(people.TakeWrites(), 7) {
		t.Fatal("the queue is full")
	}
	if done := <-p.Store().Done(); done.Err != nil {
		t.Fatal(done.Err)
	}
	d.close(p)
	p = d.keeping(50)
	say(2, 40)
	d.close(p)
	p = d.keeping(50)
	if a, b := len(ask(t, p, HistoryQuery{User: sessiontest.User(1)}).Entries), len(ask(t, p, HistoryQuery{User: sessiontest.User(2)}).Entries); a != 5 || b != 5 {
		t.Errorf("%d lines of who is pinned, %d of a stranger", a, b)
	}
	d.close(p)
}
