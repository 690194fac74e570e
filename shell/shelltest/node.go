// Package shelltest is the node that tests of the shell talk with.
package shelltest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"darkchat/neighbors"
)

// Node plays a script for a shell: what it is asked is written down, what it
// answers is set by the test. The zero Node knows nobody.
type Node struct {
	Mu      sync.Mutex                                   // guards what the shell may ask for meanwhile
	Sink    func(neighbors.Event)                        // the shell's
	People  []neighbors.UserView                         // whom it knows
	Lines   []neighbors.OutboxLine                       // its outbox
	Full    int                                          // lines that the outbox holds; 0: any number
	Past    neighbors.Past                               // what History finds
	Door    neighbors.StrangersView                      // who waits
	Renamed map[string]string                            // what who was called so is called now
	Names   map[neighbors.Who]string                     // of others, for Renew
	Alone   error                                        // why nobody can be reached; nil: they can
	Disk    time.Duration                                // until a line is stored and told of
	OnPing  func(*Node, neighbors.Token, netip.AddrPort) // the zero address: a user was pinged
	OnAdd   func(a *Node, token neighbors.Token, name string)
	OnSay   func(*Node, neighbors.Delivery) // after it was queued
	Said    []string                        // "bob: hello", in order

	calls   []string // what was asked, in order
	printed []uint64
	token   neighbors.Token
	nextID  uint64
	untold  []func()
	telling sync.Mutex
}

func (a *Node) record(format string, args ...any) {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	a.calls = append(a.calls, fmt.Sprintf(format, args...))
}

// Asked is what it was asked, in order.
func (a *Node) Asked() string {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	return strings.Join(a.calls, "; ")
}

func (a *Node) next() neighbors.Token {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	a.token++
	return a.token
}

func (a *Node) Self() neighbors.Self {
	return neighbors.Self{Name: "ann", Session: "00112233aabbccdd", Fingerprint: "k7f2-9qxd-m3ra-u5wt",
		Listen: []netip.AddrPort{netip.MustParseAddrPort("192.168.1.7:6789")}}
}

func (a *Node) History(q neighbors.Search) (neighbors.Past, error) {
	a.record("history %+v", q)
	past := a.Past
	if q.User != "" {
		u, err := a.find(q.User)
		if err != nil {
			return neighbors.Past{}, err
		}
		past.User = u.Name
	}
	return past, nil
}

func (a *Node) Status(typed string) (neighbors.OutboxLine, error) {
	a.record("status %q", typed)
	return a.first()
}

func (a *Node) Cancel(typed string) (neighbors.OutboxLine, error) {
	a.record("cancel %q", typed)
	l, err := a.first()
	l.State, l.Reason, l.Waiting = neighbors.Undelivered, "cancelled", nil
	return l, err
}

// first is the line that is meant whatever was typed.
func (a *Node) first() (neighbors.OutboxLine, error) {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	if len(a.Lines) == 0 {
		return neighbors.OutboxLine{}, errors.New("no such line")
	}
	return a.Lines[0], nil
}

func (a *Node) Ping(addr netip.AddrPort) (neighbors.Token, error) {
	a.record("ping %s", addr)
	if a.Alone != nil {
		return 0, a.Alone
	}
	t := a.next()
	if a.OnPing != nil {
		a.OnPing(a, t, addr)
	}
	return t, nil
}

func (a *Node) PingUser(typed string) (neighbors.Token, error) {
	a.record("ping user %s", typed)
	if a.Alone != nil {
		return 0, a.Alone
	}
	t := a.next()
	if a.OnPing != nil {
		a.OnPing(a, t, netip.AddrPort{})
	}
	return t, nil
}

func (a *Node) Add(name, fingerprint string) (neighbors.Token, error) {
	a.record("add %s", strings.TrimSpace(name+" "+fingerprint))
	if a.Alone != nil {
		return 0, a.Alone
	}
	t := a.next()
	if a.OnAdd != nil {
		a.OnAdd(a, t, name)
	}
	return t, nil
}

func (a *Node) find(typed string) (neighbors.UserView, error) {
	name, _, _ := strings.Cut(typed, "/")
	a.Mu.Lock()
	defer a.Mu.Unlock()
	for _, u := range a.People {
		if u.Name == name {
			return u, nil
		}
	}
	if name == "ann" { // see Self
		return neighbors.UserView{}, fmt.Errorf("%s is you (%w)", typed, neighbors.ErrYourself)
	}
	return neighbors.UserView{}, fmt.Errorf("no user called %s is known here", typed)
}

func (a *Node) Resolve(typed string) (neighbors.Target, error) {
	a.record("resolve %s", typed)
	u, err := a.find(typed)
	if err != nil {
		return neighbors.Target{}, err
	}
	_, session, _ := strings.Cut(typed, "/")
	return neighbors.Target{User: u.Name, Session: session, Online: u.Online}, nil
}

// Renew follows Renamed, by what somebody was called before.
func (a *Node) Renew(to neighbors.Target, others []neighbors.Who) (neighbors.Target, []string) {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	if now := a.Renamed[to.User]; now != "" {
		to.User = now
	}
	for _, u := range a.People {
		if u.Name != to.User {
			continue
		}
		to.Online = u.Online && to.Session == ""
		for _, s := range u.Sessions {
			to.Online = to.Online || s.ID == to.Session && s.Online
		}
	}
	names := make([]string, 0, len(others))
	for _, w := range others {
		names = append(names, a.Names[w])
	}
	return to, names
}

func (a *Node) Say(to neighbors.Target, line string) (neighbors.Token, error) {
	a.Mu.Lock()
	if a.Full > 0 && len(a.Lines) >= a.Full {
		a.Mu.Unlock()
		return 0, neighbors.ErrOutboxFull
	}
	a.token++
	a.nextID++
	t := a.token
	a.Said = append(a.Said, to.User+": "+line)
	a.calls = append(a.calls, "say "+start(line))
	a.Lines = append(a.Lines, neighbors.OutboxLine{ID: a.nextID, To: to.User, State: neighbors.Sent, Sessions: 1, Bytes: len(line)})
	d := neighbors.Delivery{ID: a.nextID, To: to.User, State: neighbors.Sent, Sessions: 1, Token: t}
	a.Mu.Unlock()
	tell := func() {
		a.Sink(d)
		if a.OnSay != nil {
			a.OnSay(a, d)
		}
	}
	if a.Disk == 0 {
		tell()
		return t, nil
	}
	a.Mu.Lock()
	a.untold = append(a.untold, tell)
	a.Mu.Unlock()
	time.AfterFunc(a.Disk, func() { // in order, as a disk is
		a.telling.Lock()
		defer a.telling.Unlock()
		a.Mu.Lock()
		first := a.untold[0]
		a.untold = a.untold[1:]
		a.Mu.Unlock()
		first()
	})
	return t, nil
}

// start is as much of a line as one wants to read among other calls.
func start(line string) string {
	if len(line) <= 40 {
		return line
	}
	return line[:40] + "..."
}

// Deliver acknowledges a line.
func (a *Node) Deliver(d neighbors.Delivery) {
	a.Mu.Lock()
	for i, l := range a.Lines {
		if l.ID == d.ID {
			a.Lines = append(a.Lines[:i:i], a.Lines[i+1:]...)
			break
		}
	}
	a.Mu.Unlock()
	d.State, d.Acked = neighbors.Delivered, 1
	a.Sink(d)
}

func (a *Node) Users(f neighbors.Filter) []neighbors.UserView {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	var out []neighbors.UserView
	for _, u := range a.People {
		if f == neighbors.FilterAll || u.Online == (f == neighbors.FilterOnline) {
			out = append(out, u)
		}
	}
	return out
}

func (a *Node) Sessions(typed string) (neighbors.UserView, error) { return a.find(typed) }

func (a *Node) Prune(n int) int { a.record("prune %d", n); return 3 }

func (a *Node) Away(away bool) (bool, error) { return true, nil }

func (a *Node) Explode() (neighbors.Token, error) {
	a.record("explode")
	if a.Alone != nil {
		return 0, a.Alone
	}
	t := a.next()
	a.Sink(neighbors.Exploded{Token: t, Neighbors: 3, Reached: 2})
	return t, nil
}

func (a *Node) Verify(typed, fingerprint string) (neighbors.VerifyView, error) {
	a.record("verify %s %s", typed, fingerprint)
	u, err := a.find(typed)
	if err != nil {
		return neighbors.VerifyView{}, err
	}
	if fingerprint != "" && fingerprint != u.Fingerprint {
		return neighbors.VerifyView{}, errors.New("the fingerprints differ")
	}
	v := neighbors.VerifyView{User: u.Name, Fingerprint: u.Fingerprint, Mine: "k7f2-9qxd-m3ra-u5wt", Trust: u.Trust}
	if fingerprint != "" {
		v.Trust = "verified"
	}
	return v, nil
}

func (a *Node) Block(typed string, blocked bool) (string, error) {
	a.record("block %s %t", typed, blocked)
	u, err := a.find(typed)
	return u.Name, err
}

func (a *Node) Outbox() []neighbors.OutboxLine {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	return append([]neighbors.OutboxLine(nil), a.Lines...)
}

func (a *Node) Stats() []neighbors.Stat {
	return []neighbors.Stat{{Name: "datagrams_in", Value: 7}, {Name: "texts_delivered", Value: 1 << 60}}
}

func (a *Node) Contacts() []neighbors.Contact {
	a.record("contacts")
	return []neighbors.Contact{
		{Name: "ann", Fingerprint: "aaaa-bbbb-cccc-dddd", Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:6789")}},
		{Name: "bob", Fingerprint: "k7f2-bbbb-cccc-dddd"},
	}
}

func (a *Node) Presence() []neighbors.PresenceView {
	return []neighbors.PresenceView{{Source: "seed", Users: []string{"bob"}}, {Source: "file",
		Addrs: []netip.AddrPort{netip.MustParseAddrPort("[fe80::1%eth0]:6789")}}}
}

func (a *Node) Printed(receipts []uint64) {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	a.printed = append(a.printed, receipts...)
}

func (a *Node) Net() neighbors.NetView {
	at := netip.MustParseAddrPort("203.0.113.5:6789")
	return neighbors.NetView{
		Listen: []netip.AddrPort{netip.MustParseAddrPort("192.168.1.7:6789")}, Observed: []netip.AddrPort{at}, NAT: neighbors.NATHard,
		Seeds: []string{"seed"}, Limits: []neighbors.Stat{{Name: "relay_rate", Value: 3}},
		Ways: []neighbors.WayView{
			{User: "bob", Session: "7f3a000000000001", Path: "relay", Through: "seed", Addr: at, RTT: time.Millisecond, Why: "not answered yet"},
			{User: "carol", Session: "c000000000000003"},
		},
	}
}

// Receipts are those that were told as printed.
func (a *Node) Receipts() []uint64 {
	a.Mu.Lock()
	defer a.Mu.Unlock()
	return append([]uint64(nil), a.printed...)
}

func (a *Node) BlockAll() (int, error) {
	a.record("block all")
	return 2, nil
}

func (a *Node) Accept(typed string) (neighbors.AcceptView, error) {
	a.record("accept %s", typed)
	u, err := a.find(typed)
	return neighbors.AcceptView{User: u.Name, Fingerprint: u.Fingerprint, Trust: "pinned", Lines: 2}, err
}

func (a *Node) Strangers() neighbors.StrangersView {
	a.record("strangers")
	return a.Door
}
