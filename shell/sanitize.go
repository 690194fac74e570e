package shell

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks and joiners may follow one base rune: more than any script
// needs, fewer than it takes to smear over the lines around it.
const maxMarks = 8

// tabStop is what a tab in a text is shown as.
const tabStop = "    "

// sanitize is THE sanitiser: everything shown to a person passes through it, and its output contains
// no controls, bidirectional overrides or invalid bytes. Each such rune is shown as its number, ‹1b›;
// an invalid byte as ‹xff›. A newline becomes newline (the caller's choice) and a tab four blanks.
// Joiners stay, because Persian and emoji need them, and so do combining marks up to maxMarks; ‹+9›
// says how many more there were.
func sanitize(s, newline string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	var marks, dropped int
	var before rune // what a tag may follow
	flush := func() {
		if dropped > 0 {
			escape(&b, "+"+strconv.Itoa(dropped))
		}
		marks, dropped = 0, 0
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				flush()
				escape(&b, "x"+strconv.FormatUint(uint64(s[i]), 16))
				before = 0
				continue
			}
		}
		switch {
		case r == '\n':
			flush()
			b.WriteString(newline)
		case r == '\t':
			flush()
			b.WriteString(tabStop)
		case isTag(r) && (before == blackFlag || isTag(before)), isMark(r):
			if marks++; marks > maxMarks {
				dropped++
				continue
			}
			b.WriteRune(r)
		case isHostile(r):
			flush()
			escape(&b, strconv.FormatUint(uint64(r), 16))
			before = 0 // a tag after an escaped tag has no base either
			continue
		default:
			flush()
			b.WriteRune(r)
		}
		before = r
	}
	flush()
	return b.String()
}

func escape(b *strings.Builder, what string) {
	b.WriteString("‹")
	b.WriteString(what)
	b.WriteString("›")
}

// plain is the fast path: printable ASCII.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// blackFlag is followed by tags in the flags of England, Scotland and Wales.
const blackFlag = 0x1f3f4

func isTag(r rune) bool { return r >= 0xe0020 && r <= 0xe007f }

// isMark says whether r modifies the rune before it and takes no room of its own.
func isMark(r rune) bool {
	switch r {
	case 0x200b, 0x200c, 0x200d: // word boundaries of Khmer and Thai, joiners
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me)
}

// isHostile says whether r can command a terminal, change the reading order, or hide: controls, format
// characters that do not print, line separators, noncharacters.
func isHostile(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	case r < 0xad:
		return false
	case r == 0x200b, r == 0x200c, r == 0x200d:
		return false
	case r == 0x2028, r == 0x2029:
		return true
	case r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
		return true
	}
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// escapeJSON makes encoded JSON safe to print without changing its meaning:
// hostile runes inside its strings become \u escapes. (Structure is ASCII, and
// the encoder has escaped C0 and replaced invalid UTF-8.)
func escapeJSON(encoded []byte) []byte {
	plain := 0 // most lines are ASCII to their end
	for plain < len(encoded) && encoded[plain] <= 0x7e {
		plain++
	}
	hostile := false
	for rest := encoded[plain:]; len(rest) > 0 && !hostile; {
		r, n := utf8.DecodeRune(rest)
		hostile, rest = r > 0x7e && isHostile(r), rest[n:]
	}
	if !hostile {
		return encoded
	}
	out := make([]byte, 0, len(encoded)+32)
	for _, r := range string(encoded) {
		switch {
		case r <= 0x7e || !isHostile(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			r -= 0x10000
			out = appendU(out, 0xd800+r>>10)
			out = appendU(out, 0xdc00+r&0x3ff)
		default:
			out = appendU(out, r)
		}
	}
	return out
}

func appendU(out []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(out, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
