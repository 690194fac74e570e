package lan_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/neighbors/lan"
	"darkchat/neighbors/nodetest"
	"darkchat/sessions/store"
)

// bed runs whole nodes on segments of an event heap: virtual time, replayed from
// its seed.
type bed struct {
	t     *testing.T
	seed  uint64
	net   *simnet.Net
	now   time.Time
	hosts []*host
	limit int
	// seen is told of every datagram sent.
	seen func(from, to netip.AddrPort, b []byte)
}

// host is a node with one chat socket and an address on each of its links.
type host struct {
	bed      *bed
	name     string
	port     uint16
	links    []lan.Interface
	segments []string       // of each link
	guests   []netip.Prefix // our addresses where only machines inside this one are
	source   *lan.Source
	node     *neighbors.Node
	opener   *dgram.Opener
	next     time.Time
	screen   []neighbors.Event
	lives    int
	machine  nodetest.Machine // without a disk; nobody reads
}

func newBed(t *testing.T, seed uint64, p simnet.Profile) *bed {
	b := &bed{t: t, seed: seed, net: simnet.New(seed, p), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), limit: 3_000_000}
	t.Cleanup(func() {
		if t.Failed() {
			lines := strings.Split(b.net.Trace(), "\n")
			t.Logf("seed %d; the end of the conversation:\n%s", seed, strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	})
	return b
}

// join starts a node with an address, IPv4 and IPv6, on each of the segments.
func (b *bed) join(name string, segments ...string) *host {
	b.t.Helper()
	h := &host{bed: b, name: name, port: 6789, segments: segments, source: lan.New()}
	h.machine = nodetest.Machine{Cable: h.send, Screen: func(e neighbors.Event) { h.screen = append(h.screen, e) }}
	n := byte(len(b.hosts) + 1)
	for i, s := range segments {
		v6 := netip.AddrFrom16([16]byte{0: 0xfd, 7: s[0], 15: n})
		h.links = append(h.links, lan.Interface{
			Index: i + 1, Multicast: true, Broadcast: true,
			Prefixes: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, s[0], 0, n}), 20), netip.PrefixFrom(v6, 64)},
		})
		for _, p := range h.links[i].Prefixes {
			h.plug(s, p)
		}
	}
	b.hosts = append(b.hosts, h)
	h.start()
	return h
}

// plug has one address hear the group of its family, and broadcasts.
func (h *host) plug(segment string, p netip.Prefix) {
	group := lan.Group6
	if p.Addr().Is4() {
		group = lan.Group4
		h.bed.net.Join(segment, netip.AddrPortFrom(neighbors.Broadcast(p), lan.Port), p.Addr())
	}
	h.bed.net.Join(segment, group, p.Addr())
}

func (h *host) surroundings() (s neighbors.LocalNetwork) {
	for _, l := range h.links {
		for _, p := range l.Prefixes {
			s.Interfaces = append(s.Interfaces, p)
			s.Listen = append(s.Listen, netip.AddrPortFrom(p.Addr(), h.port))
		}
	}
	for _, p := range h.guests {
		s.Interfaces, s.Guests = append(s.Interfaces, p), append(s.Guests, p)
		s.Listen = append(s.Listen, netip.AddrPortFrom(p.Addr(), h.port))
	}
	s.Outlets = lan.Outlets(h.links, true, true)
	return s
}

// start begins a run of the program: a new session each time, nothing remembered.
func (h *host) start() {
	h.bed.t.Helper()
	h.lives++
	var s [32]byte
	binary.BigEndian.PutUint64(s[:], h.bed.seed<<20+uint64(slices.Index(h.bed.hosts, h))<<8+uint64(h.lives))
	r := rand.NewChaCha8(s)
	var key, session [32]byte
	io.ReadFull(r, key[:])
	io.ReadFull(r, session[:])
	around := h.surroundings()
	h.source = lan.New()
	node, err := neighbors.New(neighbors.Config{
		Key: ed25519.NewKeyFromSeed(key[:]), Name: h.name, Session: session, Random: r,
		IDs: store.Range{First: 1, Limit: 1 << 50}, Seqs: store.Range{First: 1, Limit: 1 << 50},
		Listen: around.Listen, Interfaces: around.Interfaces, Outlets: around.Outlets,
		Sources: []neighbors.Source{h.source},
	}, h.bed.now)
	if err != nil {
		h.bed.t.Fatal(err)
	}
	h.node, h.opener = node, node.Opener()
	h.turn()
}

// rewired tells the node what became of its interfaces.
func (h *host) rewired() {
	if h.node.SetLocalNetwork(h.bed.now, h.surroundings()) {
		h.source.Changed()
		h.node.WakeSource("lan")
	}
	h.turn()
}

// from is the address that the system would send d from.
func (h *host) from(d dgram.Datagram) netip.AddrPort {
	for i, l := range h.links {
		for _, p := range l.Prefixes {
			to := d.To.Addr().WithZone("")
			if p.Addr().Is4() == to.Is4() && (d.Local == p.Addr() || !d.Local.IsValid() && (d.Interface == i+1 || p.Contains(to))) {
				return netip.AddrPortFrom(p.Addr(), h.port)
			}
		}
	}
	if d.Interface > 0 {
		return netip.AddrPort{}
	}
	for _, l := range h.links { // by a router
		for _, p := range l.Prefixes {
			if p.Addr().Is4() == d.To.Addr().Is4() {
				return netip.AddrPortFrom(p.Addr(), h.port)
			}
		}
	}
	return netip.AddrPort{}
}

// turn does everything that is ready, as the loop does.
func (h *host) turn() {
	h.bed.t.Helper()
	if h.node == nil {
		return
	}
	next, err := h.machine.Turn(h.node, h.bed.now)
	if err != nil {
		h.bed.t.Fatalf("%s %v", h.name, err)
	}
	h.next = next
}

// send puts a datagram on the segment that the system would choose.
func (h *host) send(d dgram.Datagram) {
	from := h.from(d)
	if !from.IsValid() {
		return
	}
	if h.bed.seen != nil {
		h.bed.seen(from, d.To, d.Bytes)
	}
	h.bed.net.Send(h.bed.now, from, d.To, d.Bytes)
}

// at returns the host with that address.
func (b *bed) at(a netip.Addr) *host {
	for _, h := range b.hosts {
		for _, l := range h.links {
			for _, p := range l.Prefixes {
				if p.Addr() == a {
					return h
				}
			}
		}
	}
	return nil
}

func (b *bed) step(end time.Time) bool {
	if b.limit--; b.limit < 0 {
		b.t.Fatal("the run does not end")
	}
	at := b.net.Next()
	for _, h := range b.hosts {
		if h.node != nil && !h.next.IsZero() && (at.IsZero() || h.next.Before(at)) {
			at = h.next
		}
	}
	if at.IsZero() || at.After(end) {
		b.now = end
		return false
	}
	if at.After(b.now) {
		b.now = at
	}
	for _, d := range b.net.Deliver(b.now) {
		if h := b.at(d.To.Addr()); h != nil && h.node != nil {
			switch d.To.Port() {
			case h.port:
				h.node.Receive(b.now, h.opener.Open(b.now, d.From, d.To.Addr(), d.Bytes))
			case lan.Port:
				h.node.Receive(b.now, h.opener.OpenAnnouncement(b.now, d.From, d.Bytes))
			}
			h.turn()
		}
	}
	for _, h := range b.hosts {
		if h.node != nil && !h.next.IsZero() && !h.next.After(b.now) {
			h.turn()
		}
	}
	return true
}

func (b *bed) run(d time.Duration) {
	for end := b.now.Add(d); b.step(end); {
	}
}

func (b *bed) until(d time.Duration, what string, f func() bool) {
	b.t.Helper()
	for end := b.now.Add(d); !f(); {
		if !b.step(end) && !f() {
			b.t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// met says that everybody was told, once, that each other is online, and sees them online.
func (b *bed) met() bool {
	for _, h := range b.hosts {
		if h.node != nil && len(h.node.Users(neighbors.FilterOnline)) != len(b.hosts)-1 {
			return false
		}
	}
	return true
}

func count[E neighbors.Event](h *host) (n int) {
	for _, e := range h.screen {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}
