package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soon fails the test when f waits for somebody.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: it waits without end", what)
	}
}

// A file of ours is a regular file: no FIFO is waited for, no link is followed, and
// nothing is truncated through one.
func TestOpensRegularFilesAlone(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("precious"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": "precious", "dangling": "new", "tofifo": "fifo"} {
		if err := os.Symlink(at(to), at(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"fifo", "link", "dangling", "tofifo", "."} {
		for _, flags := range []int{os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREATE | os.O_TRUNC} {
			soon(t, name, func() {
				if f, err := OpenRegular(at(name), flags, 0o600); err == nil {
					f.Close()
					t.Errorf("%s is opened with %x", name, flags)
				}
			})
		}
	}
	if b, err := os.ReadFile(at("precious")); err != nil || string(b) != "precious" {
		t.Errorf("the file behind the link has %q, %v", b, err)
	}
	if _, err := os.Lstat(at("new")); err == nil {
		t.Error("a file was made behind a link")
	}
	soon(t, "named", func() {
		f, err := OpenNamed(at("link"))
		if err != nil {
			t.Fatalf("a link of the person's own is not followed: %v", err)
		}
		defer f.Close()
		if b, err := ReadRegular(f, 8); err != nil || string(b) != "precious" {
			t.Errorf("%q, %v", b, err)
		}
		for _, name := range []string{"fifo", "tofifo", "."} {
			if f, err := OpenNamed(at(name)); err == nil {
				f.Close()
				t.Errorf("%s is read", name)
			}
		}
	})
	f, err := OpenRegular(at("precious"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, _ := f.Stat(); info.Size() != 0 {
		t.Error("a regular file is not truncated")
	}
}

// Whatever lies where a file of ours should: a start waits for nobody, follows no link,
// and changes nothing behind it.
func TestPlantedNames(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for _, name := range []string{"identity", "people", "lock", "1/lock", "1/session", "1/store", "1/conversations", "1/journal.1", "1/journal.2", "1"} {
		for _, kind := range []string{"fifo", "link"} {
			d := newDiskTest(t)
			d.close(d.open("ann"))
			path := d.userFile(name)
			kept := []byte("somebody else's\n")
			if err := os.WriteFile(outside, kept, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			var err error
			if kind == "fifo" {
				err = syscall.Mkfifo(path, 0o600)
			} else {
				err = os.Symlink(outside, path)
			}
			if err != nil {
				t.Fatal(err)
			}
			soon(t, name+" is a "+kind, func() {
				p, err := OpenProfile(d.options("ann"))
				if err == nil {
					err = p.Close()
				}
				if err != nil && !strings.Contains(err.Error(), d.dir) {
					t.Errorf("%s is a %s: %v", name, kind, err)
				}
			})
			if b, err := os.ReadFile(outside); err != nil || !bytes.Equal(b, kept) {
				t.Fatalf("%s is a %s, and the file behind it has %q, %v", name, kind, b, err)
			}
		}
	}
}

// A folder that belongs to somebody else is no place for our state, not even for root; nor is a
// link, which others may have put there.
func TestForeignFolder(t *testing.T) {
	d := newDiskTest(t)
	d.close(d.open("ann"))
	if err := os.Rename(d.userFile(""), d.userFile("")+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(d.userFile("")+"-elsewhere", strings.TrimSuffix(d.userFile(""), "/")); err != nil {
		t.Fatal(err)
	}
	d.refused(d.options("ann"), "is not a folder", "-state")
	if os.Geteuid() != 0 {
		t.Skip("only root can give folders away")
	}
	const other = 65534
	for _, what := range []string{"", "ann", "ann/1"} {
		d := newDiskTest(t)
		d.close(d.open("ann"))
		path := filepath.Join(d.dir, what)
		if err := os.Chown(path, other, -1); err != nil {
			t.Fatal(err)
		}
		d.refused(d.options("ann"), "belongs to another user", fmt.Sprint(other), "run it as that user", "-state")
	}
}

// What others could do in our folder is taken from them, and told; a folder such as
// /tmp, where nobody renames what is another's, stays as it is.
func TestFolderOpenToOthers(t *testing.T) {
	d := newDiskTest(t)
	d.close(d.open("ann"))
	for mode, want := range map[os.FileMode]os.FileMode{0o777: 0o755, 0o770: 0o750, os.ModeSticky | 0o777: os.ModeSticky | 0o777} {
		if err := os.Chmod(d.dir, mode); err != nil {
			t.Fatal(err)
		}
		p := d.open("ann")
		info, err := os.Stat(d.dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode() &^ os.ModeDir; got != want {
			t.Errorf("a folder of mode %v has %v then, want %v", mode, got, want)
		}
		if told := hasNotice(p, d.dir, "changed by others"); told != (mode != want) {
			t.Errorf("mode %v: told %t: %q", mode, told, p.Notices)
		}
		d.close(p)
	}
}
