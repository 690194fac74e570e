package seed

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
)

var (
	start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	here  = netip.MustParseAddrPort("192.0.2.1:8888")
	there = netip.MustParseAddrPort("192.0.2.2:8888")
)

// node is a Host that notes what it is asked for.
type node struct {
	neighbors.Host
	found   []netip.AddrPort
	live    map[netip.AddrPort]bool
	notices []string
}

func (n *node) Found(user string, addr netip.AddrPort) {
	if user != "" {
		panic("a seed is whoever is there")
	}
	n.found = append(n.found, addr)
}
func (n *node) Live(addr netip.AddrPort) bool { return n.live[addr] }
func (n *node) Notice(text string)            { n.notices = append(n.notices, text) }

// visits runs a source for d and gives when, in seconds, it looked for the host.
func (n *node) visits(s *Source, now, end time.Time) (at []float64) {
	for {
		n.found = nil
		next := s.Advance(now, n)
		if len(n.found) > 0 {
			at = append(at, now.Sub(start).Seconds())
		}
		if next.IsZero() || next.After(end) {
			return at
		}
		now = next
	}
}

// drain gives the hosts that are to be looked up.
func drain(s *Source) (names []string) {
	for {
		select {
		case name := <-s.Wanted():
			names = append(names, name)
		default:
			return names
		}
	}
}

// A host that does not answer is tried ever more rarely, but once a minute for ever.
func TestSilentHostIsTriedEverMoreRarely(t *testing.T) {
	s, n := New([]string{"seed.example.org"}), &node{}
	if at := n.visits(s, start, start.Add(time.Hour)); at != nil {
		t.Fatalf("without an address it was looked for at %v", at)
	}
	s.Resolved("seed.example.org", []netip.AddrPort{here})
	at := n.visits(s, start, start.Add(5*time.Minute))
	if want := "[0 1 3 7 15 31 63 123 183 243]"; fmt.Sprint(at) != want {
		t.Fatalf("it was looked for at %v, want %s", at, want)
	}
	if len(n.notices) != 1 || !strings.Contains(n.notices[0], "seed.example.org") {
		t.Errorf("the person was told %q", n.notices)
	}
}

// A host that answers is left alone, and called at once when it no longer does.
func TestHostThatAnswersIsLeftAlone(t *testing.T) {
	s, n := New([]string{"a"}), &node{live: map[netip.AddrPort]bool{there: true}}
	s.Resolved("a", []netip.AddrPort{here, there})
	if at := n.visits(s, start, start.Add(time.Minute)); at != nil {
		t.Fatalf("it was looked for at %v", at)
	}
	if s.Silent() != nil || s.Expecting() {
		t.Errorf("silent %v, expecting %v", s.Silent(), s.Expecting())
	}
	n.live = nil
	gone := start.Add(70 * time.Second)
	if at := n.visits(s, gone, gone.Add(4*time.Second)); fmt.Sprint(at) != "[70 71 73]" {
		t.Fatalf("it was looked for at %v", at)
	}
	if len(n.notices) != 0 {
		t.Errorf("whoever answered before is told of as all are, and not by %q", n.notices)
	}
}

// Each third vain try asks for the address again: the host may have moved. A new address is
// tried at once, the same one is not, and none leaves what there was.
func TestHostIsLookedUpAgain(t *testing.T) {
	s, n := New([]string{"a", "b"}), &node{}
	if names := drain(s); fmt.Sprint(names) != "[a b]" {
		t.Fatalf("at first: %v", names)
	}
	s.Resolved("a", []netip.AddrPort{here})
	n.visits(s, start, start.Add(2*time.Second))
	if names := drain(s); names != nil {
		t.Fatalf("after two tries: %v", names)
	}
	n.visits(s, start.Add(3*time.Second), start.Add(3*time.Second))
	if names := drain(s); fmt.Sprint(names) != "[a]" {
		t.Fatalf("after three tries: %v", names)
	}
	later := start.Add(4 * time.Second)
	s.Resolved("a", []netip.AddrPort{here})
	s.Resolved("a", nil)
	if at := n.visits(s, later, later); at != nil {
		t.Fatal("the same address was tried at once")
	}
	s.Resolved("a", []netip.AddrPort{there})
	n.found = nil
	if s.Advance(later, n); fmt.Sprint(n.found) != fmt.Sprint([]netip.AddrPort{there}) {
		t.Fatalf("the new one: %v", n.found)
	}
}

// What it says of hosts: those that do not answer, and whether one may still do so.
func TestSilentAndExpected(t *testing.T) {
	s, n := New([]string{"a", "b"}), &node{}
	if fmt.Sprint(s.Silent()) != "[a b]" || s.Expecting() {
		t.Fatalf("without addresses: silent %v, expecting %v", s.Silent(), s.Expecting())
	}
	s.Resolved("a", []netip.AddrPort{here})
	if fmt.Sprint(s.Silent()) != "[b]" || !s.Expecting() {
		t.Fatalf("before the first try: silent %v, expecting %v", s.Silent(), s.Expecting())
	}
	n.visits(s, start, start.Add(3*time.Second))
	if fmt.Sprint(s.Silent()) != "[a b]" || s.Expecting() {
		t.Fatalf("after three tries: silent %v, expecting %v", s.Silent(), s.Expecting())
	}
}

// The addresses of a host are bounded, and the questions for them too.
func TestHostsAreBounded(t *testing.T) {
	s, n := New([]string{"a"}), &node{}
	var many []netip.AddrPort
	for i := range 2 * maxAddrs {
		many = append(many, netip.AddrPortFrom(here.Addr(), uint16(i+1)))
	}
	s.Resolved("a", many)
	if s.Advance(start, n); len(n.found) != maxAddrs {
		t.Errorf("%d addresses were tried", len(n.found))
	}
	n.visits(s, start.Add(time.Second), start.Add(time.Hour))
	if names := drain(s); len(names) != 1 {
		t.Errorf("%d questions wait", len(names))
	}
}
