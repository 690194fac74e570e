package shell

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// translated gives keys to a fresh filter in pieces of n bytes.
func translated(t *testing.T, keys string, n int) (out string, refused []string, k *keysUnderTest) {
	t.Helper()
	ps := &pastes{refuse: func(s string) { refused = append(refused, s) }}
	sc := newScreen(newEmulator(80, 24), func() int { return 80 }, ps.label)
	f := newKeys(sc, ps, func() bool { return true })
	var b []byte
	for len(keys) > 0 {
		m := min(n, len(keys))
		b = append(b, f.translate([]byte(keys[:m]))...)
		keys = keys[m:]
	}
	for _, r := range string(b) {
		if r == burstMark {
			out += string(f.bursts[0])
			f.bursts = f.bursts[1:]
			continue
		}
		out += string(r)
	}
	return out, refused, &keysUnderTest{f, ps}
}

type keysUnderTest struct {
	*keys
	pastes *pastes
}

// What the terminal sends becomes keys that the editor knows; a paste becomes one
// insertion without a newline, whatever pieces it comes in.
func TestKeys(t *testing.T) {
	const begin, end, bad = "\x1b[200~", "\x1b[201~", string(badMark)
	for _, c := range []struct{ keys, want string }{
		{"hello\r", "hello\r"},
		{"日本😀", "日本😀"},
		{"a\x00b\x0fc\x14d\x1ce\x1f", "abcde"},
		{"\x01\x05\x0b\x15\x17\x7f\t\n", "\x01\x05\x0b\x15\x17\x7f\t\n"},
		{"\x1b[A\x1b[D\x1b[H\x1bOF", "\x1b[A\x1b[D\x1b[H\x1bOF"},
		{"\x1b[1~\x1b[4~\x1b[7~\x1b[8~", "\x01\x05\x01\x05"},
		{"\x1b[1;5C\x1b[1;5D", "\x1bf\x1bb"},
		{"\x1bb\x1bf\x1bd\x1b\x7f", "\x1bb\x1bf\x1bd\x1b\x7f"},
		{"\x1b\r", string(breakMark)},
		{"\x1bx\x1bOP\x1b[5~\x1b[I\x1b[15;2~y", "xy"},
		{"\x1b[3~\x04", "\x1b[3~\x04"},
		{"\x1b[" + strings.Repeat("1;", 40) + "mz", "z"},
		{"\ufdd0\ufdd2\ufde0\ufdef.", strings.Repeat(string(badMark), 4) + "."},
		{"caf\xe9 \xe9\xe8x\xff\r", "caf" + bad + " " + bad + bad + "x" + bad + "\r"},
		{begin + "caf\xe9 \ufffd\ufdd3" + end, "caf" + bad + " \ufffd" + bad},
		{begin + "one\ntwo\r\nthree\n\n" + end + "\r", "one" + string(breakMark) + "two" + string(breakMark) + "three\r"},
		{begin + "a\tb\x1b[31m\x03\x04\x00c" + end, "a" + string(tabMark) + "b[31mc"},
		{begin + end + "x", "x"},
		{begin + "a" + end + begin + "b" + end, "ab"},
		{end + "x", "x"},
	} {
		for _, n := range []int{1, 2, 3, 5, 1000} {
			if strings.Contains(c.keys, ";1;1;") && n > 1 && n < 1000 {
				continue // an endless sequence ends where it is cut off
			}
			out, refused, _ := translated(t, c.keys, n)
			if strings.Contains(c.keys, ";1;1;") {
				out = out[len(out)-1:]
			}
			if out != c.want || len(refused) > 0 {
				t.Errorf("%q in pieces of %d became %q, want %q (%v)", c.keys, n, out, c.want, refused)
			}
		}
	}
}

// A long paste is one mark in the line, shown as what it is, and whole when the
// line is entered; one that is too long is refused whole.
func TestLongPaste(t *testing.T) {
	text := strings.Repeat("a line of a log, with 日本\n", 400)
	out, refused, k := translated(t, "see: \x1b[200~"+text+"\x1b[201~ ok", 700)
	if len([]rune(out)) != len("see: X ok") || len(refused) > 0 {
		t.Fatalf("%q, %v", out, refused)
	}
	if got := k.pastes.expand(out); got != "see: "+strings.TrimSuffix(text, "\n")+" ok" {
		t.Errorf("the line has %d bytes", len(got))
	}
	if got := visible([]rune(out), k.pastes.label); got != "see: [paste: 400 lines, "+fmt.Sprint(len(text)-1)+" bytes] ok" {
		t.Errorf("it is shown as %s", got)
	}
	out, refused, k = translated(t, "a\x1b[200~"+strings.Repeat("x", 17<<10)+"\x1b[201~b", 4096)
	if out != "ab" || len(refused) != 1 || !strings.Contains(refused[0], "17408 bytes") {
		t.Errorf("%q, %v", out, refused)
	}
	if cap(k.pastes.buf) > 64<<10 {
		t.Errorf("%d bytes are kept", cap(k.pastes.buf))
	}
}

// A line that is longer than a line may be stays too long, so that no part of it
// is sent, and takes bounded room.
func TestTypedLineIsBounded(t *testing.T) {
	out, _, _ := translated(t, strings.Repeat("0123456789", 5000), 4096)
	if _, err := parse(out[:min(len(out), 1<<20)]); err != errLineTooLong {
		t.Errorf("%d bytes: %v", len(out), err)
	}
	ty := newTypist(t, 80, 50, openHistory("", nil))
	ty.press(strings.Repeat("0123456789", 5000) + "\r")
	l := ty.line(t)
	if _, err := parse(l.line); err != errLineTooLong || len(l.line) > 2*maxTyped {
		t.Errorf("%d bytes came: %v", len(l.line), err)
	}
}

// Ctrl-D on an empty line is the end; the Delete key is not, and both delete.
func TestDeleteKeyIsNotCtrlD(t *testing.T) {
	ty := newTypist(t, 40, 10, openHistory("", nil))
	ty.press("\x1b[3~\x1b[3~abc\x01\x1b[3~\x04\r")
	if l := ty.line(t); l.line != "c" || l.err != nil {
		t.Fatalf("got %q, %v, want c", l.line, l.err)
	}
	ty.press("\x1b[3~")
	ty.press("x\x7f\x04")
	if l := ty.line(t); l.err == nil {
		t.Errorf("Ctrl-D on an empty line gave %q", l.line)
	}
}

// Ctrl-C clears a line; on an empty one it says how to leave.
func TestCtrlC(t *testing.T) {
	ty := newTypist(t, 60, 10, openHistory("", nil))
	ty.press("secret\x03")
	ty.shows(t, "> secret^C\n>")
	ty.press("\x03")
	ty.shows(t, howToLeave)
	ty.press("hello\r")
	if l := ty.line(t); l.line != "hello" {
		t.Errorf("got %q", l.line)
	}
}

// No keys, in whatever order, break the editor: afterwards it takes a line.
func TestMonkey(t *testing.T) {
	h := openHistory("", nil)
	h.lines = []string{"one", "two 日本", "\\chat bob"}
	h.saved.Store(true)
	ty := newTypist(t, 24, 12, h)
	rnd := rand.New(rand.NewPCG(3, 4))
	pool := []string{"a", "日", "😀", "\u0301", "\x01", "\x02", "\x03", "\x05", "\x06", "\x07", "\x08", "\t", "\x0b", "\x0c", "\r", "\x0e", "\x10",
		"\x12", "\x13", "\x14", "\x15", "\x17", "\x19", "\x7f", "\x00", "\x1b", "\x1bb", "\x1bf", "\x1bd", "\x1b[3~", "\x1b[A", "\x1b[C", "\\ch", "\\chat ",
		"\x1b[200~p\nq\x1b[201~", "a longer run of letters", "\x1b\r", "\x9b", "\u202e"}
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-ty.lines:
			case <-stop:
				return
			}
		}
	}()
	for i := range 4000 {
		ty.press(pool[rnd.IntN(len(pool))])
		if i%50 == 0 {
			ty.print("news")
		}
		if i%500 == 0 {
			ty.resize(5+rnd.IntN(40), 12)
		}
	}
	ty.press("\x07\x07\x03")
	close(stop)
	ty.press("\x03the end\r")
	for {
		select {
		case l := <-ty.lines:
			if l.line == "the end" {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("the editor takes no line any more:\n%s", ty)
		}
	}
}
