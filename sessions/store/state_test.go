package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

func TestStateIsForItsOwnerOnly(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("Ann")
	d.mustStore(p, text(1))
	d.mustStore(p, rowOf(identity.UserKey{1}, "bob", book.TrustBlocked))
	check := func(names ...string) {
		t.Helper()
		seen := map[string]bool{}
		err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			seen[e.Name()] = true
			want := fs.FileMode(0o600)
			if e.IsDir() {
				want = 0o700
			}
			if info.Mode().Perm() != want {
				t.Errorf("%s is %v, want %v", path, info.Mode().Perm(), want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(names, "ann", "1", "identity", "session", "lock", "people") {
			if !seen[name] {
				t.Errorf("there is no %s", name)
			}
		}
	}
	check("journal.1")
	d.close(p)
	check("store")
	if p.HistoryPath() != "" || p.Folder() != filepath.Join(d.dir, "ann") {
		t.Errorf("without a history typed lines lie in %q; the folder is %q", p.HistoryPath(), p.Folder())
	}
	p = d.keeping(100)
	if got, want := p.HistoryPath(), filepath.Join(d.dir, "ann", "history"); got != want {
		t.Errorf("history is %s, want %s", got, want)
	}
	d.close(p)
}

func TestUserFolderIsClosedToOthers(t *testing.T) {
	d := newDiskTest(t)
	d.close(d.open("ann"))
	if err := os.Chmod(d.userFile(""), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.userFile("identity"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := d.open("ann")
	defer p.Close()
	for _, path := range []string{d.userFile(""), d.userFile("identity")} {
		if readableByOthers(path) {
			t.Errorf("%s is still open to others", path)
		}
	}
	if !hasNotice(p, "identity", "could be read by others") {
		t.Errorf("notices are %q, want one on the identity", p.Notices)
	}
}

func TestEscapedNamesAreReversibleAndSafe(t *testing.T) {
	for name, want := range map[string]string{"ann": "ann", "日本": "%E6%97%A5%E6%9C%AC", "a.b-c_1": "a.b-c_1", "a*b%c": "a%2Ab%25c", ".x": "%2Ex"} {
		if got := escapeName(name); got != want {
			t.Errorf("escapeName(%q) = %q, want %q", name, got, want)
		}
	}
	for _, folder := range []string{"", "A", "a%2a", "%61", "a%", "a%4", "a b", "lost+found", "..", "a%zz", "a/b"} {
		if name, ok := unescapeName(folder); ok {
			t.Errorf("unescapeName(%q) = %q, want it refused", folder, name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 32, 64).Draw(t, "name")
		folder := escapeName(name)
		if strings.Trim(folder, "abcdefghijklmnopqrstuvwxyz0123456789._-%ABCDEF") != "" || folder[0] == '.' {
			t.Fatalf("folder %q is not safe", folder)
		}
		if back, ok := unescapeName(folder); !ok || back != name {
			t.Fatalf("%q came back as %q", name, back)
		}
	})
}

func TestProfilesNamesWhoHasAnIdentity(t *testing.T) {
	d := newDiskTest(t)
	if names, _, err := Profiles(d.dir); err != nil || len(names) != 0 {
		t.Fatalf("without a folder: %q, %v", names, err)
	}
	for _, user := range []string{"Bob", "ann", "日本"} {
		d.close(d.open(user))
	}
	for _, other := range []string{"carol", "lost+found"} { // no identity in them
		if err := os.Mkdir(filepath.Join(d.dir, other), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(d.dir, "ann", "identity"), []byte("rubbish")) // damaged is not absent
	names, _, err := Profiles(d.dir)
	if want := []string{"日本", "ann", "Bob"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("Profiles = %q, %v; want %q", names, err, want)
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", "/home/ann")
	for xdg, want := range map[string]string{
		"": "/home/ann/.local/state/darkchat", "/x": "/x/darkchat", "relative": "/home/ann/.local/state/darkchat",
	} {
		t.Setenv("XDG_STATE_HOME", xdg)
		if got, err := DefaultDir(); err != nil || got != want {
			t.Errorf("with XDG_STATE_HOME=%q: %q, %v; want %q", xdg, got, err, want)
		}
	}
}

func TestStateFolderThatIsAFile(t *testing.T) {
	d := newDiskTest(t)
	writeFile(t, d.dir, []byte("mine"))
	d.refused(d.options("ann"), d.dir, "not a directory", "-state")
	if got := readAll(t, d.dir); string(got) != "mine" {
		t.Errorf("the file is now %q", got)
	}
}

// A secret never lies in $TMPDIR on its way to its place.
func TestNothingGoesThroughTheTemporaryFolder(t *testing.T) {
	d := newDiskTest(t)
	tmp := t.TempDir()
	if err := os.Chtimes(tmp, testNow, testNow); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	d.close(d.open("ann"))
	info, err := os.Stat(tmp)
	if err != nil || !info.ModTime().Equal(testNow) {
		t.Errorf("%s was used: %v", tmp, err)
	}
}

func TestEphemeralLeavesNothing(t *testing.T) {
	d := newDiskTest(t)
	t.Setenv("HOME", d.dir)
	t.Setenv("XDG_STATE_HOME", d.dir)
	t.Setenv("TMPDIR", d.dir)
	o := d.options("ann")
	o.Ephemeral = true
	p, err := OpenProfile(o)
	if err != nil {
		t.Fatal(err)
	}
	if p.Store() != nil || p.HistoryPath() != "" || p.IDs.First != 1 || p.Seq != uint64(testNow.UnixMilli()) || p.Session == [32]byte{} {
		t.Errorf("profile is %+v", p)
	}
	if err := p.Load(func(kv.Bucket, []byte, []byte) error { t.Error("loaded an entry"); return nil }); err != nil {
		t.Error(err)
	}
	before := p.Session
	if err := p.Fresh(o.Random); err != nil || p.Session == before {
		t.Errorf("fresh: %v, changed %v", err, p.Session != before)
	}
	p.GiveBack(5, 6)
	d.close(p)
	if _, err := os.Stat(d.dir); err == nil {
		t.Error("it left a folder")
	}
}

// Who last ran as a seed is told from people, in each of their sessions.
func TestSeedsAreNoPeople(t *testing.T) {
	d := newDiskTest(t)
	as := func(user string, seed bool) *Profile {
		o := d.options(user)
		o.Seed = seed
		return d.openWith(o, usualLimits(), openJournalFile)
	}
	want := func(people, seeds string) {
		t.Helper()
		p, s, err := Profiles(d.dir)
		if err != nil || strings.Join(p, " ") != people || strings.Join(s, " ") != seeds {
			t.Errorf("people %q, seeds %q, %v; want %q and %q", p, s, err, people, seeds)
		}
	}
	d.close(as("ann", false))
	hub := as("Hub", true)
	want("ann", "Hub")
	second := as("hub", false)
	want("ann Hub", "")
	d.close(second)
	d.close(hub)
	want("ann Hub", "")
	hub, second = as("hub", true), as("hub", true)
	want("ann", "Hub")
	d.close(hub)
	d.close(second)
	want("ann", "Hub")
	d.close(as("hub", false))
	want("ann Hub", "")
}
