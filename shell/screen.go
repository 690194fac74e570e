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
// The line editor (chzyer/readline) erases and draws with its own width table and row arithmetic,
// which are wrong for wide and wrapped lines. So nothing that it writes goes to the terminal: its
// Painter hook tells us the line and the cursor, its writes are only inspected, and screen does the
// drawing. All output of the shell passes through here, whole lines, one write each.
type screen struct {
	out   io.Writer
	width func() int // columns of the terminal now; <= 0: unknown

	mu     sync.Mutex
	prompt string
	line   []rune // being edited, as the editor last reported it
	pos    int    // the cursor, in runes
	status string // a search, shown below the line
	paint  bool   // the editor is about to write line
	hidden bool   // the editor has erased the line, or has none yet
	held   bool   // more keys are on the way: drawing can wait
	dead   bool   // the editor was left: whatever it draws is ignored
	drawn  drawing
	pasted func(r rune) string // what a held paste looks like
}

// drawing is what is on the terminal now.
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

// Paint is the editor's hook: it gets the line just before the editor draws it.
func (s *screen) Paint(line []rune, pos int) []rune {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = append(s.line[:0], line...)
	s.pos = min(pos, len(line))
	s.paint = true
	return nil
}

// editorWriter is the writer that the line editor gets.
type editorWriter struct{ s *screen }

// Write interprets what the editor would draw, and draws correctly instead.
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

// painted draws the line; a finished one (Enter, ^C, ^D) is left on the screen.
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

// erase goes to the first row of the drawing and clears from there. Rows are counted at the present
// width: terminals reflow their content.
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
	if col == w { // leave the state of a pending wrap
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

// cursor is where the cursor is after s: never past the last column.
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

// Write prints whole lines above the line being edited. The printer writes to it.
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

// hold says whether more keys are coming. Then the line is not drawn after each of them, but once at
// the end.
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

// suspend erases the line, because another program gets the terminal for a while.
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
