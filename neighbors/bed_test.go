package neighbors_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/neighbors/nodetest"
	"darkchat/sessions/identity"
)

// bed runs whole nodes on an event heap: virtual time, replayed from its seed.
type bed struct {
	t     rapid.TB // of a test, or of one check of a property
	seed  uint64
	net   *simnet.Net
	now   time.Time
	nodes []*person
	limit int // steps, so that a run ends
	intro neighbors.Intro
	raws  []*raw
	cheap bool               // signatures cost nothing, and protect nothing
	spent map[netip.Addr]int // bytes that the nodes sent to each host
	// opened, if set, is told what each datagram said that came to a person.
	opened func(to *person, o dgram.Opened)
	// tapped, if set, is shown each datagram that arrives.
	tapped  func(simnet.Delivery)
	record  *nodetest.Record // of what leaves the nodes; nil: none is kept
	profile neighbors.Profile
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newBed(t *testing.T, seed uint64, p simnet.Profile) *bed {
	t.Helper()
	b := makeBed(t, seed, p)
	t.Cleanup(func() {
		if t.Failed() {
			b.report()
		}
	})
	return b
}

func makeBed(t rapid.TB, seed uint64, p simnet.Profile) *bed {
	return &bed{t: t, seed: seed, net: simnet.New(seed, p), now: epoch, limit: 5_000_000, spent: map[netip.Addr]int{}}
}

// report tells what a test that failed has seen.
func (b *bed) report() {
	b.t.Logf("seed %d; the end of the conversation:\n%s", b.seed, tail(b.net.Trace(), 90))
	for _, p := range b.nodes {
		b.t.Logf("%s saw %s", p.name, tail(fmt.Sprint(p.lines()), 40))
	}
}

func tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (b *bed) signatures() identity.Signatures {
	if b.cheap {
		return cheapSignatures{}
	}
	return identity.Ed25519{}
}

// reader gives repeatable randomness.
func reader(seed uint64) io.Reader {
	var s [32]byte
	binary.BigEndian.PutUint64(s[:], seed)
	return rand.NewChaCha8(s)
}

// join adds a person on an address of their own.
func (b *bed) join(name string, sources ...neighbors.Source) *person {
	b.t.Helper()
	i := len(b.nodes) + 1
	r := reader(b.seed<<16 + uint64(i))
	var seed [ed25519.SeedSize]byte
	io.ReadFull(r, seed[:])
	p := &person{
		bed: b, number: len(b.nodes), name: name, key: ed25519.NewKeyFromSeed(seed[:]), disk: nodetest.Disk{}, ids: 1,
		safe: map[uint64]bool{}, intro: b.intro,
		addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i), 7}), 6789), sources: sources,
	}
	io.ReadFull(r, p.session[:])
	p.machine = nodetest.Machine{Disk: p.write, Screen: p.saw, Read: p.read, Cable: p.send}
	b.nodes = append(b.nodes, p)
	p.start()
	return p
}

// step lets the next thing happen; false when nothing will before end.
func (b *bed) step(end time.Time) bool {
	if b.limit--; b.limit < 0 {
		b.t.Fatal("the run does not end")
	}
	at := b.net.Next()
	for _, p := range b.nodes {
		if p.node != nil && !p.next.IsZero() && (at.IsZero() || p.next.Before(at)) {
			at = p.next
		}
	}
	for _, r := range b.raws {
		if !r.next.IsZero() && (at.IsZero() || r.next.Before(at)) {
			at = r.next
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
		if b.tapped != nil {
			b.tapped(d)
		}
		for _, r := range b.raws {
			if r.addr == d.To {
				r.ep.Receive(b.now, r.ep.Opener().Open(b.now, d.From, netip.Addr{}, d.Bytes))
				r.turn()
			}
		}
		for _, p := range b.nodes {
			if p.addr == d.To && p.node != nil {
				o := p.opener.Open(b.now, d.From, netip.Addr{}, d.Bytes)
				if b.opened != nil {
					b.opened(p, o)
				}
				p.node.Receive(b.now, o)
				p.turn()
			}
		}
	}
	for _, r := range b.raws {
		r.turn()
	}
	for _, p := range b.nodes {
		if p.node != nil && !p.next.IsZero() && !p.next.After(b.now) {
			p.turn()
		}
	}
	return true
}

// run lets d of virtual time pass.
func (b *bed) run(d time.Duration) {
	for end := b.now.Add(d); b.step(end); {
	}
}

// until runs until f holds, at most d.
func (b *bed) until(d time.Duration, what string, f func() bool) {
	b.t.Helper()
	for end := b.now.Add(d); !f(); {
		if !b.step(end) && !f() {
			b.t.Fatalf("not within %v: %s", d, what)
		}
	}
}
