package shell

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"darkchat/neighbors"
)

// Marks, inside the line being edited, for things that a one-line editor cannot hold. They are
// noncharacters, which no text has.
const (
	breakMark = '\ufdd0'
	tabMark   = '\ufdd1'
	burstMark = '\ufdd2' // many letters at once, on their way into the line
	badMark   = '\ufdd3' // a byte that is not UTF-8, or one of these noncharacters: the line is refused
	firstHeld = '\ufde0'
	lastHeld  = '\ufdef'
)

func isHeld(r rune) bool { return r >= firstHeld && r <= lastHeld }

// isReserved says that r is, or may become, one of these marks: it is not accepted from the terminal.
func isReserved(r rune) bool { return r >= 0xfdd0 && r <= 0xfdef }

// maxInline is the longest paste, in runes, that is put into the line itself. A longer one would fill
// the screen: it is held aside, and one mark stands for it.
const maxInline = 1000

// pasteEnd ends a bracketed paste.
const pasteEnd = "\x1b[201~"

// pastes collects bracketed pastes and holds the long ones, as many as there are
// marks; the oldest gives way.
type pastes struct {
	refuse func(text string)
	open   bool   // inside a paste
	buf    []byte // of it, at most MaxLine and a bit
	size   int    // bytes of it, including those not kept

	mu   sync.Mutex
	held [lastHeld - firstHeld + 1]string
	next int
}

func (p *pastes) begin() {
	p.open, p.buf, p.size = true, nil, 0
}

// feed takes bytes of a paste. It returns the bytes after its end and, once it has ended, what to insert
// into the line.
func (p *pastes) feed(b []byte) (rest, insert []byte) {
	p.buf = append(p.buf, b...)
	i := bytes.Index(p.buf, []byte(pasteEnd))
	if i < 0 {
		if keep := neighbors.MaxLine + len(pasteEnd); len(p.buf) > keep {
			// Too long already: only look for its end.
			p.size += len(p.buf) - len(pasteEnd)
			p.buf = append(p.buf[:0], p.buf[len(p.buf)-len(pasteEnd):]...)
		}
		return nil, nil
	}
	rest = append([]byte(nil), p.buf[i+len(pasteEnd):]...)
	text, size := p.buf[:i], p.size+i
	p.open, p.buf, p.size = false, nil, 0
	if size > neighbors.MaxLine {
		p.refuse(fmt.Sprintf("the paste has %d bytes, more than the 16 KiB of one line: nothing of it was taken", size))
		return rest, nil
	}
	return rest, p.inserted(text)
}

// inserted is what goes into the line for a pasted text: the text with marks, or one mark for all of it.
func (p *pastes) inserted(text []byte) []byte {
	s := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(string(text), string(badMark)))
	s = strings.TrimRight(s, "\n")
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteRune(breakMark)
		case r == '\t':
			b.WriteRune(tabMark)
		case isReserved(r):
			b.WriteRune(badMark)
		case r < 0x20, r == 0x7f: // colours and cursor moves, copied from a terminal
		default:
			b.WriteRune(r)
		}
	}
	line := b.String()
	if utf8.RuneCountInString(line) <= maxInline {
		return []byte(line)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	mark := p.next
	p.next = (p.next + 1) % len(p.held)
	p.held[mark] = line
	return []byte(string(firstHeld + rune(mark)))
}

// label is what a held paste looks like in the line.
func (p *pastes) label(r rune) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.held[r-firstHeld]
	n := strings.Count(s, string(breakMark)) + 1
	return fmt.Sprintf("[paste: %s, %s]", plural(n, "line"), plural(len(expandMarks(s)), "byte"))
}

// expand turns an edited line into the text that was meant.
func (p *pastes) expand(line string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, r := range line {
		if isHeld(r) {
			b.WriteString(p.held[r-firstHeld])
		} else {
			b.WriteRune(r)
		}
	}
	return expandMarks(b.String())
}

func expandMarks(s string) string {
	return strings.NewReplacer(string(breakMark), "\n", string(tabMark), "\t", string(badMark), "\xff").Replace(s)
}

// markBreaks is the opposite, for a line from the history.
func markBreaks(s string) string {
	return strings.NewReplacer("\n", string(breakMark), "\t", string(tabMark)).Replace(s)
}
