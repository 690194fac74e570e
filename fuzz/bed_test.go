package fuzz_test

import (
	"bytes"
	"container/heap"
	"flag"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/neighbors/nodetest"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

var tell = flag.Bool("tell", false, "log every datagram that a node gets and all that it shows")

// bed runs whole nodes and bare endpoints in virtual time over a network of which
// every datagram can be tampered with. A run is replayed exactly from its input;
// go test ./fuzz -run NAME -v -args -tell tells it.
type bed struct {
	t     *testing.T
	now   time.Time
	nodes []*person
	ends  []*end
	air   air
	sent  int // datagrams so far, which also orders those of one moment
	steps int // so that a run ends
	// fate decides what becomes of a datagram: one delay for each copy that
	// arrives. Nil: each arrives once.
	fate func(f flying) []time.Duration
	// seen is shown every datagram that is sent.
	seen func(f flying)
}

// flying is a datagram on its way.
type flying struct {
	at       time.Time
	number   int
	from, to netip.AddrPort
	bytes    []byte
}

const wireDelay = 10 * time.Millisecond

type air []flying

func (a air) Len() int { return len(a) }
func (a air) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].number < a[j].number
}
func (a air) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *air) Push(x any)   { *a = append(*a, x.(flying)) }
func (a *air) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func newBed(t *testing.T) *bed { return &bed{t: t, now: epoch} }

// person is a whole node with its disk and its screen.
type person struct {
	principal
	bed    *bed
	addr   netip.AddrPort
	node   *neighbors.Node // nil: not running
	opener *dgram.Opener
	next   time.Time
	disk   nodetest.Disk
	runs   uint64

	machine nodetest.Machine

	screen  []neighbors.Event
	show    func(neighbors.Event)
	printed []uint64 // on the screen, the node was not told yet
	told    []uint64 // the node was told, the mark is not stored yet
	mute    bool     // the screen stands still: nothing is reported as printed

	reported func(receipts []uint64)
	sealed   func(receipts []uint64)
	full     error // what the disk says to every write; nil: it takes them
	doom     int   // the node is killed at the doom-th point where it can be; 0: it is not
}

// join adds a person and starts the node.
func (b *bed) join(name string, number byte, addr string) *person {
	b.t.Helper()
	p := &person{principal: newPrincipal(b.t, name, number), bed: b, addr: netip.MustParseAddrPort(addr), disk: nodetest.Disk{}}
	p.machine = nodetest.Machine{
		Disk: p.write, Screen: p.shows, Read: p.receipts, Dies: p.dies,
		Cable: func(d dgram.Datagram) { b.send(p.addr, d.To, d.Bytes) },
	}
	b.nodes = append(b.nodes, p)
	p.start()
	return p
}

// bare adds an endpoint without a node.
func (b *bed) bare(name string, number byte, addr string) *end {
	b.t.Helper()
	e := newEnd(b.t, newPrincipal(b.t, name, number), addr, b.now)
	b.ends = append(b.ends, e)
	return e
}

func (p *person) start() {
	p.bed.t.Helper()
	// As after a kill: what was reserved before is skipped.
	p.runs++
	seq := uint64(epoch.UnixMilli()) + p.runs<<20
	node, err := neighbors.New(neighbors.Config{
		Key: p.key, Name: p.name, Session: p.private, Random: chance(uint64(p.public[0])<<32 + p.runs),
		Load: p.disk.Load, Listen: []netip.AddrPort{p.addr},
		IDs: store.Range{First: p.runs << 20, Limit: (p.runs + 1) << 20}, Seqs: store.Range{First: seq, Limit: seq + 1<<20},
	}, p.bed.now)
	if err != nil {
		p.bed.t.Fatalf("%s does not start on what was stored: %v", p.name, err)
	}
	p.node, p.opener, p.doom = node, node.Opener(), 0
	p.printed, p.told = nil, nil
	p.turn()
}

// kill ends the node as SIGKILL would: what was stored stays.
func (p *person) kill() { p.node, p.next, p.doom = nil, time.Time{}, 0 }

// dies is called at every point where a kill makes a difference.
func (p *person) dies() bool {
	if p.doom == 0 {
		return false
	}
	if p.doom--; p.doom > 0 {
		return false
	}
	p.kill()
	return true
}

// turn does everything that is ready as the loop does: write, show, send.
func (p *person) turn() {
	p.bed.t.Helper()
	if p.node == nil {
		return
	}
	next, err := p.machine.Turn(p.node, p.bed.now)
	if err != nil {
		p.bed.t.Fatalf("%s %v", p.name, err)
	}
	if p.node != nil {
		p.next = next
	}
}

// write puts a batch on the disk.
func (p *person) write(batch []kv.Write) error {
	if p.full != nil {
		return p.full
	}
	p.disk.Write(batch)
	if p.sealed != nil {
		p.sealed(p.told)
	}
	p.told = nil
	return nil
}

// shows puts an event on the screen.
func (p *person) shows(e neighbors.Event) {
	p.screen = append(p.screen, e)
	if *tell {
		p.bed.t.Logf("%v %s sees %T%+v", p.bed.now.Sub(epoch), p.name, e, e)
	}
	if p.show != nil {
		p.show(e)
	}
	if m, ok := e.(neighbors.Incoming); ok {
		p.printed = append(p.printed, m.Receipt)
	}
}

// receipts gives those of what was printed, unless the screen stands still.
func (p *person) receipts() (list []uint64) {
	if len(p.printed) == 0 || p.mute {
		return nil
	}
	if p.reported != nil {
		p.reported(p.printed)
	}
	list, p.printed = p.printed, nil
	p.told = append(p.told, list...)
	return list
}

// send puts a datagram on its way.
func (b *bed) send(from, to netip.AddrPort, datagram []byte) {
	if len(datagram) == 0 || len(datagram) > wire.MaxDatagram {
		b.t.Fatalf("%v sends %d bytes", from, len(datagram))
	}
	f := flying{number: b.sent, from: from, to: to, bytes: bytes.Clone(datagram)}
	b.sent++
	if b.seen != nil {
		b.seen(f)
	}
	delays := []time.Duration{0}
	if b.fate != nil {
		delays = b.fate(f)
	}
	for _, d := range delays {
		f.at = b.now.Add(wireDelay + d)
		heap.Push(&b.air, f)
	}
}

// deliver hands a datagram over now, from whatever address.
func (b *bed) deliver(from, to netip.AddrPort, datagram []byte) {
	b.t.Helper()
	for _, p := range b.nodes {
		if p.addr == to && p.node != nil {
			o := p.opener.Open(b.now, from, netip.Addr{}, bytes.Clone(datagram))
			if *tell {
				b.t.Logf("%v %s gets %s", b.now.Sub(epoch), p.name, o.Summary())
			}
			p.node.Receive(b.now, o)
			p.turn()
		}
	}
	for _, e := range b.ends {
		if e.addr == to {
			e.ep.Receive(b.now, e.ep.Opener().Open(b.now, from, netip.Addr{}, bytes.Clone(datagram)))
			b.turn(e)
		}
	}
}

func (b *bed) turn(e *end) {
	out, _ := e.turn(b.now)
	for _, d := range out {
		b.send(e.addr, d.To, d.Bytes)
	}
}

// step lets the next thing happen; false: nothing will before end.
func (b *bed) step(end time.Time) bool {
	b.t.Helper()
	if b.steps++; b.steps > 200_000 {
		b.t.Fatal("the run does not end")
	}
	var at time.Time
	if len(b.air) > 0 {
		at = b.air[0].at
	}
	for _, p := range b.nodes {
		at = earliest(at, p.next)
	}
	for _, e := range b.ends {
		at = earliest(at, e.next)
	}
	if at.IsZero() || at.After(end) {
		b.now = later(b.now, end)
		return false
	}
	b.now = later(b.now, at)
	for len(b.air) > 0 && !b.air[0].at.After(b.now) {
		f := heap.Pop(&b.air).(flying)
		b.deliver(f.from, f.to, f.bytes)
	}
	for _, p := range b.nodes {
		if p.node != nil && !p.next.IsZero() && !p.next.After(b.now) {
			p.turn()
		}
	}
	for _, e := range b.ends {
		if !e.next.IsZero() && !e.next.After(b.now) {
			b.turn(e)
		}
	}
	return true
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// run lets d of virtual time pass.
func (b *bed) run(d time.Duration) {
	b.t.Helper()
	for end := b.now.Add(d); b.step(end); {
	}
}

// until runs until f holds, at most d.
func (b *bed) until(d time.Duration, what string, f func() bool) {
	b.t.Helper()
	for end := b.now.Add(d); !f(); {
		if !b.step(end) && !f() {
			for _, p := range b.nodes {
				b.t.Logf("%s saw %s", p.name, p.lines())
			}
			b.t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// meet has p ping q and waits until each sees the other.
func (p *person) meet(q *person) {
	p.bed.t.Helper()
	if _, err := p.node.Ping(p.bed.now, q.addr); err != nil {
		p.bed.t.Fatal(err)
	}
	p.turn()
	p.bed.until(10*time.Second, p.name+" meets "+q.name, func() bool { return p.sees(q.name) && q.sees(p.name) })
}

func (p *person) sees(name string) bool {
	for _, u := range p.node.Users(neighbors.FilterOnline) {
		if u.Name == name {
			return true
		}
	}
	return false
}

// say types a line to somebody known.
func (p *person) say(to, text string) neighbors.Token {
	p.bed.t.Helper()
	target, err := p.node.Chat(p.bed.now, to)
	if err != nil {
		p.bed.t.Fatalf("%s cannot chat with %s: %v", p.name, to, err)
	}
	token, err := p.node.Say(p.bed.now, target, text)
	if err != nil {
		p.bed.t.Fatalf("%s cannot say something: %v", p.name, err)
	}
	p.turn()
	return token
}

// read lists the texts on the screen.
func (p *person) read() (list []string) {
	for _, e := range p.screen {
		if m, ok := e.(neighbors.Incoming); ok {
			list = append(list, m.Text)
		}
	}
	return list
}

func (p *person) lines() (list []string) {
	for _, e := range p.screen[max(0, len(p.screen)-30):] {
		list = append(list, fmt.Sprintf("%T%+v\n", e, e))
	}
	return list
}
