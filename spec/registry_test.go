package spec_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"darkchat/spec"
)

// numbers are the package-level constants of a folder by name, read out of its source so that unexported
// ones count too.
type numbers map[string]number

type number struct {
	value    string
	duration bool   // a time.Duration: value is in nanoseconds
	file     string // base name of the source file
}

// stdlib stands in for every import: only the constants of package time matter here.
type stdlib struct{}

func (stdlib) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	if path == "time" {
		d := types.NewNamed(types.NewTypeName(token.NoPos, p, "Duration", nil), types.Typ[types.Int64], nil)
		p.Scope().Insert(d.Obj())
		for name, v := range map[string]time.Duration{
			"Nanosecond": time.Nanosecond, "Microsecond": time.Microsecond, "Millisecond": time.Millisecond,
			"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
		} {
			p.Scope().Insert(types.NewConst(token.NoPos, p, name, d, constant.MakeInt64(int64(v))))
		}
	}
	p.MarkComplete()
	return p, nil
}

func read(t *testing.T, folder string) numbers {
	t.Helper()
	fset := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	found := numbers{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: stdlib{}, IgnoreFuncBodies: true, Error: func(error) {}}
	p, _ := conf.Check(folder, fset, files, nil) // errors about what stdlib lacks do not touch the constants
	if p == nil {
		t.Fatalf("%s: no package", folder)
	}
	for _, name := range p.Scope().Names() {
		c, ok := p.Scope().Lookup(name).(*types.Const)
		if !ok || c.Val().Kind() != constant.Int {
			continue
		}
		found[name] = number{
			value:    c.Val().ExactString(),
			duration: c.Type().String() == "time.Duration",
			file:     filepath.Base(fset.Position(c.Pos()).Filename),
		}
	}
	return found
}

// in converts n to the unit of a registry row.
func (n number) in(t *testing.T, unit string) string {
	t.Helper()
	if !n.duration {
		return n.value
	}
	ns, err := strconv.ParseInt(n.value, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"ms", time.Millisecond}, {"s", time.Second}, {"min", time.Minute}, {"h", time.Hour}} {
		if u.name == unit {
			if ns%int64(u.size) != 0 {
				t.Fatalf("%d ns is not a whole number of %s", ns, unit)
			}
			return strconv.FormatInt(ns/int64(u.size), 10)
		}
	}
	t.Fatalf("a duration in the unit %q", unit)
	return ""
}

// The folders whose numbers the registry holds.
const numberFolders = "dgram dgram/wire dgram/reliable sessions/kv sessions/identity sessions/book sessions/mail sessions/store neighbors neighbors/lan"

func TestRegistryIsTheCode(t *testing.T) {
	rows, err := spec.Registry()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	listed := map[string]bool{}
	code := map[string]numbers{}
	for _, folder := range strings.Fields(numberFolders) {
		code[folder] = read(t, folder)
	}
	for _, row := range rows {
		if row.Group == "budget" {
			continue // TestBudgetsAreTheTable
		}
		if seen[row.Group+" "+row.Name] {
			t.Errorf("%s %s stands twice in registry.csv", row.Group, row.Name)
		}
		seen[row.Group+" "+row.Name] = true
		if row.Where == "" || row.Reason == "" {
			t.Errorf("%s %s: section or reason is missing", row.Group, row.Name)
		}
		if row.Code == "" {
			t.Errorf("%s %s: no constant named", row.Group, row.Name)
		}
		for _, where := range strings.Fields(row.Code) {
			folder, name, _ := strings.Cut(where, ".")
			n, known := code[folder][name]
			if !known {
				t.Errorf("%s %s: no constant %q in the code", row.Group, row.Name, where)
				continue
			}
			listed[where] = true
			if got := n.in(t, row.Unit); got != row.Value {
				t.Errorf("%s %s is %s %s in registry.csv, %s is %s", row.Group, row.Name, row.Value, row.Unit, where, got)
			}
		}
	}
	// The other way round: the files that hold the protocol's numbers hold none that is not listed.
	for folder, files := range map[string]string{
		"dgram":          "limits.go",
		"dgram/wire":     "sizes.go message.go kinds.go",
		"dgram/reliable": "limits.go",
		"neighbors":      "config.go",
		"neighbors/lan":  "lan.go",
	} {
		for name, n := range code[folder] {
			if strings.Contains(files, n.file) && !listed[folder+"."+name] {
				t.Errorf("%s.%s = %s (%s) is not in registry.csv", folder, name, n.value, n.file)
			}
		}
	}
}
