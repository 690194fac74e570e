package store

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
	"darkchat/sessions/sessiontest"
)

func TestSlots(t *testing.T) {
	d := newDiskTest(t)
	a, b, c := d.open("ann"), d.open("ann"), d.open("ann")
	for i, p := range []*Profile{a, b, c} {
		if got, want := filepath.Base(p.slot.dir), fmt.Sprint(i+1); got != want {
			t.Errorf("run %d has slot %s", i+1, got)
		}
	}
	if a.Session == b.Session || b.Session == c.Session || !a.Key.Equal(b.Key) {
		t.Error("two runs of one user are not two sessions")
	}
	session := b.Session
	d.close(b)
	b = d.open("ann")
	if b.Session != session {
		t.Error("the free slot was not taken again")
	}
	for _, p := range []*Profile{a, b, c} {
		d.close(p)
	}
}

func TestSlotsAreBounded(t *testing.T) {
	d := newDiskTest(t)
	d.close(d.open("ann"))
	for n := 1; n <= maxSlots; n++ {
		s, err := takeSlot(d.userFile(""), n)
		if err != nil {
			t.Fatal(err)
		}
		defer s.lock.free()
	}
	d.refused(d.options("ann"), "64 sessions", "end one")
}

func waitingLine(id uint64, at time.Time) kv.Write {
	return outboxRow(id, identity.UserKey{9}, at, "hello")
}

// outboxRow is a line that waits.
func outboxRow(id uint64, to identity.UserKey, at time.Time, parts ...string) kv.Write {
	o := mail.NewOutbox()
	if _, err := o.Put(at, id, to, nil, parts, nil); err != nil {
		panic(err)
	}
	return o.TakeWrites()[0]
}

func TestSlotWithTheOldestWaitingTextFirst(t *testing.T) {
	for _, crash := range []bool{false, true} {
		d := newDiskTest(t)
		var all []*Profile
		for range 4 {
			all = append(all, d.open("ann"))
		}
		d.mustStore(all[1], waitingLine(1, testNow.Add(2*time.Hour)))
		d.mustStore(all[2], waitingLine(1, testNow.Add(time.Minute)))
		d.mustStore(all[2], waitingLine(2, testNow.Add(3*time.Hour)))
		d.mustStore(all[3], waitingLine(1, testNow)) // the oldest, but it has gone
		d.mustStore(all[3], kv.Write{Bucket: kv.BucketOutbox, Key: numberKey(1), Value: nil})
		if crash {
			saved := filepath.Join(t.TempDir(), "s")
			keepInodes(t, d.dir, saved)
			for _, p := range all {
				d.close(p)
			}
			restoreInodes(t, saved, d.dir)
		} else {
			for _, p := range all {
				d.close(p)
			}
		}
		for _, want := range []string{"3", "2", "1", "4"} {
			p := d.open("ann")
			defer p.Close()
			if got := filepath.Base(p.slot.dir); got != want {
				t.Errorf("crash %v: took slot %s, want %s", crash, got, want)
			}
			if hasNotice(p, "") {
				t.Errorf("crash %v: notices %q", crash, p.Notices)
			}
		}
	}
}

// keepInodes and restoreInodes put the content of the files back without making
// them new files: the picture that a crash leaves.
func keepInodes(t *testing.T, from, to string) {
	t.Helper()
	copyTree(t, from, to)
}

func restoreInodes(t *testing.T, saved, to string) {
	t.Helper()
	now := snapshot(t, to)
	then := snapshot(t, saved)
	for path := range now {
		rel, _ := filepath.Rel(to, path)
		if _, ok := then[filepath.Join(saved, rel)]; !ok {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for path, content := range then {
		rel, _ := filepath.Rel(saved, path)
		writeFile(t, filepath.Join(to, rel), []byte(content))
	}
}

func TestCopiedFolderIsANewSession(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	d.mustStore(p, waitingLine(1, testNow), text(1), kv.Write{Bucket: kv.BucketInbox, Key: []byte("12345678"), Value: []byte("w")})
	d.close(p)
	original := d.dir
	d.dir = filepath.Join(t.TempDir(), "copy")
	copyTree(t, original, d.dir)
	c := d.open("ann")
	if c.Session == p.Session || !c.Key.Equal(p.Key) {
		t.Error("the copy uses the session of the original")
	}
	if !hasNotice(c, "is a copy", "1 waiting") {
		t.Errorf("notices are %q", c.Notices)
	}
	if got := d.load(c); len(got) != 1 || got["texts/"+string(text(1).Key)] != "text 1" {
		t.Errorf("the copy holds %q, want its texts alone", got)
	}
	session := c.Session
	d.close(c)
	c = d.open("ann")
	if c.Session != session || len(c.Notices) > 0 {
		t.Errorf("the copy takes a new session each time, or says so: %q", c.Notices)
	}
	d.close(c)

	// The original goes on, also after it was moved.
	d.dir = original + "-moved"
	if err := os.Rename(original, d.dir); err != nil {
		t.Fatal(err)
	}
	o := d.open("ann")
	defer o.Close()
	if o.Session != p.Session || len(d.load(o)) != 3 {
		t.Error("the original is another session now")
	}

	// A backup of the session file alone is found out as well.
	d.close(o)
	writeFile(t, d.slotFile("restored"), readAll(t, d.slotFile("session")))
	if err := os.Rename(d.slotFile("restored"), d.slotFile("session")); err != nil {
		t.Fatal(err)
	}
	b := d.open("ann")
	defer b.Close()
	if b.Session == p.Session {
		t.Error("a restored session file is used again, with its old numbers")
	}
}

// What waited in a session that is given up is shown once: nothing that was typed
// is lost from sight.
func TestLinesOfACopyAreTold(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	bob, gone := sessiontest.User(1), sessiontest.User(2)
	put := func(id uint64, to identity.UserKey, parts ...string) kv.Write {
		return outboxRow(id, to, testNow, parts...)
	}
	batch := []kv.Write{rowOf(bob, "bob", book.TrustPinned), put(1, bob, "first\n+ ", "second"), put(2, gone, strings.Repeat("日", 100))}
	for id := uint64(3); id <= 25; id++ {
		batch = append(batch, put(id, bob, fmt.Sprint("line ", id)))
	}
	d.mustStore(p, batch...)
	d.close(p)
	original := d.dir
	moved := func(name string) []string {
		d.dir = filepath.Join(t.TempDir(), name)
		copyTree(t, original, d.dir)
		if err := os.Chmod(d.userFile("identity"), fileMode); err != nil {
			t.Fatal(err)
		}
		c := d.open("ann")
		defer d.close(c)
		return c.Notices
	}
	told := moved("copy")
	if len(told) != 1+20+1 || !strings.Contains(told[0], "is a copy") || !strings.Contains(told[0], "25 waiting lines") {
		t.Fatalf("%d notices: %q", len(told), told)
	}
	for i, want := range map[int]string{
		1:  "left out, to bob: first ⏎ + second",
		2:  "left out, to " + identity.Fingerprint(gone) + ": " + strings.Repeat("日", 66) + "...",
		20: "left out, to bob: line 20",
		21: "and 5 more",
	} {
		if told[i] != want {
			t.Errorf("%d: %q, want %q", i, told[i], want)
		}
	}
	if strings.Contains(told[0], "no longer there") {
		t.Errorf("the original is there, but: %s", told[0])
	}

	away := original + "-elsewhere"
	if err := os.Rename(original, away); err != nil {
		t.Fatal(err)
	}
	was := original
	original = away
	if told = moved("alone"); len(told) != 22 || !strings.Contains(told[0], filepath.Join(was, "ann", "1")+" is no longer there") {
		t.Errorf("the copy is all there is, but: %q", told[0])
	}
}

func TestSlotOfANewerProgram(t *testing.T) {
	for _, name := range []string{"session", "journal.9", "store", "people"} {
		d := newDiskTest(t)
		p := d.open("ann")
		d.mustStore(p, text(1))
		d.close(p)
		path := d.slotFile(name)
		switch name {
		case "session":
			writeFile(t, path, []byte(strings.Replace(string(readAll(t, path)), "session 1", "session 2", 1)))
		case "journal.9":
			writeFile(t, path, headOf(journalFormat+1, 9))
		case "people":
			path = d.userFile(name)
			writeFile(t, path, headOf(journalFormat+1, 0))
		case "store":
			db, err := openDatabase(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.setFormat(storeFormat + 1); err != nil {
				t.Fatal(err)
			}
			db.close()
		}
		before := snapshot(t, d.dir)
		d.refused(d.options("ann"), path, "newer", "run that version")
		if !maps.Equal(before, snapshot(t, d.dir)) {
			t.Errorf("%s: something was touched", name)
		}
	}
}

func TestDamagedSessionFileIsANewSession(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	d.mustStore(p, text(1))
	d.close(p)
	writeFile(t, d.slotFile("session"), []byte("rubbish"))
	q := d.open("ann")
	defer q.Close()
	if q.Session == p.Session || !hasNotice(q, "session.damaged-20260304T050607Z", "new session") {
		t.Errorf("same session %v, notices %q", q.Session == p.Session, q.Notices)
	}
	if string(readAll(t, d.slotFile("session.damaged-20260304T050607Z"))) != "rubbish" {
		t.Error("the damaged file is not as it was")
	}
	if len(d.load(q)) != 1 {
		t.Error("the texts are gone")
	}
}

func TestFreshKeyForAClone(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("ann")
	old := p.Session
	if err := p.Fresh(testRandom(99)); err != nil {
		t.Fatal(err)
	}
	fresh := p.Session
	d.close(p)
	p = d.open("ann")
	defer p.Close()
	if fresh == old || p.Session != fresh {
		t.Error("the fresh key is not kept")
	}
}

func TestNumbersAreNeverGivenTwice(t *testing.T) {
	d := newDiskTest(t)
	var ids, seq uint64 = 1, uint64(testNow.UnixMilli())
	for run := range 6 {
		p := d.open("ann")
		if p.IDs.First < ids || p.Seqs.First < seq || p.Seq != p.Seqs.First {
			t.Fatalf("run %d: ids from %d, seq from %d; want at least %d, %d", run, p.IDs.First, p.Seqs.First, ids, seq)
		}
		if clean := run > 0 && run%2 == 1; clean && (p.IDs.First != ids || p.Seqs.First != seq) {
			t.Fatalf("run %d: ids from %d, seq from %d; want exactly %d, %d", run, p.IDs.First, p.Seqs.First, ids, seq)
		}
		for c, first := range map[Counter]uint64{CounterIDs: p.IDs.Limit, CounterSeq: p.Seqs.Limit} {
			if !p.Store().Reserve(c, uint64(c)) {
				t.Fatal("refused")
			}
			got := <-p.Store().Done()
			if got.Err != nil || got.Seq != uint64(c) || got.Granted != (Range{first, first + rangeSize}) {
				t.Fatalf("run %d: granted %+v, want from %d", run, got, first)
			}
		}
		ids, seq = p.IDs.Limit+rangeSize, p.Seqs.Limit+rangeSize
		if run%2 == 0 {
			ids, seq = p.IDs.First+7, p.Seqs.First+8
			p.GiveBack(ids, seq)
		}
		d.close(p)
	}
}

// A disk that is set back to an older state, its inodes and all, gives no number again.
func TestSetBackDiskGivesNoNumberAgain(t *testing.T) {
	old := session{ids: 5, seq: 7}
	ids, seq := uint64(5), uint64(7)
	for day := range 3 {
		r := reserver{}
		a, b, err := r.start(old, testNow.Add(time.Duration(day)*24*time.Hour))
		if err != nil || a.First < ids || b.First < seq {
			t.Fatalf("day %d: %v and %v, and all below %d and %d may be used; %v", day, a, b, ids, seq, err)
		}
		ids, seq = a.First+1_000_000, b.First+1_000_000 // as many on that day
	}
	r := reserver{}
	if a, _, err := r.start(session{ids: 1 << 40}, testNow); err != nil || a.First != 1<<40 {
		t.Fatalf("the clock went back: %v, %v", a, err)
	}
}

func TestSeqIsAboveTheClockAndTheStore(t *testing.T) {
	d := newDiskTest(t)
	o := d.options("ann")
	o.Now = testNow.Add(24 * time.Hour)
	p := d.openWith(o, usualLimits(), openJournalFile)
	if p.Seq != uint64(o.Now.UnixMilli()) {
		t.Errorf("seq is %d, want the clock's", p.Seq)
	}
	d.close(p)
	p = d.open("ann") // the clock went back a day
	if want := uint64(o.Now.UnixMilli()) + rangeSize; p.Seq != want {
		t.Errorf("seq is %d, want %d", p.Seq, want)
	}
	d.close(p)
	o.Now = time.Date(200000000, 1, 1, 0, 0, 0, 0, time.UTC) // a clock gone mad
	p = d.openWith(o, usualLimits(), openJournalFile)
	if p.Seqs.Limit >= maxNumber {
		t.Errorf("seq %d is out of range", p.Seqs.Limit)
	}
	d.close(p)
}
