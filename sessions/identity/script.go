package identity

import (
	"slices"
	"unicode"
)

// MixedScript reports whether the letters of name come from scripts that are not written together,
// as the Cyrillic а in "аnn": such a name may imitate another and is marked. The combinations that
// pass are those of UTS 39 5.2, "highly restrictive": the Japanese, Chinese and Korean ones, each
// also with Latin.
func MixedScript(name string) bool {
	var scripts []string // few: names are short
	for _, r := range name {
		if s := scriptOf(r); s != "" && !slices.Contains(scripts, s) {
			scripts = append(scripts, s)
		}
	}
	return len(scripts) > 1 &&
		!within(scripts, "Latin", "Han", "Hiragana", "Katakana") &&
		!within(scripts, "Latin", "Han", "Bopomofo") &&
		!within(scripts, "Latin", "Han", "Hangul")
}

// scriptOf returns "" for what all scripts share: digits, marks, punctuation.
func scriptOf(r rune) string {
	if r < 0x80 {
		if 'a' <= r|0x20 && r|0x20 <= 'z' {
			return "Latin"
		}
		return ""
	}
	if unicode.In(r, unicode.Common, unicode.Inherited) {
		return ""
	}
	// A rune has one script, so the order of this map does not matter.
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "Unknown"
}

func within(scripts []string, allowed ...string) bool {
	for _, s := range scripts {
		if !slices.Contains(allowed, s) {
			return false
		}
	}
	return true
}
