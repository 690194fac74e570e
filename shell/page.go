package shell

import "strings"

// style is how a piece of a line looks. Without colour all are alike.
type style uint8

const (
	normal style = iota
	strong
	faint
	good
	bad
)

// sgr are the escape sequences of the styles: the terminal's own bold, dim and
// two hues that are readable on dark and light grounds.
func (s style) sgr() string {
	switch s {
	case strong:
		return "\x1b[1m"
	case faint:
		return "\x1b[2m"
	case good:
		return "\x1b[32m"
	case bad:
		return "\x1b[31m"
	}
	return ""
}

const sgrOff = "\x1b[0m"

// indent begins the second and later lines of a text, so that nothing in a text can look like another
// person's line.
const indent = "      "

// page collects lines for people. Its add method is the print boundary: it sanitises every piece, and
// nothing else reaches a person's screen.
type page struct {
	color bool
	out   strings.Builder
}

// add adds a piece of a line. After a newline inside it the text goes on indented.
func (p *page) add(st style, text string) *page {
	text = sanitize(text, "\n"+indent)
	if seq := st.sgr(); p.color && seq != "" && text != "" {
		p.out.WriteString(seq)
		p.out.WriteString(text)
		p.out.WriteString(sgrOff)
		return p
	}
	p.out.WriteString(text)
	return p
}

// word adds a piece without line breaks, such as a name.
func (p *page) word(st style, text string) *page {
	return p.add(st, sanitize(text, "‹a›"))
}

// end ends the line.
func (p *page) end() { p.out.WriteByte('\n') }

// line adds a whole line in one style.
func (p *page) line(st style, text string) { p.add(st, text).end() }
