package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the top of the repository, seen from this package.
const root = "../.."

// module is the name of our module; our packages are below it.
const module = "darkchat"

// topLevel is all that may stand at the top of the repository.
var topLevel = []string{
	".ci", ".git", ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "CONTRIBUTING.md", "go.mod", "go.sum",
	"cmd", "dgram", "fuzz", "neighbors", "sessions", "shell", "spec",
	"darkchat", // what go build ./cmd/darkchat leaves; git ignores it
}

// testsOnly are imported by tests alone: whatever an arrow says, they are no part of the program.
var testsOnly = []string{"neighbors/nodetest", "sessions/sessiontest", "shell/shelltest"}

// arrow says what the product files of the packages below one folder may import.
// The standard library is open to all.
type arrow struct {
	folder  string   // of the package; a trailing /* means every folder below
	ours    []string // packages of this module
	modules []string // other people's modules
}

// arrows is the import table. The longest matching folder decides. What is not
// listed is forbidden, so that a line of code has one place to live in: bytes
// and keys in dgram, memory in sessions, decisions in neighbors, words for
// people in shell, wiring in cmd. Test files and fuzz may import anything.
var arrows = []arrow{
	{"dgram", []string{"dgram/wire", "dgram/reliable", "dgram/timing"}, []string{
		"github.com/flynn/noise", "github.com/hashicorp/golang-lru/v2",
		"golang.org/x/crypto", "golang.org/x/net", "golang.org/x/sys"}},
	{"dgram/timing", nil, nil},
	{"dgram/wire", nil, []string{"github.com/fxamacker/cbor/v2"}},
	{"dgram/reliable", []string{"dgram/wire"}, nil},
	{"dgram/simnet", []string{"dgram"}, nil},
	{"sessions", nil, nil}, // the map of its rooms
	{"sessions/kv", nil, []string{"github.com/fxamacker/cbor/v2"}},
	{"sessions/identity", []string{"sessions/kv"}, []string{"golang.org/x/text"}},
	{"sessions/book", []string{"sessions/kv", "sessions/identity"}, []string{
		"github.com/hashicorp/golang-lru/v2", "golang.org/x/text"}},
	{"sessions/mail", []string{"sessions/kv", "sessions/identity", "sessions/budget"}, []string{
		"github.com/hashicorp/golang-lru/v2"}},
	{"sessions/store", []string{"sessions/kv", "sessions/identity", "sessions/book", "sessions/mail"}, []string{
		"github.com/google/renameio/v2", "go.etcd.io/bbolt", "golang.org/x/text"}},
	{"sessions/sessiontest", []string{"sessions/kv"}, nil},
	{"sessions/budget", nil, []string{"github.com/hashicorp/golang-lru/v2"}},
	{"neighbors", []string{"dgram", "dgram/wire", "dgram/timing", "sessions/*"}, []string{
		"github.com/hashicorp/golang-lru/v2", "github.com/rivo/uniseg"}},
	{"neighbors/*", []string{"neighbors", "dgram", "dgram/wire"}, nil},
	{"neighbors/sim", []string{"neighbors", "dgram", "sessions/*"}, nil},
	{"neighbors/nodetest", []string{"neighbors", "dgram", "sessions/*"}, nil},
	{"shell", []string{"neighbors"}, []string{
		"github.com/chzyer/readline", "github.com/google/renameio/v2", "github.com/rivo/uniseg",
		"golang.org/x/sys", "golang.org/x/term"}},
	{"shell/shelltest", []string{"neighbors"}, nil},
	{"cmd/*", []string{"dgram", "sessions/*", "neighbors", "neighbors/*", "shell", "cmd/*"}, []string{
		"golang.org/x/sys", "golang.org/x/term"}},
	{"spec", nil, nil},
	{"spec/*", nil, nil},
	{"fuzz", []string{"*"}, []string{"*"}},
}

func TestImportsFollowTheArrows(t *testing.T) {
	for _, path := range productFiles(t) {
		folder := filepath.ToSlash(filepath.Dir(path))
		a, ok := arrowOf(folder)
		if !ok {
			t.Errorf("%s: the folder %s has no row in the table of arrows", path, folder)
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Error(err)
				continue
			}
			if !a.allows(name) {
				t.Errorf("%s imports %s: no arrow leads there from %s", path, name, folder)
			}
		}
	}
}

// A table that allowed everything would pass the test above for ever.
func TestArrowsForbid(t *testing.T) {
	for _, row := range []struct {
		folder, name string
		want         bool
	}{
		{"dgram", "darkchat/sessions/identity", false},
		{"dgram", "net/netip", true},
		{"dgram/timing", "darkchat/dgram", false},
		{"dgram", "darkchat/dgram/reliable", true},
		{"dgram/wire", "darkchat/dgram", false},
		{"dgram/reliable", "darkchat/dgram", false},
		{"neighbors", "darkchat/dgram/wire", true},
		{"neighbors", "darkchat/dgram/reliable", false},
		{"shell", "darkchat/dgram/wire", false},
		{"sessions/store", "darkchat/dgram", false},
		{"sessions/store", "darkchat/sessions/mail", true},
		{"sessions/mail", "darkchat/sessions/store", false},
		{"sessions/mail", "darkchat/sessions/book", false},
		{"sessions/book", "darkchat/sessions/mail", false},
		{"sessions/identity", "darkchat/sessions/book", false},
		{"sessions/kv", "darkchat/sessions/identity", false},
		{"sessions/store", "darkchat/sessions/sessiontest", false},
		{"shell", "darkchat/sessions/book", false},
		{"shell", "darkchat/neighbors", true},
		{"shell", "darkchat/neighbors/seed", false},
		{"neighbors", "github.com/chzyer/readline", false},
		{"neighbors", "darkchat/neighbors/seed", false},
		{"neighbors/seed", "darkchat/neighbors", true},
		{"neighbors/seed", "darkchat/sessions/identity", false},
		{"neighbors/sim", "darkchat/sessions/book", true},
		{"cmd/darkchat", "darkchat/neighbors/seed", true},
		{"cmd/darkchat", "darkchat/dgram/simnet", false},
		{"cmd/darkchat", "darkchat/neighbors/nodetest", false},
		{"cmd/darkchat", "darkchat/sessions/sessiontest", false},
		{"neighbors/nodetest", "darkchat/neighbors", true},
		{"shell", "darkchat/shell/shelltest", false},
		{"dgram", "golang.org/x/cryptography", false},
	} {
		a, ok := arrowOf(row.folder)
		if !ok {
			t.Fatalf("no row for %s", row.folder)
		}
		if got := a.allows(row.name); got != row.want {
			t.Errorf("%s imports %s: allowed %v, want %v", row.folder, row.name, got, row.want)
		}
	}
	if _, ok := arrowOf("util"); ok {
		t.Error("a folder outside the table has a row")
	}
}

func TestTopLevelIsClosed(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(topLevel, e.Name()) {
			t.Errorf("%s stands at the top of the repository; give it a place in one of the folders", e.Name())
		}
	}
}

// arrowOf finds the row for a package's folder.
func arrowOf(folder string) (arrow, bool) {
	var found arrow
	ok := false
	for _, a := range arrows {
		prefix, below := strings.CutSuffix(a.folder, "/*")
		match := folder == a.folder || below && strings.HasPrefix(folder, prefix+"/")
		if match && (!ok || len(strings.TrimSuffix(found.folder, "*")) < len(a.folder)) {
			found, ok = a, true
		}
	}
	return found, ok
}

func (a arrow) allows(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	list := a.modules
	switch {
	case first == module:
		list, name = a.ours, strings.TrimPrefix(name, module+"/")
		return !slices.Contains(testsOnly, name) && slices.ContainsFunc(list, func(p string) bool {
			prefix, below := strings.CutSuffix(p, "*")
			return p == name || below && strings.HasPrefix(name, prefix)
		})
	case !strings.Contains(first, "."):
		return true // the standard library
	}
	return slices.ContainsFunc(list, func(m string) bool {
		return m == "*" || m == name || strings.HasPrefix(name, m+"/")
	})
}

// productFiles lists the Go files that are not tests, as paths below root.
func productFiles(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(goFiles(t), func(p string) bool { return strings.HasSuffix(p, "_test.go") })
}

// goFiles lists all Go files as paths below root.
func goFiles(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(files(t), func(p string) bool { return filepath.Ext(p) != ".go" })
}

// files lists the files of the repository as slash-separated paths below root.
// What git ignores by our .gitignore does not matter here: it has no Go files.
func files(t *testing.T) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "__pycache__"):
			return fs.SkipDir
		case d.Type().IsRegular():
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("no files found: is the root of the repository where this test thinks it is?")
	}
	return list
}
