package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/sessiontest"
)

// keeping opens a run that keeps so many lines.
func (t *diskTest) keeping(n int) *Profile {
	o := t.options("ann")
	o.History = n
	return t.openWith(o, smallLimits, openJournalFile)
}

// note stores lines of the history and waits for it.
func note(t *testing.T, p *Profile, h *History, now time.Time, entries ...HistoryEntry) {
	t.Helper()
	for _, e := range entries {
		h.Note(now, e)
	}
	batch := h.TakeWrites()
	if !p.Store().Append(batch, 7) {
		t.Fatal("the queue is full")
	}
	if d := <-p.Store().Done(); d.Err != nil {
		t.Fatal(d.Err)
	}
}

func ask(t *testing.T, p *Profile, q HistoryQuery) HistoryPage {
	t.Helper()
	page, err := p.Store().History(q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// Random lines, restarts and questions against a plain list.
func TestHistoryAgainstModel(t *testing.T) {
	const kept = 300
	d := newDiskTest(t)
	seed := uint64(time.Now().UnixNano())
	defer func() {
		if t.Failed() {
			t.Log("seed", seed)
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 1))
	var model []HistoryEntry
	p, h, now := d.keeping(kept), &History{}, sessiontest.Epoch
	words := []string{"Ann", "bob", "grüße", "GRÜSSE", "fish", "FISHING", "x", strings.Repeat("long ", 60)}
	for id := uint64(1); id < 1200; id++ {
		e := HistoryEntry{User: sessiontest.User(1 + rng.IntN(3)), ID: id, Sent: kv.FromMillis(kv.Millis(now) - 5), Late: rng.IntN(2) == 0}
		if rng.IntN(2) == 0 {
			e.Session = identity.SessionID{9, byte(rng.IntN(3))}
		}
		if rng.IntN(5) == 0 {
			e.Via = sessiontest.User(9)
		}
		for range 1 + rng.IntN(4) {
			e.Text += words[rng.IntN(len(words))] + " "
		}
		now = now.Add(time.Duration(rng.IntN(3)) * time.Millisecond)
		note(t, p, h, now, e)
		e.At = now
		model = append(model, e)
		switch rng.IntN(40) {
		case 0:
			d.close(p)
			p, h = d.keeping(kept), &History{last: h.last}
		case 1, 2, 3:
			q := HistoryQuery{Most: rng.IntN(30), Since: rng.IntN(4) == 0}
			if rng.IntN(2) == 0 {
				q.User = sessiontest.User(1 + rng.IntN(3))
			}
			for range rng.IntN(3) {
				q.Words = append(q.Words, []string{"fish", "ann", "Grüße", "zzz", "LONG"}[rng.IntN(5)])
			}
			// What the last compaction kept beyond the bound may still be found.
			got := ask(t, p, q)
			if want := slowly(model, q); !samePage(got, want, id-min(id, kept-1)) {
				t.Fatalf("%+v\n got %s, %d more\nwant %s, %d more", q, lineIDs(got), got.More, lineIDs(want), want.More)
			}
		}
	}
	d.close(p)
	p = d.keeping(kept)
	if got := ask(t, p, HistoryQuery{}); len(got.Entries) != kept || got.Entries[kept-1].ID != 1199 || got.Entries[kept-1].At != model[1198].At {
		t.Fatalf("%d lines are kept", len(got.Entries))
	}
	d.close(p)
}

// slowly answers as the history must, by looking at each line.
func slowly(model []HistoryEntry, q HistoryQuery) (page HistoryPage) {
	for _, e := range slices.Backward(model) {
		if q.Since && e.Own() {
			break
		}
		fits := q.User.IsZero() || q.User == e.User
		for _, w := range q.Words {
			fits = fits && strings.Contains(strings.ToLower(e.Text), strings.ToLower(w))
		}
		switch {
		case !fits:
		case q.Most > 0 && len(page.Entries) == q.Most:
			page.More++
		default:
			page.Entries = append(page.Entries, e)
		}
	}
	slices.Reverse(page.Entries)
	return page
}

// samePage compares the newest lines; of those that are older than the bound some may be gone.
func samePage(got, want HistoryPage, oldest uint64) bool {
	for i := range min(len(got.Entries), len(want.Entries)) {
		if got.Entries[len(got.Entries)-1-i] != want.Entries[len(want.Entries)-1-i] {
			return false
		}
	}
	sure := 0
	for _, e := range want.Entries {
		if e.ID >= oldest {
			sure++
		}
	}
	found := len(got.Entries) + got.More
	return len(got.Entries) >= sure && found <= len(want.Entries)+want.More &&
		(sure < len(want.Entries) || len(got.Entries) == len(want.Entries))
}

func lineIDs(p HistoryPage) string {
	var ids []string
	for _, e := range p.Entries {
		ids = append(ids, fmt.Sprint(e.ID))
	}
	return strings.Join(ids, " ")
}

// A damaged file of the history costs the history and nothing else, and says so.
func TestDamagedHistoryIsSetAside(t *testing.T) {
	d := newDiskTest(t)
	p, h := d.keeping(100), &History{}
	for id := range uint64(50) {
		note(t, p, h, sessiontest.Epoch, HistoryEntry{User: sessiontest.User(1), ID: id, Text: strings.Repeat("x", 500)})
	}
	d.close(p)
	path := p.slot.path(archiveName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i += 7 {
		b[i] ^= 0x55
	}
	if err := os.WriteFile(path, b[:len(b)/2], fileMode); err != nil {
		t.Fatal(err)
	}
	p = d.keeping(100)
	note(t, p, h, sessiontest.Epoch, HistoryEntry{User: sessiontest.User(1), ID: 99, Text: "new"})
	page := ask(t, p, HistoryQuery{})
	if len(page.Entries) != 1 || page.Entries[0].Text != "new" || !strings.Contains(page.Notice, "damaged") {
		t.Fatalf("%+v", page)
	}
	d.close(p)
	p = d.keeping(100)
	if page := ask(t, p, HistoryQuery{}); len(page.Entries) != 1 || page.Notice != "" {
		t.Fatalf("%+v", page)
	}
	d.close(p)
}

// With -history 0 nothing is kept, and what there was goes.
func TestNoHistory(t *testing.T) {
	d := newDiskTest(t)
	p, h := d.keeping(100), &History{}
	note(t, p, h, sessiontest.Epoch, HistoryEntry{User: sessiontest.User(1), ID: 1, Text: "secret"})
	d.close(p)
	p = d.keeping(0)
	if _, err := os.Stat(p.slot.path(archiveName)); !os.IsNotExist(err) {
		t.Fatal("the file is still there:", err)
	}
	note(t, p, h, sessiontest.Epoch, HistoryEntry{User: sessiontest.User(1), ID: 2, Text: "secret"})
	if _, err := p.Store().History(HistoryQuery{}); !errors.Is(err, ErrNoHistory) {
		t.Fatal(err)
	}
	d.close(p)
	if _, err := os.Stat(p.slot.path(archiveName)); !os.IsNotExist(err) {
		t.Fatal("a file was made:", err)
	}
	p = d.keeping(100)
	if page := ask(t, p, HistoryQuery{}); len(page.Entries) != 0 {
		t.Fatalf("%+v", page)
	}
	d.close(p)
}

// A clock that is set back changes the order of nothing.
func TestHistoryWhenTheClockJumps(t *testing.T) {
	d := newDiskTest(t)
	p, h := d.keeping(100), &History{}
	for i, at := range []time.Time{sessiontest.Epoch, sessiontest.Epoch.AddDate(1, 0, 0), sessiontest.Epoch.AddDate(0, 0, -1), sessiontest.Epoch} {
		note(t, p, h, at, HistoryEntry{User: sessiontest.User(1), ID: uint64(i), Text: "x"})
	}
	if got := lineIDs(ask(t, p, HistoryQuery{})); got != "0 1 2 3" {
		t.Fatal(got)
	}
	d.close(p)
	// Nor between two runs, and each line has the time that it was.
	for i, at := range []time.Time{sessiontest.Epoch.AddDate(0, 0, -2), sessiontest.Epoch.Add(time.Hour)} {
		p := d.keeping(100)
		note(t, p, &p.Past, at, HistoryEntry{User: sessiontest.User(1), ID: uint64(4 + i), Text: "x"})
		for range 2 { // in the journal, and compacted
			page := ask(t, p, HistoryQuery{Most: 1})
			if got := lineIDs(page); got != fmt.Sprint(4+i) || page.More != 4+i || !page.Entries[0].At.Equal(at) {
				t.Fatalf("run %d: %s, %d more, at %v", i, got, page.More, page.Entries[0].At)
			}
			d.close(p)
			p = d.keeping(100)
		}
		d.close(p)
	}
}

// BenchmarkSearch looks for a rare word in 100,000 lines.
func BenchmarkSearch(b *testing.B) {
	a := &archive{path: b.TempDir() + "/x", limit: DefaultHistory}
	h := &History{}
	for id := range uint64(DefaultHistory) {
		h.Note(sessiontest.Epoch.Add(time.Duration(id)*time.Second), HistoryEntry{
			User: sessiontest.User(int(id % 50)), Session: identity.SessionID{1}, ID: id, Sent: sessiontest.Epoch,
			Text: fmt.Sprintf("Line %d is about as long as what people write to each other, most often", id),
		})
		if id%10_000 == 9_999 {
			if err := a.compact(h.TakeWrites(), nil, sessiontest.Epoch); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, words := range [][]string{{"line", "77777"}, {"größe"}} {
		b.Run(words[0], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.find(HistoryQuery{Words: words, Most: 50}, sessiontest.Epoch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	a.close()
}

// What is written by hand is what the encoder would write.
func TestHistoryRowIsCanonical(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		e := HistoryEntry{
			User: sessiontest.User(rapid.IntRange(0, 9).Draw(r, "user")), Late: rapid.Bool().Draw(r, "late"),
			Sent: kv.FromMillis(rapid.Uint64Max(1<<50).Draw(r, "sent")), Text: rapid.StringN(0, 70000, 70000).Draw(r, "text"),
		}
		w := historyStored{Version: storeHistory, User: e.User[:], Sent: kv.Millis(e.Sent), Late: e.Late, Text: e.Text}
		if rapid.Bool().Draw(r, "via") {
			e.Via = sessiontest.User(1)
			w.Via = e.Via[:]
		}
		if got := e.encode(); !bytes.Equal(got, kv.Marshal(&w)) {
			r.Fatalf("%x, not %x", got, kv.Marshal(&w))
		}
	})
}

// Whoever asks while journals begin and are compacted finds each line that was stored, once.
func TestHistoryIsWholeWhileItIsCompacted(t *testing.T) {
	d := newDiskTest(t)
	p := d.keeping(100_000)
	var stored atomic.Uint64
	stop, ended, asked := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			least := stored.Load()
			page, err := p.Store().History(HistoryQuery{Most: 20})
			n := len(page.Entries)
			if err != nil || uint64(n+page.More) < least {
				t.Errorf("%d lines of %d, %v", n+page.More, least, err)
				return
			}
			for i, e := range page.Entries {
				if e.ID != uint64(page.More+i)+1 {
					t.Errorf("line %d is %d", page.More+i+1, e.ID)
					return
				}
			}
			select {
			case asked <- struct{}{}:
			default:
			}
		}
	}()
	defer func() {
		close(stop)
		<-ended
		d.close(p)
	}()
	h := &History{}
	for id := uint64(1); id <= 4000; id++ {
		note(t, p, h, sessiontest.Epoch.Add(time.Duration(id)*time.Millisecond), HistoryEntry{User: sessiontest.User(1), ID: id, Text: "x"})
		stored.Store(id)
		if id%1000 == 0 { // the machine may be busy: no more lines before there was a question
			select {
			case <-asked:
			case <-ended:
				return
			}
		}
	}
}

// A line that is compacted while its journal is still there is found once, and those behind
// it in the journal, too.
func TestHistoryLineInBothPlaces(t *testing.T) {
	dir := t.TempDir()
	a := &archive{path: filepath.Join(dir, archiveName), limit: 10}
	h := &History{}
	b := journalHead(7)
	for id := range uint64(5) {
		h.Note(sessiontest.Epoch.Add(time.Duration(id)*time.Hour), HistoryEntry{User: sessiontest.User(1), ID: id + 1, Text: "x"})
		rows := h.TakeWrites()
		b = appendFrame(b, rows)
		if id < 3 {
			if err := a.compact(rows, nil, sessiontest.Epoch); err != nil {
				t.Fatal(err)
			}
		}
	}
	writeFile(t, journalPath(dir, 7), b)
	for most, want := range map[int]string{0: "1 2 3 4 5", 2: "4 5", 3: "3 4 5"} {
		page, err := a.find(HistoryQuery{Most: most}, sessiontest.Epoch)
		if got := lineIDs(page); err != nil || got != want || len(page.Entries)+page.More != 5 {
			t.Errorf("most %d: %q and %d more, %v", most, got, page.More, err)
		}
	}
	a.close()
}
