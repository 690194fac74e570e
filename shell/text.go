package shell

import (
	"strconv"
	"strings"
	"time"

	"darkchat/neighbors"
)

// The events as lines for people: calm and short, and each kind recognisable by its beginning.

// who adds a name with the mark of its trust. A pinned user has no mark: that is the normal case.
func (p *page) who(st style, name, trust string) *page {
	p.word(st, name)
	switch trust {
	case "new":
		p.add(faint, " (new)")
	case "verified":
		p.add(good, " ✓")
	case "blocked":
		p.add(bad, " (blocked)")
	}
	return p
}

// seed marks a name as that of a seed, not of a person to talk to.
func (p *page) seed(is bool) *page {
	if is {
		p.add(faint, " (a seed)")
	}
	return p
}

// tag is as much of a session's id as a person needs to tell two apart, and to type after a slash.
func tag(session string) string {
	if len(session) > 4 {
		return session[:4]
	}
	return session
}

func (r readyReport) text(p *page, _ view) {
	p.add(normal, "You are ").word(strong, r.User).add(normal, ", fingerprint ").word(normal, r.Fingerprint)
	if r.seed {
		p.add(normal, ", a seed")
	}
	p.end()
	p.reach(pasteLines(r.Listen))
	p.line(normal, `\help lists the macros; \chat NAME, then type.`)
}

func (r presenceReport) text(p *page, _ view) {
	if r.Event == "online" {
		p.add(good, "+ ").who(normal, r.User, r.Trust).seed(r.Seed).add(normal, " is online").add(faint, " ("+tag(r.Session)+")").end()
		return
	}
	p.add(bad, "- ").who(normal, r.User, r.Trust).seed(r.Seed).add(normal, " is offline").add(faint, " ("+tag(r.Session))
	if r.Reason == "lost" {
		p.add(faint, ", no longer answers")
	}
	p.add(faint, ")").end()
}

func (r heardReport) text(p *page, _ view) {
	p.add(faint, "~ ").who(faint, r.User, r.Trust).add(faint, " is "+r.State)
	if r.Via != "" {
		p.add(faint, ", says ").word(faint, r.Via)
	}
	p.end()
}

func (r awayReport) text(p *page, _ view) {
	if r.own {
		if r.Away {
			p.line(normal, `You are away: texts still come; \away again when you are back.`)
		} else {
			p.line(normal, "You are back.")
		}
		return
	}
	p.add(faint, "~ ").who(normal, r.User, r.Trust)
	if r.Away {
		p.add(normal, " is away").end()
	} else {
		p.add(normal, " is back").end()
	}
}

func (r notifyReport) text(p *page, _ view) {
	switch r.Level {
	case notifyAll:
		p.line(normal, "You are told of everybody who comes or goes, strangers and those two edges away included.")
	case notifyOff:
		p.line(normal, `You are not told who comes and goes; \users shows it.`)
	default:
		p.line(normal, "You are told when somebody you know comes or goes.")
	}
}

func (r messageReport) text(p *page, look view) {
	p.add(faint, look.now.In(look.zone).Format("15:04")+" ").who(strong, r.From, r.Trust).add(normal, ": ").said(r.Text)
	if r.Missing != "" {
		p.add(faint, " (missing from this line: "+r.Missing+")")
	}
	p.sent(look, r.Late, r.sent, look.now)
	if r.Via != "" {
		p.add(faint, " (held by ").word(faint, r.Via).add(faint, ")")
	}
	p.end()
}

// said adds a text; for one without visible characters it says so.
func (p *page) said(text string) *page {
	if strings.TrimLeftFunc(text, neighbors.Invisible) == "" {
		return p.add(faint, "(nothing visible)")
	}
	return p.add(normal, text)
}

// sent adds when a text that waited was sent, unless the line begins with that minute anyway.
func (p *page) sent(look view, late bool, sent, shown time.Time) {
	if at := look.clock(sent); late && !sent.IsZero() && at != look.clock(shown) {
		p.add(faint, " (sent "+at+")")
	}
}

// clock formats a time of today as 14:02, any other with its day.
func (v view) clock(t time.Time) string {
	t, now := t.In(v.zone), v.now.In(v.zone)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	if t.Year() == now.Year() {
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}

func (r deliveryReport) text(p *page, _ view) {
	switch r.State {
	case "queued":
		p.add(faint, "  queued: ").word(faint, r.To).add(faint, " is offline; it is delivered when they return").end()
		return
	case "sent":
		p.add(faint, "  sent to ").word(faint, r.To).add(faint, ", no answer yet").end()
		return
	case "held":
		p.add(faint, "  held by ").word(faint, r.By).add(faint, " for ").word(faint, r.To).end()
		return
	case "delivered":
		p.add(faint, "  delivered "+ratio(r.Acked, r.Sessions)+" to ").word(faint, r.To)
		if r.By != "" {
			p.add(faint, " via ").word(faint, r.By)
		}
		for i, s := range r.Waiting {
			if i == 0 {
				p.add(faint, ", waiting for ")
			} else {
				p.add(faint, ", ")
			}
			p.word(faint, r.To+"/"+s)
		}
		p.end()
		return
	}
	p.add(bad, "  not delivered to ").word(normal, r.To)
	if r.Reason != "" {
		p.add(normal, ": ").word(normal, r.Reason)
	}
	if r.Text != "" {
		p.add(normal, `: "`).add(normal, cut(r.Text, shownText)).add(normal, `"`)
	}
	p.end()
}

// shownText is how much of an undelivered line is shown, in bytes.
const shownText = 120

func ratio(acked, sessions *int) string {
	if acked == nil || sessions == nil {
		return ""
	}
	return strconv.Itoa(*acked) + "/" + strconv.Itoa(*sessions)
}

func (r chatReport) text(p *page, _ view) {
	p.add(normal, "What you type now goes to ").word(strong, r.User)
	if r.Session != "" {
		p.word(normal, "/"+r.Session).add(normal, " alone")
	}
	if !r.online {
		p.add(faint, " (offline: it waits here and is delivered later)")
	}
	p.end()
}

func (r pongReport) text(p *page, _ view) {
	p.add(normal, "pong from ").word(strong, or(r.User, "somebody"))
	if r.Addr != "" {
		p.add(normal, " at ").word(normal, r.Addr)
	}
	p.add(normal, ": "+rtt(r.RTT))
	if r.Path == "relay" {
		p.add(faint, " by a relay")
	}
	p.end()
}

func (r pathReport) text(p *page, _ view) {
	p.add(faint, "  ").word(faint, r.User).add(faint, " ("+tag(r.Session)+") is ")
	switch r.Path {
	case "":
		p.add(faint, "no longer reached")
	case "relay":
		p.add(faint, "now reached through a relay")
	default:
		p.add(faint, "now reached directly")
	}
	if r.RTT > 0 {
		p.add(faint, ", "+rtt(r.RTT))
	}
	if r.Why != "" {
		p.add(faint, ": ").word(faint, r.Why)
	}
	p.end()
}

func (r errorReport) text(p *page, _ view) {
	p.add(bad, "error: ").add(normal, r.Text).end()
}

func (r textReport) text(p *page, _ view) {
	for l := range strings.Lines(r.Text) {
		p.word(normal, strings.TrimSuffix(l, "\n")).end()
	}
}

func (r byeReport) text(p *page, _ view) { p.line(normal, "bye") }

func rtt(ms float64) string {
	return strconv.FormatFloat(ms, 'f', -1, 64) + " ms"
}

func plainCount(n int) string { return strconv.Itoa(n) }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
