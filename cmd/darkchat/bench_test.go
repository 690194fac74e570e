package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"os"
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
	"darkchat/sessions"
)

// The figures of two processes over real loopback sockets. Every round measures
// the raw UDP echo of this machine first and DarkChat right after it, so that the
// ratio says something also on a machine that is busy with other things:
//
//	go test -run '^$' -bench EndToEnd -benchtime 1x ./cmd/darkchat
const (
	rounds       = 5
	lone         = 3_000  // round trips one at a time
	streamed     = 10_000 // texts of a stream
	outstanding  = 64
	textBytes    = 100
	datagramSize = 200 // of the raw echo: what a sealed text of 100 bytes takes
)

// asEcho turns the test binary into the other end of the raw echo.
const asEcho = "DARKCHAT_TEST_AS_ECHO"

func BenchmarkEndToEnd(b *testing.B) {
	binary := build(b)
	for range b.N {
		var memory, disk [rounds]ratios
		for i := range rounds {
			raw := rawEcho(b)
			memory[i] = chatRound(b, binary, true).over(raw)
			disk[i] = chatRound(b, binary, false).over(raw)
			fmt.Printf("round %d: raw echo p50 %v p99 %v, %.0f/s with %d outstanding\n  in memory  %v\n  with store %v\n",
				i+1, raw.p50, raw.p99, raw.rate, outstanding, memory[i], disk[i])
		}
		report(b, "memory", memory[:], 2.5)
		report(b, "store", disk[:], 6)
	}
}

// round is what one round measured.
type round struct {
	p50, p99 time.Duration
	rate     float64 // a second, with outstanding under way
}

// ratios is a round beside the raw echo of the same round.
type ratios struct {
	round
	p50Times, rateTimes float64
}

func (r round) over(raw round) ratios {
	return ratios{r, float64(r.p50) / float64(raw.p50), r.rate / raw.rate}
}

func (r ratios) String() string {
	return fmt.Sprintf("p50 %v (x%.2f) p99 %v, %.0f/s (x%.2f)", r.p50, r.p50Times, r.p99, r.rate, r.rateTimes)
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
	p50 := middle(func(r ratios) float64 { return r.p50Times })
	p99 := middle(func(r ratios) float64 { return float64(r.p99.Microseconds()) })
	rate := middle(func(r ratios) float64 { return r.rateTimes })
	b.ReportMetric(p50, name+"-p50-x")
	b.ReportMetric(p99, name+"-p99-us")
	b.ReportMetric(rate, name+"-rate-x")
	fmt.Printf("%s: median p50 x%.2f (wanted <= %.1f), p99 %.0f us (<= 400 in memory), stream x%.2f (>= 1.3)\n", name, p50, target, p99, rate)
}

// rawEcho measures what the machine can do at all: plain datagrams, two processes.
func rawEcho(b *testing.B) round {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), asEcho+"=1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	to := netip.MustParseAddrPort(strings.TrimSpace(line))
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	out, in := make([]byte, datagramSize), make([]byte, 2048)
	trip := func() time.Duration {
		began := time.Now()
		if _, err := conn.WriteToUDPAddrPort(out, to); err != nil {
			b.Fatal(err)
		}
		if _, _, err := conn.ReadFromUDPAddrPort(in); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	r := percentiles(trip)
	window := make(chan struct{}, outstanding)
	began := time.Now()
	go func() {
		for range streamed {
			window <- struct{}{}
			_, _ = conn.WriteToUDPAddrPort(out, to)
		}
	}()
	for range streamed {
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		if _, _, err := conn.ReadFromUDPAddrPort(in); err != nil {
			b.Fatal("the raw echo lost a datagram: ", err)
		}
		<-window
	}
	r.rate = streamed / time.Since(began).Seconds()
	return r
}

// echo is the other process of rawEcho.
func echo() {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(conn.LocalAddr())
	b := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		_, _ = conn.WriteToUDPAddrPort(b[:n], from)
	}
}

// percentiles runs trip often, after a while of warming up.
func percentiles(trip func() time.Duration) (r round) {
	for range lone / 10 {
		trip()
	}
	var all []time.Duration
	for range lone {
		all = append(all, trip())
	}
	slices.Sort(all)
	return round{p50: all[lone/2], p99: all[lone*99/100]}
}

// chatRound measures acknowledged texts from a node of this process to the
// real program in another one, both wired in the same way.
func chatRound(b *testing.B, binary string, ephemeral bool) round {
	bob, stop := startBinary(b, binary, "bob", ephemeral)
	defer stop()
	ann := newBenchNode(b, ephemeral)
	defer ann.stop()
	ann.meet(b, bob)
	text := strings.Repeat("x", textBytes)
	r := percentiles(func() time.Duration {
		began := time.Now()
		if _, err := ann.client.Say(ann.bob, text); err != nil {
			b.Fatal(err)
		}
		ann.await(b, 1)
		return time.Since(began)
	})
	began := time.Now()
	lines := slices.Repeat([]string{text}, outstanding)
	for said, done := 0, 0; done < streamed; {
		if free := min(streamed-said, outstanding-(said-done)); free > 0 {
			if _, err := ann.client.SayAll(ann.bob, lines[:free]); err != nil {
				b.Fatal(err)
			}
			said += free
		}
		ready := max(1, len(ann.acks))
		ann.await(b, ready)
		done += ready
	}
	r.rate = streamed / time.Since(began).Seconds()
	return r
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
	profile, err := sessions.OpenProfile(sessions.ProfileOptions{Dir: c.state, User: "ann", Ephemeral: ephemeral, Now: time.Now(), Random: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	around := ground{local: conn.LocalAddr().(*net.UDPAddr).AddrPort()}.surroundings(interfaces())
	node, err := neighbors.New(neighbors.Config{
		Key: profile.Key, Name: profile.Name, Session: profile.Session, Random: rand.Reader,
		IDs: profile.IDs, Seqs: profile.Seqs, Load: profile.Load, Listen: around.Listen, LoopbackOnly: true, Interfaces: around.Interfaces,
	}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	n := &benchNode{acks: make(chan struct{}, streamed), pongs: make(chan neighbors.Pong, 1)}
	var store neighbors.Store
	if s := profile.Store(); s != nil {
		store = s
	}
	loop := neighbors.NewLoop(node, conn, c.readers, store, func(e neighbors.Event) {
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

// startBinary runs the program with its output thrown away, which is its fastest
// way to print, and returns where it listens and what ends it.
func startBinary(b *testing.B, binary, user string, ephemeral bool) (at netip.AddrPort, stop func()) {
	conn, err := dgram.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	addr := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = conn.Close()
	cmd := exec.Command(binary, "-json", "-stay", "-u", user, "-listen", "127.0.0.1", "-p", fmt.Sprint(addr.Port()),
		"-state", b.TempDir(), fmt.Sprintf("-ephemeral=%v", ephemeral))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	stop = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	b.Cleanup(stop)
	return addr, stop
}
