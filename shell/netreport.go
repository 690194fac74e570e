package shell

import (
	"fmt"
	"strings"

	"darkchat/neighbors"
)

type netReport struct {
	Event    string            `json:"event"`
	Listen   []string          `json:"listen"`
	Observed []string          `json:"observed"`
	NAT      string            `json:"nat"`
	Seeds    []string          `json:"seeds"`
	Silent   []string          `json:"silent,omitempty"`
	Ways     []wayRow          `json:"ways"`
	More     int               `json:"more,omitempty"`
	Limits   map[string]uint64 `json:"limits"`
	limits   []neighbors.Stat
}

type wayRow struct {
	User    string  `json:"user"`
	Session string  `json:"session"`
	Seed    bool    `json:"seed,omitempty"`
	Path    string  `json:"path,omitempty"`
	Through string  `json:"through,omitempty"`
	Addr    string  `json:"addr,omitempty"`
	RTT     float64 `json:"rtt_ms,omitempty"`
	Why     string  `json:"why,omitempty"`
}

func newNet(v neighbors.NetView) netReport {
	r := netReport{Event: "net", Listen: addresses(v.Listen), Observed: addresses(v.Observed), NAT: string(v.NAT),
		Seeds: append([]string{}, v.Seeds...), Silent: v.Silent, Ways: []wayRow{}, More: v.More, Limits: map[string]uint64{}, limits: v.Limits}
	for _, w := range v.Ways {
		r.Ways = append(r.Ways, wayRow{User: w.User, Session: w.Session, Seed: w.Seed, Path: w.Path, Through: w.Through,
			Addr: address(w.Addr), RTT: milliseconds(w.RTT), Why: w.Why})
	}
	for _, s := range v.Limits {
		r.Limits[s.Name] = s.Value
	}
	return r
}

// unknown says why nothing is known of a NAT.
func (r netReport) unknown() string {
	switch {
	case len(r.Observed) > 1:
		return "those who report where they see you do not agree"
	case len(r.Silent) > 0:
		return "no seed has answered yet"
	case len(r.Seeds) > 0:
		return "no seed has reported yet where it sees you"
	}
	return "a seed (-sip) would tell you"
}

func (r netReport) text(p *page, _ view) {
	p.add(normal, "Here: ").word(normal, or(strings.Join(r.Listen, " "), "no address")).end()
	p.add(normal, "Others see you at: ").word(normal, or(strings.Join(r.Observed, " "), "nobody has reported it yet")).end()
	switch neighbors.NAT(r.NAT) {
	case neighbors.NATNone:
		p.line(normal, "No NAT in between.")
	case neighbors.NATEasy:
		p.line(normal, "A NAT in between that allows direct paths.")
	case neighbors.NATHard:
		p.line(normal, "A NAT in between that gives each destination a different port: direct paths only to those with an easier NAT.")
	case neighbors.NATSome:
		p.line(normal, "A NAT in between; a second seed in another network (one more -sip) would show of which kind it is.")
	default:
		p.line(normal, "Whether there is a NAT in between is not known: "+r.unknown()+".")
	}
	p.add(normal, "Seeds: ").word(normal, or(strings.Join(r.Seeds, " "), "none answers")).end()
	if len(r.Silent) > 0 {
		p.add(normal, "No answer from the seed ").word(normal, strings.Join(r.Silent, " ")).end()
	}
	for _, w := range r.Ways {
		p.word(strong, w.User).add(faint, " ("+tag(w.Session)+") ")
		switch w.Path {
		case neighbors.PathDirect:
			p.add(normal, "directly at ").word(normal, w.Addr)
		case neighbors.PathRelay:
			p.add(normal, "through the relay ").word(normal, w.Through)
		default:
			p.add(bad, "not reached")
			if w.Addr != "" {
				p.add(faint, ", last seen at ").word(faint, w.Addr)
			}
		}
		if w.Seed {
			p.add(faint, ", a seed")
		}
		if w.RTT > 0 {
			p.add(faint, ", "+rtt(w.RTT))
		}
		if w.Why != "" {
			p.add(faint, ": ").word(faint, w.Why)
		}
		p.end()
	}
	if r.More > 0 {
		p.line(faint, fmt.Sprintf("and %d more; \\users lists all", r.More))
	}
	for _, s := range r.limits {
		p.line(faint, fmt.Sprintf("limit reached: %s %d times", s.Name, s.Value))
	}
}
