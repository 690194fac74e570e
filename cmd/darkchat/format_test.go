package main

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryFileIsFormatted(t *testing.T) {
	for _, path := range goFiles(t) {
		text := read(t, path)
		formatted, err := format.Source(text)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if !bytes.Equal(text, formatted) {
			t.Errorf("%s is not formatted; run gofmt -w on it", path)
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	commented := map[string]bool{}
	for _, path := range goFiles(t) {
		file := parse(t, path)
		folder := filepath.Dir(path)
		commented[folder] = commented[folder] || file.Doc != nil
	}
	for folder, has := range commented {
		if !has {
			t.Errorf("the package in %s has no comment that says what it is", folder)
		}
	}
}

func TestMainIsTheOnlyExitAndShort(t *testing.T) {
	if n := bytes.Count(read(t, "cmd/darkchat/main.go"), []byte("\n")); n >= 150 {
		t.Errorf("main.go has %d lines, fewer than 150 are wanted", n)
	}
	for _, path := range productFiles(t) {
		if path != "cmd/darkchat/main.go" && calls(parse(t, path), "os", "Exit") {
			t.Errorf("%s calls os.Exit; only main.go may", path)
		}
	}
}

// House rules for product code: nothing runs before main, nothing waits by the
// real clock but the loop's timer, and no binary differs from what was tested.
func TestProductCodeKeepsTheRules(t *testing.T) {
	for _, path := range productFiles(t) {
		file := parse(t, path)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function", path)
			}
		}
		if calls(file, "time", "Sleep") {
			t.Errorf("%s calls time.Sleep", path)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if i, ok := n.(*ast.InterfaceType); ok && i.Methods.NumFields() == 0 {
				t.Errorf("%s writes interface{}", path)
			}
			return true
		})
		for _, group := range file.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:build") || strings.HasPrefix(c.Text, "// +build") {
					t.Errorf("%s has a build tag", path)
				}
			}
		}
	}
}

// A package-level variable is an error value, an interface check or a table
// that is complete when the program starts; nobody writes to it.
func TestNoMutableGlobals(t *testing.T) {
	packages := map[string][]string{}
	for _, path := range productFiles(t) {
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], path)
	}
	for _, paths := range packages {
		globals := map[string]string{} // name -> file
		var parsed []*ast.File
		for _, path := range paths {
			file := parse(t, path)
			parsed = append(parsed, file)
			for _, name := range globalsOf(t, path, file) {
				globals[name] = path
			}
		}
		for _, file := range parsed {
			for _, name := range assigned(file) {
				if path, ok := globals[name]; ok {
					t.Errorf("%s: the package-level variable %s is written to", path, name)
				}
			}
		}
	}
}

// globalsOf lists the package-level variables of a file and reports those that
// cannot be constant tables.
func globalsOf(t *testing.T, path string, file *ast.File) []string {
	var names []string
	for _, decl := range file.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			embedded := g.Doc != nil && strings.Contains(directives(g.Doc), "//go:embed")
			for _, name := range v.Names {
				names = append(names, name.Name)
				if len(v.Values) == 0 && !embedded {
					t.Errorf("%s: the package-level variable %s has no value at the start, so something must write to it", path, name.Name)
				}
			}
			for _, value := range v.Values {
				if writable(value) {
					t.Errorf("%s: the package-level variable %s is made to be written to", path, v.Names[0].Name)
				}
			}
		}
	}
	return names
}

func directives(doc *ast.CommentGroup) string {
	var text strings.Builder
	for _, c := range doc.List {
		text.WriteString(c.Text + "\n")
	}
	return text.String()
}

// writable reports a value of a type that only makes sense when it changes.
func writable(value ast.Expr) bool {
	if u, ok := value.(*ast.UnaryExpr); ok {
		value = u.X
	}
	switch v := value.(type) {
	case *ast.CompositeLit:
		s, ok := v.Type.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		p, ok := s.X.(*ast.Ident)
		return ok && (p.Name == "sync" || p.Name == "atomic")
	case *ast.CallExpr:
		f, ok := v.Fun.(*ast.Ident)
		return ok && (f.Name == "make" || f.Name == "new")
	}
	return false
}

// assigned lists the names of variables outside functions that a file writes to.
func assigned(file *ast.File) []string {
	var names []string
	note := func(e ast.Expr) {
		for {
			switch x := e.(type) {
			case *ast.IndexExpr:
				e = x.X
			case *ast.SelectorExpr:
				e = x.X
			case *ast.StarExpr:
				e = x.X
			case *ast.ParenExpr:
				e = x.X
			case *ast.Ident:
				if x.Name != "_" && !local(file, x) {
					names = append(names, x.Name)
				}
				return
			default:
				return
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				for _, e := range s.Lhs {
					note(e)
				}
			}
		case *ast.IncDecStmt:
			note(s.X)
		}
		return true
	})
	return names
}

// local reports whether an identifier was declared inside a function. The
// parser resolves names of the same file; those of other files of the package
// stay unresolved, and they can only be package-level.
func local(file *ast.File, id *ast.Ident) bool {
	if id.Obj == nil {
		return false
	}
	return file.Scope.Lookup(id.Name) != id.Obj
}

// The repository says nothing of the machine on which it was written, and has
// no marks of unfinished work. The words are cut in two so that this file may
// hold them.
func TestNoForbiddenWords(t *testing.T) {
	forbidden := regexp.MustCompile(strings.Join([]string{
		`(^|[^a-z])/wo` + `rk/`, `\.\./sha` + `red`, `\.libr` + `ary`, `desi` + `gn\.md`, `-not` + `es\.md`, `/ro` + `ot/`,
		`\bTO` + `DO\b`, `\bFIX` + `ME\b`, `\bXX` + `X\b`, `not implem` + `ented`, `place` + `holder`,
	}, "|"))
	for _, path := range files(t) {
		switch ext := filepath.Ext(path); {
		case slices.Contains([]string{".go", ".md", ".cddl", ".csv", ".hex", ".patch", ".sh", ".py", ".mjs", ".json"}, ext):
		case strings.HasPrefix(path, ".ci/"):
		default:
			continue
		}
		for i, line := range strings.Split(string(read(t, path)), "\n") {
			if m := forbidden.FindString(line); m != "" {
				t.Errorf("%s:%d: %q has no place here", path, i+1, m)
			}
		}
	}
}

func calls(file *ast.File, pkg, name string) bool {
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == name {
			if p, ok := s.X.(*ast.Ident); ok && p.Name == pkg {
				found = true
			}
		}
		return true
	})
	return found
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
