package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"darkchat/spec"
)

// floodSize names how many datagrams TestFlood sends; CI sends more than the
// few that every test run does.
const floodSize = "DARKCHAT_FLOOD"

// A live node gets random and mutated datagrams on its socket, answers the next
// valid one, and its memory does not grow while they come.
func TestFlood(t *testing.T) {
	total := 10_000
	if s := os.Getenv(floodSize); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 10 {
			t.Fatalf("%s=%q", floodSize, s)
		}
		total = n
	} else {
		t.Parallel()
	}
	bob := start(t, t.TempDir(), "bob")
	to, err := net.ResolveUDPAddr("udp4", "127.0.0.1:"+bob.port())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialUDP("udp4", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := make(chan int, 1)
	go func() { answers <- countAnswers(conn) }()

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d datagrams", seed, total)
	f := flood{rand.New(rand.NewPCG(seed, 1)), goodDatagrams(t)}
	began := time.Now()
	var first, last int
	sent := 0
	for tenth := 1; tenth <= 10; tenth++ {
		for ; sent < total*tenth/10; sent++ {
			// Refused means that nobody listens; a full buffer is a lost datagram.
			if _, err := conn.Write(f.datagram()); err != nil && strings.Contains(err.Error(), "refused") {
				t.Fatalf("the node is gone after %d datagrams", sent)
			}
		}
		ann := start(t, t.TempDir(), "ann")
		ann.ping(bob) // valid: it must answer
		ann.quit()
		last = residentKB(t, bob.cmd.Process.Pid)
		if tenth == 1 {
			first = last
		}
	}
	_ = conn.SetReadDeadline(time.Now())
	t.Logf("%.0f datagrams a second, %d answers, resident %d kB after the first tenth, %d kB after the last",
		float64(total)/time.Since(began).Seconds(), <-answers, first, last)
	if total >= 1_000_000 && float64(last) > 1.05*float64(first) {
		t.Errorf("memory grew from %d to %d kB", first, last)
	}
	if float64(last) > 2*float64(first) {
		t.Errorf("memory grew from %d to %d kB", first, last)
	}
	stats := bob.mark()
	bob.send(`\stats`)
	bob.waitAfter(stats, "its counters", func(e event) bool { return e.Event == "stats" })
}

// countAnswers counts datagrams until the deadline that ends the test.
func countAnswers(conn *net.UDPConn) (n int) {
	b := make([]byte, 2048)
	for {
		_, err := conn.Read(b)
		if err != nil && os.IsTimeout(err) {
			return n
		}
		if err == nil {
			n++
		}
	}
}

// flood makes datagrams that a node must survive.
type flood struct {
	*rand.Rand
	good [][]byte
}

// datagram is noise, or a valid datagram of the test vectors with something
// changed, cut, added or repeated.
func (f *flood) datagram() []byte {
	if f.IntN(4) == 0 {
		b := make([]byte, f.IntN(1300))
		for i := range b {
			b[i] = byte(f.Uint32())
		}
		return b
	}
	b := bytes.Clone(f.good[f.IntN(len(f.good))])
	for range 1 + f.IntN(4) {
		switch at := f.IntN(len(b) + 1); f.IntN(5) {
		case 0:
			b = b[:at]
		case 1:
			b = append(b, byte(f.Uint32()))
		case 2:
			b = append(b[:at:at], b[at/2:]...)
		default:
			if at < len(b) {
				b[at] ^= 1 << f.IntN(8)
			}
		}
	}
	return b[:min(len(b), 60_000)]
}

// goodDatagrams are the outer packets of the test vectors, fresh HELLOs among them.
func goodDatagrams(t *testing.T) (list [][]byte) {
	t.Helper()
	vectors, err := spec.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if v.Keys["layer"] == "datagram" && len(v.Bytes) > 0 {
			list = append(list, v.Bytes)
		}
	}
	if len(list) == 0 {
		t.Fatal("the spec has no vectors of packets")
	}
	return list
}

// residentKB is the resident memory of a process.
func residentKB(t testing.TB, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("no /proc here: the memory of another process cannot be read")
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
