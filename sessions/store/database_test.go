package store

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"darkchat/sessions/kv"
)

// setFormat makes the store look like one of another program version.
func (d *database) setFormat(n uint64) error {
	return d.bolt.Load().Update(func(tx *bbolt.Tx) error { return putNumber(tx, metaFormat, n) })
}

func contents(t *testing.T, d *database) map[string]string {
	t.Helper()
	got := map[string]string{}
	for b := kv.BucketUsers; b <= kv.BucketTexts; b++ {
		err := d.each(b, func(k, v []byte) error {
			got[fmt.Sprintf("%v/%s", b, k)] = string(v)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// Whatever is written, compacted and compacted again, the store is what a map would be.
func TestCompactionIsAMap(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		db, err := openDatabase(filepath.Join(dir, fmt.Sprint(runs)))
		if err != nil {
			r.Fatal(err)
		}
		defer db.close()
		model := map[string]string{}
		write := rapid.Custom(func(r *rapid.T) kv.Write {
			return kv.Write{
				Bucket: kv.Bucket(rapid.IntRange(int(kv.BucketUsers), int(kv.BucketTexts)).Draw(r, "bucket")),
				Key:    []byte(rapid.SampledFrom([]string{"a", "b", "c", "dd"}).Draw(r, "key")),
				Value:  rapid.SampledFrom([][]byte{nil, {}, {1}, bytes.Repeat([]byte{2}, 5000)}).Draw(r, "value"),
			}
		})
		for number := uint64(1); number <= 3; number++ {
			batches := rapid.SliceOfN(rapid.SliceOfN(write, 1, 4), 1, 6).Draw(r, "batches")
			for _, batch := range batches {
				for _, w := range batch {
					k := fmt.Sprintf("%v/%s", w.Bucket, w.Key)
					if delete(model, k); w.Value != nil {
						model[k] = string(w.Value)
					}
				}
			}
			for range 2 {
				if err := db.compact(batches, number); err != nil {
					r.Fatal(err)
				}
			}
			if err := db.compact([][]kv.Write{{text(1)}}, number-1); err != nil { // was compacted long ago
				r.Fatal(err)
			}
		}
		if got := contents(t, db); !maps.Equal(got, model) {
			r.Fatalf("store holds %q, want %q", got, model)
		}
	})
}

func TestLoadInChunks(t *testing.T) {
	db, err := openDatabase(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	for _, n := range []int{loadChunk - 1, loadChunk, loadChunk + 1, 2 * loadChunk} {
		var batch []kv.Write
		for i := range n {
			batch = append(batch, text(i))
		}
		if err := db.compact([][]kv.Write{batch}, uint64(n)); err != nil {
			t.Fatal(err)
		}
		if got := len(contents(t, db)); got != n {
			t.Errorf("%d entries came, want %d", got, n)
		}
	}
}

// The pictures that a crash leaves between the steps of a compaction all read as the
// same state.
func TestCompactionCrashPoints(t *testing.T) {
	first := [][]kv.Write{{text(1), {Bucket: kv.BucketInbox, Key: []byte("n"), Value: []byte("1")}}, {text(2)}}
	second := [][]kv.Write{{{Bucket: kv.BucketInbox, Key: []byte("n"), Value: []byte("2")}}, {{Bucket: kv.BucketTexts, Key: text(1).Key, Value: nil}}}
	want := map[string]string{"texts/" + string(text(2).Key): "text 2", "inbox/n": "2"}
	write := func(t *testing.T, path string, number uint64, batches [][]kv.Write, tail string) {
		b := journalHead(number)
		for _, batch := range batches {
			b = appendFrame(b, batch)
		}
		writeFile(t, path, append(b, tail...))
	}
	for name, crash := range map[string]func(t *testing.T, d *diskTest, db *database){
		"before the compaction": func(t *testing.T, d *diskTest, db *database) {
			write(t, d.slotFile("journal.5"), 5, first, "")
			write(t, d.slotFile("journal.6"), 6, second, "")
		},
		"journal made, its header not": func(t *testing.T, d *diskTest, db *database) {
			write(t, d.slotFile("journal.5"), 5, append(first, second...), "")
			writeFile(t, d.slotFile("journal.6"), nil)
		},
		"half a header": func(t *testing.T, d *diskTest, db *database) {
			write(t, d.slotFile("journal.5"), 5, append(first, second...), "")
			writeFile(t, d.slotFile("journal.6"), journalHead(6)[:11])
		},
		"header of zeros": func(t *testing.T, d *diskTest, db *database) {
			write(t, d.slotFile("journal.5"), 5, append(first, second...), "")
			writeFile(t, d.slotFile("journal.6"), make([]byte, 4096))
		},
		"torn tail": func(t *testing.T, d *diskTest, db *database) {
			write(t, d.slotFile("journal.5"), 5, first, "")
			write(t, d.slotFile("journal.6"), 6, second, frameMagic+"\x00\x00\x00\x09")
		},
		"folded, journal not removed": func(t *testing.T, d *diskTest, db *database) {
			if err := db.compact(first, 5); err != nil {
				t.Fatal(err)
			}
			write(t, d.slotFile("journal.5"), 5, first, "")
			write(t, d.slotFile("journal.6"), 6, second, "")
		},
		"both compacted, the older outlived it": func(t *testing.T, d *diskTest, db *database) {
			if err := db.compact(append(first, second...), 6); err != nil {
				t.Fatal(err)
			}
			write(t, d.slotFile("journal.5"), 5, first, "")
		},
		"draft of a store": func(t *testing.T, d *diskTest, db *database) {
			writeFile(t, d.slotFile("store.new"), []byte("half"))
			write(t, d.slotFile("journal.5"), 5, append(first, second...), "")
		},
		"leftovers of files written whole": func(t *testing.T, d *diskTest, db *database) {
			write(t, d.slotFile("journal.5"), 5, append(first, second...), "")
			writeFile(t, d.slotFile(".session123"), []byte("half"))
			writeFile(t, d.userFile(".identity456"), []byte("half"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDiskTest(t)
			d.close(d.open("ann"))
			db, err := openDatabase(d.slotFile("store"))
			if err != nil {
				t.Fatal(err)
			}
			crash(t, d, db)
			db.close()
			for range 2 {
				p := d.open("ann")
				if len(p.Notices) > 0 {
					t.Errorf("notices %q", p.Notices)
				}
				if got := d.load(p); !maps.Equal(got, want) {
					t.Errorf("state is %q, want %q", got, want)
				}
				d.close(p)
			}
			for path := range snapshot(t, d.dir) {
				if name := filepath.Base(path); strings.HasPrefix(name, ".") || strings.HasPrefix(name, "journal") || strings.HasSuffix(name, ".new") {
					t.Errorf("%s is still there", path)
				}
			}
		})
	}
}

// A power cut may leave a journal without the end of the one before it. What came later
// is not replayed over the hole, and is not lost either.
func TestJournalThatDoesNotFollow(t *testing.T) {
	first := appendFrame(appendFrame(journalHead(4), []kv.Write{text(1)}), []kv.Write{text(2)})
	second := appendFrame(headAfter(journalFormat, uint32(len(first)), 5), []kv.Write{text(3)})
	third := appendFrame(headAfter(journalFormat, uint32(len(second)), 6), []kv.Write{text(4)})
	for name, c := range map[string]struct {
		first, second []byte
		texts, aside  int
	}{
		"all follow":      {first, second, 4, 0},
		"a frame is cut":  {first[:len(first)-1], second, 1, 2},
		"a frame is gone": {first[:len(appendFrame(journalHead(4), []kv.Write{text(1)}))], second, 1, 2},
		"the first gone":  {nil, second, 0, 2},
		"the second gone": {first, nil, 2, 1},
		"only its header": {first, second[:journalHeader], 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDiskTest(t)
			d.close(d.open("ann"))
			for n, b := range map[string][]byte{"journal.4": c.first, "journal.5": c.second, "journal.6": third} {
				if b != nil {
					writeFile(t, d.slotFile(n), b)
				}
			}
			for range 2 {
				p := d.open("ann")
				if got := d.load(p); len(got) != c.texts {
					t.Errorf("loaded %q, want %d texts", got, c.texts)
				}
				if aside := d.damagedFiles(d.slotFile("")); len(aside) != c.aside {
					t.Errorf("set aside: %q, want %d", aside, c.aside)
				}
				d.close(p)
			}
		})
	}
}
