package shell

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"darkchat/neighbors"
)

// macro is one row of THE table of macros: help, arity and completion come from it, and nothing
// else knows which macros there are.
type macro struct {
	name     string
	usage    string // its arguments
	min, max int    // how many
	help     string // one line
	also     bool   // \help names it only
	paper    bool   // of figure 2: no other macro may take its abbreviations
	detail   string // what \help NAME adds
	complete completion
	run      func(c *conversation, args []string) error
	// start begins something that ends later. Either run or start is set.
	start func(c *conversation, r *request, args []string) error
	limit time.Duration // within which a start ends
}

// completion is what follows a macro's name.
type completion uint8

const (
	completeNothing  completion = iota
	completeUser                // a user
	completeSession             // a user, or one session behind a slash
	completeMacro               // a macro's name
	completeLine                // the number of a line that waits
	completeStranger            // a new user at the door
)

// table lists the macros as \help shows them: the paper's first, in its order
// and with its words.
func table() []macro {
	return []macro{
		{name: "help", paper: true, usage: "[macro]", max: 1, help: "Display this dialog", complete: completeMacro, run: help,
			detail: `\help chat tells more about \chat.`},
		{name: "chat", paper: true, usage: "<username>", min: 1, max: 1, help: "Switch to conversation with <username>", complete: completeSession, run: chat,
			detail: "What you type goes to all sessions of that user, online or not: it waits for\n" +
				"those who are offline. \\chat ann/7f3a goes to that one session alone;\n" +
				"\\chat ann~k7f2 tells two users of one name apart."},
		{name: "users", paper: true, help: "See a list of KNOWN users (online or off)", run: users(neighbors.FilterAll)},
		{name: "online", paper: true, help: "See a list of known, ONLINE users", run: users(neighbors.FilterOnline)},
		{name: "offline", paper: true, help: "See a list of known, OFFLINE users", run: users(neighbors.FilterOffline)},
		{name: "add", paper: true, usage: "<username> [key]", min: 1, max: 5, help: "Attempt to add username to list of known users", complete: completeUser,
			start: add, limit: neighbors.AddTimeout,
			detail: "Your seeds, and people you know, are asked to introduce that user, who may\n" +
				"have to \\accept you first. \\add bob FINGERPRINT adds that key alone, at once."},
		{name: "ping", paper: true, usage: "<ip> [port]", min: 1, max: 2, help: "Attempt to ping the ip at the given port", complete: completeUser,
			start: ping, limit: neighbors.PingTimeout,
			detail: "If no port is specified, this instance's own is used.\n" +
				"\\ping 192.168.1.7 6789    \\ping host:6789    \\ping [2001:db8::1]:6789\n" +
				"\\ping bob asks the sessions of a known user."},
		{name: "explode", paper: true, help: "Ask every adjacent node to notify every adjacent node", start: explode, limit: neighbors.AddTimeout,
			detail: "They are told that you are online at this address; once a minute."},
		{name: "quit", paper: true, help: "Leave the program gracefully", run: quit,
			detail: "So does Ctrl-D on an empty line. Undelivered texts wait for the next run."},
		{name: "exit", paper: true, help: "The same", run: quit},
		{name: "sessions", usage: "[name]", max: 2, help: "See where users were last seen, or prune them", complete: completeUser, run: sessionList,
			detail: "\\sessions prune 20 forgets the longest unheard, offline ones first."},
		{name: "whoami", help: "See your name, fingerprint and addresses", run: whoami},
		{name: "verify", usage: "<name> [fingerprint]", min: 1, max: 5, help: "Compare fingerprints, once, by voice", complete: completeUser, run: verify,
			detail: "Without a fingerprint it shows both. With the one that your friend reads to\n" +
				"you it marks the user as verified, when they are equal."},
		{name: "strangers", also: true, help: "See who is at the door: new users who wrote", run: strangers,
			detail: "What each left, and who on your network is new. A new user may leave 20 lines,\n" +
				"then one in 10 seconds, until you answer or \\accept them; other lines wait with\n" +
				"them. The prompt counts who wrote: [2 at the door]."},
		{name: "accept", also: true, usage: "<username>", min: 1, max: 1, help: "Let a new user in", complete: completeStranger, run: accept,
			detail: "They may write as they like. Answering them by \\chat lets them in as well."},
		{name: "block", also: true, usage: "<username>|all", min: 1, max: 1, help: "Take no more texts from a user", complete: completeUser, run: block,
			detail: "\\block all blocks all new users who wrote or ask to meet you."},
		{name: "unblock", also: true, usage: "<username>", min: 1, max: 1, help: "Undo \\block", complete: completeUser, run: unblock},
		{name: "away", usage: "[on|off]", max: 1, help: "Say that you are away, or back", run: away,
			detail: "Others see it; texts still come. \\away again says that you are back."},
		{name: "notify", also: true, usage: "[all|known|off]", max: 1, help: "Choose whose coming and going you are told of", run: notify,
			detail: "known: people you know. all: also strangers, and those two edges away of whom a\n" +
				"neighbour tells. It lasts until you leave the program."},
		{name: "history", usage: "[name] [n]", max: 2, help: "See what was said", complete: completeUser, run: showHistory,
			detail: "With the user in the prompt, or NAME, or all; the last 20 lines, or N.\n" +
				"-history N says how many lines are kept; -history 0 keeps none."},
		{name: "search", usage: "<words>", min: 1, max: 16, help: "Search what was said", run: searchPast,
			detail: "Lines that have all the words, whatever their case; the newest 50.\n" +
				"\\search \"good morning\" finds the two words together."},
		{name: "last", also: true, help: "See what came since you last wrote", run: showLast,
			detail: "What others wrote since your own last line, even before this start. Texts that\n" +
				"were stored but not yet shown when a program died are shown at the next start."},
		{name: "export", also: true, usage: "<name> [file] [overwrite]", min: 1, max: 3, help: "Write a conversation to a file", complete: completeUser, run: exportPast,
			detail: "Into darkchat-NAME.txt, or FILE, readable by you alone."},
		{name: "outbox", help: "See what is not yet delivered", run: outbox},
		{name: "status", also: true, usage: "[number]", max: 1, help: "See who has a line and who does not", complete: completeLine, run: status,
			detail: "The number is one that \\outbox shows; without it: your last line."},
		{name: "cancel", also: true, usage: "<number>", min: 1, max: 1, help: "Take back a line that waits", complete: completeLine, run: cancel,
			detail: "Whoever has it keeps it, and so does a friend who holds a copy."},
		{name: "stats", also: true, help: "See the counters", run: stats},
		{name: "net", help: "See where you are and how others are reached", run: network,
			detail: "Where others see you, what your NAT is like, which seeds answer; who is reached\n" +
				"only through a relay, and why; which limits were reached."},
		{name: "presence", also: true, help: "See which presence source knows whom", run: presence},
		{name: "export-contacts", also: true, usage: "[file] [overwrite]", max: 2, help: "Write the people you know to a file", run: exportContacts,
			detail: "Names, fingerprints and addresses of yourself and of those you pinned, for\n" +
				"others to put into their state folder as \"contacts\"."},
	}
}

// Macros lists the macros with their backslashes.
func Macros() []string {
	var names []string
	for _, m := range table() {
		names = append(names, `\`+m.name)
	}
	return names
}

// find takes a macro's name or a unique prefix of one, in either case.
func find(rows []macro, typed string) (macro, error) {
	folded := strings.ToLower(typed)
	var hits, paper []macro
	for _, m := range rows {
		if m.name == folded {
			return m, nil
		}
		if folded != "" && strings.HasPrefix(m.name, folded) {
			hits = append(hits, m)
			if m.paper {
				paper = append(paper, m)
			}
		}
	}
	if len(paper) == 1 {
		return paper[0], nil
	}
	switch len(hits) {
	case 1:
		return hits[0], nil
	case 0:
		near := nearest(rows, folded)
		if near == "" {
			return macro{}, fmt.Errorf(`no macro \%s: \help lists them; begin with \\ to send a backslash`, typed)
		}
		return macro{}, fmt.Errorf(`no macro \%s: did you mean \%s?`, typed, near)
	}
	var names []string
	for _, m := range hits {
		names = append(names, `\`+m.name)
	}
	return macro{}, fmt.Errorf(`\%s may be %s: type more of it`, typed, strings.Join(names, " or "))
}

// check says what is wrong with the number of arguments.
func (m macro) check(args []string) error {
	switch {
	case len(args) < m.min:
		return fmt.Errorf("an argument is missing: %s", m.synopsis())
	case len(args) > m.max && m.max == 0:
		return fmt.Errorf(`\%s takes no argument`, m.name)
	case len(args) > m.max:
		return fmt.Errorf("too many arguments: %s", m.synopsis())
	}
	return nil
}

func (m macro) synopsis() string {
	return strings.TrimSuffix(`\`+m.name+" "+m.usage, " ")
}

// nearest is the macro that differs least from what was typed; empty if all differ by more than half.
func nearest(rows []macro, typed string) string {
	best, least := "", len(typed)/2+1
	for _, m := range rows {
		if d := distance(typed, m.name); d < least {
			best, least = m.name, d
		}
	}
	return best
}

// maxCompared bounds the work of distance: longer words are nothing like a macro.
const maxCompared = 32

// distance counts the letters to insert, delete, replace or swap (optimal string
// alignment).
func distance(a, b string) int {
	if len(a) > maxCompared {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range b {
		rows[0][j+1] = j + 1
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// helpColumn is how wide the column of macros is; a longer one has a row of its own.
const helpColumn = 22

// helpWidth is how wide \help is at most.
const helpWidth = 79

// helpText is \help, one screen; with a name, that macro's usage and detail.
func helpText(rows []macro, name string) (string, error) {
	var b strings.Builder
	if name != "" {
		m, err := find(rows, strings.TrimPrefix(name, `\`))
		if err != nil {
			return "", err
		}
		b.WriteString(m.synopsis() + "\n" + m.help + "\n")
		if m.detail != "" {
			b.WriteString(m.detail + "\n")
		}
		return strings.TrimSuffix(b.String(), "\n"), nil
	}
	also := ""
	for _, m := range rows {
		if m.also {
			also += ` \` + m.name
			continue
		}
		synopsis := m.synopsis()
		if columns(synopsis) > helpColumn {
			b.WriteString(synopsis + "\n")
			synopsis = ""
		}
		fmt.Fprintf(&b, "%-*s %s\n", helpColumn, synopsis, m.help)
	}
	b.WriteString("More, explained by \\help NAME:")
	column := helpWidth
	for name := range strings.FieldsSeq(also) {
		if column += 1 + len(name); column > helpWidth {
			b.WriteString("\n" + name)
			column = len(name)
			continue
		}
		b.WriteString(" " + name)
	}
	b.WriteString("\n")
	b.WriteString("Other lines go to the user in the prompt; \\\\x sends \\x. \\on means \\online.")
	return b.String(), nil
}

// names lists the macros' names that begin with prefix.
func names(rows []macro, prefix string) []string {
	var out []string
	for _, m := range rows {
		if strings.HasPrefix(m.name, strings.ToLower(prefix)) {
			out = append(out, m.name)
		}
	}
	slices.Sort(out)
	return out
}
