package shell

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

// typist is the real editor on an emulated terminal.
type typist struct {
	*emulator
	e     *editor
	keys  *io.PipeWriter
	lines chan typed
	queue *queue
}

func newTypist(t *testing.T, cols, rows int, history *history) *typist {
	em := newEmulator(cols, rows)
	r, w := io.Pipe()
	tty := terminal{in: r, out: em, width: em.width, raw: func() (func() error, error) {
		return func() error { return nil }, nil
	}}
	ty := &typist{emulator: em, keys: w, lines: make(chan typed, 10), queue: newQueue()}
	a := &shelltest.Node{People: []neighbors.UserView{carol(), bob()}}
	e, err := newEditor(tty, history, a, table(), ty.queue, func() { em.hint(ty) }, func(s string) { ty.print(s) })
	if err != nil {
		t.Fatal(err)
	}
	ty.e = e
	lines := make(chan typed)
	go func() {
		e.run(t.Context(), lines)
		r.Close() // nobody reads keys any more
	}()
	go func() {
		for l := range lines {
			close(l.taken)
			ty.lines <- l
		}
	}()
	t.Cleanup(e.close)
	ty.shows(t, ">")
	return ty
}

func (e *emulator) hint(ty *typist) { ty.print(howToLeave) }

func (ty *typist) press(keys string) { io.WriteString(ty.keys, keys) }

func (ty *typist) print(lines string) { fmt.Fprintln(ty.e.screen, lines) }

// line waits for the next line that was entered.
func (ty *typist) line(t *testing.T) typed {
	t.Helper()
	select {
	case l := <-ty.lines:
		return l
	case <-time.After(10 * time.Second):
		t.Fatalf("no line was entered:\n%s", ty)
	}
	return typed{}
}

const left = "\x1b[D"

// What is typed stays as it is while lines are printed above it, wrapped and wide
// as it may be, and the next key lands where the cursor stood.
func TestAsyncOutputLeavesTheLineIntact(t *testing.T) {
	for _, c := range []struct {
		name, typed, then string
		want              string
	}{
		{"short", "hello", "", "> hello"},
		{"wrapped", "the quick brown fox jumps", "", "> the quick brown fo\nx jumps"},
		{"exactly one row", "123456789012345678", "", "> 123456789012345678"},
		{"one more than a row", "1234567890123456789", "", "> 123456789012345678\n9"},
		{"wrapped, cursor moved", "the quick brown fox jumps" + strings.Repeat(left, 12), "X", "> the quick broXwn f\nox jumps"},
		{"emoji", strings.Repeat("😀", 10), "", "> 😀😀😀😀😀😀😀😀😀\n😀"},
		{"wide at the edge", "a" + strings.Repeat("、", 9), "", "> a、、、、、、、、\n、"},
		{"half-width kana", "ｱｲｳｴｵｶｷｸｹｺ", "", "> ｱｲｳｴｵｶｷｸｹｺ"},
		{"CJK, cursor moved", "日本語日本語日本語日本語" + strings.Repeat(left, 3), "X", "> 日本語日本語日本語\nX日本語"},
		{"escapes are shown", "a\u009bb\u202ec", "", "> a‹9b›b‹202e›c"},
		{"combining", "e\u0301e\u0301e\u0301", "", "> eee"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ty := newTypist(t, 20, 10, openHistory("", nil))
			ty.press(c.typed)
			ty.until(t, c.typed, func(string) bool { return ty.e.screen.length() == len(strings.ReplaceAll(c.typed, left, "")) })
			for i := range 3 {
				ty.print(fmt.Sprintf("12:00 bob: line %d", i))
			}
			want := c.want
			if c.then != "" {
				ty.press(c.then)
			}
			ty.is(t, "12:00 bob: line 0\n12:00 bob: line 1\n12:00 bob: line 2\n"+want)
		})
	}
}

// 400 lines arrive while a wrapped line is being typed: each is there once, and
// the line, once, at the end.
func TestManyLinesWhileTyping(t *testing.T) {
	ty := newTypist(t, 30, 420, openHistory("", nil))
	text := "mixed 日本語 text that wraps 😀 over rows"
	go func() {
		for _, r := range text {
			ty.press(string(r))
		}
	}()
	var want strings.Builder
	for i := range 400 {
		ty.print(fmt.Sprintf("line %d", i))
		fmt.Fprintf(&want, "line %d\n", i)
	}
	ty.is(t, want.String()+"> mixed 日本語 text that wraps\n 😀 over rows")
}

// The typed line is drawn for the width of now after a resize.
func TestResize(t *testing.T) {
	ty := newTypist(t, 40, 10, openHistory("", nil))
	ty.press("a line of thirty characters 日本")
	ty.shows(t, "日本")
	ty.resize(20, 10) // vt10x cuts rows where others reflow
	ty.press("x")
	ty.shows(t, "> a line of thirty c\nharacters 日本x")
	ty.resize(60, 10)
	ty.press("y")
	ty.shows(t, "> a line of thirty characters 日本xy")
}

// A change of the prompt shows at once, with what is typed behind it.
func TestPromptChangesWhileTyping(t *testing.T) {
	ty := newTypist(t, 40, 10, openHistory("", nil))
	ty.press("hello")
	ty.shows(t, "> hello")
	ty.e.prompt(&neighbors.Target{User: "bob", Session: "7f3a000000000001"}, "")
	ty.is(t, "bob/7f3a (offline)> hello")
	ty.e.prompt(&neighbors.Target{User: "bob", Online: true}, "(2 new: carol)")
	ty.is(t, "bob (2 new: carol)> hello")
	ty.e.prompt(&neighbors.Target{User: "bob", Online: true}, "")
	ty.is(t, "bob> hello")
	ty.press("\r")
	if l := ty.line(t); l.line != "hello" {
		t.Errorf("got %q", l.line)
	}
	ty.is(t, "bob> hello\nbob>")
}

// Typing at the end of a line writes what was typed and nothing else: a long line
// is not drawn again for every key.
func TestTypingIsCheap(t *testing.T) {
	ty := newTypist(t, 80, 30, openHistory("", nil))
	for range 70 {
		ty.press("x")
	}
	ty.shows(t, strings.Repeat("x", 70))
	if n := len(ty.written()); n > 200 {
		t.Errorf("%d bytes were written for 70 keys", n)
	}
}

// 10 kB typed in one go are one line, soon.
func TestLongLine(t *testing.T) {
	ty := newTypist(t, 80, 200, openHistory("", nil))
	text := strings.Repeat("0123456789", 1000)
	ty.press(text + "\r")
	if l := ty.line(t); l.line != text {
		t.Errorf("%d bytes came, want %d", len(l.line), len(text))
	}
	if n := len(ty.written()); n > 20*len(text) {
		t.Errorf("%d bytes were written for a line of %d", n, len(text))
	}
}

// A search of the history is shown below the line and goes away.
func TestSearch(t *testing.T) {
	h := openHistory("", nil)
	h.lines = []string{"hello bob", "\\chat carol"}
	h.saved.Store(true)
	ty := newTypist(t, 40, 10, h)
	ty.press("\x12bo")
	ty.shows(t, "bck-i-search: bo")
	ty.print("something happens")
	ty.is(t, "something happens\n> hello bob\nbck-i-search: bo")
	ty.press("\x05!")
	ty.is(t, "something happens\n> hello bob!")
}

// Whatever is edited, at whatever width, and printed in between, the screen is
// what a fresh terminal shows of the printed lines and the line, and the cursor
// stands where it does behind the part before it.
func TestScreenIsAsDrawnFresh(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	pool := []rune("abc 日本、ｱ😀é\u0301\u200d👩👍🏽\ufe0f🇩🇪한\u009b\u202e")
	for round := range 60 {
		w := 7 + rnd.IntN(30)
		em := newEmulator(w, 60)
		s := newScreen(em, em.width, nil)
		s.setPrompt("bob> ")
		var line []rune
		var printed strings.Builder
		pos := 0
		for step := range 60 {
			switch rnd.IntN(8) {
			case 0:
				line, pos = line[:0], 0
			case 1:
				pos = rnd.IntN(len(line) + 1)
			case 2:
				if printed.Len() < 300 {
					fmt.Fprintf(&printed, "line %d 日本語\n", step)
					fmt.Fprintf(s, "line %d 日本語\n", step)
				}
			case 3, 4:
				line, pos = append(line[:pos:pos], line[pos:]...), len(line)
				fallthrough
			default:
				if len(line) < 60 {
					r := pool[rnd.IntN(len(pool))]
					line = append(line[:pos:pos], append([]rune{r}, line[pos:]...)...)
					pos++
				}
			}
			s.Paint(line, pos)
			editorWriter{s}.Write(nil)
			lines := strings.ReplaceAll(printed.String(), "\n", "\r\n")
			fresh, before := newEmulator(w, 60), newEmulator(w, 60)
			io.WriteString(fresh, lines+"bob> "+visible(line, nil))
			io.WriteString(before, lines+"bob> "+visible(line[:pos], nil))
			if got, want := em.String(), fresh.String(); got != want {
				t.Fatalf("round %d: width %d, line %q, at %d\n%s\nwant\n%s", round, w, string(line), pos, got, want)
			}
			x, y := em.cursor()
			wantX, wantY := before.cursor()
			if before.vt.Cursor().State&wrapPending != 0 {
				wantX, wantY = 0, wantY+1
			}
			if x != wantX || y != wantY {
				t.Fatalf("round %d: width %d, line %q: the cursor is at %d,%d, want %d,%d", round, w, string(line[:pos]), x, y, wantX, wantY)
			}
		}
	}
}
