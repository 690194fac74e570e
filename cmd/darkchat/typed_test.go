package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// With -history 0 typed lines are recalled in this run and lie nowhere, and the file of
// earlier runs goes. The file of people is none of that.
func TestPtyHistoryZeroKeepsNoTypedLine(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	run := func(history string) *screen {
		s := open(t, "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", state, "-history", history)
		s.see(`\help`, "> ")
		return s
	}
	s := run("100")
	s.typed("\\outbox\r /secret\r")
	s.see("/secret")
	s.typed("\\quit\r")
	s.leave()
	file := filepath.Join(state, "ann", "history")
	if b, err := os.ReadFile(file); err != nil || string(b) != "\\outbox\n\\quit\n" {
		t.Fatalf("typed lines %q, %v", b, err)
	}
	if err := os.WriteFile(filepath.Join(state, "ann", contactsName), []byte("bob 127.0.0.1:9\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	s = run("0")
	if _, err := os.Lstat(file); err == nil {
		t.Error("the file is still there")
	}
	s.typed("\\presence\r")
	s.see("bob", "127.0.0.1:9")
	s.typed("\x1b[A") // up
	s.see("> \\presence")
	s.typed("\x15\\quit\r")
	s.leave()
	for path, text := range snapshot(t, state) {
		if strings.Contains(text, "presence") {
			t.Errorf("%s has %q", path, text)
		}
	}
	if _, err := os.Lstat(file); err == nil {
		t.Error("a file was made")
	}
}

// A FIFO, a link or a device where the file of typed lines should be is neither waited for
// nor written to: one types without it.
func TestPtyTypedLinesAreARegularFile(t *testing.T) {
	t.Parallel()
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"fifo", "link", "device"} {
		state := t.TempDir()
		start(t, state, "ann").quit()
		file := filepath.Join(state, "ann", "history")
		var err error
		switch kind {
		case "fifo":
			err = syscall.Mkfifo(file, 0o600)
		case "link":
			err = os.Symlink(precious, file)
		case "device":
			err = os.Symlink("/dev/ptmx", file)
		}
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", state)
		s.see(`\help`, "> ")
		s.typed("\\outbox\r\\presence\r\\quit\r")
		s.leave()
		if info, err := os.Lstat(file); err != nil || info.Mode().IsRegular() {
			t.Errorf("%s: %v, %v", kind, info, err)
		}
		if b, err := os.ReadFile(precious); err != nil || string(b) != "precious" {
			t.Errorf("%s: %q, %v", kind, b, err)
		}
	}
}
