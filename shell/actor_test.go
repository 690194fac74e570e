package shell

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"darkchat/neighbors"
)

// actor is a Node that plays a script: what it is asked is written down, what it
// answers is set by the test.
type actor struct {
	mu      sync.Mutex
	sink    func(neighbors.Event)
	calls   []string // what was asked, in order
	said    []string
	printed []uint64
	token   neighbors.Token
	people  []neighbors.UserView
	lines   []neighbors.OutboxLine
	nextID  uint64
	past    neighbors.Past
	door    neighbors.StrangersView
	renamed map[string]string
	names   map[neighbors.Who]string

	onPing  func(a *actor, token neighbors.Token, addr netip.AddrPort)
	onAdd   func(a *actor, token neighbors.Token, name string)
	onSay   func(a *actor, d neighbors.Delivery) // after it was queued
	disk    time.Duration                        // until a line is stored and told of
	untold  []func()
	telling sync.Mutex
	full    int // lines the outbox holds; 0: any number
}

func (a *actor) record(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, fmt.Sprintf(format, args...))
}

func (a *actor) asked() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.calls, "; ")
}

func (a *actor) next() neighbors.Token {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token++
	return a.token
}

func (a *actor) Self() neighbors.Self {
	return neighbors.Self{Name: "ann", Session: "00112233aabbccdd", Fingerprint: "k7f2-9qxd-m3ra-u5wt",
		Listen: []netip.AddrPort{netip.MustParseAddrPort("192.168.1.7:6789")}}
}

func (a *actor) History(q neighbors.Search) (neighbors.Past, error) {
	a.record("history %+v", q)
	past := a.past
	if q.User != "" {
		u, err := a.find(q.User)
		if err != nil {
			return neighbors.Past{}, err
		}
		past.User = u.Name
	}
	return past, nil
}

func (a *actor) Status(typed string) (neighbors.OutboxLine, error) {
	a.record("status %q", typed)
	return a.lines[0], nil
}

func (a *actor) Cancel(typed string) (neighbors.OutboxLine, error) {
	a.record("cancel %q", typed)
	l := a.lines[0]
	l.State, l.Reason, l.Waiting = neighbors.Undelivered, "cancelled", nil
	return l, nil
}

func (a *actor) Ping(addr netip.AddrPort) (neighbors.Token, error) {
	a.record("ping %s", addr)
	t := a.next()
	if a.onPing != nil {
		a.onPing(a, t, addr)
	}
	return t, nil
}

func (a *actor) PingUser(typed string) (neighbors.Token, error) {
	a.record("ping user %s", typed)
	t := a.next()
	if a.onPing != nil {
		a.onPing(a, t, netip.AddrPort{})
	}
	return t, nil
}

func (a *actor) Add(name, fingerprint string) (neighbors.Token, error) {
	a.record("add %s", strings.TrimSpace(name+" "+fingerprint))
	t := a.next()
	if a.onAdd != nil {
		a.onAdd(a, t, name)
	}
	return t, nil
}

func (a *actor) find(typed string) (neighbors.UserView, error) {
	name, _, _ := strings.Cut(typed, "/")
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range a.people {
		if u.Name == name {
			return u, nil
		}
	}
	if name == "ann" { // see Self
		return neighbors.UserView{}, fmt.Errorf("%s is you (%w)", typed, neighbors.ErrYourself)
	}
	return neighbors.UserView{}, fmt.Errorf("no user called %s is known here", typed)
}

func (a *actor) Resolve(typed string) (neighbors.Target, error) {
	a.record("resolve %s", typed)
	u, err := a.find(typed)
	if err != nil {
		return neighbors.Target{}, err
	}
	_, session, _ := strings.Cut(typed, "/")
	return neighbors.Target{User: u.Name, Session: session, Online: u.Online}, nil
}

// Renew follows a.renamed, by what somebody was called before.
func (a *actor) Renew(to neighbors.Target, others []neighbors.Who) (neighbors.Target, []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.renamed[to.User]; now != "" {
		to.User = now
	}
	for _, u := range a.people {
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
		names = append(names, a.names[w])
	}
	return to, names
}

func (a *actor) Say(to neighbors.Target, line string) (neighbors.Token, error) {
	a.mu.Lock()
	if a.full > 0 && len(a.lines) >= a.full {
		a.mu.Unlock()
		return 0, neighbors.ErrOutboxFull
	}
	a.token++
	a.nextID++
	t := a.token
	a.said = append(a.said, to.User+": "+line)
	a.calls = append(a.calls, "say "+cut(line, 40))
	a.lines = append(a.lines, neighbors.OutboxLine{ID: a.nextID, To: to.User, State: neighbors.Sent, Sessions: 1, Bytes: len(line)})
	d := neighbors.Delivery{ID: a.nextID, To: to.User, State: neighbors.Sent, Sessions: 1, Token: t}
	a.mu.Unlock()
	tell := func() {
		a.sink(d)
		if a.onSay != nil {
			a.onSay(a, d)
		}
	}
	if a.disk == 0 {
		tell()
		return t, nil
	}
	a.mu.Lock()
	a.untold = append(a.untold, tell)
	a.mu.Unlock()
	time.AfterFunc(a.disk, func() { // in order, as a disk is
		a.telling.Lock()
		defer a.telling.Unlock()
		a.mu.Lock()
		first := a.untold[0]
		a.untold = a.untold[1:]
		a.mu.Unlock()
		first()
	})
	return t, nil
}

// deliver acknowledges a line.
func (a *actor) deliver(d neighbors.Delivery) {
	a.mu.Lock()
	for i, l := range a.lines {
		if l.ID == d.ID {
			a.lines = append(a.lines[:i:i], a.lines[i+1:]...)
			break
		}
	}
	a.mu.Unlock()
	d.State, d.Acked = neighbors.Delivered, 1
	a.sink(d)
}

func (a *actor) Users(f neighbors.Filter) []neighbors.UserView {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []neighbors.UserView
	for _, u := range a.people {
		if f == neighbors.FilterAll || u.Online == (f == neighbors.FilterOnline) {
			out = append(out, u)
		}
	}
	return out
}

func (a *actor) Sessions(typed string) (neighbors.UserView, error) { return a.find(typed) }

func (a *actor) Prune(n int) int { a.record("prune %d", n); return 3 }

func (a *actor) Away(away bool) (bool, error) { return true, nil }

func (a *actor) Explode() (neighbors.Token, error) {
	a.record("explode")
	t := a.next()
	a.sink(neighbors.Exploded{Token: t, Neighbors: 3, Reached: 2})
	return t, nil
}

func (a *actor) Verify(typed, fingerprint string) (neighbors.VerifyView, error) {
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

func (a *actor) Block(typed string, blocked bool) (string, error) {
	a.record("block %s %t", typed, blocked)
	u, err := a.find(typed)
	return u.Name, err
}

func (a *actor) Outbox() []neighbors.OutboxLine {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]neighbors.OutboxLine(nil), a.lines...)
}

func (a *actor) Stats() []neighbors.Stat {
	return []neighbors.Stat{{Name: "datagrams_in", Value: 7}, {Name: "texts_delivered", Value: 1 << 60}}
}

func (a *actor) Contacts() []neighbors.Contact {
	a.record("contacts")
	return []neighbors.Contact{
		{Name: "ann", Fingerprint: "aaaa-bbbb-cccc-dddd", Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:6789")}},
		{Name: "bob", Fingerprint: "k7f2-bbbb-cccc-dddd"},
	}
}

func (a *actor) Presence() []neighbors.PresenceView {
	return []neighbors.PresenceView{{Source: "seed", Users: []string{"bob"}}, {Source: "file",
		Addrs: []netip.AddrPort{netip.MustParseAddrPort("[fe80::1%eth0]:6789")}}}
}

func (a *actor) Printed(receipts []uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.printed = append(a.printed, receipts...)
}

func (a *actor) Net() neighbors.NetView {
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

// bob and carol are whom the actor knows: bob is online in two sessions.
func bob() neighbors.UserView {
	at := netip.MustParseAddrPort("127.0.0.1:7002")
	return neighbors.UserView{Name: "bob", Fingerprint: "aaaa-bbbb-cccc-dddd", Online: true, State: neighbors.Online, Trust: "pinned",
		Sessions: []neighbors.SessionView{
			{ID: "7f3a000000000001", Addr: at, Online: true, State: neighbors.Online, LastHeard: noon},
			{ID: "9b00000000000002", State: neighbors.Offline},
		}}
}

func carol() neighbors.UserView {
	return neighbors.UserView{Name: "carol", Fingerprint: "eeee-ffff-gggg-hhhh", State: neighbors.Offline, Trust: "verified",
		Sessions: []neighbors.SessionView{{ID: "c000000000000003", State: neighbors.Offline, LastHeard: noon}}}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)

// receipts are those that were told as printed.
func (a *actor) receipts() []uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]uint64(nil), a.printed...)
}

func (a *actor) BlockAll() (int, error) {
	a.record("block all")
	return 2, nil
}

func (a *actor) Accept(typed string) (neighbors.AcceptView, error) {
	a.record("accept %s", typed)
	u, err := a.find(typed)
	return neighbors.AcceptView{User: u.Name, Fingerprint: u.Fingerprint, Trust: "pinned", Lines: 2}, err
}

func (a *actor) Strangers() neighbors.StrangersView {
	a.record("strangers")
	return a.door
}
