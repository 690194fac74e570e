package neighbors

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// The parts of a line are the line, each fits, and none begins inside a letter.
func TestSplitKeepsGraphemes(t *testing.T) {
	for _, unit := range []string{"a", "é", "e\u0301", "日本", "👨‍👩‍👧", "🇩🇪", "क्षि", "سلام ", "z" + strings.Repeat("\u0301", 700)} {
		line := strings.Repeat(unit, 12000/len(unit))
		parts := split(line, 1024)
		if strings.Join(parts, "") != line {
			t.Fatalf("%q: the parts are not the line", unit)
		}
		for i, p := range parts {
			if len(p) == 0 || len(p) > 1024 || !utf8.ValidString(p) {
				t.Fatalf("%q: part %d has %d bytes, valid %v", unit, i, len(p), utf8.ValidString(p))
			}
			if len(unit) <= 1024 && i > 0 && uniseg.GraphemeClusterCount(parts[i-1]+p) != uniseg.GraphemeClusterCount(parts[i-1])+uniseg.GraphemeClusterCount(p) {
				t.Fatalf("%q: part %d begins inside a letter", unit, i)
			}
		}
	}
	if got := split("", 10); len(got) != 1 || got[0] != "" {
		t.Fatalf("an empty line became %q", got)
	}
}
