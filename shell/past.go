package shell

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"darkchat/neighbors"
)

// The macros of the history: \history, \search, \last and \export.

const (
	pastLines  = 20        // that \history shows unless more are asked for
	pastMost   = 1000      // that it shows at most
	foundMost  = 50        // that \search and \last show
	exportMost = 1_000_000 // lines that one file takes
)

type pastReport struct { // history, search, last
	Event   string    `json:"event"`
	User    string    `json:"user,omitempty"`
	Words   []string  `json:"words,omitempty"`
	Entries []pastRow `json:"entries"`
	More    int       `json:"more,omitempty"`
	lines   []neighbors.PastLine
}

type pastRow struct {
	ID      string `json:"id"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Session string `json:"session,omitempty"`
	Text    string `json:"text"`
	Time    string `json:"time"`
	Sent    string `json:"sent"`
	Late    bool   `json:"late,omitempty"`
	Via     string `json:"via,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

type exportedReport struct {
	Event string `json:"event"`
	User  string `json:"user"`
	File  string `json:"file"`
	Lines int    `json:"lines"`
}

// pastOf asks for lines and reports them.
func (c *conversation) pastOf(event string, q neighbors.Search) error {
	past, err := c.node.History(q)
	if err != nil {
		return err
	}
	if past.Notice != "" {
		c.put(textReport{Event: "notice", Text: past.Notice})
	}
	r := pastReport{Event: event, User: past.User, Words: q.Words, More: past.More, lines: past.Lines,
		Entries: make([]pastRow, 0, len(past.Lines))}
	for _, l := range past.Lines {
		row := pastRow{ID: number(l.ID), From: l.User, Session: l.Session, Text: l.Text, Time: stamp(l.At),
			Sent: stamp(l.Sent), Late: l.Late, Via: l.Via, State: string(l.State), Reason: l.Reason}
		if l.Own {
			row.From, row.To = "", l.User
		}
		r.Entries = append(r.Entries, row)
	}
	if event != "search" {
		c.unread.seen(past.User)
	}
	c.put(r)
	return nil
}

// showHistory takes a name, a number, or both; without a name it shows the present conversation.
func showHistory(c *conversation, args []string) error {
	q := neighbors.Search{Most: pastLines}
	if n := len(args); n > 0 {
		if most, err := strconv.Atoi(args[n-1]); err == nil && (n == 2 || !c.isUser(args[0])) {
			if most < 1 || most > pastMost {
				return fmt.Errorf(`%d is out of range: \history shows 1 to %d lines; \export NAME writes all`, most, pastMost)
			}
			q.Most, args = most, args[:n-1]
		}
	}
	switch {
	case len(args) == 2:
		return fmt.Errorf(`%q is not a number of lines: \history NAME N`, args[1])
	case len(args) == 1:
		q.User = args[0]
	case c.target != nil:
		q.User = c.target.User
	}
	return c.pastOf("history", q)
}

// isUser says whether a word that could be a number is somebody's name.
func (c *conversation) isUser(name string) bool {
	_, err := c.node.Sessions(name)
	return err == nil
}

func searchPast(c *conversation, args []string) error {
	return c.pastOf("search", neighbors.Search{Words: args, Most: foundMost})
}

func showLast(c *conversation, _ []string) error {
	return c.pastOf("last", neighbors.Search{Since: true, Most: foundMost})
}

// exportPast writes a conversation into a file.
func exportPast(c *conversation, args []string) error {
	if c.export == nil {
		return errors.New("this shell writes no files")
	}
	if len(args) == 3 && args[2] != overwrite {
		return fmt.Errorf(`%q is not known here: \export %s %s %s replaces the file`, args[2], args[0], args[1], overwrite)
	}
	past, err := c.node.History(neighbors.Search{User: args[0], Most: exportMost})
	if err != nil {
		return err
	}
	path := fileNameOf(past.User)
	if len(args) > 1 {
		path = args[1]
	}
	if err := c.export(path, pastText(past), len(args) == 3); err != nil {
		if len(args) < 2 {
			return fmt.Errorf(`%w; or name another file: \export %s FILE`, err, args[0])
		}
		return err
	}
	c.put(exportedReport{Event: "export", User: past.User, File: path, Lines: len(past.Lines)})
	return nil
}

// fileNameOf makes a file name from a user's name: names have no slash (spec/theory.md 9), but may have
// characters that some file systems refuse.
func fileNameOf(user string) string {
	safe := strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`<>:"/\|?*~`, r) {
			return '-'
		}
		return r
	}, user)
	return "darkchat-" + safe + ".txt"
}

// pastText is a conversation in the form for a file: full times, and each line on one line.
func pastText(p neighbors.Past) string {
	var b strings.Builder
	for _, l := range p.Lines {
		who := l.User
		if l.Own {
			who = "to " + l.User
		}
		fmt.Fprintf(&b, "%s %s: %s", l.At.Format(time.RFC3339), sanitize(who, ""), sanitize(l.Text, "\n    "))
		if l.Reason != "" { // a line that still waits may be delivered by the time the file is read
			b.WriteString(ending(l))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (r pastReport) text(p *page, look view) {
	switch {
	case len(r.lines) == 0 && r.Event == "search":
		p.line(normal, "No line contains "+strings.Join(r.Words, " and ")+".")
	case len(r.lines) == 0 && r.Event == "last":
		p.line(normal, "Nothing has come since you last wrote.")
	case len(r.lines) == 0 && r.User != "":
		p.add(normal, "Nothing has been said yet with ").word(normal, r.User).add(normal, ".").end()
	case len(r.lines) == 0:
		p.line(normal, "Nothing has been said yet.")
	case r.More > 0:
		p.line(faint, "("+plural(r.More, "older line")+" left out)")
	}
	for _, l := range r.lines {
		p.add(faint, look.clock(l.At)+" ")
		if l.Own {
			p.add(faint, "to ").word(normal, l.User)
		} else {
			p.word(strong, l.User)
		}
		p.add(normal, ": ").said(l.Text)
		p.sent(look, l.Late, l.Sent, l.At)
		if l.Via != "" {
			p.add(faint, " (held by ").word(faint, l.Via).add(faint, ")")
		}
		p.add(faint, ending(l)).end()
	}
}

// ending says why a line is not delivered.
func ending(l neighbors.PastLine) string {
	switch {
	case l.Reason == "cancelled" && l.State == neighbors.Delivered:
		return " (taken back; whoever had it keeps it)"
	case l.Reason == "cancelled":
		return " (taken back)"
	case l.State == neighbors.Undelivered:
		return " (not delivered: " + l.Reason + ")"
	case l.State != "" && l.State != neighbors.Delivered:
		return " (" + string(l.State) + ")"
	}
	return ""
}

func (r exportedReport) text(p *page, _ view) {
	p.line(normal, plural(r.Lines, "line")+" written to "+r.File)
}
