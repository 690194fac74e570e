package main

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"sync"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// BenchmarkReaders shows that -t opens datagrams in parallel: the real program as
// a seed, with one reader and with four, and strangers whose HANDSHAKEs, made
// beforehand, it accepts as fast as it can.
//
//	go test -run '^$' -bench Readers -benchtime 3x ./cmd/darkchat
func BenchmarkReaders(b *testing.B) {
	const strangers = 1000
	binary := build(b)
	for _, readers := range []int{1, 4} {
		b.Run(fmt.Sprintf("t=%d", readers), func(b *testing.B) {
			took := time.Duration(0)
			for range b.N {
				took += acceptAll(b, seedWith(b, binary, readers), strangers)
			}
			b.ReportMetric(float64(strangers*b.N)/took.Seconds(), "handshakes/s")
		})
	}
}

func seedWith(b *testing.B, binary string, readers int) netip.AddrPort {
	addr := freePort(b)
	cmd := exec.Command(binary, "-s", "-u", "seed", "-ephemeral", "-listen", "127.0.0.1",
		"-p", fmt.Sprint(addr.Port()), "-t", fmt.Sprint(readers))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return addr
}

// acceptAll lets strangers ask for their CHALLENGEs one by one, and then sends all
// their HANDSHAKEs, with some under way at a time. It returns how long that took
// until the last was accepted.
func acceptAll(b *testing.B, seed netip.AddrPort, strangers int) time.Duration {
	const underWay = 32
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	room := make([]byte, wire.MaxDatagram)
	read := func() []byte {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		n, _, err := conn.ReadFromUDPAddrPort(room)
		if err != nil {
			b.Fatal("the seed does not answer: ", err)
		}
		return room[:n]
	}
	send := func(bytes []byte) {
		if _, err := conn.WriteToUDPAddrPort(bytes, seed); err != nil {
			b.Fatal(err)
		}
	}
	awaitPort(b, seed)
	var shakes [][]byte
	for range strangers {
		s := newStranger(b)
		now := time.Now()
		if err := s.Dial(now, seed, nil); err != nil {
			b.Fatal(err)
		}
		send(only(b, s, now))
		s.Receive(now, s.Opener().Open(now, seed, netip.Addr{}, read()))
		shakes = append(shakes, only(b, s, now))
	}
	began := time.Now()
	for i := range underWay {
		send(shakes[i])
	}
	const accept = 16*wire.Version + 4 // the kind, in the second byte (spec/wire.md 2.1)
	for sent, accepted := underWay, 0; accepted < strangers; {
		if answer := read(); answer[1] != accept {
			continue // what a seed has to say to those who came
		}
		accepted++
		if sent < strangers {
			send(shakes[sent])
			sent++
		}
	}
	return time.Since(began)
}

// BenchmarkOpenHandshake is the readers' part of that alone: the Diffie-Hellman
// operations and the signature of a stranger's HANDSHAKE, by 1 and by 4 goroutines.
func BenchmarkOpenHandshake(b *testing.B) {
	const each = 200 // as many as one address may send at once
	addrs := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")}
	for _, readers := range []int{1, 4} {
		b.Run(fmt.Sprintf("t=%d", readers), func(b *testing.B) {
			took := time.Duration(0)
			for range b.N {
				now := time.Now()
				caller, answerer := newStranger(b), newStranger(b)
				if err := caller.Dial(now, addrs[1], nil); err != nil {
					b.Fatal(err)
				}
				answerer.Receive(now, answerer.Opener().Open(now, addrs[0], netip.Addr{}, only(b, caller, now)))
				caller.Receive(now, caller.Opener().Open(now, addrs[1], netip.Addr{}, only(b, answerer, now)))
				shake := only(b, caller, now)
				began := time.Now()
				var all sync.WaitGroup
				for range readers {
					all.Go(func() {
						for range each / readers {
							if o := answerer.Opener().Open(now, addrs[0], netip.Addr{}, shake); o.Empty() {
								b.Error(o.Summary())
							}
						}
					})
				}
				all.Wait()
				took += time.Since(began)
			}
			b.ReportMetric(float64(each*b.N)/took.Seconds(), "handshakes/s")
		})
	}
}

// awaitPort waits until the seed answers a HELLO of somebody.
func awaitPort(b *testing.B, seed netip.AddrPort) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}) // late answers end with it
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	s := newStranger(b)
	now := time.Now()
	if err := s.Dial(now, seed, nil); err != nil {
		b.Fatal(err)
	}
	hello := only(b, s, now)
	room := make([]byte, wire.MaxDatagram)
	for limit := now.Add(patience); time.Now().Before(limit); {
		_, _ = conn.WriteToUDPAddrPort(hello, seed)
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, _, err := conn.ReadFromUDPAddrPort(room); err == nil {
			return
		}
	}
	b.Fatal("the seed does not start")
}

// newStranger is a user whom nobody knows, without a socket.
func newStranger(b *testing.B) *dgram.Endpoint {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	session, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	r := identity.Record{
		Name: "stranger", User: identity.UserKey(key.Public().(ed25519.PublicKey)), Static: [32]byte(session.PublicKey().Bytes()),
		Seq: 1, Lifetime: time.Hour,
	}
	r.Session = identity.MakeSessionID(r.User, r.Static)
	signed, err := identity.Sign(key, r)
	if err != nil {
		b.Fatal(err)
	}
	check := func(record, static []byte) (dgram.Peer, error) {
		if _, err := identity.Verify(record); err != nil {
			return dgram.Peer{}, err
		}
		return dgram.Peer{ID: wire.PeerID(static[:8]), Static: [32]byte(static)}, nil
	}
	e, err := dgram.New(dgram.Config{Private: [32]byte(session.Bytes()), Record: signed, Check: check, Random: rand.Reader}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// only is the one datagram that an endpoint has to send.
func only(b *testing.B, e *dgram.Endpoint, now time.Time) []byte {
	e.Advance(now)
	datagrams, _ := e.Drain()
	if len(datagrams) != 1 {
		b.Fatalf("%d datagrams, not one", len(datagrams))
	}
	return datagrams[0].Bytes
}
