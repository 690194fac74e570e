package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/kv"
)

// smallLimits compact often and sync soon.
var smallLimits = storeLimits{compactAt: 4 << 10, maxJournal: 1 << 20, syncDelay: time.Millisecond, compactRetry: 5 * time.Millisecond}

var testNow = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func testRandom(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// diskTest opens profiles of one state folder, each with keys of its own.
type diskTest struct {
	*testing.T
	dir   string
	seeds byte
}

func newDiskTest(t *testing.T) *diskTest {
	return &diskTest{T: t, dir: filepath.Join(t.TempDir(), "state")}
}

func (t *diskTest) options(user string) ProfileOptions {
	t.seeds++
	return ProfileOptions{Dir: t.dir, User: user, Now: testNow, Random: testRandom(t.seeds)}
}

func (t *diskTest) open(user string) *Profile {
	t.Helper()
	return t.openWith(t.options(user), usualLimits(), openJournalFile)
}

func (t *diskTest) openWith(o ProfileOptions, l storeLimits, open openFile) *Profile {
	t.Helper()
	p, err := openProfile(o, l, open)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return p
}

// refused opens and wants an error of one line that has all the words.
func (t *diskTest) refused(o ProfileOptions, words ...string) {
	t.Helper()
	p, err := OpenProfile(o)
	if err == nil {
		p.Close()
		t.Fatal("opened, want an error")
	}
	if strings.ContainsAny(err.Error(), "\n") {
		t.Errorf("error has more than one line: %q", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func (t *diskTest) close(p *Profile) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// store appends a batch and waits for its end.
func (t *diskTest) store(p *Profile, batch ...kv.Write) error {
	t.Helper()
	if !p.Store().Append(batch, 77) {
		t.Fatal("append refused")
	}
	for d := range p.Store().Done() {
		if d.Seq == 77 {
			return d.Err
		}
	}
	t.Fatal("store is closed")
	return nil
}

func (t *diskTest) mustStore(p *Profile, batch ...kv.Write) {
	t.Helper()
	if err := t.store(p, batch...); err != nil {
		t.Fatalf("store: %v", err)
	}
}

// load returns all entries as bucket/key -> value.
func (t *diskTest) load(p *Profile) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := p.Load(func(b kv.Bucket, key, value []byte) error {
		got[fmt.Sprintf("%v/%s", b, key)] = string(value)
		return nil
	})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return got
}

// slotFile is a path in the first slot of ann.
func (t *diskTest) slotFile(name string) string { return filepath.Join(t.dir, "ann", "1", name) }

func (t *diskTest) userFile(name string) string { return filepath.Join(t.dir, "ann", name) }

func text(n int) kv.Write {
	return kv.Write{Bucket: kv.BucketTexts, Key: binary.BigEndian.AppendUint64(nil, uint64(n)), Value: fmt.Appendf(nil, "text %d", n)}
}

// snapshot is every file below dir with its content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	// CopyFS makes folders 0777 &^ umask and files likewise, as a careless copy does.
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b)
}

// damagedFiles are the files in the slot that were set aside.
func (t *diskTest) damagedFiles(dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.damaged-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func hasNotice(p *Profile, words ...string) bool {
	for _, n := range p.Notices {
		all := true
		for _, w := range words {
			all = all && strings.Contains(n, w)
		}
		if all {
			return true
		}
	}
	return false
}

// numberKey is the key of a row that has a number.
func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
