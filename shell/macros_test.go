package shell

import (
	"slices"
	"strings"
	"testing"
)

// The macros of the paper's figure 2 exist, come first in \help and keep their
// order and words.
func TestPaperFigure2(t *testing.T) {
	text, err := helpText(table(), "")
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, line := range []string{
		`\help`, `\chat <username>`, `\users`, `\online`, `\offline`, `\add <username>`, `\ping <ip> [port]`, `\explode`, `\quit`, `\exit`, `\sessions`,
	} {
		i := strings.Index("\n"+text, "\n"+line)
		if i <= at {
			t.Errorf("%s is missing from \\help, or out of order:\n%s", line, text)
		}
		at = i
	}
	for _, words := range []string{"Display this dialog", "Switch to conversation with <username>", "See a list of KNOWN users (online or off)",
		"See a list of known, ONLINE users", "See a list of known, OFFLINE users", "Attempt to add username to list of known users",
		"Attempt to ping the ip at the given port", "Leave the program gracefully"} {
		if !strings.Contains(text, words) {
			t.Errorf("\\help does not say %q", words)
		}
	}
}

// \help fits one screen of 24 rows and 80 columns, with the prompt.
func TestHelpFitsOneScreen(t *testing.T) {
	text, _ := helpText(table(), "")
	lines := strings.Split(text, "\n")
	if len(lines) > 23 {
		t.Errorf("\\help has %d lines", len(lines))
	}
	for _, m := range table() {
		if m.also && !strings.Contains(strings.ReplaceAll(text, "\n", " "), ` \`+m.name+" ") {
			t.Errorf("\\%s is not named:\n%s", m.name, text)
		}
		if !m.also && !slices.ContainsFunc(lines, func(l string) bool { return strings.Index(l, m.help) == 23 }) {
			t.Errorf("the words of \\%s do not stand in their column:\n%s", m.name, text)
		}
		detail, err := helpText(table(), m.name)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(detail, "\n")...)
	}
	for _, l := range lines {
		if columns(l) > 80 {
			t.Errorf("%d columns: %s", columns(l), l)
		}
	}
	if text, err := helpText(table(), `\ch`); err != nil || !strings.HasPrefix(text, `\chat <username>`) {
		t.Errorf(`\help \ch = %q, %v`, text, err)
	}
	if _, err := helpText(table(), "caht"); err == nil || !strings.Contains(err.Error(), `\chat`) {
		t.Errorf(`\help caht: %v`, err)
	}
}

// A unique prefix is enough; what is unknown gets the nearest name.
func TestFindMacro(t *testing.T) {
	for typed, want := range map[string]string{
		"chat": "chat", "ch": "chat", "c": "chat", "on": "online", "off": "offline", "ONLINE": "online",
		"add": "add", "pi": "ping", "ex": `\ex may be \explode or \exit or \export or \export-contacts: type more of it`, "q": "quit", "exi": "exit",
		"h": "help", "o": `\o may be \online or \offline or \outbox: type more of it`,
		"caht":                    `no macro \caht: did you mean \chat?`,
		"pnig":                    `no macro \pnig: did you mean \ping?`,
		"usres":                   `no macro \usres: did you mean \users?`,
		"onlines":                 `no macro \onlines: did you mean \online?`,
		"msg":                     `no macro \msg: \help lists them; begin with \\ to send a backslash`,
		"":                        `no macro \: \help lists them; begin with \\ to send a backslash`,
		strings.Repeat("x", 5000): `no macro \` + strings.Repeat("x", 5000) + `: \help lists them; begin with \\ to send a backslash`,
	} {
		m, err := find(table(), typed)
		got := m.name
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("find(%.20q) = %s, want %s", typed, got, want)
		}
	}
}

// Every row has exactly one handler, and its arity agrees with its usage.
func TestTableOfMacros(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range table() {
		if (m.run == nil) == (m.start == nil) || (m.start != nil) != (m.limit > 0) {
			t.Errorf("\\%s: run and start, or start and limit", m.name)
		}
		if (m.usage == "") != (m.max == 0) || m.min > m.max || seen[m.name] || m.help == "" {
			t.Errorf("\\%s: usage %q for %d to %d arguments, help %q", m.name, m.usage, m.min, m.max, m.help)
		}
		seen[m.name] = true
		if err := m.check(make([]string, m.max+1)); err == nil {
			t.Errorf("\\%s takes %d arguments", m.name, m.max+1)
		}
		if m.min > 0 && m.check(nil) == nil {
			t.Errorf("\\%s takes no argument", m.name)
		}
	}
	if len(Macros()) != len(seen) || Macros()[1] != `\chat` {
		t.Errorf("Macros() = %v", Macros())
	}
}
