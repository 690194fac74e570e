package main

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// asEcho turns the test binary into the other end of the raw echo.
const asEcho = "DARKCHAT_TEST_AS_ECHO"

// rawEcho is what the machine can do at all: plain datagrams, two processes.
type rawEcho struct {
	conn *net.UDPConn
	to   netip.AddrPort
	out  []byte
	in   []byte
	stop func()
}

func newRawEcho(b *testing.B) *rawEcho {
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
	e := &rawEcho{out: make([]byte, datagramSize), in: make([]byte, 2048)}
	e.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = e.conn.Close()
	})
	b.Cleanup(e.stop)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	e.to = netip.MustParseAddrPort(strings.TrimSpace(line))
	if e.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		b.Fatal(err)
	}
	return e
}

func (e *rawEcho) trip(b *testing.B) time.Duration {
	began := time.Now()
	if _, err := e.conn.WriteToUDPAddrPort(e.out, e.to); err != nil {
		b.Fatal(err)
	}
	if _, _, err := e.conn.ReadFromUDPAddrPort(e.in); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

func (e *rawEcho) stream(b *testing.B) (rate float64) {
	window := make(chan struct{}, outstanding)
	began := time.Now()
	go func() {
		for range streamed {
			window <- struct{}{}
			_, _ = e.conn.WriteToUDPAddrPort(e.out, e.to)
		}
	}()
	_ = e.conn.SetReadDeadline(began.Add(patience))
	for range streamed {
		if _, _, err := e.conn.ReadFromUDPAddrPort(e.in); err != nil {
			b.Fatal("the raw echo lost a datagram: ", err)
		}
		<-window
	}
	return streamed / time.Since(began).Seconds()
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
