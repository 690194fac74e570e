package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a disk of so many bytes; it is gone when the test ends.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a small disk is mounted by root alone")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, fmt.Sprint("size=", bytes, ",mode=700")); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the room that is left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// bob's disk is full: bob is told, stays online, and reads nothing that could be lost. When there
// is room again bob has all of it without a restart, including what bob typed in the meantime.
// Killed while it is full, bob's node keeps what was acknowledged.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 2<<20)
	state, filler := filepath.Join(disk, "state"), filepath.Join(disk, "filler")
	bob := start(t, state, "bob")
	ann := start(t, t.TempDir(), "ann")
	ann.ping(bob)
	ann.send(`\chat bob`)
	bob.send(`\chat ann`)
	ann.send("before")
	ann.wait("before is delivered", delivered("", 1, 1))

	text := func(name any) string { return fmt.Sprint("full ", name, strings.Repeat(" and long", 700)) } // pages have room for short ones
	fill(t, filler)
	at := bob.mark()
	for i := range 5 {
		ann.send(text(i))
	}
	bob.waitAfter(at, "the disk is full", func(e event) bool {
		return e.Event == "notice" && strings.Contains(e.Text, "nothing can be stored")
	})
	ann.wait("they are sent", func(event) bool {
		return ann.count(func(e event) bool { return e.Event == "delivery" && e.State == "sent" }) == 6
	})
	bob.send("typed while it is full")
	ann.wait("what bob types comes all the same", is("message", "typed while it is full"))
	at = bob.mark()
	bob.send(`\users`)
	bob.waitAfter(at, "an answer", func(e event) bool { return e.Event == "users" })
	settle(3 * time.Second) // the texts go again, and are answered busy again
	if n := bob.count(func(e event) bool { return e.Event == "message" }); n != 1 {
		t.Errorf("%d texts were shown that are not stored", n-1)
	}
	if n := ann.count(delivered("", 1, 1)); n != 1 {
		t.Errorf("%d texts were acknowledged that are not stored", n-1)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	ann.wait("all are delivered", func(event) bool { return ann.count(delivered("", 1, 1)) == 6 })
	for i := range 5 {
		bob.wait("a text", is("message", text(i))) // it was printed, but may not be read yet
		if n := bob.count(is("message", text(i))); n != 1 {
			t.Errorf("text %d was shown %d times", i, n)
		}
	}
	bob.wait("it is said that it works again", func(e event) bool {
		return e.Event == "notice" && strings.Contains(e.Text, "storing works again")
	})

	fill(t, filler)
	ann.send(text("last"))
	settle(300 * time.Millisecond)
	bob.kill()
	if n := ann.count(delivered("", 1, 1)); n != 6 {
		t.Errorf("%d texts were acknowledged", n)
	}
	full := launch(t, "bob", program(t, "-json", "-listen", "127.0.0.1", "-state", state, "-u", "bob", "-p", bob.port()))
	if code := full.end(); code != 1 || !strings.Contains(full.stderr(), disk) || strings.Count(full.stderr(), "\n") != 1 {
		t.Errorf("with no room for its numbers it ends with %d and says %q", code, full.stderr())
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	port := bob.port()
	bob = start(t, state, "bob", "-p", port)
	bob.wait("the last", is("message", text("last")))
	ann.wait("it is delivered", func(event) bool { return ann.count(delivered("", 1, 1)) == 7 })
	if said := bob.pastOf(`\history`); len(said) != 8 {
		t.Errorf("the history has %q", said)
	}
}

// A state folder on a disk that is mounted read-only: one line says so and what to do,
// nothing changes, and all is there when it can be written again.
func TestDiskIsReadOnly(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 4<<20)
	state := filepath.Join(disk, "state")
	ann := start(t, t.TempDir(), "ann")
	bob := start(t, state, "bob")
	ann.ping(bob)
	ann.send(`\chat bob`)
	ann.send("before")
	ann.wait("it is delivered", delivered("", 1, 1))
	port := bob.port()
	bob.quit()

	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	before := snapshot(t, disk)
	args := []string{"-json", "-listen", "127.0.0.1", "-state", state, "-u", "bob", "-p", port}
	n, code := pipe(t, "", args...)
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	oneLine(t, n, state, "read-only", "-state", "-ephemeral")
	if after := snapshot(t, disk); !maps.Equal(before, after) {
		t.Error("something changed")
	}
	remount(0)
	bob = start(t, state, "bob", "-p", port)
	ann.send("after")
	bob.wait("the next text", is("message", "after"))
	ann.wait("both are delivered", func(event) bool { return ann.count(delivered("", 1, 1)) == 2 })
	if said := bob.pastOf(`\history`); len(said) != 2 {
		t.Errorf("the history has %q", said)
	}
}
