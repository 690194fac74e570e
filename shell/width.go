package shell

import (
	"strings"

	"github.com/rivo/uniseg"
)

// columns is how wide s is on the screen, by grapheme clusters.
func columns(s string) int { return uniseg.StringWidth(s) }

// flow follows s over a screen of width columns from (row, col) and returns where it ends. col may be
// width: the terminal then has the wrap pending. A cluster that does not fit goes to the next row
// whole.
func flow(s string, row, col, width int) (int, int) {
	state := -1
	for len(s) > 0 {
		var cluster string
		var w int
		cluster, s, w, state = uniseg.FirstGraphemeClusterInString(s, state)
		if cluster == "\n" || cluster == "\r\n" {
			row, col = row+1, 0
			continue
		}
		if col+w > width {
			row, col = row+1, 0
		}
		col += w
	}
	return row, col
}

// visible is the form in which a line being edited is shown: like sanitize, but on one line, with line
// breaks of a paste (breakMark) as ␤. It is applied to prefixes of a line too, so it converts every
// rune by itself.
func visible(line []rune, paste func(r rune) string) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case r == breakMark:
			b.WriteString("␤")
		case r == burstMark:
		case r == badMark:
			b.WriteRune('\ufffd')
		case r == tabMark, r == '\t':
			b.WriteString(tabStop)
		case isHeld(r):
			b.WriteString(paste(r))
		case isHostile(r) && !isTag(r):
			b.WriteString(sanitize(string(r), ""))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
