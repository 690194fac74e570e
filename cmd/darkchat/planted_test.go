package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A FIFO where a file is expected is an error that says so, at once, and not something
// that a program waits for and cannot be ended.
func TestFifoForAFile(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{{"-ephemeral"}, {"-state", t.TempDir()}} {
		n, code := pipe(t, "", append([]string{"-json", "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-identity", fifo}, more...)...)
		if code != 1 {
			t.Errorf("%q: exit %d, want 1", more, code)
		}
		oneLine(t, n, fifo, "not a regular file", "-identity")
	}

	state := t.TempDir()
	start(t, state, "ann").quit()
	contacts := filepath.Join(state, "ann", contactsName)
	if err := syscall.Mkfifo(contacts, 0o600); err != nil {
		t.Fatal(err)
	}
	n, code := pipe(t, "", at(state, "ann")...)
	if code != 1 {
		t.Errorf("contacts: exit %d, want 1", code)
	}
	oneLine(t, n, contacts, "not a regular file")

	// A link of the person's own is no danger where only reading is done.
	real := filepath.Join(t.TempDir(), "mine")
	if err := os.WriteFile(real, []byte("bob 127.0.0.1:9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(contacts); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, contacts); err != nil {
		t.Fatal(err)
	}
	n = start(t, state, "ann")
	n.send(`\presence`)
	n.wait("the contact behind the link", func(e event) bool { return e.Event == "presence" && strings.Contains(e.raw, "127.0.0.1:9") })
	n.quit()
}
