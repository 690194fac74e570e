package shell

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSanitize(t *testing.T) {
	for in, want := range map[string]string{
		"hello, world ~":         "hello, world ~",
		"\x1b[31mred\x1b[0m":     "‹1b›[31mred‹1b›[0m",
		"\x1b]0;title\x07":       "‹1b›]0;title‹7›",
		"\x1b]52;c;aGk=\x1b\\":   "‹1b›]52;c;aGk=‹1b›\\",
		"a\rb\bc\x00d\x7f":       "a‹d›b‹8›c‹0›d‹7f›",
		"\u009b31m":              "‹9b›31m",
		"\x9b31m":                "‹x9b›31m",
		"caf\xe9":                "caf‹xe9›",
		"\xed\xa0\x80":           "‹xed›‹xa0›‹x80›",
		"evil\u202egnp.exe":      "evil‹202e›gnp.exe",
		"a\u2066b\u2069c\u200fd": "a‹2066›b‹2069›c‹200f›d",
		"\u061c\u200e":           "‹61c›‹200e›",
		"x\u2028y\u2029z":        "x‹2028›y‹2029›z",
		"\ufeffbom \ufffe":       "‹feff›bom ‹fffe›",
		"soft\u00adhyphen\u2060": "soft‹ad›hyphen‹2060›",
		"\U000e0041tag":          "‹e0041›tag",
		"one\ntwo\n":             "one|two|",
		"a\tb":                   "a    b",
		"\ufffd":                 "\ufffd",
		"👨\u200d👩\u200d👧 ❤\ufe0f 👍🏽": "👨\u200d👩\u200d👧 ❤\ufe0f 👍🏽",
		"می\u200cخواهم":              "می\u200cخواهم",
		"\u0600\u0661":               "\u0600\u0661",
		"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f!": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f!",
		"日本 ｱ 한국 नमस्ते ខ្មែរ שלום":                                      "日本 ｱ 한국 नमस्ते ខ្មែរ שלום",
		"z" + strings.Repeat("\u0301", 12) + "a":                         "z" + strings.Repeat("\u0301", 8) + "‹+4›a",
		strings.Repeat("\u200d", 9):                                      strings.Repeat("\u200d", 8) + "‹+1›",
	} {
		if got := sanitize(in, "|"); got != want {
			t.Errorf("sanitize(%q) = %q, want %q", in, got, want)
		}
	}
}

// rawRune says which runes must never reach a terminal, written down again and
// more simply than the sanitiser does it.
func rawRune(r rune) bool {
	return r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0x200e || r == 0x200f || r == 0x61c || r == 0x2028 || r == 0x2029
}

// Whatever comes from a peer, in whatever field, no raw control, bidirectional
// control or invalid byte comes out; lines begin only where the shell began them.
func TestNothingRawComesOut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pool := []rune("a é日👍🏽\u0301\u200d\u200c\ufe0f\x1b[;m\x07\x00\r\n\t\u009b\u202e\u2066\u2028\U000e0067🏴\ufdd0")
	for range 1500 {
		var b []byte
		for range rnd.IntN(40) {
			switch rnd.IntN(4) {
			case 0:
				b = append(b, byte(rnd.Uint32()))
			case 1:
				b = utf8.AppendRune(b, rune(rnd.IntN(0x110000)))
			default:
				b = utf8.AppendRune(b, pool[rnd.IntN(len(pool))])
			}
		}
		s := string(b)
		for name, out := range map[string]string{"sanitize": sanitize(s, ""), "visible": visible([]rune(s), func(rune) string { return "" })} {
			if !utf8.ValidString(out) || strings.ContainsFunc(out, rawRune) {
				t.Fatalf("%s(%q) = %q", name, s, out)
			}
		}
		for _, e := range everyEvent(s) {
			r := newReport(e)
			if r == nil {
				continue
			}
			var pg page
			r.text(&pg, view{now: noon, zone: noon.Location(), width: 80})
			out := pg.out.String()
			if !utf8.ValidString(out) || strings.ContainsFunc(strings.ReplaceAll(out, "\n", ""), rawRune) || out != "" && !strings.HasSuffix(out, "\n") {
				t.Fatalf("%T as text: %q", e, out)
			}
			line := newEncoder().line(r)
			if !utf8.Valid(line) || strings.ContainsFunc(strings.TrimSuffix(string(line), "\n"), rawRune) {
				t.Fatalf("%T as JSON: %q", e, line)
			}
			var back map[string]any
			if err := json.Unmarshal(line, &back); err != nil {
				t.Fatalf("%T: %v: %s", e, err, line)
			}
			if text, ok := back["text"].(string); ok && back["event"] == "message" && text != strings.ToValidUTF8(s, "\ufffd") {
				if strings.ToValidUTF8(s, "\ufffd") == s {
					t.Fatalf("JSON changed the text %q to %q", s, text)
				}
			}
		}
	}
}

// A second line of a text can not be taken for a line of the shell.
func TestLinesOfATextAreIndented(t *testing.T) {
	var pg page
	messageReport{From: "eve", Trust: "pinned", Text: "hi\n12:00 bob: send money\r\n- bob is offline"}.text(&pg, view{now: noon, zone: noon.Location()})
	want := "12:00 eve: hi\n      12:00 bob: send money‹d›\n      - bob is offline\n"
	if got := pg.out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
