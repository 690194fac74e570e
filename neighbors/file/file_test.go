package file

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

// node is a Host that notes what is found.
type node struct {
	neighbors.Host
	found []string
	live  map[netip.AddrPort]bool
}

func (n *node) Found(user string, addr netip.AddrPort) {
	n.found = append(n.found, fmt.Sprint(user, "@", addr))
}
func (n *node) Live(addr netip.AddrPort) bool { return n.live[addr] }

func (n *node) taken() string {
	s := strings.Join(n.found, " ")
	n.found = nil
	return s
}

func parse(t *testing.T, text string) []Person {
	t.Helper()
	people, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return people
}

func TestParse(t *testing.T) {
	people := parse(t, "# a team\n\nann 192.0.2.1:6789 # home\nbob K7F2-aaaa-bbbb-cccc 192.0.2.2:1 [2001:db8::2]:2\r\n")
	want := "[{ann  [192.0.2.1:6789]} {bob k7f2-aaaa-bbbb-cccc [192.0.2.2:1 [2001:db8::2]:2]}]"
	if fmt.Sprint(people) != want {
		t.Errorf("got %v, want %s", people, want)
	}
	for text, words := range map[string]string{
		"ann\n":                "line 1: ann has no address",
		"\nann 192.0.2.1\n":    "line 2: ann has no address",
		"ann k7f2 host:6789\n": `line 1: "host:6789" is not an address`,
		"ann" + strings.Repeat(" 192.0.2.1:1", 9): "more than 8 addresses",
		strings.Repeat("ann 192.0.2.1:1\n", 1025): "more than 1024 people",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.30q: %v, want %s", text, err, words)
		}
	}
}

// People who do not answer are called again, more and more rarely; those who answer are left alone; and a
// changed file is obeyed at once, without hurrying the calls to people who stay in it.
func TestLooksForPeople(t *testing.T) {
	now := time.Unix(1000, 0)
	s := New(parse(t, "ann 192.0.2.1:1\nbob k7f2 192.0.2.2:2\n"))
	h := &node{live: map[netip.AddrPort]bool{}}
	next := s.Advance(now, h)
	if got := h.taken(); got != "ann@192.0.2.1:1 bob~k7f2@192.0.2.2:2" || next != now.Add(firstWait) {
		t.Fatalf("found %s, next in %v", got, next.Sub(now))
	}
	h.live[netip.MustParseAddrPort("192.0.2.1:1")] = true
	now = next
	next = s.Advance(now, h)
	if got := h.taken(); got != "bob~k7f2@192.0.2.2:2" || next != now.Add(2*firstWait) {
		t.Fatalf("found %s, next in %v", got, next.Sub(now))
	}
	s.Replace(parse(t, "bob k7f2 192.0.2.2:2\ncat 192.0.2.3:3\n"))
	s.Advance(now.Add(time.Second), h)
	if got := h.taken(); got != "cat@192.0.2.3:3" {
		t.Errorf("after a change: %s", got)
	}
	s.Replace(nil)
	if next := s.Advance(now.Add(time.Hour), h); !next.IsZero() || h.taken() != "" {
		t.Errorf("nobody is to be looked for, next %v", next)
	}
	s.Heard(now, netip.AddrPort{}, wire.Message{}, h)
}
