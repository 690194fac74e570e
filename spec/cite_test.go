package spec_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"darkchat/spec"
)

var (
	heading = regexp.MustCompile(`(?m)^#{2,3} (\d+(?:\.\d+)?) `)
	number1 = regexp.MustCompile(`\d+(?:\.\d+)?`)
	// In comments: spec/wire.md 3.2, "spec/wire.md 2 and 3", spec/theory.md 2.
	citation = regexp.MustCompile(`spec/(\w+)\.md((?:(?:,| and| to)? \d+(?:\.\d+)?)*)`)
	// In prose: `wire.md` 3.2, wire.md 3.2, (wire 3.2), (theory 4.1, 4.5).
	mention = regexp.MustCompile(`(?:\x60?(wire|theory|rationale|threats)\.md\x60?|\b(wire|theory))((?:(?:,| and| to)? (?:sections? )?\d+(?:\.\d+)?)+)`)
)

// sections returns the numbers of the headings of each page, by page name without ".md".
func sections(t *testing.T) map[string]map[string]bool {
	t.Helper()
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]bool{}
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, m := range heading.FindAllStringSubmatch(string(b), -1) {
			if found[m[1]] {
				t.Errorf("%s: section %s stands twice", page, m[1])
			}
			found[m[1]] = true
		}
		all[strings.TrimSuffix(page, ".md")] = found
	}
	return all
}

func TestCitationsInCodeExist(t *testing.T) {
	known := sections(t)
	cited := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || len(d.Name()) > 2 && d.Name()[0] == '.') {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || filepath.Base(path) == "cite_test.go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil // not this test's to tell
		}
		for _, group := range f.Comments {
			text := strings.Join(strings.Fields(group.Text()), " ")
			for _, m := range citation.FindAllStringSubmatch(text, -1) {
				cited++
				if known[m[1]] == nil {
					t.Errorf("%s cites spec/%s.md, which does not exist", path, m[1])
					continue
				}
				for _, n := range number1.FindAllString(m[2], -1) {
					if !known[m[1]][n] {
						t.Errorf("%s cites spec/%s.md %s, which does not exist", path, m[1], n)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if cited == 0 {
		t.Error("no citation found: the pattern is wrong")
	}
}

func TestCitationsInSpecExist(t *testing.T) {
	known := sections(t)
	check := func(where, page, numbers string) {
		for _, n := range number1.FindAllString(numbers, -1) {
			if !known[page][n] {
				t.Errorf("%s cites %s.md %s, which does not exist", where, page, n)
			}
		}
	}
	for page := range known {
		b, err := os.ReadFile(page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mention.FindAllStringSubmatch(strings.Join(strings.Fields(string(b)), " "), -1) {
			check(page+".md", m[1]+m[2], m[3])
		}
	}
	b, err := os.ReadFile("darkchat.cddl")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mention.FindAllStringSubmatch(string(b), -1) {
		check("darkchat.cddl", m[1]+m[2], m[3])
	}
	rows, err := spec.Registry()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		page, n, ok := strings.Cut(row.Where, ".md ")
		if !ok || !known[page][n] {
			t.Errorf("registry.csv: %s %s is explained in %q, which does not exist", row.Group, row.Name, row.Where)
		}
	}
}
