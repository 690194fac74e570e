package shell

import (
	"slices"
	"strings"
	"unicode"

	"darkchat/neighbors"
)

// maxCandidates bounds the list that is shown for a Tab.
const maxCandidates = 100

// completer completes macros, users (those online first) and a user's sessions. Readline gets at
// most one candidate, so that it never draws its own list, which it cannot place correctly; ours
// is printed above the line.
type completer struct {
	node Node
	rows []macro
	list func(names []string)
}

// Do is called by readline: it returns what to insert at pos.
func (c *completer) Do(line []rune, pos int) ([][]rune, int) {
	typed, names, more := c.candidates(string(line[:pos]))
	if len(names) == 0 {
		return nil, 0
	}
	n := len([]rune(typed))
	suffix := []rune(names[0])[n:]
	for _, name := range names[1:] {
		rest := []rune(name)[n:]
		same := 0
		for same < len(suffix) && same < len(rest) && suffix[same] == rest[same] {
			same++
		}
		suffix = suffix[:same]
	}
	if len(names) == 1 && more != "" && (pos == len(line) || !unicode.IsSpace(line[pos])) {
		suffix = append(suffix, []rune(more)...)
	}
	if len(suffix) == 0 {
		if len(names) > 1 {
			c.list(names[:min(len(names), maxCandidates)])
		}
		return nil, 0
	}
	return [][]rune{suffix}, n
}

// candidates are the words that may complete the last, unfinished one of head, each at least as
// long as typed, and what follows such a word.
func (c *completer) candidates(head string) (typed string, words []string, more string) {
	if !strings.HasPrefix(head, `\`) || strings.HasPrefix(head, `\\`) {
		return "", nil, ""
	}
	head = head[1:]
	fields := strings.Fields(head)
	if !strings.ContainsFunc(head, unicode.IsSpace) {
		words = names(c.rows, head)
		more = " "
		if len(words) == 1 {
			if m, err := find(c.rows, words[0]); err == nil && m.max == 0 {
				more = ""
			}
		}
		return head, words, more
	}
	if strings.HasSuffix(head, " ") {
		fields = append(fields, "")
	}
	m, err := find(c.rows, fields[0])
	if err != nil || len(fields) != 2 {
		return "", nil, ""
	}
	typed = fields[1]
	switch m.complete {
	case completeMacro:
		return typed, names(c.rows, typed), ""
	case completeSession:
		if user, id, ok := strings.Cut(typed, "/"); ok {
			return id, c.sessions(user, id), " "
		}
		return typed, c.users(typed), " "
	case completeUser:
		return typed, c.users(typed), " "
	case completeStranger:
		return typed, c.strangers(typed), ""
	case completeLine:
		return typed, c.lines(typed), ""
	}
	return "", nil, ""
}

func (c *completer) users(prefix string) []string {
	views := c.node.Users(neighbors.FilterAll)
	slices.SortStableFunc(views, func(a, b neighbors.UserView) int {
		switch {
		case a.Online == b.Online:
			return strings.Compare(a.Name, b.Name)
		case a.Online:
			return -1
		}
		return 1
	})
	var out []string
	for _, v := range views {
		if begins(v.Name, prefix) {
			out = append(out, v.Name)
		}
	}
	return out
}

// strangers are those at the door, as \strangers lists them.
func (c *completer) strangers(prefix string) (out []string) {
	for _, s := range c.node.Strangers().List {
		if begins(s.Name, prefix) {
			out = append(out, s.Name)
		}
	}
	return out
}

// lines are the numbers of those that wait.
func (c *completer) lines(prefix string) (out []string) {
	for _, l := range c.node.Outbox() {
		if strings.HasPrefix(l.Handle, prefix) {
			out = append(out, l.Handle)
		}
	}
	return out
}

func (c *completer) sessions(user, prefix string) []string {
	v, err := c.node.Sessions(user)
	if err != nil {
		return nil
	}
	var out []string
	for _, online := range []bool{true, false} {
		for _, s := range v.Sessions {
			if s.Online == online && begins(s.ID, prefix) {
				out = append(out, s.ID)
			}
		}
	}
	return out
}

// begins says whether name begins with prefix, in any case, rune by rune.
func begins(name, prefix string) bool {
	n, p := []rune(name), []rune(prefix)
	return len(n) >= len(p) && strings.EqualFold(string(n[:len(p)]), prefix)
}

// candidates is the list shown for a Tab that has several answers.
type candidates struct{ names []string }

func (r candidates) text(p *page, look view) {
	width := 0
	for _, n := range r.names {
		width = max(width, columns(sanitize(n, "‹a›")))
	}
	perRow := max(1, (look.width-1)/(width+2))
	for i, n := range r.names {
		p.column(normal, n, width)
		if i%perRow == perRow-1 || i == len(r.names)-1 {
			p.end()
		}
	}
}
