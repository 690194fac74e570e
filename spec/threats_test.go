package spec_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreatsNameRealTests: every test that threats.md names exists, and every attack
// names one.
func TestThreatsNameRealTests(t *testing.T) {
	page, err := os.ReadFile("threats.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	sources := map[string]string{}
	found := 0
	for _, m := range named.FindAllStringSubmatch(string(page), -1) {
		folder, name := m[1], m[2]
		if _, ok := sources[folder]; !ok {
			files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			var all strings.Builder
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				all.Write(b)
			}
			sources[folder] = all.String()
		}
		found++
		if !strings.Contains(sources[folder], "\nfunc "+name+"(") {
			t.Errorf("threats.md names %s.%s, which does not exist", folder, name)
		}
	}
	if found == 0 {
		t.Error("threats.md names no test")
	}
	attacks, _, _ := strings.Cut(string(page), "## 2 ")
	for line := range strings.Lines(attacks) {
		if strings.HasPrefix(line, "| ") && strings.HasSuffix(strings.TrimSpace(line), "| - |") {
			t.Errorf("no test for: %s", strings.TrimSpace(line))
		}
	}
}
