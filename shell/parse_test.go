package shell

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"darkchat/neighbors"
)

// A line is a macro, a text, nothing, or an error; only a text goes anywhere.
func TestLineGrammar(t *testing.T) {
	long := strings.Repeat("x", 16<<10)
	for _, c := range []struct {
		line string
		want input
		err  error
	}{
		{"", input{}, nil},
		{" \t ", input{}, nil},
		{"hello", input{kind: inputText, text: "hello"}, nil},
		{"  hello  ", input{kind: inputText, text: "  hello  "}, nil},
		{`a \chat b`, input{kind: inputText, text: `a \chat b`}, nil},
		{`\chat bob`, input{kind: inputMacro, name: "chat", args: []string{"bob"}}, nil},
		{"\\chat \t bob  x ", input{kind: inputMacro, name: "chat", args: []string{"bob", "x"}}, nil},
		{`\help`, input{kind: inputMacro, name: "help", args: []string{}}, nil},
		{`\`, input{kind: inputMacro}, nil},
		{`\ chat bob`, input{kind: inputMacro}, nil},
		{`\\chat bob`, input{kind: inputText, text: `\chat bob`}, nil},
		{`\\`, input{kind: inputText, text: `\`}, nil},
		{`\\\x`, input{kind: inputText, text: `\\x`}, nil},
		{` \chat bob`, input{}, errNotColumn1},
		{"\t\\\\x", input{}, errNotColumn1},
		{"\u00a0\\chat", input{}, errNotColumn1},
		{long, input{kind: inputText, text: long}, nil},
		{long + "x", input{}, errLineTooLong},
		{"caf\xe9", input{}, errNotUTF8},
		{"tschüß 日本", input{kind: inputText, text: "tschüß 日本"}, nil},
		{`\search "good morning" all`, input{kind: inputMacro, name: "search", args: []string{"good morning", "all"}}, nil},
		{`\search don"t 5" ""`, input{kind: inputMacro, name: "search", args: []string{`don"t`, `5"`}}, nil},
		{`\search "good`, input{kind: inputMacro, name: "search"}, errOpenQuote},
		{`\search "good"morning`, input{kind: inputMacro, name: "search"}, errOpenQuote},
		{`"good morning`, input{kind: inputText, text: `"good morning`}, nil},
		{"\u200b", input{}, neighbors.ErrInvisible},
		{"\u2800 \u3164\u034f", input{}, neighbors.ErrInvisible},
		{"\u200b\\chat bob", input{}, errNotColumn1},
		{"\u2060\\\\x", input{}, errNotColumn1},
		{"\u200bhello", input{kind: inputText, text: "\u200bhello"}, nil},
		{"one\ntwo", input{kind: inputText, text: "one\ntwo"}, nil},
	} {
		got, err := parse(c.line)
		if !errors.Is(err, c.err) || !reflect.DeepEqual(got, c.want) {
			t.Errorf("parse(%.40q) = %+v, %v, want %+v, %v", c.line, got, err, c.want, c.err)
		}
	}
}

// Whether a refused line was a text decides the exit code.
func TestRefusedTextOrMacro(t *testing.T) {
	for line, want := range map[string]bool{
		"text":                               true,
		`\\text`:                             true,
		`\macro`:                             false,
		` \macro`:                            false,
		"\u200b\\macro":                      false,
		"\u200b":                             true,
		`\` + strings.Repeat("x", 20<<10):    false,
		strings.Repeat("x", 20<<10) + `\a b`: true,
	} {
		if got := isText(line); got != want {
			t.Errorf("isText(%.20q) = %t, want %t", line, got, want)
		}
	}
}
