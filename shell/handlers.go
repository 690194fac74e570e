package shell

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"darkchat/neighbors"
)

// The handlers of the macros. An error is printed with the line that caused it.

func help(c *conversation, args []string) error {
	text, err := helpText(c.rows, strings.Join(args, ""))
	if err == nil {
		c.put(textReport{Event: "help", Text: text})
	}
	return err
}

// chat leaves no conversation when it fails: the next text must not go to the user that the person
// wanted to leave.
func chat(c *conversation, args []string) error {
	c.target = nil
	c.unread.talk("")
	to, err := c.node.Resolve(args[0])
	if err != nil {
		return err
	}
	c.target = &to
	c.unread.looked(args[0])
	c.unread.talk(to.User)
	c.put(chatReport{Event: "chat", User: to.User, Session: to.Session, online: to.Online})
	return nil
}

func users(f neighbors.Filter) func(*conversation, []string) error {
	return func(c *conversation, _ []string) error {
		c.put(newUsers(f, c.node.Users(f)))
		return nil
	}
}

func sessionList(c *conversation, args []string) error {
	switch {
	case len(args) == 0:
		c.put(newUsers(neighbors.FilterAll, c.node.Users(neighbors.FilterAll)))
		return nil
	case len(args) == 2 && args[0] == "prune":
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a number of sessions to keep", args[1])
		}
		c.put(prunedReport{Event: "sessions", Pruned: c.node.Prune(n)})
		return nil
	case len(args) == 2:
		return fmt.Errorf(`%q is not known to \sessions: \sessions NAME or \sessions prune N`, args[0])
	}
	user, err := c.node.Sessions(args[0])
	if err != nil && args[0] == "prune" { // nobody of that name
		return errors.New(`an argument is missing: \sessions prune N`)
	}
	if err != nil {
		return err
	}
	c.put(newUsers(neighbors.FilterAll, []neighbors.UserView{user}))
	return nil
}

func whoami(c *conversation, _ []string) error {
	c.put(newWhoami(c.node.Self()))
	return nil
}

// verify takes a fingerprint as one word or as several groups.
func verify(c *conversation, args []string) error {
	v, err := c.node.Verify(args[0], strings.Join(args[1:], "-"))
	if err == nil {
		c.put(verifyReport{Event: "verify", User: v.User, Fingerprint: v.Fingerprint, Mine: v.Mine, Trust: v.Trust})
	}
	return err
}

func block(c *conversation, args []string) error {
	if args[0] == everybody {
		return blockAll(c)
	}
	user, err := c.node.Block(args[0], true)
	if err == nil {
		c.unread.looked(user)
		c.put(blockReport{Event: "block", User: user})
	}
	return err
}

func unblock(c *conversation, args []string) error {
	user, err := c.node.Block(args[0], false)
	if err == nil {
		c.put(blockReport{Event: "unblock", User: user})
	}
	return err
}

func outbox(c *conversation, _ []string) error {
	c.put(newOutbox(c.node.Outbox()))
	return nil
}

func status(c *conversation, args []string) error {
	l, err := c.node.Status(strings.Join(args, ""))
	if err == nil {
		c.put(statusReport{"status", newRow(l)})
	}
	return err
}

func cancel(c *conversation, args []string) error {
	l, err := c.node.Cancel(args[0])
	if err == nil {
		c.put(statusReport{"cancel", newRow(l)})
	}
	return err
}

func stats(c *conversation, _ []string) error {
	c.put(newStats(c.node.Stats()))
	return nil
}

// away says that the person is away, or, with \away again, back.
func away(c *conversation, args []string) error {
	want := !c.away
	if len(args) == 1 {
		switch args[0] {
		case "on":
			want = true
		case "off":
			want = false
		default:
			return fmt.Errorf(`%q is not known to \away: \away, and \away again when you are back`, args[0])
		}
	}
	if _, err := c.node.Away(want); err != nil {
		return err
	}
	c.away = want
	self := c.node.Self()
	c.put(awayReport{Event: "away", User: self.Name, Session: self.Session, Away: want, own: true})
	return nil
}

func notify(c *conversation, args []string) error {
	if len(args) == 1 {
		level := strings.ToLower(args[0])
		if level != notifyAll && level != notifyKnown && level != notifyOff {
			return fmt.Errorf(`%q is not known to \notify: all, known or off`, args[0])
		}
		c.level.Store(level)
	}
	c.put(notifyReport{Event: "notify", Level: c.level.Load().(string)})
	return nil
}

func network(c *conversation, _ []string) error {
	c.put(newNet(c.node.Net()))
	return nil
}

func presence(c *conversation, _ []string) error {
	c.put(newSources(c.node.Presence()))
	return nil
}

func quit(c *conversation, _ []string) error {
	c.quit = true
	return nil
}

func add(c *conversation, r *request, args []string) error {
	token, err := c.node.Add(args[0], strings.Join(args[1:], "-"))
	if err == nil {
		c.requests.add(token, r)
	}
	return err
}

func explode(c *conversation, r *request, _ []string) error {
	token, err := c.node.Explode()
	if err == nil {
		c.requests.add(token, r)
	}
	return err
}

// ping asks a known user of that name, or else a host. Looking up a host may take long, so another
// goroutine does it.
func ping(c *conversation, r *request, args []string) error {
	if len(args) == 1 && maybeUser(args[0]) {
		if _, err := c.node.Sessions(args[0]); err == nil || errors.Is(err, neighbors.ErrHinted) {
			token, err := c.node.PingUser(args[0])
			if err == nil {
				c.requests.add(token, r)
			}
			return err
		} else if errors.Is(err, neighbors.ErrYourself) {
			return fmt.Errorf(`%s is you; \ping %s PORT asks a host of that name`, args[0], args[0])
		}
	}
	p, err := parsePlace(args, ownPort(c.node.Self()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, neighbors.PingTimeout)
	go func() {
		defer cancel()
		c.pingPlace(ctx, r, p)
	}()
	return nil
}

// maybeUser says whether the argument of \ping can be a user: names have no colon, and an address is
// not a name.
func maybeUser(s string) bool {
	_, err := netip.ParseAddr(s)
	return err != nil && !strings.Contains(s, ":")
}

func (c *conversation) pingPlace(ctx context.Context, r *request, p place) {
	all, err := p.resolve(ctx, c.look, c.links)
	if err != nil {
		c.requests.fail(r, err.Error())
		return
	}
	c.requests.expect(r, len(all))
	for _, addr := range all {
		token, err := c.node.Ping(addr)
		if err != nil {
			c.requests.fail(r, err.Error())
			continue
		}
		c.requests.add(token, r)
	}
}

func ownPort(self neighbors.Self) uint16 {
	for _, a := range self.Listen {
		if a.Port() != 0 {
			return a.Port()
		}
	}
	return defaultPort
}

// defaultPort is a client's port when nothing else is known (spec/README.md).
const defaultPort = 6789
