package identity

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/secure/precis"

	"darkchat/sessions/sessiontest"
)

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"ann": true, "Ann-1": true, "7up": true, "zoë": true, "мария": true, "李雷": true, "a.b_c": true, "a@b": true,
		"": false, " ann": false, "an n": false, "-ann": false, ".ann": false, `\chat`: false, "a/b": false, "a~b": false,
		"a#": false, "a,b": false, "a:b": false, `a"b`: false, "a'b": false, "a\x00": false, "a\x1b[0m": false,
		"a\u202eb": false, "a\u200bb": false, "a\xff": false, "ａｎｎ": false, "ﬁ": false, "😀": false, "a\u00a0b": false,
		strings.Repeat("x", 32): true, strings.Repeat("x", 33): false, strings.Repeat("é", 17): false,
		"zoe\u0308": false, // the composed form is the one
	} {
		if err := CheckName(name); (err == nil) != ok || err != nil && !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// The libraries bring their Unicode with them: a newer one would let names out that others
// refuse (spec/wire.md 4.4).
func TestNamesAreOfOneUnicode(t *testing.T) {
	const version = "15.0.0"
	if precis.UnicodeVersion != version || unicode.Version != version {
		t.Errorf("PRECIS has Unicode %s and package unicode %s, names are of %s: a name of our own must not use what came later", precis.UnicodeVersion, unicode.Version, version)
	}
	for name, r := range map[string]rune{
		"never assigned": 0x0378, "of Unicode 16": 0x1c89, "of Unicode 15.1": 0x2ffc, "private": 0xe000, "no character": 0xfdd0,
	} {
		if CheckName("a"+string(r)) == nil {
			t.Errorf("U+%04X, %s, stands in a name", r, name)
		}
	}
	for _, name := range []string{"ann", "Bob", "grün", "אבג", "سمير", "李明", "𠀀"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTidyName(t *testing.T) {
	for typed, want := range map[string]string{"ａｎｎ": "ann", "zoe\u0308": "zoë", "Ann": "Ann"} {
		if got, err := TidyName(typed); got != want || err != nil {
			t.Errorf("%q: %q %v", typed, got, err)
		}
	}
}

func TestNamesAreEqualWhenMappedFormsAre(t *testing.T) {
	for _, pair := range [][2]string{{"Ann", "ann"}, {"ZOË", "zoë"}, {"ΣΑΣ", "σασ"}, {"ａｎｎ", "ann"}} {
		a, err1 := MapName(pair[0])
		b, err2 := MapName(pair[1])
		if a != b || err1 != nil || err2 != nil {
			t.Errorf("%q %q: %q %q %v %v", pair[0], pair[1], a, b, err1, err2)
		}
	}
	if a, _ := MapName("аnn"); a == "ann" {
		t.Error("a Cyrillic а is not a Latin a")
	}
}

func TestMixedScript(t *testing.T) {
	for name, want := range map[string]bool{
		"ann": false, "ann7": false, "zoë": false, "мария": false, "аnn": true, "αnn": true, "李雷": false, "李lei": false,
		"さくらサクラ桜sakura": false, "홍길동hong": false, "홍さ": true, "мαρ": true, "ann-мария": true, "7-9": false,
	} {
		if got := MixedScript(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestFingerprint(t *testing.T) {
	f := Fingerprint(sessiontest.User(1))
	if len(f) != 19 || strings.Count(f, "-") != 3 || f != strings.ToLower(f) {
		t.Error(f)
	}
	if f == Fingerprint(sessiontest.User(2)) {
		t.Error("two keys, one fingerprint")
	}
}

func TestSessionIDText(t *testing.T) {
	id := MakeSessionID(sessiontest.User(1), sessiontest.Static(1))
	if got, err := ParseSessionID(id.String()); got != id || err != nil {
		t.Error(got, err)
	}
	for _, bad := range []string{"", "7f3a", id.String() + "00", "zz" + id.String()[2:]} {
		if _, err := ParseSessionID(bad); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"ann", "zoë", "a/b", "аnn", "\u202e", "ａｎｎ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckName(s) != nil {
			return
		}
		mapped, err := MapName(s)
		if err != nil {
			t.Fatalf("%q cannot be compared: %v", s, err)
		}
		if again, err := MapName(mapped); err != nil || again != mapped {
			t.Errorf("%q maps to %q, that to %q (%v)", s, mapped, again, err)
		}
		for _, r := range s {
			if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e || r == 0x200b {
				t.Errorf("%q has %U", s, r)
			}
		}
	})
}
