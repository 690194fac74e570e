package store

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"darkchat/sessions/kv"
)

// filled is a profile that was closed with 300 texts in its store.
func filled(t *testing.T) (*diskTest, [32]byte) {
	t.Helper()
	d := newDiskTest(t)
	p := d.open("ann")
	var batch []kv.Write
	for n := range 300 {
		batch = append(batch, text(n))
	}
	d.mustStore(p, batch...)
	d.close(p)
	return d, p.Session
}

func TestGarbageForAStore(t *testing.T) {
	for name, spoil := range map[string]func(good []byte) []byte{
		"empty":          func(good []byte) []byte { return nil },
		"text":           func(good []byte) []byte { return []byte("not a store\n") },
		"zeros":          func(good []byte) []byte { return make([]byte, len(good)) },
		"ones":           func(good []byte) []byte { return bytes.Repeat([]byte{0xff}, len(good)) },
		"half":           func(good []byte) []byte { return good[:len(good)/2] },
		"first page":     func(good []byte) []byte { return good[:os.Getpagesize()] },
		"meta pages":     func(good []byte) []byte { return good[:2*os.Getpagesize()] },
		"pages lost":     func(good []byte) []byte { clear(good[3*os.Getpagesize():]); return good },
		"pages spoiled":  func(good []byte) []byte { return fillRandom(good, 2*os.Getpagesize()) },
		"wrong children": func(good []byte) []byte { copy(good[2*os.Getpagesize():], good[4*os.Getpagesize():]); return good },
	} {
		t.Run(name, func(t *testing.T) {
			d, session := filled(t)
			bad := spoil(readAll(t, d.slotFile("store")))
			writeFile(t, d.slotFile("store"), bad)
			p := d.open("ann")
			aside := d.damagedFiles(d.slotFile(""))
			if len(aside) != 1 || !strings.HasSuffix(aside[0], "store.damaged-20260304T050607Z") || !bytes.Equal(readAll(t, aside[0]), bad) {
				t.Fatalf("set aside: %q", aside)
			}
			if !hasNotice(p, "store was damaged", filepath.Base(aside[0])) {
				t.Errorf("notices are %q", p.Notices)
			}
			if p.Session != session || p.IDs.First != startID(1, testNow)+rangeSize {
				t.Errorf("another session or its numbers again: ids from %d", p.IDs.First)
			}
			if got := d.load(p); len(got) != 0 {
				t.Errorf("loaded %d entries", len(got))
			}
			d.mustStore(p, text(9))
			d.close(p)
			p = d.open("ann")
			defer p.Close()
			if got := d.load(p); len(got) != 1 || len(p.Notices) > 0 {
				t.Errorf("afterwards: %q, notices %q", got, p.Notices)
			}
		})
	}
}

func fillRandom(b []byte, from int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b[from:])
	return b
}

// Whatever single page of the store is spoiled, the program starts.
func TestStoreWithAnyPageSpoiled(t *testing.T) {
	d, _ := filled(t)
	good := readAll(t, d.slotFile("store"))
	size := os.Getpagesize()
	for at := 0; at < len(good); at += size {
		bad := bytes.Clone(good)
		fillRandom(bad[:at+size], at)
		writeFile(t, d.slotFile("store"), bad)
		p := d.open("ann")
		d.load(p)
		d.mustStore(p, text(1))
		d.close(p)
		for _, path := range d.damagedFiles(d.slotFile("")) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestDamagedJournalKeepsWhatCameBefore(t *testing.T) {
	d := newDiskTest(t)
	d.close(d.open("ann"))
	b := journalHead(4)
	var ends []int
	for n := range 4 {
		b = appendFrame(b, []kv.Write{text(n)})
		ends = append(ends, len(b))
	}
	b[ends[1]+frameHeader+2] ^= 1 // the third frame
	writeFile(t, d.slotFile("journal.4"), b)
	p := d.open("ann")
	got := d.load(p)
	if len(got) != 2 || got["texts/"+string(text(1).Key)] != "text 1" {
		t.Errorf("loaded %q, want the two before the damage", got)
	}
	aside := d.slotFile("journal.4.damaged-20260304T050607Z")
	if !bytes.Equal(readAll(t, aside), b) || !hasNotice(p, "journal.4", filepath.Base(aside)) {
		t.Errorf("notices are %q", p.Notices)
	}
	d.close(p)

	writeFile(t, d.slotFile("journal.7"), bytes.Repeat([]byte("rubbish "), 100))
	p = d.open("ann")
	if len(d.load(p)) != 2 || !hasNotice(p, "journal.7.damaged") {
		t.Errorf("notices are %q", p.Notices)
	}
	d.mustStore(p, text(50))
	d.close(p)
	p = d.open("ann")
	defer p.Close()
	if len(d.load(p)) != 3 {
		t.Error("what was written after the damage is gone")
	}
}

// An entry that makes no sense is left out and told of; one of a newer program
// ends the start.
func TestLoadWithEntriesThatAreRefused(t *testing.T) {
	d, _ := filled(t)
	p := d.open("ann")
	defer p.Close()
	loaded := 0
	err := p.Load(func(b kv.Bucket, k, v []byte) error {
		if loaded++; loaded%100 == 0 {
			return kv.ErrForm
		}
		return nil
	})
	if err != nil || loaded != 300 || !hasNotice(p, "3 entries") {
		t.Errorf("%v after %d entries, notices %q", err, loaded, p.Notices)
	}
	err = p.Load(func(b kv.Bucket, k, v []byte) error { return kv.ErrNewer })
	if err == nil || !strings.Contains(err.Error(), "run that version") {
		t.Errorf("error is %v", err)
	}
}

// A file that is cut short while it is mapped faults when it is read: that is
// damage, and not the end of the process.
func TestFaultIsDamage(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 16); err != nil {
		t.Fatal(err)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, 1<<16, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(b)
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	sum := byte(0)
	err = guarded(func() error { sum += b[1<<15]; return nil })
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("error is %v, want ErrDamaged", err)
	}
}

func TestSetAsideNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	for n := range 3 {
		writeFile(t, path, []byte{byte(n)})
		if _, err := setAside(path, testNow); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		path + ".damaged-20260304T050607Z":   "\x00",
		path + ".damaged-20260304T050607Z-2": "\x01",
		path + ".damaged-20260304T050607Z-3": "\x02",
	}
	if got := snapshot(t, filepath.Dir(path)); !maps.Equal(got, want) {
		t.Errorf("files are %q", got)
	}
}
