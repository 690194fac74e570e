package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The file is 0600 whatever it was, holds one line a line, and leaves out what
// begins with a blank or repeats.
func TestHistoryFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	h := openHistory(path, os.OpenFile)
	if h.saved.Load() {
		t.Error("a new history has lines")
	}
	for line, want := range map[string]bool{"": false, "  ": false, " secret": false} {
		if h.add(line) != want {
			t.Errorf("add(%q) = %t", line, !want)
		}
	}
	long := strings.Repeat("x", maxHistoryLine+1)
	for _, line := range []string{"one", "one", "two\nlines\tand a tab", `\chat bob`, long, "日本"} {
		h.add(line)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	os.Chmod(path, 0o644)
	h = openHistory(path, os.OpenFile)
	if want := []string{"one", "two\nlines\tand a tab", `\chat bob`, "日本"}; !slices.Equal(h.lines, want) {
		t.Errorf("read back %q, want %q", h.lines, want)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if h.add("日本") {
		t.Error("the last line of an earlier run is kept again")
	}
}

// A long history is compacted when it is opened; lines that another program adds
// afterwards are kept.
func TestHistoryIsCompacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var b strings.Builder
	for i := range maxHistoryFile + 10 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	b.WriteString("torn \xff\n\n")
	os.WriteFile(path, []byte(b.String()), 0o600)
	other := openHistory(path, os.OpenFile)
	h := openHistory(path, os.OpenFile)
	if len(h.lines) != maxHistory || h.last != fmt.Sprintf("line %d", maxHistoryFile+9) {
		t.Errorf("%d lines, the last %q", len(h.lines), h.last)
	}
	other.add("from elsewhere")
	h.add("from here")
	info, _ := os.Stat(path)
	h = openHistory(path, os.OpenFile)
	if !slices.Equal(h.lines[len(h.lines)-2:], []string{"from elsewhere", "from here"}) || info.Mode().Perm() != 0o600 || info.Size() > 20*maxHistory {
		t.Errorf("%q, %v, %d bytes", h.lines[len(h.lines)-2:], info.Mode(), info.Size())
	}
}

// A folder that is missing, or something that is no file, is no error: there is
// only no history.
func TestHistoryWithoutFile(t *testing.T) {
	for _, path := range []string{"", "/nonexistent/history", t.TempDir()} {
		h := openHistory(path, os.OpenFile)
		if !h.add("x") || len(h.lines) != 0 {
			t.Errorf("%q: %v", path, h.lines)
		}
	}
}

// A line that was torn by a kill or a full disk stays a line of its own.
func TestHistoryAfterATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, []byte("one\n\\block b"), 0o600); err != nil {
		t.Fatal(err)
	}
	openHistory(path, os.OpenFile).add("two")
	openHistory(path, os.OpenFile).add("three")
	if b, err := os.ReadFile(path); err != nil || string(b) != "one\n\\block b\ntwo\nthree\n" {
		t.Errorf("%q, %v", b, err)
	}
}

// The file has a bound also for a program that runs for a year, and one that is longer
// than is looked at becomes short again.
func TestHistoryIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	h := openHistory(path, os.OpenFile)
	for i := range 2*maxHistoryFile + 1 {
		h.add(fmt.Sprintf("line %d", i))
	}
	b, err := os.ReadFile(path)
	if n := strings.Count(string(b), "\n"); err != nil || n > maxHistoryFile || !strings.HasSuffix(string(b), fmt.Sprintf("\nline %d\n", 2*maxHistoryFile)) {
		t.Errorf("%d lines, %v", n, err)
	}
	if len(h.lines) > 0 {
		t.Errorf("%d lines are held", len(h.lines))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(path, maxHistoryRead); err != nil { // a hole of NULs, one line
		t.Fatal(err)
	}
	if _, err := f.WriteString("\nnewest\n"); err != nil {
		t.Fatal(err)
	}
	h = openHistory(path, os.OpenFile)
	if info, err := os.Stat(path); err != nil || info.Size() > 1<<20 || len(h.lines) == 0 || h.lines[len(h.lines)-1] != "newest" {
		t.Errorf("%d lines, %v", len(h.lines), err)
	}
}
