package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
)

// What the program costs a person: the time until it is of use, and memory.
//
//	go test -run '^$' -bench 'Start|Memory' -benchtime 1x ./cmd/darkchat

func contextOf(b *testing.B) (context.Context, context.CancelFunc) {
	return context.WithCancel(b.Context())
}

// BenchmarkStart measures from the start of the process to the acknowledgement
// of its first text, as its own output tells it: on first contact, with a new
// state folder, and again with the one that is there then.
func BenchmarkStart(b *testing.B) {
	binary := build(b)
	for range b.N {
		bob := startBinary(b, binary, "bob", false)
		var first, again []time.Duration
		for range rounds {
			state := b.TempDir()
			ping := fmt.Sprintf("\\ping 127.0.0.1 %d\n", bob.at.Port())
			first = append(first, toDelivery(b, binary, state, ping+"\\chat bob\nhello\n"))
			again = append(again, toDelivery(b, binary, state, "\\chat bob\nhello\n"))
		}
		slices.Sort(first)
		slices.Sort(again)
		b.ReportMetric(float64(first[rounds/2].Microseconds())/1e3, "first-ms")
		b.ReportMetric(float64(again[rounds/2].Microseconds())/1e3, "again-ms")
		fmt.Printf("start to first text delivered: first contact %v, known %v (wanted <= 40 ms)\n", first, again)
	}
}

func toDelivery(b *testing.B, binary, state, input string) time.Duration {
	cmd := exec.Command(binary, "-json", "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", state)
	cmd.Stdin = strings.NewReader(input)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	limit := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	took := time.Duration(0)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if took == 0 && strings.Contains(lines.Text(), `"state":"delivered"`) {
			took = time.Since(began)
		}
	}
	if err := cmd.Wait(); err != nil || took == 0 {
		b.Fatalf("not delivered: %v", err)
	}
	return took
}

// BenchmarkMemory measures the resident memory of two real programs: idle, and
// after 10,000 texts from one to the other.
func BenchmarkMemory(b *testing.B) {
	binary := build(b)
	for range b.N {
		bob := startBinary(b, binary, "bob", false)
		ann := exec.Command(binary, "-json", "-stay", "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", b.TempDir())
		stdin, err := ann.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		stdout, err := ann.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := ann.Start(); err != nil {
			b.Fatal(err)
		}
		limit := time.AfterFunc(4*patience, func() { _ = ann.Process.Kill() })
		b.Cleanup(func() { limit.Stop(); _ = ann.Process.Kill(); _ = ann.Wait() })
		idle := time.NewTimer(time.Second) // a second of nothing to do is what is measured
		<-idle.C
		idleKB := residentKB(b, ann.Process.Pid)

		lines := bufio.NewScanner(stdout)
		fmt.Fprintf(stdin, "\\ping 127.0.0.1 %d\n\\chat bob\n", bob.at.Port())
		for lines.Scan() && !strings.Contains(lines.Text(), `"event":"pong"`) {
		}
		_, _ = io.WriteString(bob.in, "\\accept ann\n")
		time.Sleep(200 * time.Millisecond) // it says nothing that one could wait for
		go func() {
			for range streamed {
				_, _ = io.WriteString(stdin, strings.Repeat("x", textBytes)+"\n")
			}
		}()
		done := 0
		for done < streamed && lines.Scan() {
			if strings.Contains(lines.Text(), `"state":"delivered"`) {
				done++
			}
		}
		if done < streamed {
			b.Fatalf("%d of %d texts were delivered", done, streamed)
		}
		sender := residentKB(b, ann.Process.Pid)
		b.ReportMetric(float64(idleKB)/1024, "idle-MB")
		receiver := residentKB(b, bob.pid)
		b.ReportMetric(float64(sender)/1024, "sender-MB")
		b.ReportMetric(float64(receiver)/1024, "receiver-MB")
		fmt.Printf("resident: idle %.1f MB (wanted <= 11), after %d texts the sender %.1f MB, the receiver %.1f MB (<= 16)\n",
			float64(idleKB)/1024, streamed, float64(sender)/1024, float64(receiver)/1024)
	}
}

// BenchmarkOpen shows that opening sealed datagrams runs on as many cores as -t
// gives it: the same work by 1 and by 4 goroutines.
func BenchmarkOpen(b *testing.B) {
	opener, sealed, from := sealedDatagram(b)
	for _, readers := range []int{1, 4} {
		b.Run(fmt.Sprintf("t=%d", readers), func(b *testing.B) {
			b.ReportAllocs()
			var all sync.WaitGroup
			for range readers {
				all.Go(func() {
					for range b.N / readers {
						opener.Open(time.Now(), from, netip.Addr{}, sealed)
					}
				})
			}
			all.Wait()
		})
	}
}

// sealedDatagram lets two endpoints shake hands in memory and returns a sealed
// text with the opener that can open it.
func sealedDatagram(b *testing.B) (*dgram.Opener, []byte, netip.AddrPort) {
	now := time.Now()
	check := func(record, static []byte) (dgram.Peer, error) {
		return dgram.Peer{ID: wire.PeerID(static[:8]), Static: [32]byte(static)}, nil
	}
	addrs := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")}
	ends := map[netip.AddrPort]*dgram.Endpoint{}
	for _, a := range addrs {
		var private [32]byte
		if _, err := rand.Read(private[:]); err != nil {
			b.Fatal(err)
		}
		e, err := dgram.New(dgram.Config{Private: private, Record: make([]byte, 200), Check: check, Random: rand.Reader}, now)
		if err != nil {
			b.Fatal(err)
		}
		ends[a] = e
	}
	if err := ends[addrs[0]].Dial(now, addrs[1], nil); err != nil {
		b.Fatal(err)
	}
	var sealed []byte
	var peer wire.PeerID
	for range 20 {
		now = now.Add(time.Millisecond)
		for i, from := range addrs {
			ends[from].Advance(now)
			datagrams, events := ends[from].Drain()
			for _, e := range events {
				if made, ok := e.(dgram.Associated); ok && i == 0 && peer == (wire.PeerID{}) {
					peer = made.Peer.ID
					body := wire.Text{Parts: 1, Text: strings.Repeat("x", textBytes)}
					ends[from].Send(now, peer, wire.Message{ID: 1, Body: body})
				}
			}
			for _, d := range datagrams {
				if i == 0 && len(d.Bytes) > textBytes {
					sealed = d.Bytes // the last one is the text
				}
				to := ends[d.To]
				to.Receive(now, to.Opener().Open(now, from, netip.Addr{}, d.Bytes))
			}
		}
	}
	opener := ends[addrs[1]].Opener()
	if o := opener.Open(now, addrs[0], netip.Addr{}, sealed); o.Empty() {
		b.Fatal("the sealed text does not open: ", o.Summary())
	}
	return opener, sealed, addrs[0]
}
