package neighbors_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/neighbors/nodetest"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

// person is a node with its disk and its screen.
type person struct {
	bed     *bed
	number  int // of the bed's nodes
	name    string
	addr    netip.AddrPort
	key     ed25519.PrivateKey
	session [32]byte
	seed    bool
	sources []neighbors.Source
	nowhere bool // stores nothing
	links   []netip.Prefix
	door    neighbors.DoorPolicy
	intro   neighbors.Intro

	node   *neighbors.Node
	opener *dgram.Opener
	next   time.Time
	disk   nodetest.Disk
	ids    uint64
	seqs   uint64

	self  string      // the session, as it is told
	named wire.PeerID // the session, of this key
	of    [32]byte

	screen  []neighbors.Event
	at      []time.Time // of each
	mute    bool        // does not print: texts stay unprinted
	away    bool        // what its user said last
	full    error
	slow    func() time.Duration // how long a write takes; nil: no time
	machine nodetest.Machine
	safe    map[uint64]bool // own lines that were ever on the disk
	lax     bool            // what is told may not be on the disk: it stores nothing, or was full once
	printed []uint64
	sent    int // bytes
	sends   int // datagrams
}

// second adds another session of the same user.
func (p *person) second() *person {
	q := p.bed.join(p.name)
	q.key, q.disk = p.key, nodetest.Disk{}
	q.start()
	return q
}

func (p *person) start() {
	p.bed.t.Helper()
	p.seqs = max(p.seqs+1024, uint64(p.bed.now.UnixMilli()))
	p.ids += 1 << 20
	cfg := neighbors.Config{
		Key: p.key, Name: p.name, Session: p.session, Seed: p.seed, Sources: p.sources,
		Random: reader(p.bed.seed ^ p.seqs ^ uint64(p.key.Public().(ed25519.PublicKey)[0])<<48), Load: p.disk.Load, Listen: []netip.AddrPort{p.addr},
		Profile: p.bed.profile, Door: p.door, Intro: p.intro, Interfaces: p.links, Unstored: p.nowhere, IDs: store.Range{First: p.ids, Limit: 1 << 50}, Seqs: store.Range{First: p.seqs, Limit: 1 << 50},
	}
	if p.bed.cheap {
		cfg.Crypto = &neighbors.Crypto{Signatures: p.bed.signatures()}
	}
	node, err := neighbors.New(cfg, p.bed.now)
	if err != nil {
		p.bed.t.Fatal(err)
	}
	p.node, p.opener, p.printed, p.full = node, node.Opener(), nil, nil
	p.self = node.Self().Session
	p.turn()
}

// kill ends the node as SIGKILL would: the disk stays.
func (p *person) kill() {
	p.node = nil
	p.machine.Reset()
}

// write puts a batch on the disk.
func (p *person) write(batch []kv.Write) error {
	p.lax = p.lax || p.full != nil || p.nowhere
	if p.full != nil {
		return p.full
	}
	p.disk.Write(batch)
	if r := p.bed.record; r != nil {
		r.Wrote(p.number, p.bed.now, batch)
	}
	for _, w := range batch {
		if w.Value != nil && w.Bucket == kv.BucketOutbox && len(w.Key) == 8 {
			p.safe[binary.BigEndian.Uint64(w.Key)] = true
		}
	}
	return nil
}

// read gives the receipts of what was printed.
func (p *person) read() (receipts []uint64) {
	receipts, p.printed = p.printed, nil
	return receipts
}

// send puts a datagram on the net.
func (p *person) send(d dgram.Datagram) {
	p.sent += len(d.Bytes)
	p.sends++
	if r := p.bed.record; r != nil {
		r.Sent(p.number, p.bed.now, d)
	}
	p.bed.spent[d.To.Addr()] += len(d.Bytes)
	p.bed.net.Send(p.bed.now, p.addr, d.To, d.Bytes)
}

// saw checks an event: a line of which the person is told, or that somebody read, must be on its
// writer's disk.
func (p *person) saw(e neighbors.Event) {
	p.bed.t.Helper()
	p.screen, p.at = append(p.screen, e), append(p.at, p.bed.now)
	if r := p.bed.record; r != nil {
		r.Shown(p.number, p.bed.now, e)
	}
	switch e := e.(type) {
	case neighbors.Delivery:
		if !p.lax && !p.nowhere && !p.safe[e.ID] && e.State != neighbors.Undelivered {
			p.bed.t.Fatalf("%s is told that %d is %s, and it is not on the disk", p.name, e.ID, e.State)
		}
	case neighbors.Incoming:
		for _, from := range p.bed.nodes {
			if from.self == e.Session && !from.lax && !from.nowhere && !from.safe[e.ID] {
				p.bed.t.Fatalf("%s reads %q, which is not on the disk of %s", p.name, e.Text, from.name)
			}
		}
		if !p.mute {
			p.printed = append(p.printed, e.Receipt)
		}
	}
}

// turn does everything that is ready, as the loop does.
func (p *person) turn() {
	p.bed.t.Helper()
	if p.node == nil {
		return
	}
	p.machine.Wait = p.slow
	next, err := p.machine.Turn(p.node, p.bed.now)
	if err != nil {
		p.bed.t.Fatalf("%s %v", p.name, err)
	}
	p.next = next
}

// do asks the node for something.
func do[T any](p *person, f func(now time.Time, n *neighbors.Node) (T, error)) T {
	p.bed.t.Helper()
	v, err := f(p.bed.now, p.node)
	if err != nil {
		p.bed.t.Fatalf("%s: %v", p.name, err)
	}
	p.turn()
	return v
}

func (p *person) ping(q *person) {
	p.bed.t.Helper()
	do(p, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Ping(now, q.addr) })
}

func (p *person) say(to, line string) {
	p.bed.t.Helper()
	target := do(p, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, to) })
	do(p, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Say(now, target, line) })
}

// accepts lets in somebody who may be new.
func (p *person) accepts(name string) neighbors.AcceptView {
	p.bed.t.Helper()
	return do(p, func(now time.Time, n *neighbors.Node) (neighbors.AcceptView, error) { return n.Accept(now, name) })
}

// meet has p ping q and waits for the pong.
func (p *person) meet(q *person) {
	p.bed.t.Helper()
	before := count[neighbors.Pong](p)
	for range 5 {
		p.ping(q)
		p.bed.run(time.Second)
		if count[neighbors.Pong](p) > before && q.sees(p.name) {
			return
		}
		p.bed.run(4 * time.Second)
	}
	p.bed.until(time.Second, p.name+" meets "+q.name, func() bool { return count[neighbors.Pong](p) > before && q.sees(p.name) })
}

func (p *person) sees(name string) bool {
	for _, u := range p.node.Users(neighbors.FilterOnline) {
		if u.Name == name {
			return true
		}
	}
	return false
}

func count[E neighbors.Event](p *person) (n int) {
	for _, e := range p.screen {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}

func all[E neighbors.Event](p *person) (list []E) {
	for _, e := range p.screen {
		if v, ok := e.(E); ok {
			list = append(list, v)
		}
	}
	return list
}

func (p *person) texts() (list []string) {
	for _, m := range all[neighbors.Incoming](p) {
		list = append(list, m.Text)
	}
	return list
}

func (p *person) lines() (list []string) {
	for _, e := range p.screen {
		list = append(list, fmt.Sprintf("%T%+v\n", e, e))
	}
	return list
}

// last is the newest delivery of the last line.
func (p *person) last() neighbors.Delivery {
	d := all[neighbors.Delivery](p)
	if len(d) == 0 {
		return neighbors.Delivery{}
	}
	return d[len(d)-1]
}

// movedFrom is a new address for a person who moved house.
func movedFrom(p *person) netip.AddrPort {
	a := p.addr.Addr().As4()
	a[1]++
	return netip.AddrPortFrom(netip.AddrFrom4(a), p.addr.Port())
}
