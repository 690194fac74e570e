package shell

import (
	"slices"
	"strings"
	"time"

	"darkchat/neighbors"
)

// Bounds of calm.
const (
	gatherTime = time.Second     // people who come or go within it share a line
	lostTime   = 5 * time.Second // before the person is told that somebody was lost: they may be back
	flapTime   = time.Minute     // returns within it are counted in one line
	maxNamed   = 8               // names in one line, the rest are counted
	maxCalm    = 256             // events held back, and people whose returns are counted; further ones are told at once
)

// Levels of \notify.
const (
	notifyAll   = "all"   // everybody: strangers and those two edges away too
	notifyKnown = "known" // people the person knows
	notifyOff   = "off"
)

// calm coalesces lines about who comes and goes: those of one second share a line, a loss that
// ends within five seconds becomes one line, and \notify leaves some out. It is for people at a
// terminal; programs get each event at once. Only the printer uses it, except for level.
type calm struct {
	gathered []item // online and offline of this second
	due      time.Time
	lost     []lostLine
	returns  map[string]returns // by session
}

type lostLine struct {
	event neighbors.WentOffline
	at    time.Time // when it is told
}

// returns counts how often somebody was lost and back lately.
type returns struct {
	count int
	at    time.Time // the last
}

// hold takes the lines about presence out of items, and adds those that are due, joined. Any
// other line is never held back, and ends the gathering, so that lines stay in order of time.
func (c *calm) hold(items []item, level string, now time.Time) []item {
	var out []item
	for _, it := range items {
		switch e := it.event.(type) {
		case neighbors.CameOnline:
			if !told(level, e.Trust) {
				continue
			}
			if c.back(e, now) {
				out = append(out, item{report: reconnectReport{user: e.User, trust: e.Trust, times: c.returns[e.Session].count}})
				continue
			}
			c.gather(it, now)
		case neighbors.WentOffline:
			switch {
			case !told(level, e.Trust):
			case e.Reason == neighbors.ReasonLost && len(c.lost) < maxCalm:
				c.lost = append(c.lost, lostLine{e, now.Add(lostTime)})
			default:
				c.gather(it, now)
			}
		case neighbors.HeardOf:
			if level == notifyAll {
				c.gather(it, now)
			}
		case neighbors.WentAway:
			if told(level, e.Trust) {
				out = append(append(out, c.release()...), it)
			}
		default:
			out = append(append(out, c.release()...), it)
		}
	}
	for len(c.lost) > 0 && !c.lost[0].at.After(now) {
		c.gather(item{event: c.lost[0].event}, now)
		c.lost = c.lost[1:]
	}
	if len(c.gathered) > 0 && (!c.due.After(now) || len(c.gathered) >= maxCalm) {
		out = append(out, c.release()...)
	}
	return out
}

func told(level, trust string) bool {
	return level == notifyAll || level == notifyKnown && trust != "new"
}

func (c *calm) gather(it item, now time.Time) {
	if len(c.gathered) == 0 {
		c.due = now.Add(gatherTime)
	}
	c.gathered = append(c.gathered, it)
}

// back says whether a session that comes online was lost a moment ago, and forgets the loss.
func (c *calm) back(e neighbors.CameOnline, now time.Time) bool {
	for i, l := range c.lost {
		if l.event.Session != e.Session {
			continue
		}
		c.lost = append(c.lost[:i:i], c.lost[i+1:]...)
		r := c.returns[e.Session]
		if now.Sub(r.at) > flapTime {
			r.count = 0
		}
		if c.returns == nil || len(c.returns) >= maxCalm {
			c.returns = map[string]returns{}
		}
		c.returns[e.Session] = returns{r.count + 1, now}
		return true
	}
	return false
}

// release joins what was gathered: up to two lines stay as they are; more become one line of
// those who came and one of those who went.
func (c *calm) release() (out []item) {
	if len(c.gathered) < 3 {
		out, c.gathered = c.gathered, nil
		return out
	}
	var came, went []string
	for _, it := range c.gathered {
		switch e := it.event.(type) {
		case neighbors.CameOnline:
			came = addPerson(came, e.User, e.Seed)
		case neighbors.WentOffline:
			went = addPerson(went, e.User, e.Seed)
		default:
			out = append(out, it)
		}
	}
	c.gathered = nil
	for _, r := range []joinedReport{{"online", came}, {"offline", went}} {
		if len(r.users) > 0 {
			out = append(out, item{report: r})
		}
	}
	return out
}

// addPerson adds the user that a session belongs to: people are counted, not their machines.
func addPerson(list []string, user string, seed bool) []string {
	if seed {
		user += " (a seed)"
	}
	if slices.Contains(list, user) { // at most maxCalm
		return list
	}
	return append(list, user)
}

// rest gives all that is held back, whatever its time.
func (c *calm) rest() (out []item) {
	for _, l := range c.lost {
		c.gathered = append(c.gathered, item{event: l.event})
	}
	c.lost = nil
	return c.release()
}

// next is when something is due; zero when nothing is.
func (c *calm) next() (at time.Time) {
	if len(c.gathered) > 0 {
		at = c.due
	}
	if len(c.lost) > 0 && (at.IsZero() || c.lost[0].at.Before(at)) {
		at = c.lost[0].at
	}
	return at
}

// joinedReport is several people who came or went at once. Only the text output has it.
type joinedReport struct {
	what  string
	users []string // each once
}

func (r joinedReport) text(p *page, _ view) {
	sign, st := "+", good
	if r.what == "offline" {
		sign, st = "-", bad
	}
	p.add(st, sign+plainCount(len(r.users))+" "+r.what+": ")
	more := len(r.users) - maxNamed
	p.word(normal, strings.Join(r.users[:min(len(r.users), maxNamed)], ", "))
	if more > 0 {
		p.add(faint, " and "+plainCount(more)+" more")
	}
	p.end()
}

// reconnectReport is somebody who was lost and is back. Only the text output has it.
type reconnectReport struct {
	user, trust string
	times       int
}

func (r reconnectReport) text(p *page, _ view) {
	p.add(faint, "~ ").who(normal, r.user, r.trust).add(normal, " reconnected")
	if r.times > 1 {
		p.add(faint, " x"+plainCount(r.times))
	}
	p.end()
}
