package dgram

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// began is when the tests of the core begin.
var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// source is a repeatable source of randomness.
func source(seed uint64) *rand.ChaCha8 {
	var b [32]byte
	binary.BigEndian.PutUint64(b[:], seed)
	return rand.NewChaCha8(b)
}

// testRecord stands for a signed one: user, static, seq, and a mark that testCheck
// asks for instead of a signature.
func testRecord(user byte, static []byte, seq uint64) []byte {
	r := append([]byte("signed"), make([]byte, 32)...)
	r[6] = user
	r = append(r, static...)
	return binary.BigEndian.AppendUint64(r, seq)
}

func testCheck(record, static []byte) (p Peer, err error) {
	if len(record) != 78 || string(record[:6]) != "signed" {
		return p, errors.New("not signed")
	}
	p.User, p.Static = [32]byte(record[6:38]), [32]byte(record[38:70])
	p.Seq = binary.BigEndian.Uint64(record[70:])
	if p.Static != [32]byte(static) {
		return p, errors.New("another session's record")
	}
	h := sha256.Sum256(record[6:70])
	p.ID = wire.PeerID(h[:8])
	return p, nil
}

// node is an Endpoint with its address and what came out of it.
type node struct {
	t *testing.T
	*Endpoint
	config Config
	addr   netip.AddrPort
	events []Event
	wakeAt time.Time
	settle bool // answers every message at once
}

func newNode(t *testing.T, number byte, addr string) *node {
	return newNodeWith(t, number, addr, func(*Config) {})
}

func newNodeWith(t *testing.T, number byte, addr string, change func(*Config)) *node {
	t.Helper()
	n := &node{t: t, addr: netip.MustParseAddrPort(addr), settle: true}
	n.config = Config{Check: testCheck, Random: source(uint64(number))}
	n.config.Private[0], n.config.Private[5] = 8, number // X25519 ignores the lowest bits
	n.config.Record = testRecord(number, public(t, n.config.Private), 100)
	change(&n.config)
	n.restart()
	return n
}

func public(t *testing.T, private [32]byte) []byte {
	t.Helper()
	k, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		t.Fatal(err)
	}
	return k.PublicKey().Bytes()
}

// restart forgets everything but the keys.
func (n *node) restart() {
	n.t.Helper()
	e, err := New(n.config, began)
	if err != nil {
		n.t.Fatal(err)
	}
	n.Endpoint, n.wakeAt = e, time.Time{}
}

// count returns how many of the node's events are of type E.
func count[E Event](n *node) (c int) {
	for _, v := range n.events {
		if _, ok := v.(E); ok {
			c++
		}
	}
	return c
}

// last returns the node's last event of type E.
func last[E Event](n *node) (found E) {
	n.t.Helper()
	for _, v := range n.events {
		if e, ok := v.(E); ok {
			found = e
		}
	}
	return found
}

// texts returns the texts that were received, in order.
func (n *node) texts() string {
	var s []string
	for _, v := range n.events {
		if r, ok := v.(Received); ok {
			if t, ok := r.Message.Body.(wire.Text); ok {
				s = append(s, t.Text)
			}
		}
	}
	return strings.Join(s, " ")
}

func (n *node) want() []Peer { return []Peer{n.self} }

func text(id uint64, s string) wire.Message {
	return wire.Message{ID: id, Body: wire.Text{Prev: id - 1, Parts: 1, Text: s}}
}

// flying is a datagram on its way.
type flying struct {
	from, to netip.AddrPort
	bytes    []byte
	at       time.Time
}

func (f flying) kind() wire.PacketKind {
	p, err := wire.ParsePacket(f.bytes)
	if err != nil {
		return 0
	}
	return p.Kind
}

// network moves datagrams between nodes. Each takes delay. Whatever pass says no to
// is lost; it may also add to queue.
type network struct {
	t     *testing.T
	now   time.Time
	nodes []*node
	queue []flying
	delay time.Duration
	pass  func(f flying) bool
	trace []string
}

func newNetwork(t *testing.T, nodes ...*node) *network {
	w := &network{t: t, now: began, nodes: nodes, delay: 10 * time.Millisecond, pass: func(flying) bool { return true }}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("\n" + strings.Join(w.trace, "\n"))
		}
	})
	return w
}

// put sends a datagram on its way.
func (w *network) put(f flying) {
	f.at = w.now.Add(w.delay)
	w.queue = append(w.queue, f)
}

// turn lets a node act.
func (w *network) turn(n *node) {
	for range 10 {
		n.wakeAt = n.Advance(w.now)
		datagrams, events := n.Drain()
		for _, d := range datagrams {
			f := flying{from: n.addr, to: d.To, bytes: d.Bytes}
			ok := w.pass(f)
			w.note("%v -> %v %v %d B%s", f.from, f.to, f.kind(), len(f.bytes), map[bool]string{false: " LOST"}[ok])
			if ok {
				w.put(f)
			}
		}
		again := false
		for _, v := range events {
			n.events = append(n.events, v)
			w.note("%v: %T %+v", n.addr, v, v)
			if r, ok := v.(Received); ok && n.settle {
				n.Settle(w.now, r.Handle, wire.ResultDelivered, 0)
				again = true
			}
		}
		if !again {
			return
		}
	}
	w.t.Fatal("a node does not come to rest")
}

func (w *network) note(format string, args ...any) {
	w.trace = append(w.trace, w.now.Sub(began).String()+" "+fmt.Sprintf(format, args...))
}

// run lets the network go on for d, or until nothing is left to happen.
func (w *network) run(d time.Duration) {
	end := w.now.Add(d)
	for _, n := range w.nodes {
		w.turn(n)
	}
	for range 200_000 {
		next := end
		deliver := -1
		for i, f := range w.queue {
			if f.at.Before(next) {
				next, deliver = f.at, i
			}
		}
		var wake *node
		for _, n := range w.nodes {
			if !n.wakeAt.IsZero() && n.wakeAt.Before(next) {
				next, wake, deliver = n.wakeAt, n, -1
			}
		}
		if next.After(w.now) {
			w.now = next
		}
		switch {
		case wake != nil:
			w.turn(wake)
		case deliver >= 0:
			f := w.queue[deliver]
			w.queue = append(w.queue[:deliver], w.queue[deliver+1:]...)
			w.deliver(f)
		default:
			return
		}
	}
	w.t.Fatal("the network does not come to rest")
}

func (w *network) deliver(f flying) {
	if relay, peer, ok := RelayParts(f.to); ok {
		w.relay(f, relay, peer)
		return
	}
	for _, n := range w.nodes {
		if n.addr == f.to {
			o := n.Opener().Open(w.now, f.from, f.to.Addr(), f.bytes)
			if o.Empty() {
				w.note("%v", o.Summary())
			}
			n.Receive(w.now, o)
			w.turn(n)
		}
	}
}

// relay delivers what goes to a session behind a relay; the relay itself is not shown.
func (w *network) relay(f flying, relay uint32, peer wire.PeerID) {
	for _, from := range w.nodes {
		for _, n := range w.nodes {
			if from.addr == f.from && n.self.ID == peer {
				n.Receive(w.now, n.Opener().OpenRelayed(w.now, RelayAddr(relay, from.self.ID), f.bytes))
				w.turn(n)
			}
		}
	}
}

// connect makes an association from a to b.
func (w *network) connect(a, b *node) {
	w.t.Helper()
	if err := a.Dial(w.now, b.addr, b.want()); err != nil {
		w.t.Fatal(err)
	}
	w.run(time.Second)
	if !a.Live(b.self.ID) || !b.Live(a.self.ID) {
		w.t.Fatal("no association")
	}
}

// endDialTo ends a dial, however far it has come.
func (n *node) endDialTo(addr netip.AddrPort) {
	if d := n.dialer.dials[addr]; d != nil {
		n.dialer.endDial(d)
	}
}
