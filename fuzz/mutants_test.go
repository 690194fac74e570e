package fuzz

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The folder mutants holds faults, one a file, each of which takes away a guard of an invariant or
// of a rule of spec/theory.md, and names the test that must notice:
//
//	# invariant: 3 exactly once
//	# test: ./sessions/mail -run '^TestTextsAreTakenInOrderAndOnce$'
//	# What the fault is, in a line or two.
//	in sessions/mail
//	 	case p.ID <= w.head:
//	-		return Verdict{Answer: i.again(w, p.ID), Have: w.head}
//	+		return Verdict{Answer: AnswerTooOld, Have: w.head}
//
// or, instead of an invariant, "# rule: 7.4 meeting". What follows "in FOLDER" are consecutive
// lines of one file below that folder (or of that file), wherever it stands there: those with a space stay, those
// with a minus go, those with a plus come. White space within a line does not count. The lines
// must be found, and once: code that moves takes its mutants along, and one that is
// changed has them looked at.
//
// Plain go test asks that of all of them. Whether the tests notice takes ten minutes:
//
//	DARKCHAT_MUTANTS=all go test -count=1 -v -timeout 1800s -run '^TestMutantsAreNoticed$' ./fuzz
//
// or beginnings of names instead of all, with commas between them.
const (
	mutantsFolder = "mutants"
	mutantsChosen = "DARKCHAT_MUTANTS"
)

// A mutant is one fault.
type mutant struct {
	name    string
	about   string // "invariant 3 exactly once", "rule 7.4 meeting"
	pkg     string // of the test: ./sessions
	test    string // a regular expression
	changes []change
}

// A change is one place of it.
type change struct {
	folder string
	lines  []string // with the sign in front
}

// text is what must be there, and what shall be.
func (c change) text() (old, new []string) {
	for _, l := range c.lines {
		if l[0] != '+' {
			old = append(old, l[1:])
		}
		if l[0] != '-' {
			new = append(new, l[1:])
		}
	}
	return old, new
}

var (
	mutantAbout = regexp.MustCompile(`^# (invariant|rule): ([1-9][0-9.]*) (.+)$`)
	mutantTest  = regexp.MustCompile(`^# test: (\./\S+) -run '([^']+)'$`)
)

func parseMutant(name, text string) (m mutant, err error) {
	m.name = name
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		about, test := mutantAbout.FindStringSubmatch(line), mutantTest.FindStringSubmatch(line)
		folder, isIn := strings.CutPrefix(line, "in ")
		switch {
		case about != nil && m.about == "":
			m.about = strings.Join(about[1:], " ")
		case test != nil:
			m.pkg, m.test = test[1], test[2]
		case strings.HasPrefix(line, "#"):
		case isIn:
			m.changes = append(m.changes, change{folder: folder})
		case len(m.changes) > 0 && line != "" && strings.Contains(" -+", line[:1]):
			c := &m.changes[len(m.changes)-1]
			c.lines = append(c.lines, line)
		default:
			return m, fmt.Errorf("line %d is none of a mutant: %q", i+1, line)
		}
	}
	switch {
	case m.about == "":
		return m, errors.New("it names no invariant and no rule")
	case m.test == "":
		return m, errors.New("it names no test")
	case len(m.changes) == 0:
		return m, errors.New("it changes nothing")
	}
	return m, nil
}

// find gives the one file below the change's folder that has its text, and that file as
// it shall be. before has what other changes of the same mutant made of files.
func (c change) find(root string, before map[string][]byte) (path string, changed []byte, err error) {
	old, new := c.text()
	for i := range old {
		old[i] = strings.Join(strings.Fields(old[i]), " ")
	}
	if len(old) == 0 {
		return "", nil, errors.New("it says nowhere what must be there")
	}
	found := 0
	err = filepath.WalkDir(filepath.Join(root, c.folder), func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(at, ".go") || strings.HasSuffix(at, "_test.go") {
			return err
		}
		b, ok := before[at]
		if !ok {
			if b, err = os.ReadFile(at); err != nil {
				return err
			}
		}
		lines := strings.Split(string(b), "\n")
		flat := make([]string, len(lines))
		for i, l := range lines {
			flat[i] = strings.Join(strings.Fields(l), " ")
		}
		for i := 0; i+len(old) <= len(flat); i++ {
			if slices.Equal(flat[i:i+len(old)], old) {
				found++
				path = at
				changed = []byte(strings.Join(slices.Concat(lines[:i], new, lines[i+len(old):]), "\n"))
			}
		}
		return nil
	})
	if err == nil && found != 1 {
		err = fmt.Errorf("its text is found %d times below %s:\n\t%s", found, c.folder, strings.Join(old, "\n\t"))
	}
	return path, changed, err
}

// overlay writes the changed files below dir, and what go test -overlay reads there.
func (m mutant) overlay(root, dir string) (file string, err error) {
	replace, changed := map[string]string{}, map[string][]byte{}
	for i, c := range m.changes {
		path, b, err := c.find(root, changed)
		if err != nil {
			return "", err
		}
		changed[path], replace[path] = b, filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(replace[path], b, 0o600); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, b, 0o600)
}

// mutants reads all of them, those that chosen names.
func mutants(t *testing.T, chosen string) (all []mutant) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(mutantsFolder, "*.mutant"))
	if err != nil || len(files) == 0 {
		t.Fatal("no mutants: ", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".mutant")
		if chosen != "all" && !slices.ContainsFunc(strings.Split(chosen, ","), func(s string) bool { return strings.HasPrefix(name, s) }) {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := parseMutant(name, string(b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all = append(all, m)
	}
	return all
}

func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestMutantsHaveTheirPlace(t *testing.T) {
	root := repository(t)
	invariants := map[string]bool{}
	for _, m := range mutants(t, "all") {
		if about := strings.Fields(m.about); about[0] == "invariant" {
			invariants[about[1]] = true
		}
		if _, err := m.overlay(root, t.TempDir()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	for n := '1'; n <= '9'; n++ {
		if !invariants[string(n)] {
			t.Errorf("invariant %c has no mutant", n)
		}
	}
}

func TestMutantsAreNoticed(t *testing.T) {
	chosen := os.Getenv(mutantsChosen)
	if chosen == "" {
		t.Skipf("it takes ten minutes: %s names no mutants (all, or beginnings of names)", mutantsChosen)
	}
	root, all := repository(t), mutants(t, chosen)
	if len(all) == 0 {
		t.Fatalf("%s=%s names no mutant", mutantsChosen, chosen)
	}
	if !unharmed(t, root, all) {
		return
	}
	var wg sync.WaitGroup
	work := make(chan mutant)
	for range min(runtime.NumCPU(), 4) {
		wg.Go(func() {
			for m := range work {
				began := time.Now()
				why := m.survives(root, t.TempDir())
				word := "ok   "
				if why != "" {
					word = "FAIL "
					t.Errorf("%s: %s", m.name, why)
				}
				fmt.Printf("%s %-44s %3.0f s\n", word, m.name, time.Since(began).Seconds())
			}
		})
	}
	for _, m := range all {
		work <- m
	}
	close(work)
	wg.Wait()
	fmt.Printf("%d faults were tried\n", len(all))
}

// unharmed says whether all tests that are to notice something pass when nothing is wrong.
func unharmed(t *testing.T, root string, all []mutant) bool {
	t.Helper()
	tests := map[string][]string{}
	for _, m := range all {
		if !slices.Contains(tests[m.pkg], m.test) {
			tests[m.pkg] = append(tests[m.pkg], m.test)
		}
	}
	fine := true
	for pkg, names := range tests {
		out, err := goTest(root, "-v", "-run", strings.Join(names, "|"), pkg)
		ended := mutantEnded.FindAllStringSubmatch(out, -1)
		for _, name := range names {
			passed := false
			for _, e := range ended {
				if regexp.MustCompile(strings.ReplaceAll(name, "/", "|")).MatchString(e[2]) { // subtests by their test
					passed = e[1] == "PASS"
				}
			}
			if !passed {
				fine = false
				t.Errorf("%s of %s does not pass without a fault, or does not exist", name, pkg)
			}
		}
		if err != nil {
			fine = false
			t.Errorf("%s: %v\n%s", pkg, err, tail(out))
		}
	}
	return fine
}

// survives says why nobody noticed the fault, and nothing if its test failed.
func (m mutant) survives(root, dir string) (why string) {
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return err.Error()
	}
	out, err := goTest(root, "-overlay", overlay, "-run", m.test, m.pkg)
	switch {
	case err == nil:
		return m.test + " of " + m.pkg + " does not notice it"
	case mutantBroken.MatchString(out), !mutantNoticed.MatchString(out):
		return "no test failed, something else did:\n" + tail(out)
	}
	return ""
}

var (
	mutantBroken  = regexp.MustCompile(`\[(build|setup) failed\]`)
	mutantEnded   = regexp.MustCompile(`(?m)^--- (PASS|FAIL): (\w+)`)
	mutantNoticed = regexp.MustCompile(`--- FAIL|(?m)^panic:|^fatal error:|panic: test timed out`)
)

func goTest(root string, args ...string) (out string, err error) {
	cmd := exec.Command("go", append([]string{"test", "-vet=off", "-count=1", "-timeout", "180s"}, args...)...)
	cmd.Dir = root
	b, err := cmd.CombinedOutput()
	return string(b), err
}

func tail(out string) string {
	lines := strings.Split(out, "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
