package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
	"darkchat/sessions/store"
)

// The figures of two processes over real loopback sockets, each beside the raw
// UDP echo of this machine. Echo and DarkChat take turns within a round, so that
// what else the machine does, and how deep it sleeps, hits both:
//
//	go test -run '^$' -bench EndToEnd -benchtime 1x ./cmd/darkchat
const (
	rounds       = 5
	lone         = 3_000  // round trips one at a time
	turns        = 10     // in which they are measured, after one to warm up
	streamed     = 10_000 // texts of a stream
	outstanding  = 64
	textBytes    = 100
	datagramSize = 200 // of the raw echo: what a sealed text of 100 bytes takes
)

func BenchmarkEndToEnd(b *testing.B) {
	binary := build(b)
	for range b.N {
		var memory, disk [rounds]ratios
		for i := range rounds {
			memory[i] = compare(b, binary, true)
			disk[i] = compare(b, binary, false)
			fmt.Printf("round %d:\n  in memory  %v\n  with store %v\n", i+1, memory[i], disk[i])
		}
		report(b, "memory", memory[:], 2.5)
		report(b, "store", disk[:], 6)
	}
}

// compare is one round of raw echo and DarkChat.
func compare(b *testing.B, binary string, ephemeral bool) ratios {
	raw := newRawEcho(b)
	defer raw.stop()
	chat := newChat(b, binary, ephemeral)
	defer chat.stop()
	var r ratios
	var rawTrips, trips []time.Duration
	for turn := range turns + 1 {
		own := runtime.GOMAXPROCS(runtime.NumCPU()) // the echo may use all there is
		for range lone / turns {
			rawTrips = append(rawTrips, raw.trip(b))
		}
		runtime.GOMAXPROCS(own)
		for range lone / turns {
			trips = append(trips, chat.trip(b))
		}
		if turn == 0 {
			rawTrips, trips = nil, nil
		}
	}
	r.raw.percentiles(rawTrips)
	r.percentiles(trips)
	own := runtime.GOMAXPROCS(runtime.NumCPU())
	r.raw.rate = raw.stream(b)
	runtime.GOMAXPROCS(own)
	r.rate = chat.stream(b)
	return r
}

// round is what one round measured.
type round struct {
	p50, p99 time.Duration
	rate     float64 // a second, with outstanding under way
}

func (r *round) percentiles(trips []time.Duration) {
	slices.Sort(trips)
	r.p50, r.p99 = trips[len(trips)/2], trips[len(trips)*99/100]
}

func (r round) String() string {
	return fmt.Sprintf("p50 %v p99 %v, %.0f/s", r.p50, r.p99, r.rate)
}

// ratios is a round beside the raw echo of the same round.
type ratios struct {
	round
	raw round
}

func (r ratios) p50Times() float64  { return float64(r.p50) / float64(r.raw.p50) }
func (r ratios) rateTimes() float64 { return r.rate / r.raw.rate }

func (r ratios) String() string {
	return fmt.Sprintf("%v (x%.2f, x%.2f); raw %v", r.round, r.p50Times(), r.rateTimes(), r.raw)
}

func report(b *testing.B, name string, rs []ratios, target float64) {
	middle := func(f func(ratios) float64) float64 {
		var v []float64
		for _, r := range rs {
			v = append(v, f(r))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	p50 := middle(ratios.p50Times)
	p99 := middle(func(r ratios) float64 { return float64(r.p99.Microseconds()) })
	rate := middle(ratios.rateTimes)
	b.ReportMetric(p50, name+"-p50-x")
	b.ReportMetric(p99, name+"-p99-us")
	b.ReportMetric(rate, name+"-rate-x")
	fmt.Printf("%s: median p50 x%.2f (wanted <= %.1f), p99 %.0f us (<= 400 in memory), stream x%.2f (>= 1.3)\n", name, p50, target, p99, rate)
}

// chat is acknowledged texts from a node of this process to the real program in
// another one, both wired in the same way.
type chat struct {
	*benchNode
	line string
	stop func()
}

func newChat(b *testing.B, binary string, ephemeral bool) *chat {
	bob := startBinary(b, binary, "bob", ephemeral)
	ann := newBenchNode(b, ephemeral)
	ann.meet(b, bob.at)
	if _, err := io.WriteString(bob.in, "\\accept ann\n"); err != nil {
		b.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // it says nothing that one could wait for
	return &chat{ann, strings.Repeat("x", textBytes), func() { ann.stop(); bob.stop() }}
}

func (c *chat) trip(b *testing.B) time.Duration {
	began := time.Now()
	if _, err := c.client.Say(c.bob, c.line); err != nil {
		b.Fatal(err)
	}
	c.await(b, 1)
	return time.Since(began)
}

func (c *chat) stream(b *testing.B) (rate float64) {
	began := time.Now()
	lines := slices.Repeat([]string{c.line}, outstanding)
	for said, done := 0, 0; done < streamed; {
		if free := min(streamed-said, outstanding-(said-done)); free > 0 {
			if _, err := c.client.SayAll(c.bob, lines[:free]); err != nil {
				b.Fatal(err)
			}
			said += free
		}
		ready := max(1, len(c.acks))
		c.await(b, ready)
		done += ready
	}
	return streamed / time.Since(began).Seconds()
}

// benchNode is a node wired as the program wires it, without its shell.
type benchNode struct {
	client *neighbors.Client
	acks   chan struct{}
	pongs  chan neighbors.Pong
	bob    neighbors.Target
	stop   func()
}

func newBenchNode(b *testing.B, ephemeral bool) *benchNode {
	c, err := parseFlags([]string{"-p", "0", "-listen", "127.0.0.1", "-state", b.TempDir(), fmt.Sprintf("-ephemeral=%v", ephemeral)})
	if err != nil {
		b.Fatal(err)
	}
	before := useProcessors(c)
	conn, _, err := listen(c)
	if err != nil {
		b.Fatal(err)
	}
	profile, err := store.OpenProfile(store.ProfileOptions{Dir: c.state, User: "ann", Ephemeral: ephemeral, History: c.history, Now: time.Now(), Random: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	around := ground{local: conn.LocalAddr().(*net.UDPAddr).AddrPort()}.surroundings(interfaces())
	node, err := neighbors.New(neighbors.Config{
		Key: profile.Key, Name: profile.Name, Session: profile.Session, Random: rand.Reader,
		IDs: profile.IDs, Seqs: profile.Seqs, Load: profile.Load, Unstored: ephemeral, Past: profile.Past, Listen: around.Listen, LoopbackOnly: true, Interfaces: around.Interfaces,
	}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	n := &benchNode{acks: make(chan struct{}, streamed), pongs: make(chan neighbors.Pong, 1)}
	var disk neighbors.Store
	if s := profile.Store(); s != nil {
		disk = s
	}
	loop := neighbors.NewLoop(node, conn, c.readers, disk, func(e neighbors.Event) {
		switch e := e.(type) {
		case neighbors.Delivery:
			if e.State == neighbors.Delivered {
				n.acks <- struct{}{}
			}
		case neighbors.Pong:
			n.pongs <- e
		}
	})
	n.client = neighbors.NewClient(loop)
	ctx, cancel := contextOf(b)
	ended := make(chan struct{})
	go func() { _ = loop.Run(ctx); close(ended) }()
	var once atomic.Bool
	n.stop = func() {
		if once.CompareAndSwap(false, true) {
			cancel()
			<-ended
			_ = profile.Close()
			runtime.GOMAXPROCS(before)
		}
	}
	b.Cleanup(n.stop)
	return n
}

func (n *benchNode) meet(b *testing.B, addr netip.AddrPort) {
	if _, err := n.client.Ping(addr); err != nil {
		b.Fatal(err)
	}
	select {
	case <-n.pongs:
	case <-time.After(patience):
		b.Fatal("no pong")
	}
	var err error
	if n.bob, err = n.client.Resolve("bob"); err != nil {
		b.Fatal(err)
	}
}

func (n *benchNode) await(b *testing.B, count int) {
	for range count {
		select {
		case <-n.acks:
			continue
		default:
		}
		select {
		case <-n.acks:
		case <-time.After(patience):
			b.Fatal("a text is not acknowledged")
		}
	}
}

// build makes the real program, as a user has it.
func build(b testing.TB) string {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "darkchat")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return binary
}

// process is the real program, running.
type process struct {
	at   netip.AddrPort
	pid  int
	in   io.Writer
	stop func()
}

// startBinary runs the program with its output thrown away, which is its fastest
// way to print.
func startBinary(b *testing.B, binary, user string, ephemeral bool) process {
	addr := freePort(b)
	cmd := exec.Command(binary, "-json", "-stay", "-u", user, "-listen", "127.0.0.1", "-p", fmt.Sprint(addr.Port()),
		"-state", b.TempDir(), fmt.Sprintf("-ephemeral=%v", ephemeral))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	stop := sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	b.Cleanup(stop)
	return process{addr, cmd.Process.Pid, in, stop}
}

// freePort is a port of loopback that nobody has at the moment.
func freePort(b *testing.B) netip.AddrPort {
	conn, err := dgram.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}
