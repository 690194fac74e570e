package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The house's figures: how much product code may hang together before it has
// to be divided. Types, fields and uses are counted by the type checker, so
// that neither embedding nor moving code to a further file hides anything.
const (
	methodsOfType = "methods"      // declared for one type
	filesOfType   = "method files" // over which these are spread
	fieldsOfType  = "fields"       // of one struct, those of embedded structs counted too
	filesInKnot   = "knot"         // files of a package that all reach each other by the names they use
	linesOfFunc   = "lines"        // of one function

	maxFileLines = 400 // a file that grows past this has two ideas
	maxLongFiles = 2   // product files that may be longer than maxFileLines
)

// limits says what a figure may be. The first, second and fourth are what the
// largest type and the largest knot of golang.org/x/net/quic have, or below.
var limits = map[string]int{
	methodsOfType: 80,
	filesOfType:   13,
	fieldsOfType:  25,
	filesInKnot:   24,
	linesOfFunc:   80,
}

// A figure is what was counted of one thing.
type figure struct {
	what string // a key of limits
	of   string // neighbors.Node, or a package for a knot
	n    int
}

// excess is what exceeds its limit, and by how much it does today. A figure
// above its row here fails; one below fails too, so that the row goes down, and
// out. Nothing is ever added: the goal is that no row is left.
var excess []figure

func TestFiguresOfTheHouse(t *testing.T) {
	var all []figure
	for _, p := range productPackages(t) {
		all = append(all, p.figures()...)
	}
	if len(all) < 1000 { // two thousand functions alone
		t.Fatalf("only %d figures were found", len(all))
	}
	for _, complaint := range judge(all, excess) {
		t.Error(complaint)
	}
}

func TestFewFilesAreLong(t *testing.T) {
	var long []string
	for _, path := range productFiles(t) {
		if bytes.Count(read(t, path), []byte("\n")) > maxFileLines {
			long = append(long, path)
		}
	}
	if len(long) > maxLongFiles {
		t.Errorf("%d product files have more than %d lines, %d may: %v", len(long), maxFileLines, maxLongFiles, long)
	}
}

// judge compares what was counted with the limits, and with the rows of what
// exceeds them.
func judge(counted, excess []figure) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	for _, f := range counted {
		row := slices.IndexFunc(excess, func(e figure) bool { return e.what == f.what && e.of == f.of })
		switch limit := limits[f.what]; {
		case row < 0 && f.n > limit:
			complain("%s: %d %s, at most %d are wanted: divide it", f.of, f.n, f.what, limit)
		case row < 0:
		case f.n <= limit:
			complain("%s: %d %s is within the limit: take its row out of the table", f.of, f.n, f.what)
		case f.n > excess[row].n:
			complain("%s: %d %s, more than the %d that it had: this figure may only fall", f.of, f.n, f.what, excess[row].n)
		case f.n < excess[row].n:
			complain("%s: %d %s instead of %d: lower its row in the table", f.of, f.n, f.what, excess[row].n)
		}
	}
	for _, e := range excess {
		if !slices.ContainsFunc(counted, func(f figure) bool { return e.what == f.what && e.of == f.of }) {
			complain("%s: %s: there is no such thing: take its row out of the table", e.of, e.what)
		}
	}
	return complaints
}

// A typedPackage is the product files of one folder, and what the type checker
// knows of them.
type typedPackage struct {
	name  string // the folder below root, or in it: neighbors/lan
	fset  *token.FileSet
	files []*ast.File
	types *types.Package
	info  *types.Info
}

// productPackages reads and checks all packages of this module for the system
// that the test runs on. What they import is known from the compiler's export
// data, which go list names.
func productPackages(t *testing.T) []typedPackage {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-export", "-json=Dir,ImportPath,Export,GoFiles,Module", "./...")
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	type listed struct {
		Dir, ImportPath, Export string
		GoFiles                 []string
		Module                  *struct{ Main bool }
	}
	var ours []listed
	export := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		export[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Main {
			ours = append(ours, p)
		}
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })
	var packages []typedPackage
	for _, p := range ours {
		var files []*ast.File
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		typed, err := checked(strings.TrimPrefix(p.ImportPath, module+"/"), fset, files, imports)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, typed)
	}
	return packages
}

func checked(name string, fset *token.FileSet, files []*ast.File, imports types.Importer) (typedPackage, error) {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: imports}
	pkg, err := config.Check(name, fset, files, info)
	return typedPackage{name, fset, files, pkg, info}, err
}

func (p typedPackage) figures() []figure {
	list := []figure{{filesInKnot, p.name, p.knot()}}
	for _, name := range p.types.Scope().Names() {
		t, ok := p.types.Scope().Lookup(name).(*types.TypeName)
		if !ok || t.IsAlias() {
			continue
		}
		named, ok := t.Type().(*types.Named)
		if !ok {
			continue
		}
		files := map[string]bool{}
		for m := range named.Methods() {
			files[p.file(m)] = true
		}
		of := p.name + "." + name
		list = append(list, figure{methodsOfType, of, named.NumMethods()}, figure{filesOfType, of, len(files)})
	}
	for _, file := range p.files {
		list = append(list, p.structs(file)...)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				first, last := p.fset.Position(f.Pos()), p.fset.Position(f.End())
				of := fmt.Sprintf("%s.%s in %s", p.name, f.Name.Name, filepath.Base(first.Filename))
				list = append(list, figure{linesOfFunc, of, last.Line - first.Line + 1})
			}
		}
	}
	return list
}

// structs counts the fields of all structs of a file, those without a name too.
func (p typedPackage) structs(file *ast.File) (list []figure) {
	names := map[ast.Expr]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			names[n.Type] = n.Name.Name
		case *ast.StructType:
			name := names[n]
			if name == "" {
				name = "a struct in " + filepath.Base(p.fset.Position(n.Pos()).Filename)
			}
			if s, ok := p.info.Types[n].Type.(*types.Struct); ok {
				list = append(list, figure{fieldsOfType, p.name + "." + name, flattened(s)})
			}
		}
		return true
	})
	return list
}

// flattened counts the fields of a struct. In the place of an embedded struct
// stand its fields; an embedded pointer, to what others point at too, is one.
func flattened(s *types.Struct) int {
	n := 0
	for f := range s.Fields() {
		if inner, ok := f.Type().Underlying().(*types.Struct); ok && f.Embedded() {
			n += flattened(inner)
		} else {
			n++
		}
	}
	return n
}

// knot counts the files of the largest strongly connected component, where a
// file points at another by using a name that is declared there: one of the
// package, a method or a field.
func (p typedPackage) knot() int {
	at := map[string]int{}
	for i, file := range p.files {
		at[filepath.Base(p.fset.Position(file.Pos()).Filename)] = i
	}
	reaches := make([][]bool, len(p.files))
	for i, file := range p.files {
		reaches[i] = make([]bool, len(p.files))
		reaches[i][i] = true
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if o := p.info.Uses[id]; o != nil && o.Pkg() == p.types && (o.Parent() == p.types.Scope() || isMember(o)) {
					reaches[i][at[p.file(o)]] = true
				}
			}
			return true
		})
	}
	for k := range reaches { // Warshall: whom one reaches by way of k
		for i := range reaches {
			for j := range reaches {
				reaches[i][j] = reaches[i][j] || reaches[i][k] && reaches[k][j]
			}
		}
	}
	largest := 0
	for i := range reaches {
		n := 0
		for j := range reaches {
			if reaches[i][j] && reaches[j][i] {
				n++
			}
		}
		largest = max(largest, n)
	}
	return largest
}

// isMember reports a field or a method.
func isMember(o types.Object) bool {
	switch o := o.(type) {
	case *types.Var:
		return o.IsField()
	case *types.Func:
		return o.Signature().Recv() != nil
	}
	return false
}

// file names the file in which something is declared.
func (p typedPackage) file(o types.Object) string {
	return filepath.Base(p.fset.Position(o.Pos()).Filename)
}

// A counter that saw nothing would pass the test above for ever.
func TestFiguresAreCounted(t *testing.T) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, source := range []struct{ name, text string }{
		{"a.go", "package p\ntype A struct { B; *C; d, e int; f struct{ g, h, i int } }\nfunc (A) One() {}\nfunc (a *A) two() { a.three() }"},
		{"b.go", "package p\ntype B struct { x, y int }\nfunc (a *A) three() {\n\ttype in struct{ z int }\n\ta.One()\n\t_ = in{}\n}"},
		{"c.go", "package p\ntype C struct { *C; u int }\nfunc of(a A) int { return a.d }"},
	} {
		file, err := parser.ParseFile(fset, source.name, source.text, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	p, err := checked("p", fset, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	counted := p.figures()
	for _, want := range []figure{
		{filesInKnot, "p", 3}, // c.go uses a field of A, a.go the type C
		{methodsOfType, "p.A", 3},
		{filesOfType, "p.A", 2},
		{methodsOfType, "p.B", 0},
		{fieldsOfType, "p.A", 6}, // x y, *C, d e, f
		{fieldsOfType, "p.B", 2},
		{fieldsOfType, "p.in", 1},
		{fieldsOfType, "p.a struct in a.go", 3},
		{linesOfFunc, "p.three in b.go", 5},
		{linesOfFunc, "p.of in c.go", 1},
	} {
		if !slices.Contains(counted, want) {
			t.Errorf("not counted: %v; in %v", want, counted)
		}
	}
}

func TestFiguresMayOnlyFall(t *testing.T) {
	row := []figure{{filesInKnot, "p", 30}}
	for _, c := range []struct {
		n, complaints int
		excess        []figure
	}{
		{24, 0, nil}, {25, 1, nil},
		{31, 1, row}, {30, 0, row}, {29, 1, row}, {24, 1, row},
	} {
		if got := judge([]figure{{filesInKnot, "p", c.n}}, c.excess); len(got) != c.complaints {
			t.Errorf("a knot of %d files beside %v: %q, want %d complaints", c.n, c.excess, got, c.complaints)
		}
	}
	if got := judge(nil, row); len(got) != 1 {
		t.Errorf("a row for what does not exist: %q", got)
	}
}
