package shell

import (
	"errors"
	"strings"
	"unicode/utf8"

	"darkchat/neighbors"
)

// input is what one line means.
type input struct {
	kind inputKind
	name string   // a macro's name as typed, without the backslash
	args []string // a macro's arguments
	text string   // a text for the conversation
}

type inputKind uint8

const (
	inputBlank inputKind = iota
	inputMacro
	inputText
)

// What can be wrong with a line before anybody is asked.
var (
	errLineTooLong = errors.New("the line is longer than 16 KiB: nothing was sent; split it")
	errNotUTF8     = errors.New("the line is not UTF-8: nothing was sent; convert it first")
	errNotColumn1  = errors.New(`a macro begins in column 1: nothing was sent; take the blanks away, or begin with \\ to send a backslash`)
)

// parse reads one line without its end. A macro begins with a backslash in
// column 1; \\x is the text \x; a blank line is nothing.
func parse(line string) (input, error) {
	if len(line) > neighbors.MaxLine {
		return input{}, errLineTooLong
	}
	if !utf8.ValidString(line) {
		return input{}, errNotUTF8
	}
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "":
		return input{kind: inputBlank}, nil
	case strings.HasPrefix(line, `\\`):
		return input{kind: inputText, text: line[1:]}, nil
	case line[0] == '\\':
		fields := strings.Fields(line[1:])
		if len(fields) == 0 || line[1:1+len(fields[0])] != fields[0] {
			return input{kind: inputMacro}, nil // a lone backslash, or blanks after it
		}
		return input{kind: inputMacro, name: fields[0], args: fields[1:]}, nil
	case trimmed[0] == '\\':
		return input{}, errNotColumn1
	}
	return input{kind: inputText, text: line}, nil
}

// isMacro says whether a line is a macro, known or not.
func isMacro(line string) bool {
	return strings.HasPrefix(line, `\`) && !strings.HasPrefix(line, `\\`)
}

// isText says whether a line that parse refused was meant as text, so that its
// refusal counts as a lost text.
func isText(line string) bool {
	return !strings.HasPrefix(strings.TrimSpace(line), `\`) || strings.HasPrefix(line, `\\`)
}
