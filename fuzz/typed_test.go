package fuzz_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"darkchat/neighbors"
	"darkchat/shell"
)

// FuzzLine types lines into a shell and compares what it says, and to whom, with a
// second, slow reading of the same lines.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		"", "hello\n", "\\chat ann\nhello\n", "\\chat ann/7f3a\r\n\\\\chat bob\nhi\\chat\n", "\\CHAT ann\nx\n\\q\ny\n",
		"\\chat ann\n\\chat 7\nlost\n", "\\chat ann bob\nx\n", "\\chat ann\n  \\chat bob\nx\n", "\\\n\\ chat ann\nx\n",
		"\\ping\n\\ping 127.0.0.1 1 2\n\\ping [::1\n\\ping host:99999\n\\ping 1.2.3.4:5\n\\add\n\\add x\n",
		"\\chat ann\n\xff\xfe\n\x1b]0;x\x07\n\u202eabc\n\t\n \n", "\\chat ann\n" + strings.Repeat("ä", 8192) + "\n" + strings.Repeat("b", 16385) + "\nx",
		"\\sessions prune -1\n\\sessions prune 99999999999999999999\n\\verify\n\\block x\n\\he chat\n\\help nothing\n\\nothing\n\\e\n\\exi\n",
	} {
		f.Add(seed)
	}
	for _, m := range shell.Macros() {
		f.Add(m + "\n" + m + " ann\n" + m + " ann 2 3 4 5 6\nhello\n")
	}
	f.Fuzz(func(t *testing.T, typed string) {
		if strings.Count(typed, "\n") > 2000 {
			t.Skip("more lines than are worth the time")
		}
		want, code := slowRead(typed)
		for _, machine := range []bool{true, false} {
			d := newDesk()
			out, got := d.converse(t, typed, machine)
			if !slices.Equal(d.said, want) {
				t.Fatalf("said %q, want %q", d.said, want)
			}
			if got != code {
				t.Fatalf("exit code %d, want %d\n%s", got, code, out)
			}
			mustBeCalm(t, out)
			if machine {
				checkEvents(t, out)
			}
		}
	})
}

// checkEvents holds a whole output to the form that other programs read.
func checkEvents(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for i, l := range lines {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		if !strings.HasPrefix(l, `{"event":"`) || (i == 0) != (e.Event == "ready") || (i == len(lines)-1) != (e.Event == "bye") {
			t.Fatalf("line %d of %d is %s", i+1, len(lines), l)
		}
	}
}

// slowRead says what those lines say, to whom, and with which code the program ends.
func slowRead(typed string) (list []said, code int) {
	to := ""
	for typed != "" {
		line, rest, _ := strings.Cut(typed, "\n")
		typed = rest
		line = strings.TrimSuffix(line, "\r")
		long := len(line) > neighbors.MaxLine
		// Of a line that is too long no more is kept than shows that it is.
		line = line[:min(len(line), neighbors.MaxLine+2)]
		first := strings.TrimFunc(line, neighbors.Invisible)
		macro := strings.HasPrefix(first, `\`) && !strings.HasPrefix(line, `\\`)
		switch {
		case long || !utf8.ValidString(line):
			if !macro {
				code = 1
			}
		case strings.TrimSpace(line) == "":
		case first == "":
			code = 1 // nobody could see it
		case !macro:
			if line[0] == '\\' {
				line = line[1:]
			}
			if to == "" {
				code = 1
				continue
			}
			list = append(list, said{to, line})
		case line[0] == '\\':
			words := strings.Fields(line)
			if len(words[0]) == 1 || strings.Fields(line[1:])[0] != words[0][1:] {
				continue // a backslash, and blanks after it
			}
			switch meant(words[0]) {
			case `\quit`, `\exit`:
				if len(words) == 1 || len(unquoted(words[0], line)) == 1 {
					return list, code
				}
			case `\chat`:
				if slices.ContainsFunc(words[1:], func(w string) bool { return w[0] == '"' }) {
					words = unquoted(words[0], line)
				}
				if len(words) == 2 {
					to = ""
					if w := words[1]; w[0] >= 'a' && w[0] <= 'z' {
						user, session, _ := strings.Cut(w, "/")
						to = user + "/" + session
					}
				}
			}
		}
	}
	return list, code
}

// quoted is a word of a macro: in quotes, or without a quote before it.
var quoted = regexp.MustCompile(`^\s+(?:"([^"]*)"(?:\s|$)|([^"\s]\S*))`)

// unquoted are a macro and its words; nothing when a quote is not closed.
func unquoted(name, line string) []string {
	words := []string{name}
	for rest := strings.TrimPrefix(line, name); strings.TrimSpace(rest) != ""; {
		m := quoted.FindStringSubmatchIndex(rest)
		if m == nil {
			return nil
		}
		if m[2] >= 0 {
			if w := rest[m[2]:m[3]]; strings.TrimSpace(w) != "" {
				words = append(words, w)
			}
			rest = " " + rest[m[3]+1:]
			continue
		}
		words = append(words, rest[m[4]:m[5]])
		rest = rest[m[5]:]
	}
	return words
}

// meant is the one macro that a word may be short for.
func meant(word string) string {
	var all []string
	for _, m := range shell.Macros() {
		if m == strings.ToLower(word) {
			return m
		}
		if strings.HasPrefix(m, strings.ToLower(word)) {
			all = append(all, m)
		}
	}
	if len(all) != 1 {
		return ""
	}
	return all[0]
}
