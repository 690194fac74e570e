package shell

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"darkchat/shell/shelltest"
)

// \export-contacts writes a file for its owner alone, whole, and loses nobody's file.
func TestExportContacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "team")
	run := func(args ...string) (r report, err error) {
		c := &conversation{node: &shelltest.Node{}, export: WriteExport, put: func(x report) { r = x }}
		err = exportContacts(c, args)
		return r, err
	}
	if got, err := run(path); err != nil || got != (exportReport{"export_contacts", path, 1}) {
		t.Fatalf("%+v, %v", got, err)
	}
	b, err := os.ReadFile(path)
	want := "ann aaaa-bbbb-cccc-dddd 192.0.2.1:6789\n# bob k7f2-bbbb-cccc-dddd (no address is known)\n"
	if _, text, _ := strings.Cut(string(b), "\n"); err != nil || text != want {
		t.Errorf("%q, %v", b, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run(path); err == nil || !strings.Contains(err.Error(), `\export-contacts `+path+` overwrite`) {
		t.Errorf("an old file: %v", err)
	}
	if _, err := run(path, "now"); err == nil {
		t.Error("any word overwrites")
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Errorf("it was overwritten: %q", b)
	}
	if _, err := run(path, "overwrite"); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); !strings.HasSuffix(string(b), want) {
		t.Errorf("not overwritten: %q", b)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{link, fifo} {
		for _, args := range [][]string{{at}, {at, "overwrite"}} {
			if _, err := run(args...); err == nil {
				t.Errorf("written to %q", args)
			}
		}
		if info, err := os.Lstat(at); err != nil || info.Mode().IsRegular() {
			t.Errorf("%s was replaced", at)
		}
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Errorf("written through a link: %q", b)
	}
	if _, err := run(filepath.Join(path, "no", "folder")); err == nil {
		t.Error("written into nowhere")
	}
	if err := exportContacts(&conversation{node: &shelltest.Node{}}, nil); err == nil {
		t.Error("a shell that writes no files wrote one")
	}
}
