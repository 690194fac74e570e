package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"darkchat/sessions/sessiontest"
)

// With -history 0 typed lines go too, and the history of sessions that do not run now, even files
// set aside as damaged. A running session keeps its own.
func TestNoHistoryErasesAll(t *testing.T) {
	d := newDiskTest(t)
	first, second, third := d.keeping(100), d.keeping(100), d.keeping(100)
	for i, p := range []*Profile{first, second, third} {
		note(t, p, &History{}, sessiontest.Epoch, HistoryEntry{User: sessiontest.User(1), ID: uint64(i + 1), Text: "secret"})
	}
	running := third.slot.path(archiveName)
	d.close(first)
	d.close(second)
	if err := os.WriteFile(running, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"history", "1/conversations.damaged-20260101T000000Z", "2/conversations.damaged-20260101T000000Z-2"} {
		if err := os.WriteFile(d.userFile(name), []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := d.keeping(0)
	defer d.close(p)
	if p.HistoryPath() != "" {
		t.Errorf("typed lines are kept in %s", p.HistoryPath())
	}
	err := filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error {
		if path != running && (e.Name() == "history" || strings.HasPrefix(e.Name(), archiveName)) {
			t.Errorf("%s is still there", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(running); err != nil {
		t.Errorf("a session that runs lost its history: %v", err)
	}
	if err := os.Remove(running); err != nil {
		t.Fatal(err)
	}
	d.close(third)
}
