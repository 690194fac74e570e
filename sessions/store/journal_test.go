package store

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"darkchat/sessions/kv"
)

func TestFramesComeBack(t *testing.T) {
	batches := [][]kv.Write{
		{text(1)},
		{text(2), {Bucket: kv.BucketOutbox, Key: []byte("k"), Value: nil}, {Bucket: kv.BucketInbox, Key: []byte("k"), Value: []byte{}}},
		{{Bucket: kv.BucketUsers, Key: bytes.Repeat([]byte{7}, maxKey), Value: bytes.Repeat([]byte{8}, 1<<17)}},
	}
	var b []byte
	for _, batch := range batches {
		b = appendFrame(b, batch)
	}
	got, n, damaged := allFrames(b)
	if n != len(b) || damaged || !reflect.DeepEqual(got, batches) {
		t.Errorf("read %d of %d bytes, damaged %v, equal %v", n, len(b), damaged, reflect.DeepEqual(got, batches))
	}
	if del, empty := got[1][1].Value, got[1][2].Value; del != nil || empty == nil {
		t.Errorf("delete came back as %v, an empty value as %v", del, empty)
	}
}

// allFrames reads frames and keeps their batches.
func allFrames(b []byte) (batches [][]kv.Write, good int, damaged bool) {
	good, damaged = readFrames(b, func(batch []kv.Write) { batches = append(batches, slices.Clone(batch)) })
	return batches, good, damaged
}

func TestBatchesThatNoJournalTakes(t *testing.T) {
	for what, batch := range map[string][]kv.Write{
		"empty":          {},
		"no bucket":      {{Bucket: 0, Key: []byte("k"), Value: nil}},
		"store's bucket": {{Bucket: kv.BucketMeta, Key: []byte("k"), Value: nil}},
		"unknown bucket": {{Bucket: kv.LastBucket + 1, Key: []byte("k"), Value: nil}},
		"no key":         {{Bucket: kv.BucketTexts, Key: nil, Value: []byte("v")}},
		"long key":       {{Bucket: kv.BucketTexts, Key: make([]byte, maxKey+1), Value: nil}},
		"too large":      {{Bucket: kv.BucketTexts, Key: []byte("k"), Value: make([]byte, maxFrame)}},
		"too many":       make([]kv.Write, kv.MaxBatch+1),
	} {
		if checkBatch(batch) == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// A journal cut at any byte, or with any byte flipped, gives a prefix of its
// batches and never anything else.
func TestJournalTornAtEveryByte(t *testing.T) {
	whole := journalHead(7)
	ends := []int{}
	var batches [][]kv.Write
	for n := range 5 {
		batch := []kv.Write{text(n), {Bucket: kv.BucketInbox, Key: []byte{1}, Value: []byte{byte(n)}}}
		whole = appendFrame(whole, batch)
		ends = append(ends, len(whole))
		batches = append(batches, batch)
	}
	path := journalPath(t.TempDir(), 7)
	read := func(b []byte) stored {
		t.Helper()
		writeFile(t, path, b)
		s, err := readJournal(path, 7)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sound := func(n int) (count int) {
		for _, end := range ends {
			if end <= n {
				count++
			}
		}
		return count
	}
	for n := range len(whole) + 1 {
		for _, tail := range []string{"", "\x00\x00\x00", strings.Repeat("\x00", 4096)} {
			if n == len(whole) && tail == "" {
				continue
			}
			s := read(append(bytes.Clone(whole[:n]), tail...))
			want := sound(n)
			// Bytes that happen to be zero make the cut later than it was.
			if len(s.batches) < want || len(s.batches) > len(batches) || s.damaged && n >= journalHeader {
				t.Fatalf("cut at %d: %d batches, damaged %v, want %d", n, len(s.batches), s.damaged, want)
			}
			if tail == "" && len(s.batches) != want {
				t.Fatalf("cut at %d: %d batches, want %d", n, len(s.batches), want)
			}
			if !reflect.DeepEqual(s.batches, append([][]kv.Write(nil), batches[:len(s.batches)]...)) {
				t.Fatalf("cut at %d: other batches came back", n)
			}
		}
	}
	for n := range whole {
		b := bytes.Clone(whole)
		b[n] ^= 0x10
		writeFile(t, path, b)
		s, err := readJournal(path, 7)
		if err != nil {
			t.Fatalf("flip at %d: %v", n, err)
		}
		if want := sound(n); n >= journalHeader && len(s.batches) != want || n < journalHeader && len(s.batches) != 0 {
			t.Fatalf("flip at %d: %d batches, want %d", n, len(s.batches), want)
		}
		if last := n >= ends[3]; s.damaged == last {
			t.Fatalf("flip at %d: damaged %v; only the last frame may be a torn tail", n, s.damaged)
		}
	}
}

func TestNewerJournalIsRefused(t *testing.T) {
	b := headOf(journalFormat+1, 1)
	path := journalPath(t.TempDir(), 1)
	writeFile(t, path, b)
	if _, err := readJournal(path, 1); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("error is %v, want ErrNewer", err)
	}
}

func TestFullDiskAndJournal(t *testing.T) {
	// A real full disk.
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	if _, err := createJournal(t.TempDir(), 1, 0, func(string) (file, error) { return full, nil }); err == nil || !strings.Contains(fault("x", err, "").Error(), "make room") {
		t.Errorf("error is %v, want one that says to make room", err)
	}
}

// A write that ended half way is taken back at once, or before the next one, so
// that no frame of it that is whole comes to life.
func TestHalfAWriteIsTakenBack(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		var f *faultyFile
		j, err := createJournal(t.TempDir(), 1, 0, func(path string) (file, error) {
			real, err := openJournalFile(path)
			f = &faultyFile{file: real}
			return f, err
		})
		if err != nil {
			t.Fatal(err)
		}
		frames := func(numbers ...int) (b []byte) {
			for _, n := range numbers {
				b = appendFrame(b, []kv.Write{text(n)})
			}
			return b
		}
		check := func(want ...string) {
			t.Helper()
			s, err := readJournal(j.path, 1)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, batch := range s.batches {
				got = append(got, string(batch[0].Value))
			}
			if !slices.Equal(got, want) || s.damaged || s.good != j.size {
				t.Fatalf("stuck %v: %q, damaged %v; want %q", stuck, got, s.damaged, want)
			}
		}
		if err := j.append(frames(1)); err != nil {
			t.Fatal(err)
		}
		group := frames(2, 3, 4)
		for room := len(group) - 1; room >= 0; room-- {
			f.set(func(s *faults) { s.limited, s.room, s.noTruncate = true, room, stuck })
			if err := j.append(group); err == nil || !stuck && !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("append: %v", err)
			}
			f.set(func(s *faults) { *s = faults{} })
			if !stuck {
				check("text 1")
			}
		}
		if err := j.append(frames(9)); err != nil { // as long as the frame of text 2
			t.Fatal(err)
		}
		check("text 1", "text 9")
	}
}

func FuzzJournal(f *testing.F) {
	b := journalHead(3)
	b = appendFrame(b, []kv.Write{text(1), {Bucket: kv.BucketOutbox, Key: []byte("k"), Value: nil}})
	b = appendFrame(b, []kv.Write{text(2)})
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Add(append(bytes.Clone(b), 0, 0, 0))
	f.Add([]byte(frameMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		batches, n, _ := allFrames(b)
		if n > len(b) {
			t.Fatalf("read %d of %d bytes", n, len(b))
		}
		for _, batch := range batches {
			if err := checkBatch(batch); err != nil {
				t.Fatal(err)
			}
			back, _, damaged := allFrames(appendFrame(nil, batch))
			if damaged || len(back) != 1 || !reflect.DeepEqual(back[0], batch) {
				t.Fatal("a batch does not come back")
			}
		}
	})
}
