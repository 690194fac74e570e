package main

import (
	"strings"
	"testing"
	"unicode"
)

// hostile is what must not reach a terminal as it is: titles, clipboards,
// cursor moves, carriage returns, C1 controls, bidi overrides, line separators.
var hostile = []string{
	"a\x1b]52;c;QUJD\x07b", "a\x1b[2J\x1b[Hb", "a\x1b]0;title\x1b\\b", "a\rb", "a\bb\x7f", "a\u009b31mb", "a\u202eb\u2066c", "a\u2028b\u2029c",
	"a" + strings.Repeat("\u0301", 200) + "b",
}

func TestHostileTextIsShownEscaped(t *testing.T) {
	t.Parallel()
	plain := launch(t, "bob", program(t, "-listen", "127.0.0.1", "-p", "0", "-u", "bob", "-stay", "-state", t.TempDir()))
	port := ""
	plain.wait("the line to paste", func(e event) bool {
		_, after, ok := strings.Cut(e.raw, `\ping 127.0.0.1 `)
		port = strings.TrimSpace(after)
		return ok
	})
	watch := start(t, t.TempDir(), "cy")
	ann := start(t, t.TempDir(), "ann")
	ann.send(`\ping 127.0.0.1 ` + port)
	ann.wait("pong", func(e event) bool { return e.Event == "pong" })
	ann.ping(watch)
	for _, name := range []string{"bob", "cy"} {
		ann.send(`\chat ` + name)
		for _, s := range hostile {
			ann.send(s)
		}
		ann.send("end")
	}
	watch.wait("end", is("message", "end"))
	plain.wait("end", func(e event) bool { return strings.HasSuffix(e.raw, "end") })
	for _, n := range []*node{plain, watch} {
		for _, line := range n.output() {
			for _, r := range line {
				if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar {
					t.Errorf("%s shows %U raw: %q", n.name, r, line)
				}
			}
			if n == plain && strings.Contains(line, strings.Repeat("\u0301", 64)) {
				t.Errorf("%s piles up marks", n.name)
			}
		}
	}
	// Visibly: who looks at the line sees that something was there.
	plain.wait("the clipboard text, escaped", func(e event) bool {
		return strings.Contains(e.raw, "52;c;QUJD") && !strings.Contains(e.raw, "a]52")
	})
}

// Bytes that are no text do not end the program, and what comes after them is fine.
func TestInputThatIsNoText(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	ann := start(t, t.TempDir(), "ann")
	ann.ping(bob)
	ann.send(`\chat bob`)
	ann.send("bad \xff\xfe utf-8 \x00 and a nul")
	ann.send("good")
	bob.wait("good", is("message", "good"))
	for _, line := range bob.output() {
		if !validText(line) {
			t.Errorf("bob shows %q", line)
		}
	}
}

func validText(s string) bool { return strings.ToValidUTF8(s, "") == s && !strings.ContainsRune(s, 0) }
