package shell

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/rivo/uniseg"
)

// screen draws the line being edited, and prints above it.
//
// The line editor (chzyer/readline) erases and draws with a width table and a
// row arithmetic of its own that are wrong for wide and wrapped lines. So none
// of what it writes goes to the terminal: its Painter hook says what the line is
// and where the cursor stands, its writes are only looked at, and screen does
// the drawing. All output of the shell passes here, whole lines, one write each.
type screen struct {
	out   io.Writer
	width func() int // columns of the terminal now; <= 0: unknown

	mu     sync.Mutex
	prompt string
	line   []rune // being edited, as the editor last said
	pos    int    // the cursor, in runes
	status string // a search, shown below the line
	paint  bool   // the editor is about to write line
	hidden bool   // the editor has erased the line, or has none yet
	held   bool   // more keys are on the way: drawing can wait
	dead   bool   // the editor has been left: what it draws is nothing any more
	drawn  drawing
	pasted func(r rune) string // what a held paste looks like
}

// drawing is what stands on the terminal now.
type drawing struct {
	shown  bool
	prompt string
	text   string // the line as shown
	before string // its part before the cursor
	status string
	width  int
}

// newScreen returns a screen on which no line is edited yet.
func newScreen(out io.Writer, width func() int, pasted func(r rune) string) *screen {
	return &screen{out: out, width: width, hidden: true, pasted: pasted}
}

// Paint is the editor's hook: it is told the line just before it is written.
func (s *screen) Paint(line []rune, pos int) []rune {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = append(s.line[:0], line...)
	s.pos = min(pos, len(line))
	s.paint = true
	return nil
}

// editorWriter is what the line editor is given to write to.
type editorWriter struct{ s *screen }

// Write takes what the editor would draw, and does what it means instead.
func (w editorWriter) Write(b []byte) (int, error) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	switch {
	case s.dead:
	case s.paint:
		s.paint, s.hidden, s.status = false, false, ""
		err = s.painted()
	case isErase(b):
		s.hidden = true
	case bytes.Equal(b, []byte("\a")):
		_, err = s.out.Write(b)
	case bytes.Equal(b, []byte("\x1b[H")): // Ctrl-L
		s.drawn.shown = false
		_, err = io.WriteString(s.out, "\x1b[H\x1b[2J")
	case bytes.Contains(b, []byte("-i-search: ")):
		s.status = searchStatus(b)
		err = s.sync()
	}
	return len(b), err
}

// isErase recognises the editor's erasing: nothing but these bytes, in one write
// or several.
func isErase(b []byte) bool {
	for _, c := range b {
		if strings.IndexByte("\x1b[2KJA\r\b", c) < 0 {
			return false
		}
	}
	return len(b) > 0
}

// searchStatus takes the words out of the editor's search line.
func searchStatus(b []byte) string {
	s := strings.TrimLeft(string(b), "\n")
	s = strings.TrimPrefix(s, "\x1b[J")
	s, _, _ = strings.Cut(s, "\x1b")
	return sanitize(s, "")
}

// painted draws the line; one that was finished (Enter, ^C, ^D) is left behind.
func (s *screen) painted() error {
	n := len(s.line)
	if n == 0 || s.line[n-1] != '\n' {
		return s.sync()
	}
	s.line, s.pos = s.line[:n-1], n-1
	err := s.draw(true)
	s.line, s.pos, s.hidden = s.line[:0], 0, true
	return err
}

// sync brings the terminal up to date, unless more keys are on the way.
func (s *screen) sync() error {
	if s.held {
		return nil
	}
	return s.draw(false)
}

func (s *screen) draw(finish bool) error {
	w := s.columns()
	if w > 0 && !finish && s.extend(w) {
		return nil
	}
	seq := s.erase(w) + s.show(w)
	if finish {
		seq += "\r\n"
		s.drawn = drawing{}
	}
	_, err := io.WriteString(s.out, seq)
	return err
}

func (s *screen) columns() int {
	if w := s.width(); w > 0 {
		return w
	}
	return 80
}

// extend writes only what was typed at the end of the line: the usual case.
func (s *screen) extend(w int) bool {
	d := &s.drawn
	if !d.shown || s.hidden || d.width != w || s.pos != len(s.line) || d.text != d.before || d.prompt != s.prompt || d.status != "" || s.status != "" {
		return false
	}
	text := visible(s.line, s.pasted)
	more, ok := strings.CutPrefix(text, d.text)
	if !ok {
		return false
	}
	if more == "" {
		return true
	}
	_, col := flow(d.prompt+d.text, 0, 0, w)
	if n := columns(more); n == 0 || col+n >= w ||
		clusters(d.text)+clusters(more) != clusters(text) {
		return false
	}
	d.text, d.before = text, text
	io.WriteString(s.out, more)
	return true
}

func clusters(s string) int { return uniseg.GraphemeClusterCount(s) }

// erase goes to the first row of what is drawn and clears from there. Rows are
// counted for the width of now: terminals reflow what stands on them.
func (s *screen) erase(w int) string {
	if !s.drawn.shown {
		return ""
	}
	row, _ := cursor(s.drawn.prompt+s.drawn.before, w)
	s.drawn.shown = false
	return "\r" + up(row) + "\x1b[J"
}

// show draws prompt, line and status and puts the cursor in its place.
func (s *screen) show(w int) string {
	if s.hidden {
		return ""
	}
	d := drawing{shown: true, prompt: s.prompt, text: visible(s.line, s.pasted),
		before: visible(s.line[:s.pos], s.pasted), status: s.status, width: w}
	s.drawn = d
	var b strings.Builder
	b.WriteString(d.prompt + d.text)
	row, col := flow(d.prompt+d.text, 0, 0, w)
	if col == w { // leave the state in which the wrap is pending
		b.WriteString(" \r")
		row, col = row+1, 0
	}
	if d.status != "" {
		b.WriteString("\r\n" + d.status)
		row, col = flow(d.status, row+1, 0, w)
	}
	atRow, atCol := cursor(d.prompt+d.before, w)
	if atRow != row || atCol != col {
		b.WriteString("\r" + up(row-atRow))
		if atCol > 0 {
			fmt.Fprintf(&b, "\x1b[%dC", atCol)
		}
	}
	return b.String()
}

// cursor is where the cursor stands behind s: never behind the last column.
func cursor(s string, w int) (row, col int) {
	row, col = flow(s, 0, 0, w)
	if col >= w {
		row, col = row+1, 0
	}
	return row, col
}

func up(rows int) string {
	if rows <= 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA", rows)
}

// Write prints whole lines above the line being edited. It is the printer's way
// to the terminal.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.columns()
	text := strings.ReplaceAll(string(b), "\n", "\r\n")
	if _, err := io.WriteString(s.out, s.erase(w)+text+s.show(w)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// setPrompt changes the prompt, at once when a line is being edited.
func (s *screen) setPrompt(prompt string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if prompt != s.prompt {
		s.prompt = prompt
		s.sync()
	}
}

// hold says whether more keys are on the way. While they are, the line is not
// drawn after each of them; when they end it is drawn once.
func (s *screen) hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.held
	s.held = on
	if was && !on && !s.hidden {
		s.draw(false)
	}
}

// length is how many bytes the line being edited has.
func (s *screen) length() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(string(s.line))
}

// suspend erases the line, because the terminal goes to somebody else for a
// while.
func (s *screen) suspend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden = true
	io.WriteString(s.out, s.erase(s.columns()))
}

// resume draws the line again after suspend.
func (s *screen) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden = false
	s.draw(false)
}

// leave erases the line for good.
func (s *screen) leave() {
	s.suspend()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}
