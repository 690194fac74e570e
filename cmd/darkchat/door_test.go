package main

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// Somebody new leaves 20 lines, is shown by \strangers, and let in by \accept: the rest
// comes within seconds, once and in order.
func TestNewUserIsLetIn(t *testing.T) {
	t.Parallel()
	bob, ann := start(t, t.TempDir(), "bob"), start(t, t.TempDir(), "ann")
	ann.ping(bob)
	ann.send(`\chat bob`)
	for i := range 50 {
		ann.send(fmt.Sprint("line ", i))
	}
	bob.wait("what a new user may leave", is("message", "line 19"))
	bob.send(`\strangers`)
	bob.wait("ann at the door", func(e event) bool {
		return e.Event == "strangers" && strings.Contains(e.raw, `"user":"ann"`) && strings.Contains(e.raw, `"lines":20,"waiting":true`)
	})
	bob.accept(ann)
	bob.wait("the last line", is("message", "line 49"))
	ann.wait("all is delivered", func(e event) bool { return e.Event == "delivery" && e.State == "delivered" })
	checkLines(t, bob, 50)

	quiet := start(t, t.TempDir(), "quiet", "-strangers", "none")
	ann.ping(quiet)
	ann.send(`\chat quiet`)
	ann.send("anybody there?")
	ann.wait("the refusal", func(e event) bool {
		return e.Event == "delivery" && e.To == "quiet" && e.State == "undelivered" && e.Reason == "not trusted"
	})
	quiet.accept(ann)
	ann.send("and now?")
	quiet.wait("a friend's line", is("message", "and now?"))
	if n := quiet.count(func(e event) bool { return e.Event == "message" }); n != 1 {
		t.Errorf("%d lines came, want 1", n)
	}
}

func checkLines(t *testing.T, n *node, count int) {
	t.Helper()
	var got []string
	all, _ := n.since(0)
	for _, e := range all {
		if e.Event == "message" {
			got = append(got, e.Text)
		}
	}
	for i := range count {
		if want := fmt.Sprint("line ", i); i >= len(got) || got[i] != want {
			t.Fatalf("line %d is not in its place: %q", i, got)
		}
	}
	if len(got) != count {
		t.Errorf("%d lines came, want %d", len(got), count)
	}
}

// restless is a stranger with a socket who is away and back as fast as can be.
type restless struct {
	conn   *net.UDPConn
	ep     *dgram.Endpoint
	key    ed25519.PrivateKey
	record identity.Record
	sent   int
}

func newRestless(t *testing.T, name string) *restless {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	session, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := &restless{conn: conn}
	_, r.key, _ = ed25519.GenerateKey(rand.Reader)
	r.record = identity.Record{
		Name: name, User: identity.UserKey(r.key.Public().(ed25519.PublicKey)), Static: [32]byte(session.PublicKey().Bytes()),
		Seq: uint64(time.Now().UnixMilli()), Lifetime: time.Hour,
	}
	r.record.Session = identity.MakeSessionID(r.record.User, r.record.Static)
	check := func(record, static []byte) (dgram.Peer, error) {
		rec, err := identity.Verify(record)
		if err != nil || rec.Static != [32]byte(static) {
			return dgram.Peer{}, errors.New("no record of theirs")
		}
		return dgram.Peer{ID: wire.PeerID(rec.Session), User: [32]byte(rec.User), Static: rec.Static, Seq: rec.Seq}, nil
	}
	r.ep, err = dgram.New(dgram.Config{Private: [32]byte(session.Bytes()), Record: r.signed(t), Check: check, Random: rand.Reader}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *restless) signed(t *testing.T) []byte {
	b, err := identity.Sign(r.key, r.record)
	if err != nil {
		t.Error(err)
	}
	return b
}

// run meets whoever listens at an address, and tells them again and again, until ctx ends.
func (r *restless) run(ctx context.Context, t *testing.T, to netip.AddrPort, peer wire.PeerID) {
	defer r.conn.Close()
	room := make([]byte, wire.MaxDatagram)
	_ = r.ep.Dial(time.Now(), to, nil)
	for ctx.Err() == nil {
		now := time.Now()
		if r.ep.Live(peer) && r.ep.Idle(peer) {
			for range 8 {
				r.record.Seq++
				r.record.State = []identity.State{identity.StateOnline, identity.StateAway}[r.record.Seq%2]
				r.ep.Send(now, peer, wire.Message{ID: r.ep.NextID(), Body: wire.Online{Record: r.signed(t)}})
				r.sent++
			}
		}
		r.ep.Advance(now)
		datagrams, events := r.ep.Drain()
		for _, d := range datagrams {
			_, _ = r.conn.WriteToUDPAddrPort(d.Bytes, d.To)
		}
		for _, e := range events {
			if m, ok := e.(dgram.Received); ok {
				r.ep.Settle(now, m.Handle, wire.ResultDelivered, 0)
			}
		}
		_ = r.conn.SetReadDeadline(now.Add(time.Millisecond))
		for range 64 {
			n, from, err := r.conn.ReadFromUDPAddrPort(room)
			if err != nil {
				break
			}
			from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			r.ep.Receive(now, r.ep.Opener().Open(now, from, netip.Addr{}, slices.Clone(room[:n])))
		}
	}
}

// stalled hands on what it reads, but for the time in which it must not.
type stalled struct {
	mu sync.Mutex
	r  io.Reader
}

func (s *stalled) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(b)
}

// Whoever reads -json stands still for seven seconds, while strangers are away and back
// as fast as can be and a friend writes three texts: all three come, in order, once.
func TestTextsOutlastAStalledReader(t *testing.T) {
	if testing.Short() {
		t.Skip("it stands still for seconds")
	}
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	bob := &node{t: t, name: "bob", exited: make(chan struct{}), more: make(chan struct{})}
	bob.cmd = program(t, "-json", "-stay", "-listen", "127.0.0.1", "-p", "0", "-u", "bob", "-state", t.TempDir())
	bob.cmd.Stdout = w
	if bob.stdin, err = bob.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := bob.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	gate := &stalled{r: r}
	go bob.collect(gate)
	t.Cleanup(func() {
		_ = bob.cmd.Process.Kill()
		<-bob.exited
	})
	ann := start(t, t.TempDir(), "ann")
	ann.ping(bob)
	bob.accept(ann)
	ann.send(`\chat bob`)
	session, err := identity.ParseSessionID(bob.self().Session)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var strangers sync.WaitGroup
	var crowd []*restless
	for i := range 12 {
		crowd = append(crowd, newRestless(t, fmt.Sprint("mallory", i)))
	}
	to := netip.MustParseAddrPort("127.0.0.1:" + bob.port())
	for _, m := range crowd {
		strangers.Go(func() { m.run(ctx, t, to, wire.PeerID(session)) })
	}
	time.Sleep(500 * time.Millisecond)
	ann.send("line 0")
	bob.wait("the first line", is("message", "line 0"))
	func() {
		gate.mu.Lock()
		defer gate.mu.Unlock()
		time.Sleep(6 * time.Second)
		for i := range 3 {
			ann.send(fmt.Sprint("line ", i+1))
			time.Sleep(time.Second / 3)
		}
	}()
	stop()
	strangers.Wait()
	sent := 0
	for _, m := range crowd {
		sent += m.sent
	}
	ann.send("line 4")
	bob.wait("the last line", is("message", "line 4"))
	t.Logf("strangers declared %d times, of which %d are told; left out is told %d times", sent,
		bob.count(func(e event) bool { return e.Event == "away" }), bob.count(func(e event) bool { return strings.Contains(e.Text, "left out") }))
	checkLines(t, bob, 5)
}
