package fuzz_test

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/store"
)

// floodSize names how many datagrams TestFlood sends; CI sends more than the few
// that every test run does.
const floodSize = "DARKCHAT_FLOOD"

// A live node, loop, readers and a real socket, gets noise and altered datagrams,
// vectors and what a friend has sent to it lately. After every tenth of them it
// answers a stranger's HELLO, reads a text, and holds in memory at most 1.05 times of
// what it held after the first tenth.
func TestFlood(t *testing.T) {
	total := 10_000
	if s := os.Getenv(floodSize); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 {
			t.Fatalf("%s=%q", floodSize, s)
		}
		total = n
	}
	victim := serve(t, newPrincipal(t, "bob", 103))
	seed := uint64(time.Now().UnixNano())
	f := &flood{t: t, Rand: rand.New(rand.NewPCG(seed, 1)), victim: victim}
	for _, v := range vectors(t, "datagram") {
		f.good = append(f.good, v.Bytes)
	}
	for range 4 {
		c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(victim.addr))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		f.from = append(f.from, c)
	}
	for range 5 { // every bounded table fills once
		for range 400 {
			f.strike()
		}
		f.visit()
	}
	began, first, last := time.Now(), uint64(0), uint64(0)
	for tenth := 1; tenth <= 10; tenth++ {
		for range total / 10 {
			f.strike()
		}
		f.visit()
		if last = held(); tenth == 1 {
			first = last
		}
	}
	t.Logf("seed %d: %d datagrams, %.0f a second, %d of them opened; %d kB held after the first tenth, %d kB after the last",
		seed, f.sent, float64(total)/time.Since(began).Seconds(), f.handled, first>>10, last>>10)
	if f.handled < f.sent*9/10 {
		t.Errorf("seed %d: of %d datagrams %d were opened: the flood did not arrive", seed, f.sent, f.handled)
	}
	if float64(last) > 1.05*float64(first)+spare {
		t.Errorf("seed %d: memory grew from %d to %d B", seed, first, last)
	}
}

// spare is what the garbage collector and pools may differ by: a twentieth of what
// the program is in memory, all of it, is ten times as much.
const spare = 64 << 10

// held is what lives on the heap.
func held() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// served is a running node on a socket of loopback.
type served struct {
	addr   netip.AddrPort
	client *neighbors.Client
}

func serve(t *testing.T, who principal) served {
	t.Helper()
	conn, err := dgram.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	addr := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	node, err := neighbors.New(neighbors.Config{
		Key: who.key, Name: who.name, Session: who.private, Random: chance(1), Listen: []netip.AddrPort{addr}, LoopbackOnly: true,
		IDs: store.Range{First: 1, Limit: 1 << 40}, Seqs: store.Range{First: 1, Limit: 1 << 40},
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var client *neighbors.Client
	loop := neighbors.NewLoop(node, conn, 2, nil, func(e neighbors.Event) {
		if m, ok := e.(neighbors.Incoming); ok {
			client.Printed([]uint64{m.Receipt})
		}
	})
	client = neighbors.NewClient(loop)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the node ended with %v", err)
		}
	})
	return served{addr, client}
}

// flood makes datagrams that a node must survive.
type flood struct {
	*rand.Rand
	t             *testing.T
	victim        served
	from          []*net.UDPConn
	good          [][]byte
	lately        [][]byte // what visitors sent
	sent, handled uint64
	visits        uint64
}

const floodBatch = 128 // datagrams under way: fewer than the socket buffers

func (f *flood) strike() {
	b := make([]byte, 0, 1300)
	switch f.IntN(4) {
	case 0:
		for range f.IntN(1250) {
			b = append(b, byte(f.Uint32()))
		}
	case 1:
		if len(f.lately) > 0 {
			b = altered(f.Rand, f.lately[f.IntN(len(f.lately))])
			break
		}
		fallthrough
	default:
		b = altered(f.Rand, f.good[f.IntN(len(f.good))])
	}
	if _, err := f.from[f.IntN(len(f.from))].Write(b); err != nil && strings.Contains(err.Error(), "refused") {
		f.t.Fatalf("the node is gone after %d datagrams", f.sent)
	}
	if f.sent++; f.sent%floodBatch == 0 {
		f.await()
	}
}

// await lets the node open what was sent.
func (f *flood) await() {
	for end := time.Now().Add(100 * time.Millisecond); ; runtime.Gosched() {
		f.handled = 0
		for _, s := range f.victim.client.Stats() {
			if strings.HasPrefix(s.Name, "received_") || s.Name == "dropped_shape" {
				f.handled += s.Value
			}
		}
		if f.handled >= f.sent || time.Now().After(end) {
			return
		}
	}
}

// visit is the next valid datagram: a stranger says HELLO, shakes hands and sends a
// text, which must be acknowledged.
func (f *flood) visit() {
	f.t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(f.victim.addr))
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	e := newEnd(f.t, newPrincipal(f.t, "carol", 109), conn.LocalAddr().String(), time.Now())
	if err := e.ep.Dial(time.Now(), f.victim.addr, nil); err != nil {
		f.t.Fatal(err)
	}
	b := make([]byte, 2048)
	said := false
	for end := time.Now().Add(20 * time.Second); ; {
		now := time.Now()
		out, _ := e.turn(now)
		for _, d := range out {
			if _, err := conn.Write(d.Bytes); err != nil {
				f.t.Fatal(err)
			}
			f.sent++
			if f.lately = append(f.lately, d.Bytes); len(f.lately) > 50 {
				f.lately = f.lately[1:]
			}
		}
		if e.ep.Live(e.peer) && !said {
			f.visits++
			said = e.ep.Send(now, e.peer, wire.Message{ID: f.visits, Body: wire.Text{Prev: f.visits - 1, Parts: 1, Text: "hello"}})
			continue
		}
		if said && e.ep.Idle(e.peer) {
			break
		}
		if now.After(end) {
			f.t.Fatalf("after %d datagrams the node does not answer the next valid one", f.sent)
		}
		_ = conn.SetReadDeadline(now.Add(5 * time.Millisecond))
		if n, err := conn.Read(b); err == nil {
			e.ep.Receive(now, e.ep.Opener().Open(now, f.victim.addr, netip.Addr{}, b[:n]))
		}
	}
}
