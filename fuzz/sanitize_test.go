package fuzz_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"darkchat/neighbors"
)

// FuzzSanitize has a peer say something, under a name of its choice, and looks at
// what a screen and another program are given.
func FuzzSanitize(f *testing.F) {
	for _, seed := range []string{
		"", "hello", "\x1b]52;c;aGk=\x07\x1b[2J", "\u009b31m", "\u202eabc\u2066\u200f", "a\nb\r\nc\td\x00\x7f", "\xff\xc3\x28\xed\xa0\x80",
		"z" + strings.Repeat("\u0301", 40) + "\u200d", "\U0001F3F4\U000E0067\U000E0062\U000E007F \U000E0041", "\ufeff\u2028\u2029\ufffe\U0010ffff",
		"سلام\u200cها", "👨‍👩‍👧", "日本語", "12:00 bob: not from bob", "x\n12:00 bob: not from bob", "\u061c\u00ad\u180e\u206a\ufff9",
	} {
		f.Add(seed, seed)
		f.Add(seed, "bob")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		const session = "00112233aabbccdd"
		events := []neighbors.Event{
			neighbors.CameOnline{User: name, Session: session, Trust: "new"},
			neighbors.Incoming{Receipt: 1, ID: 7, From: name, Session: session, Text: text, Sent: epoch, Trust: "new", Via: name},
			neighbors.Delivery{ID: 8, To: name, State: neighbors.Undelivered, Reason: text},
			neighbors.PathChange{User: name, Session: session, Path: neighbors.PathDirect, Why: text},
			neighbors.WentOffline{User: name, Session: session, Trust: "new", Reason: text},
		}
		d := newDesk()
		screen, _ := d.converse(t, "", false, events...)
		mustBeCalm(t, screen)
		if len(d.Receipts()) != 1 {
			t.Fatalf("receipts %v", d.Receipts())
		}
		// The name is shown eight times; ten bytes show one that is not UTF-8.
		if len(screen) > 4096+10*(3*len(text)+8*len(name)) {
			t.Fatalf("%d bytes are shown for %d", len(screen), len(text)+len(name))
		}
		own, _ := d.converse(t, "", false)
		if got, want := outerLines(screen), outerLines(own)+len(events); got > want {
			t.Fatalf("%d lines look like lines of the program, at most %d are:\n%s", got, want, screen)
		}
		// What was shown and is said again is shown alike: the escapes are stable.
		once := shownText(t, d, text)
		if again := shownText(t, d, once); again != once {
			t.Fatalf("shown %q, said again %q", once, again)
		}
		machine, _ := d.converse(t, "", true, events...)
		mustBeCalm(t, machine)
		checkEvents(t, machine)
		var got struct{ From, Text string }
		if err := json.Unmarshal([]byte(strings.Split(machine, "\n")[2]), &got); err != nil {
			t.Fatal(err)
		}
		if want := repaired(text); got.Text != want || got.From != repaired(name) {
			t.Fatalf("a program reads %q from %q, want %q from %q", got.Text, got.From, want, repaired(name))
		}
	})
}

// outerLines counts the lines that are not part of a text above them.
func outerLines(screen string) (n int) {
	for l := range strings.Lines(screen) {
		if !strings.HasPrefix(l, "      ") {
			n++
		}
	}
	return n
}

// shownText is what a screen shows of a text, as one would copy it.
func shownText(t *testing.T, d *desk, text string) string {
	t.Helper()
	screen, _ := d.converse(t, "", false, neighbors.Incoming{Receipt: 1, ID: 7, From: "bob", Text: text, Trust: "pinned"})
	_, rest, ok := strings.Cut(screen, "\n00:00 bob: ")
	if !ok {
		t.Fatalf("no message in %q", screen)
	}
	rest, ok = strings.CutSuffix(rest, "\nbye\n")
	if !ok {
		t.Fatalf("no end in %q", screen)
	}
	return strings.ReplaceAll(rest, "\n      ", "\n")
}

// repaired is s with each byte that is not UTF-8 replaced.
func repaired(s string) string { return string([]rune(s)) }

// mustBeCalm fails when out could command a terminal, turn the order of what is
// read, hide something or smear over other lines. It is written against the Unicode
// tables, not against the code.
func mustBeCalm(t *testing.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Fatalf("not UTF-8: %q", out)
	}
	marks, before := 0, rune(0)
	for i, r := range out {
		switch {
		case r == '\n':
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == 0x2028, r == 0x2029,
			unicode.Is(unicode.Noncharacter_Code_Point, r):
			t.Fatalf("%U at %d of %q", r, i, out)
		case unicode.Is(unicode.Cf, r):
			tag := r >= 0xe0020 && r <= 0xe007f && (before == 0x1f3f4 || before >= 0xe0020 && before <= 0xe007f)
			if !tag && r != 0x200c && r != 0x200d && r != 0x200b && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
				t.Fatalf("%U at %d of %q", r, i, out)
			}
		}
		if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
			if marks++; marks > 8 && !strings.HasPrefix(out, `{"event":`) {
				t.Fatalf("%d marks on one rune at %d of %q", marks, i, out)
			}
		} else {
			marks = 0
		}
		before = r
	}
}
