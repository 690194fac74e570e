// Package seed is the presence Source of the -sip and -sp flags: it keeps in touch
// with nodes on known hosts, usually seeds, so that a network can form and stranded
// nodes find back (paper, section 2.1).
//
// It is not a resolver: host names are looked up outside, when Wanted says so,
// and handed over by Resolved.
package seed

import (
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

const (
	firstWait  = time.Second      // after an unanswered HELLO exchange,
	lastWait   = time.Minute      // doubling up to this
	checkGap   = 10 * time.Second // between looks at a host that answers
	staleTries = 3                // unanswered tries after which a name is resolved again
	silentSoon = 3                // unanswered tries, 3 s, after which the person is told
	maxAddrs   = 16               // addresses of one host, as many as \ping tries
)

// Source keeps in touch with the hosts it was made with.
type Source struct {
	hosts  []host
	wanted chan string
}

type host struct {
	name  string
	addrs []netip.AddrPort
	next  time.Time
	wait  time.Duration
	tries int  // since it last answered
	heard bool // it answered once: from then on it is told of like everybody else
	told  bool // the person was told that it does not answer
}

// New returns a Source for hosts: names or addresses, one entry each. Their
// addresses come by Resolved.
func New(hosts []string) *Source {
	s := &Source{wanted: make(chan string, max(1, len(hosts)))}
	for _, h := range hosts {
		s.hosts = append(s.hosts, host{name: h})
		s.want(h)
	}
	return s
}

// Name returns "seed".
func (s *Source) Name() string { return "seed" }

// Wanted says which hosts ought to be resolved now. Its reader hands the addresses
// over by Resolved, on the loop.
func (s *Source) Wanted() <-chan string { return s.wanted }

// Resolved takes the addresses of a host; without any the old ones stay. The node's
// WakeSource must be called after it, so that they are used at once.
func (s *Source) Resolved(name string, addrs []netip.AddrPort) {
	for i := range s.hosts {
		h := &s.hosts[i]
		if h.name != name || len(addrs) == 0 {
			continue
		}
		addrs = addrs[:min(len(addrs), maxAddrs)]
		if !slices.Equal(h.addrs, addrs) {
			h.addrs, h.next, h.wait, h.tries = slices.Clone(addrs), time.Time{}, 0, 0
		}
	}
}

// Silent lists the hosts that do not answer, as they were given to New.
func (s *Source) Silent() (names []string) {
	for _, h := range s.hosts {
		if h.tries >= silentSoon || len(h.addrs) == 0 {
			names = append(names, h.name)
		}
	}
	return names
}

// Expecting says whether a host may be about to answer, for the first time or again.
func (s *Source) Expecting() bool {
	return slices.ContainsFunc(s.hosts, func(h host) bool {
		return len(h.addrs) > 0 && h.tries < silentSoon && (h.tries > 0 || !h.heard)
	})
}

// Advance says HELLO, through the node, to the hosts that do not answer.
func (s *Source) Advance(now time.Time, at neighbors.Host) (next time.Time) {
	for i := range s.hosts {
		h := &s.hosts[i]
		if len(h.addrs) == 0 {
			continue // Resolved will wake us
		}
		if !h.next.After(now) {
			s.visit(now, h, at)
		}
		if next.IsZero() || h.next.Before(next) {
			next = h.next
		}
	}
	return next
}

func (s *Source) visit(now time.Time, h *host, at neighbors.Host) {
	if slices.ContainsFunc(h.addrs, at.Live) {
		h.tries, h.wait, h.next, h.heard = 0, 0, now.Add(checkGap), true
		return
	}
	for _, a := range h.addrs {
		at.Found("", a)
	}
	if h.tries++; h.tries%staleTries == 0 {
		s.want(h.name) // it may have moved
	}
	if h.tries == silentSoon && !h.heard && !h.told {
		h.told = true
		at.Notice("the seed " + h.name + " has not answered yet: check its address and port, that it runs, and that firewalls let UDP through; it is still being tried")
	}
	h.wait = min(max(2*h.wait, firstWait), lastWait)
	h.next = now.Add(h.wait)
}

func (s *Source) want(name string) {
	select {
	case s.wanted <- name:
	default: // asked for already
	}
}

// Heard does nothing: what a host says is handled by the node.
func (s *Source) Heard(time.Time, netip.AddrPort, wire.Message, neighbors.Host) {}
