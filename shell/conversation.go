package shell

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"darkchat/neighbors"
)

// conversation does what typed lines say: it knows the table of macros and where text goes. Only
// the goroutine that takes lines uses it.
type conversation struct {
	ctx      context.Context
	node     Node
	rows     []macro
	requests *requests
	look     lookup
	links    func() []string // names of our interfaces
	put      func(report)    // prints, waiting for room
	export   func(path, text string, replace bool) error
	room     *backlog
	target   *neighbors.Target // nil: no conversation
	unread   *unread
	level    *atomic.Value // of \notify: a string
	away     bool
	quit     bool
	refused  bool            // a text line was refused
	said     neighbors.Token // of the last text; they rise
}

var errNoConversation = errors.New(`nobody to send it to: \chat NAME first; nothing was sent`)

// take does one line. If the line begins a request that ends later, it returns the request and the
// time limit for it.
func (c *conversation) take(line string) (*request, time.Duration) {
	in, err := parse(line)
	if err != nil {
		c.refused = c.refused || isText(line)
		c.fail(line, err)
		return nil, 0
	}
	switch in.kind {
	case inputText:
		if err := c.say(in.text); err != nil {
			c.refused = true
			c.fail(line, err)
		}
	case inputMacro:
		m, err := find(c.rows, in.name)
		if err == nil {
			err = m.check(in.args)
		}
		if err != nil {
			c.fail(line, err)
			return nil, 0
		}
		if m.start == nil {
			if err := m.run(c, in.args); err != nil {
				c.fail(line, err)
			}
			return nil, 0
		}
		r := newRequest(line)
		if err := m.start(c, r, in.args); err != nil {
			c.fail(line, err)
			return nil, 0
		}
		return r, m.limit
	}
	return nil, 0
}

// renew asks what the users in the prompt are called now.
func (c *conversation) renew() {
	var to neighbors.Target
	if c.target != nil {
		to = *c.target
	}
	users := c.unread.users()
	if c.target == nil && len(users) == 0 {
		return
	}
	others := make([]neighbors.Who, 0, len(users))
	for _, u := range users {
		others = append(others, u.who)
	}
	to, names := c.node.Renew(to, others)
	c.unread.rename(users, names)
	if c.target != nil {
		*c.target = to
		c.unread.talk(to.User)
	}
}

// say sends a text. If earlier texts fill the outbox and are being delivered, it waits for room: a
// pipe may bring more lines than the outbox holds.
func (c *conversation) say(text string) error {
	if c.target == nil {
		return errNoConversation
	}
	for {
		token, err := c.node.Say(*c.target, text)
		if err == nil {
			c.said = token
		}
		if !errors.Is(err, neighbors.ErrOutboxFull) || !c.room.wait(c.ctx) {
			return err
		}
	}
}

// maxInput is how much of a refused line its error repeats: all of it, unless it was too long.
const maxInput = neighbors.MaxLine

func (c *conversation) fail(line string, err error) {
	c.put(errorReport{Event: "error", Input: cut(line, maxInput), Text: err.Error()})
}

// cut shortens s to about n bytes, between two runes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n] + "..."
}
