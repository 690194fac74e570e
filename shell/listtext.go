package shell

import (
	"strconv"
	"strings"
	"time"
)

// The lists as text: one line an entry, columns padded to the widest.

// column pads s to width columns of the screen.
func (p *page) column(st style, s string, width int) *page {
	p.word(st, s)
	if n := width - columns(sanitize(s, "‹a›")); n > 0 {
		p.add(normal, strings.Repeat(" ", n))
	}
	return p.add(normal, "  ")
}

func (r usersReport) text(p *page, look view) {
	if len(r.Users) == 0 {
		switch r.Filter {
		case "online":
			p.line(normal, `Nobody is online. \ping HOST PORT, or \add NAME.`)
		case "offline":
			p.line(normal, "Nobody you know is offline.")
		default:
			p.line(normal, `Nobody is known yet. \ping HOST PORT, or \add NAME.`)
		}
		return
	}
	width := 0
	for _, u := range r.Users {
		width = max(width, columns(sanitize(u.Name, "‹a›")))
	}
	for _, u := range r.Users {
		st := normal
		if u.Online {
			st = good
		}
		p.column(strong, u.Name, width).column(st, u.State, len("offline")).column(normal, u.Trust, 0)
		if u.Seed {
			p.add(faint, "a seed  ")
		}
		if u.Via != "" {
			p.add(faint, "says ").word(faint, u.Via)
		}
		p.end()
		for _, s := range u.Sessions {
			p.add(faint, "  ").word(faint, "/"+s.ID)
			if s.Online {
				p.add(faint, "  online ")
			} else {
				p.add(faint, "  offline")
			}
			if s.Addr != "" {
				p.add(faint, "  ").word(faint, s.Addr)
			}
			if t, err := time.Parse(time.RFC3339, s.LastHeard); err == nil && !s.Online {
				p.add(faint, "  last heard "+look.clock(t))
			}
			p.end()
		}
	}
}

func (r prunedReport) text(p *page, _ view) {
	p.line(normal, plural(r.Pruned, "session")+" forgotten")
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func (r whoamiReport) text(p *page, _ view) {
	p.add(normal, "You are ").word(strong, r.User).add(normal, ", fingerprint ").word(normal, r.Fingerprint).end()
	p.add(normal, "Session ").word(normal, r.Session).end()
	for _, a := range r.Listen {
		p.add(normal, "Listening at ").word(normal, a).end()
	}
	p.reach(r.Paste)
}

func (r verifyReport) text(p *page, _ view) {
	p.word(strong, r.User).add(normal, " has the fingerprint  ").word(strong, r.Fingerprint).end()
	p.add(normal, "Your own is  ").word(strong, r.Mine).end()
	if r.Trust == "verified" {
		p.add(good, "✓ ").word(normal, r.User).add(normal, " is verified").end()
		return
	}
	p.add(normal, "If that is what they read to you, by voice:  ").word(normal, `\verify `+r.User+" FINGERPRINT").end()
}

func (r blockReport) text(p *page, _ view) {
	p.word(strong, r.User)
	if r.Event == "block" {
		p.add(normal, ` is blocked: no texts either way until \unblock `).word(normal, r.User).end()
		return
	}
	p.line(normal, " is no longer blocked")
}

func (r explodeReport) text(p *page, _ view) {
	p.add(normal, "explode: "+strconv.Itoa(r.Reached)+" of "+plural(r.Neighbors, "neighbour")+" heard it and pass it on to "+
		strconv.Itoa(r.Beyond)+" beyond; it costs "+plural(r.Datagrams, "datagram"))
	for i, name := range r.Silent {
		if i == 0 {
			p.add(faint, "; no answer from")
		}
		p.word(faint, " "+name)
	}
	p.end()
}

func (r outboxReport) text(p *page, look view) {
	if len(r.Lines) == 0 {
		p.line(normal, "The outbox is empty: nothing waits.")
		return
	}
	for _, l := range r.Lines {
		l.text(p, look)
		p.add(faint, " ("+plural(l.Bytes, "byte")+")").end()
	}
}

// text says where a line is, without ending the output line.
func (r outboxRow) text(p *page, look view) {
	p.add(faint, "#"+r.line.Handle+" ")
	if !r.line.Sent.IsZero() {
		p.add(faint, look.clock(r.line.Sent)+" ")
	}
	p.word(strong, r.To).add(normal, " "+r.State)
	if r.By != "" {
		p.add(normal, " by ").word(normal, r.By)
	}
	if r.Sessions != nil {
		p.add(normal, " "+ratio(r.Acked, r.Sessions))
	}
	for i, s := range r.Waiting {
		if i == 0 {
			p.add(faint, ", waiting for")
		}
		p.word(faint, " /"+s)
	}
	if r.Reason != "" {
		p.add(faint, ", "+r.Reason)
	}
	if r.Attempts > 0 {
		p.add(faint, ", tried "+plural(r.Attempts, "time"))
	}
	if wait := r.line.Next.Sub(look.now); !r.line.Next.IsZero() && wait > 0 {
		p.add(faint, ", again in "+wait.Round(time.Second).String())
	}
}

func (r statusReport) text(p *page, look view) {
	if r.Event == "cancel" {
		p.add(normal, "Taken back: ")
	}
	r.outboxRow.text(p, look)
	for i, s := range r.Delivered {
		if i == 0 {
			p.add(faint, ", has it:")
		}
		p.word(faint, " /"+s)
	}
	p.end()
	if r.Event == "cancel" && r.By != "" {
		p.add(normal, "A copy is held by ").word(normal, r.By).add(normal, " and may still be delivered.").end()
	}
}

func (r statsReport) text(p *page, _ view) {
	width := 0
	for _, s := range r.list {
		width = max(width, columns(s.Name))
	}
	for _, s := range r.list {
		p.column(normal, s.Name, width).add(normal, strconv.FormatUint(s.Value, 10)).end()
	}
}

func (r sourcesReport) text(p *page, _ view) {
	if len(r.Sources) == 0 {
		p.line(normal, "No presence source is on (-presence).")
	}
	for _, s := range r.Sources {
		p.word(strong, s.Source).add(normal, ":")
		for _, u := range s.Users {
			p.word(normal, " "+u)
		}
		for _, a := range s.Addrs {
			p.word(faint, " "+a)
		}
		if len(s.Users)+len(s.Addrs) == 0 {
			p.add(faint, " nobody")
		}
		p.end()
	}
}

// reach says what others can paste to reach us.
func (p *page) reach(lines []string) {
	label := "Others reach you with  "
	for _, l := range lines {
		p.add(normal, label).word(strong, l).end()
		label = "                   or  "
	}
}
