package store

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentityStays(t *testing.T) {
	d := newDiskTest(t)
	p := d.open("Ann")
	d.close(p)
	again := d.open("ANN") // the same mapped name
	defer again.Close()
	if !p.Key.Equal(again.Key) || p.Session != again.Session {
		t.Error("the second run is somebody else")
	}
	if again.Name != "ANN" {
		t.Errorf("name is %q, want it as typed", again.Name)
	}
}

func TestDamagedIdentityTouchesNothing(t *testing.T) {
	d := newDiskTest(t)
	d.close(d.open("ann"))
	path := d.userFile("identity")
	good := readAll(t, path)
	seed := bytes.Index(good, []byte("\nseed ")) + 6
	for what, content := range map[string][]byte{
		"empty":       nil,
		"cut":         good[:len(good)-3],
		"no newline":  good[:len(good)-1],
		"garbage":     bytes.Repeat([]byte{0xff}, 300),
		"long":        bytes.Repeat([]byte("#\n"), 4096),
		"one letter":  append(append(bytes.Clone(good[:seed]), good[seed]^1), good[seed+1:]...),
		"other kind":  bytes.Replace(good, []byte("identity"), []byte("session"), 1),
		"no name":     bytes.Replace(good, []byte("name ann"), []byte("name \\ann"), 1),
		"twice":       append(bytes.Clone(good), good[bytes.IndexByte(good, '\n')+1:]...),
		"zero format": bytes.Replace(good, []byte("identity 1"), []byte("identity 0"), 1),
	} {
		writeFile(t, path, content)
		before := snapshot(t, d.dir)
		d.refused(d.options("ann"), path, "is damaged", "copy")
		if !maps.Equal(before, snapshot(t, d.dir)) {
			t.Errorf("%s: something was touched", what)
		}
	}
	writeFile(t, path, bytes.Replace(good, []byte("identity 1"), []byte("identity 2"), 1))
	d.refused(d.options("ann"), path, "newer", "run that version")

	// What mail and editors do to a text is no damage.
	writeFile(t, path, bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")))
	d.close(d.open("ann"))
}

func TestAdoptedIdentity(t *testing.T) {
	d := newDiskTest(t)
	first := d.open("ann")
	d.close(first)
	usb := filepath.Join(t.TempDir(), "copy")
	writeFile(t, usb, readAll(t, d.userFile("identity")))
	adopt := func(user string) ProfileOptions {
		o := d.options(user)
		o.IdentityFile = usb
		return o
	}

	// Another machine: the key is the same, the session is its own.
	here := d.dir
	d.dir = filepath.Join(t.TempDir(), "state")
	p := d.openWith(adopt("ann"), usualLimits(), openJournalFile)
	if !p.Key.Equal(first.Key) || p.Session == first.Session {
		t.Error("the adopted identity is not the same user in a new session")
	}
	d.close(p)
	p = d.openWith(adopt("ann"), usualLimits(), openJournalFile) // the same key again is fine
	d.close(p)
	d.dir = here

	// A folder that is somebody else's refuses it, and stays as it is.
	d.close(d.open("bob"))
	before := snapshot(t, d.dir)
	d.refused(adopt("bob"), "bob/identity", "another key", "-state")
	if !maps.Equal(before, snapshot(t, d.dir)) {
		t.Error("a refused adoption touched something")
	}

	// The identity is gone but its sessions are there: a new one would be wrong.
	if err := os.Remove(d.userFile("identity")); err != nil {
		t.Fatal(err)
	}
	d.refused(d.options("ann"), "identity", "missing", "-identity")
	d.close(d.openWith(adopt("ann"), usualLimits(), openJournalFile))

	// Only its own identity may come back to them.
	writeFile(t, usb, readAll(t, filepath.Join(d.dir, "bob", "identity")))
	if err := os.Remove(d.userFile("identity")); err != nil {
		t.Fatal(err)
	}
	d.refused(adopt("ann"), "session", "another identity")
	if _, err := os.Stat(d.userFile("identity")); err == nil {
		t.Error("the wrong identity was put there")
	}

	// A copy that cannot be read is refused before a folder is made.
	writeFile(t, usb, []byte("rubbish"))
	d.refused(adopt("carol"), usb, "is damaged", "-identity")
	if err := os.Remove(usb); err != nil {
		t.Fatal(err)
	}
	d.refused(adopt("carol"), usb, "no such file", "-identity")
	if _, err := os.Stat(filepath.Join(d.dir, "carol")); err == nil {
		t.Error("a folder was made")
	}
}

func TestAdoptingAnOpenFileWarns(t *testing.T) {
	d := newDiskTest(t)
	d.close(d.open("ann"))
	usb := filepath.Join(t.TempDir(), "copy")
	writeFile(t, usb, readAll(t, d.userFile("identity")))
	if err := os.Chmod(usb, 0o644); err != nil {
		t.Fatal(err)
	}
	d.dir = filepath.Join(t.TempDir(), "state")
	o := d.options("ann")
	o.IdentityFile = usb
	p := d.openWith(o, usualLimits(), openJournalFile)
	defer p.Close()
	if !hasNotice(p, usb, "chmod 600") {
		t.Errorf("notices are %q, want one with the cure", p.Notices)
	}
	if readableByOthers(d.userFile("identity")) {
		t.Error("the adopted copy is open to others")
	}
}

func TestBadNameIsRefused(t *testing.T) {
	d := newDiskTest(t)
	for _, name := range []string{"", "a/b", "..", "\\chat", "a b"} {
		if _, err := OpenProfile(d.options(name)); err == nil || strings.Contains(err.Error(), d.dir) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if _, err := os.Stat(d.dir); err == nil {
		t.Error("a folder was made")
	}
}

func FuzzIdentity(f *testing.F) {
	id, err := newIdentity("ann", testRandom(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(id.format()))
	f.Add("darkchat identity 1\r\nname ann\r\n")
	f.Add("darkchat identity 18446744073709551616\n")
	f.Fuzz(func(t *testing.T, s string) {
		fields, err := parseTextFile(s, "identity")
		if err != nil {
			return
		}
		id, err := parseIdentity(fields)
		if err != nil {
			return
		}
		again, err := parseTextFile(string(id.format()), "identity")
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseIdentity(again)
		if err != nil || back.name != id.name || !back.key.Equal(id.key) {
			t.Fatalf("%q does not come back: %v", s, err)
		}
	})
}
