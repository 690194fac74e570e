package neighbors

import (
	"strings"
	"unicode"
)

// Invisible says whether a rune leaves no trace on a screen by itself: white space, and
// what Unicode calls default-ignorable (UAX 44, derived as in DerivedCoreProperties.txt).
// Any goroutine may call it.
func Invisible(r rune) bool {
	switch {
	case r > ' ' && r < 0x7f:
		return false
	case unicode.IsSpace(r):
		return true
	case r == 0x2800, r == 0x13441, r == 0x13442, r == 0x1d159:
		// Letters and symbols that are blank by their name alone; no property says so.
		return true
	case r >= 0xfff9 && r <= 0xfffb, r >= 0x13430 && r <= 0x13440, unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false // format characters that are drawn
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// blank says whether there is nothing to see in a line.
func blank(line string) bool { return strings.TrimLeftFunc(line, Invisible) == "" }
