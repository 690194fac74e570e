package shell

import (
	"errors"
	"strings"
	"unicode"
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

// What can be wrong with a line by itself.
var (
	errLineTooLong = errors.New("the line is longer than 16 KiB: nothing was sent; split it")
	errNotUTF8     = errors.New("the line is not UTF-8: nothing was sent; convert it first, or set the terminal to UTF-8")
	errOpenQuote   = errors.New(`a quote is not closed: "two words" are one with a quote at both ends`)
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
	trimmed := strings.TrimLeftFunc(line, neighbors.Invisible)
	switch {
	case strings.TrimSpace(line) == "":
		return input{kind: inputBlank}, nil
	case trimmed == "":
		return input{}, neighbors.ErrInvisible
	case strings.HasPrefix(line, `\\`):
		return input{kind: inputText, text: line[1:]}, nil
	case line[0] == '\\':
		name, rest := line[1:], ""
		if i := strings.IndexFunc(name, unicode.IsSpace); i >= 0 {
			name, rest = name[:i], name[i:]
		}
		if name == "" {
			return input{kind: inputMacro}, nil // a lone backslash, or blanks after it
		}
		args, err := arguments(rest)
		return input{kind: inputMacro, name: name, args: args}, err
	case trimmed[0] == '\\':
		return input{}, errNotColumn1
	}
	return input{kind: inputText, text: line}, nil
}

// arguments are the words of a macro. Double quotes around a word protect its blanks, as in other
// shells: \search "good morning". Inside a word quotes are ordinary letters.
func arguments(s string) ([]string, error) {
	list := []string{}
	for {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
		if s == "" {
			return list, nil
		}
		if quoted, ok := strings.CutPrefix(s, `"`); ok {
			word, rest, closed := strings.Cut(quoted, `"`)
			if next, _ := utf8.DecodeRuneInString(rest); !closed || rest != "" && !unicode.IsSpace(next) {
				return nil, errOpenQuote
			}
			if s = rest; strings.TrimSpace(word) != "" {
				list = append(list, word)
			}
			continue
		}
		end := strings.IndexFunc(s, unicode.IsSpace)
		if end < 0 {
			end = len(s)
		}
		list, s = append(list, s[:end]), s[end:]
	}
}

// isMacro says whether a line is a macro, known or not.
func isMacro(line string) bool {
	return strings.HasPrefix(line, `\`) && !strings.HasPrefix(line, `\\`)
}

// isText says whether a line that parse refused was meant as text, so that the refusal counts as a
// lost text.
func isText(line string) bool {
	return !strings.HasPrefix(strings.TrimLeftFunc(line, neighbors.Invisible), `\`) || strings.HasPrefix(line, `\\`)
}
