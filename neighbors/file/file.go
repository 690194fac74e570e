// Package file is the presence Source of a contacts file: who people are and where
// they may be, one a line, for a team to hand round.
//
// A line is NAME [FINGERPRINT] ADDRESS..., fields separated by blanks; # begins a
// comment. With a fingerprint the name means that key alone, and the user is
// pinned as soon as they answer. The file is read outside, and again when it has
// changed (Replace).
package file

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

const (
	maxPeople = 1024             // entries of a file
	maxAddrs  = 8                // addresses of one entry
	firstWait = 2 * time.Second  // after an unanswered HELLO exchange,
	lastWait  = 10 * time.Minute // doubling up to this
	checkGap  = 30 * time.Second // between looks at one who answers
)

// Person is one entry of a file.
type Person struct {
	Name        string
	Fingerprint string // empty: any key
	Addrs       []netip.AddrPort
}

// Parse reads a contacts file. An error names the line and what is wrong there.
func Parse(b []byte) (people []Person, err error) {
	sc := bufio.NewScanner(bytes.NewReader(b))
	for line := 1; sc.Scan(); line++ {
		text, _, _ := strings.Cut(sc.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		p := Person{Name: fields[0]}
		for i, f := range fields[1:] {
			addr, err := netip.ParseAddrPort(f)
			switch {
			case err == nil && len(p.Addrs) < maxAddrs:
				p.Addrs = append(p.Addrs, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()))
			case err == nil:
				return nil, fmt.Errorf("line %d: more than %d addresses", line, maxAddrs)
			case i == 0 && !strings.Contains(f, ":"):
				p.Fingerprint = strings.ToLower(f)
			default:
				return nil, fmt.Errorf("line %d: %q is not an address such as 192.168.1.7:6789", line, f)
			}
		}
		if len(p.Addrs) == 0 {
			return nil, fmt.Errorf("line %d: %s has no address", line, p.Name)
		}
		if people = append(people, p); len(people) > maxPeople {
			return nil, fmt.Errorf("line %d: more than %d people", line, maxPeople)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return people, nil
}

// Source looks for the people of a file.
type Source struct{ visits []visit }

type visit struct {
	Person
	next time.Time
	wait time.Duration
}

// New returns a Source for those people.
func New(people []Person) *Source {
	s := &Source{}
	s.Replace(people)
	return s
}

// Replace looks for those people from now on. Entries that were there before, with the same
// addresses, keep their back-off. The node's RenewSource must be called after it.
func (s *Source) Replace(people []Person) {
	old := s.visits
	s.visits = make([]visit, 0, len(people))
	for _, p := range people {
		v := visit{Person: p}
		i := slices.IndexFunc(old, func(w visit) bool {
			return w.Name == p.Name && w.Fingerprint == p.Fingerprint && slices.Equal(w.Addrs, p.Addrs)
		})
		if i >= 0 {
			v = old[i]
		}
		s.visits = append(s.visits, v)
	}
}

// Name returns "file".
func (s *Source) Name() string { return "file" }

// Advance says HELLO, through the node, to people who do not answer.
func (s *Source) Advance(now time.Time, at neighbors.Host) (next time.Time) {
	for i := range s.visits {
		v := &s.visits[i]
		if !v.next.After(now) {
			v.look(now, at)
		}
		if next.IsZero() || v.next.Before(next) {
			next = v.next
		}
	}
	return next
}

func (v *visit) look(now time.Time, at neighbors.Host) {
	for _, a := range v.Addrs {
		if at.Live(a) {
			v.wait, v.next = 0, now.Add(checkGap)
			return
		}
	}
	user := v.Name
	if v.Fingerprint != "" {
		user += "~" + v.Fingerprint
	}
	for _, a := range v.Addrs {
		at.Found(user, a)
	}
	v.wait = min(max(2*v.wait, firstWait), lastWait)
	v.next = now.Add(v.wait)
}

// Heard does nothing: what people say is handled by the node.
func (s *Source) Heard(time.Time, netip.AddrPort, wire.Message, neighbors.Host) {}
