package store

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// What a recorded process does, and what must be there of it after a power cut.

// cutLimits compact and sync often, so that a cut may come everywhere.
var cutLimits = storeLimits{compactAt: 6 << 10, maxJournal: 1 << 20, syncDelay: 5 * time.Millisecond, compactRetry: 5 * time.Millisecond}

// decideEvery is how many batches lie between two decisions about a user.
const decideEvery = 20

// cutBatch is the batch with the number n, from 1: a text that stays for three more
// batches, a line that stays for seven, one of the history, how far it came, and now
// and then a decision.
func cutBatch(n uint64) []kv.Write {
	text := childText(n)
	batch := []kv.Write{
		{Bucket: kv.BucketTexts, Key: numberKey(n), Value: []byte(text)}, {Bucket: kv.BucketOutbox, Key: numberKey(n), Value: []byte(text)}, {Bucket: kv.BucketInbox, Key: []byte("last"), Value: numberKey(n)},
	}
	if n > 3 {
		batch = append(batch, kv.Write{Bucket: kv.BucketTexts, Key: numberKey(n - 3), Value: nil})
	}
	if n > 7 {
		batch = append(batch, kv.Write{Bucket: kv.BucketOutbox, Key: numberKey(n - 7), Value: nil})
	}
	if n%decideEvery == 0 {
		user := cutUser(n)
		batch = append(batch, kv.Write{Bucket: kv.BucketUsers, Key: user[:], Value: kv.Marshal(&book.UserRow{
			Version: 1, Name: "zoe", Trust: uint64(book.TrustPinned), Pin: fmt.Sprint(n),
		})})
	}
	var h History
	h.Note(kv.FromMillis(n), HistoryEntry{User: cutUser(n + 1), Session: identity.SessionID{2}, ID: n, Text: text, Stranger: n%3 == 0})
	return append(batch, h.TakeWrites()...)
}

// cutUser is whom the batch n decides about.
func cutUser(n uint64) identity.UserKey { return identity.UserKey{9, byte(n / decideEvery % 3)} }

// childRecorded stores batches from where an earlier run ended, in bursts, and says
// what it did. It ends well, or as if it were killed.
func childRecorded(o ProfileOptions, well bool) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, "recorded process:", err)
		os.Exit(1)
	}
	o.Now, o.History = testNow, DefaultHistory // the clock gives no number: only what is on disk does
	p, err := openProfile(o, cutLimits, openJournalFile)
	if err != nil {
		fail(err)
	}
	done := uint64(0)
	err = p.Load(func(b kv.Bucket, key, value []byte) error {
		if b == kv.BucketInbox {
			done = binary.BigEndian.Uint64(value)
		}
		return nil
	})
	if err != nil || len(p.Notices) > 0 {
		fail(fmt.Errorf("%v, notices %q", err, p.Notices))
	}
	fmt.Println("open", encodeKey(p.Session[:]), encodeKey(p.Key.Public().(ed25519.PublicKey)))
	fmt.Println("id", p.IDs.First)
	fmt.Println("seq", p.Seqs.First)
	r := rand.New(testRandom(byte(done)))
	const blocks = 1 << 40 // marks what answers Reserve
	last, appended, waiting := done+cutBatches, done, 0
	for done < last || waiting > 0 {
		if waiting == 0 { // a burst, and time to sync it, or not
			<-time.After(time.Duration(r.IntN(12)) * time.Millisecond)
			for range min(1+r.Uint64N(8), last-done) {
				appended++
				p.Store().Append(cutBatch(appended), appended)
				waiting++
			}
			if r.IntN(8) == 0 {
				p.Store().Reserve(Counter(1+r.IntN(2)), blocks+uint64(r.IntN(2)))
				waiting++
			}
		}
		d := <-p.Store().Done()
		waiting--
		switch {
		case d.Err != nil:
			fail(d.Err)
		case d.Seq < blocks:
			done = d.Seq
			fmt.Println("stored", done)
		case d.Granted.First < 1<<32: // record numbers begin at the clock
			fmt.Println("id", d.Granted.First)
		default:
			fmt.Println("seq", d.Granted.First)
		}
	}
	if well {
		if err := p.Close(); err != nil {
			fail(err)
		}
	}
	os.Exit(0)
}

// cutBatches is how many batches each recorded process stores.
const cutBatches = 110

// witness is what the outside world knew when the power was cut.
type witness struct {
	session, key string // of the first start that was over
	ids, seq     uint64 // the highest that were used
	batches      uint64 // how many were synced
	decisions    uint64 // the last batch whose decision was
}

// survives opens what is left in dir and checks it against w. It returns how many batches
// there are, and the notices.
func (w witness) survives(dir string) (last uint64, notices []string, err error) {
	if err := samePlace(dir); err != nil {
		return 0, nil, err
	}
	o := ProfileOptions{Dir: dir, User: "ann", Now: testNow, Random: testRandom(99), History: DefaultHistory}
	p, err := openProfile(o, usualLimits(), openJournalFile)
	if err != nil {
		return 0, nil, fmt.Errorf("it does not open: %w", err)
	}
	defer func() {
		if bad := p.Close(); err == nil && bad != nil {
			err = fmt.Errorf("it does not close: %w", bad)
		}
	}()
	got := map[string]string{}
	err = p.Load(func(b kv.Bucket, key, value []byte) error {
		if b == kv.BucketInbox {
			last = binary.BigEndian.Uint64(value)
		}
		if b == kv.BucketUsers {
			row, err := book.ReadUserRow(value)
			if err != nil {
				return err
			}
			value = []byte(row.Pin)
		}
		got[fmt.Sprintf("%v/%x", b, key)] = string(value)
		return nil
	})
	switch {
	case err != nil:
		return last, p.Notices, err
	case last < w.batches:
		return last, p.Notices, fmt.Errorf("%d batches were synced, %d are there", w.batches, last)
	case w.session != "" && (encodeKey(p.Session[:]) != w.session || encodeKey(p.Key.Public().(ed25519.PublicKey)) != w.key):
		return last, p.Notices, errors.New("it is another session, or another user")
	case w.ids > 0 && p.IDs.First <= w.ids:
		return last, p.Notices, fmt.Errorf("ids from %d on, and %d was used", p.IDs.First, w.ids)
	case w.seq > 0 && p.Seqs.First <= w.seq:
		return last, p.Notices, fmt.Errorf("record numbers from %d on, and %d was used", p.Seqs.First, w.seq)
	}
	if err := w.sameAs(got, last); err != nil {
		return last, p.Notices, err
	}
	page, err := p.Store().History(HistoryQuery{})
	if err != nil || uint64(len(page.Entries)) != last || page.Notice != "" {
		return last, p.Notices, fmt.Errorf("%d lines of %d in the history, %v %s", len(page.Entries), last, err, page.Notice)
	}
	for i, e := range page.Entries {
		if e.ID != uint64(i)+1 || e.Text != childText(e.ID) {
			return last, p.Notices, fmt.Errorf("line %d of the history is %d, %q", i+1, e.ID, e.Text)
		}
	}
	return last, p.Notices, nil
}

// sameAs compares what was loaded with what the batches up to last leave. Decisions hold
// for all slots: they lie in a file of their own, which is written and synced before.
func (w witness) sameAs(got map[string]string, last uint64) error {
	want, users := map[string]string{}, map[string]uint64{}
	for n := uint64(1); n <= max(last, w.decisions); n++ {
		for _, row := range cutBatch(n) {
			switch key := fmt.Sprintf("%v/%x", row.Bucket, row.Key); {
			case row.Bucket == kv.BucketUsers && n <= w.decisions:
				users[key] = n
			case row.Bucket == kv.BucketUsers || row.Bucket == kv.BucketHistory || n > last:
			case row.Value == nil:
				delete(want, key)
			default:
				want[key] = string(row.Value)
			}
		}
	}
	for key, value := range want {
		if got[key] != value {
			return fmt.Errorf("after %d batches %s is %q, not %q", last, key, got[key], value)
		}
	}
	for key, value := range got {
		if _, ok := want[key]; ok {
			continue
		}
		n := uint64(0)
		if _, err := fmt.Sscan(value, &n); err != nil || !strings.HasPrefix(key, kv.BucketUsers.String()) {
			return fmt.Errorf("after %d batches there is %s", last, key)
		}
		if users[key] > n {
			return fmt.Errorf("after %d batches the decision of batch %d holds, not that of %d", last, n, users[key])
		}
		delete(users, key)
	}
	for key, n := range users {
		return fmt.Errorf("after %d batches the decision of batch %d is gone: %s", last, n, key)
	}
	return nil
}

// samePlace has the session file in dir say that it lies where it was written, which is
// true of a disk after a power cut and not of a folder that a test has made of it.
func samePlace(dir string) error {
	slot := filepath.Join(dir, "ann", "1")
	s, _, err := readSession(filepath.Join(slot, sessionName), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(slot, lockName)); err != nil {
		return nil // without the lock it is not the same place
	}
	lock, err := tryLock(filepath.Join(slot, lockName))
	if err != nil {
		return err
	}
	defer lock.free()
	return s.write(filepath.Join(slot, sessionName), lock.inode())
}
