package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"darkchat/neighbors/file"
)

// What \export-contacts writes is what the presence source file reads, and it does not
// overwrite a file unasked.
func TestExportedContacts(t *testing.T) {
	dir := t.TempDir()
	ann, bob := start(t, filepath.Join(dir, "a"), "ann"), start(t, filepath.Join(dir, "b"), "bob")
	ann.ping(bob)
	path := filepath.Join(dir, "team")
	ann.send(`\export-contacts ` + path)
	ann.wait("the file is written", func(e event) bool { return e.Event == "export_contacts" })
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Parse(b); err != nil || !strings.Contains(string(b), "bob "+bob.self().Fingerprint) {
		t.Errorf("%q, %v", b, err)
	}
	ann.send(`\export-contacts ` + path)
	ann.wait("the file exists", func(e event) bool { return e.Event == "error" && strings.Contains(e.Text, "overwrite") })
	// A line of a file that somebody else handed over is looked for while the node runs.
	cat := start(t, filepath.Join(dir, "c"), "cat")
	contacts := filepath.Join(dir, "c", "cat", contactsName)
	line := "bob " + bob.self().Fingerprint + " 127.0.0.1:" + bob.port() + "\n"
	if err := os.WriteFile(contacts, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	cat.wait("bob, pinned", func(e event) bool { return e.Event == "online" && e.User == "bob" })
}
