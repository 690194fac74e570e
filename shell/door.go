package shell

import (
	"strconv"
	"strings"

	"darkchat/neighbors"
)

// The macros of new users: \strangers, \accept, \block all.

type strangersReport struct {
	Event     string        `json:"event"`
	Strangers []strangerRow `json:"strangers"`
	More      int           `json:"more,omitempty"`
	list      []neighbors.StrangerView
}

type strangerRow struct {
	User        string `json:"user"`
	Fingerprint string `json:"fingerprint"`
	Came        string `json:"came"`
	Lines       int    `json:"lines"`
	Waiting     bool   `json:"waiting,omitempty"`
	Online      bool   `json:"online"`
	LastHeard   string `json:"last_heard,omitempty"`
}

type acceptReport struct {
	Event       string `json:"event"`
	User        string `json:"user"`
	Fingerprint string `json:"fingerprint"`
	Trust       string `json:"trust"`
	Lines       int    `json:"lines"`
}

type knockReport struct {
	Event       string `json:"event"`
	User        string `json:"user"`
	Fingerprint string `json:"fingerprint"`
	Via         string `json:"via,omitempty"`
}

type blockAllReport struct {
	Event   string `json:"event"`
	Blocked int    `json:"blocked"`
}

func strangers(c *conversation, _ []string) error {
	v := c.node.Strangers()
	r := strangersReport{Event: "strangers", Strangers: make([]strangerRow, 0, len(v.List)), More: v.More, list: v.List}
	for _, s := range v.List {
		r.Strangers = append(r.Strangers, strangerRow{User: s.Name, Fingerprint: s.Fingerprint, Came: s.Came, Lines: s.Lines,
			Waiting: s.Waiting, Online: s.Online, LastHeard: stamp(s.LastHeard)})
	}
	c.unread.looked("")
	c.put(r)
	return nil
}

func accept(c *conversation, args []string) error {
	v, err := c.node.Accept(args[0])
	if err != nil {
		return err
	}
	c.unread.looked(args[0]) // from here on ann~k7f2 may be ann
	c.unread.looked(v.User)
	c.put(acceptReport{Event: "accept", User: v.User, Fingerprint: v.Fingerprint, Trust: v.Trust, Lines: v.Lines})
	return nil
}

// everybody is the word with which \block means everybody at the door.
const everybody = "all"

func blockAll(c *conversation) error {
	n, err := c.node.BlockAll()
	if err != nil {
		return err
	}
	c.unread.looked("")
	c.put(blockAllReport{Event: "block", Blocked: n})
	return nil
}

func (r strangersReport) text(p *page, look view) {
	if len(r.list) == 0 {
		p.line(normal, "Nobody new is at the door.")
		return
	}
	name, what, lines := 0, 0, make([]string, len(r.list))
	for i, s := range r.list {
		lines[i] = strangerText(s)
		name, what = max(name, columns(sanitize(s.Name, "‹a›"))), max(what, columns(lines[i]))
	}
	for i, s := range r.list {
		p.column(strong, s.Name, name).column(normal, s.Fingerprint, 0).column(normal, lines[i], what)
		switch {
		case s.Online:
			p.add(good, "online")
		case !s.LastHeard.IsZero():
			p.add(faint, look.clock(s.LastHeard))
		}
		p.end()
	}
	if r.More > 0 {
		p.line(faint, "and "+strconv.Itoa(r.More)+" more")
	}
	p.line(normal, `\accept NAME lets one in; \block NAME, or \block all, keeps them out.`)
}

// strangerText says how a new user came, and what they left.
func strangerText(s neighbors.StrangerView) string {
	var parts []string
	if s.Lines > 0 {
		parts = append(parts, plural(s.Lines, "line"))
	}
	switch {
	case s.Waiting && s.Lines > 0:
		parts = append(parts, "more wait")
	case s.Waiting:
		parts = append(parts, "lines wait")
	}
	switch s.Came {
	case neighbors.CameKnocked:
		parts = append(parts, "asks to meet you")
	case neighbors.CameLink:
		parts = append(parts, "on your network")
	}
	return strings.Join(parts, ", ")
}

func (r acceptReport) text(p *page, _ view) {
	p.word(strong, r.User).add(normal, " ("+r.Fingerprint+") may write as they like; ").
		word(normal, `\verify `+r.User).add(normal, " compares fingerprints").end()
}

func (r blockAllReport) text(p *page, _ view) {
	p.line(normal, plural(r.Blocked, "new user")+` blocked; \unblock NAME undoes it for one`)
}

func (r knockReport) text(p *page, _ view) {
	p.add(normal, "knock: ").word(strong, r.User).add(normal, " ("+r.Fingerprint+") asks to meet you")
	if r.Via != "" {
		p.add(normal, ", through ").word(normal, r.Via)
	}
	p.add(normal, " - ").word(normal, `\accept `+r.User).add(normal, " or ").word(normal, `\block `+r.User).end()
}
