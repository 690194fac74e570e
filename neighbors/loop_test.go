package neighbors_test

import (
	"context"
	"crypto/ed25519"
	"io"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

// screen gathers events and prints at once.
type screen struct {
	mu     sync.Mutex
	client *neighbors.Client
	events []neighbors.Event
}

func (s *screen) sink(e neighbors.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	if m, ok := e.(neighbors.Incoming); ok {
		s.client.Printed([]uint64{m.Receipt})
	}
}

func saw[E neighbors.Event](s *screen) (list []E) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if v, ok := e.(E); ok {
			list = append(list, v)
		}
	}
	return list
}

// launch runs a node's loop inside the bubble; stop ends it and waits.
func launch(t *testing.T, net *simnet.Net, name string, at string) (s *screen, stop func() error) {
	t.Helper()
	addr := netip.MustParseAddrPort(at)
	r := reader(uint64(len(name)) ^ uint64(addr.Addr().As4()[2]))
	return launchOn(t, net, name, addr, r, nil)
}

// launchOn is launch with a store.
func launchOn(t *testing.T, net *simnet.Net, name string, addr netip.AddrPort, r io.Reader, disk neighbors.Store) (s *screen, stop func() error) {
	t.Helper()
	var seed [ed25519.SeedSize]byte
	var session [32]byte
	io.ReadFull(r, seed[:])
	io.ReadFull(r, session[:])
	node, err := neighbors.New(neighbors.Config{
		Key: ed25519.NewKeyFromSeed(seed[:]), Name: name, Session: session, Random: r, Listen: []netip.AddrPort{addr},
		IDs: store.Range{First: 1, Limit: 1 << 50}, Seqs: store.Range{First: 1, Limit: 1 << 50},
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s = &screen{}
	loop := neighbors.NewLoop(node, net.Listen(addr), 4, disk, s.sink)
	if a, ok := disk.(neighbors.Archive); ok {
		loop.Remember(a)
	}
	s.client = neighbors.NewClient(loop)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	return s, func() error { cancel(); return <-ended }
}

// Running nodes over a simulated network: they chat, one leaves at once and says
// so, nothing is left running (a bubble fails if a goroutine is).
func TestLoopRunsAndLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(1, simnet.Profile{Delay: 3 * time.Millisecond})
		ann, stopAnn := launch(t, net, "ann", "198.18.1.7:6789")
		bob, stopBob := launch(t, net, "bob", "198.18.2.7:6789")
		if _, err := ann.client.Ping(netip.MustParseAddrPort("198.18.2.7:6789")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		to, err := ann.client.Resolve("bob")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ann.client.SayAll(to, []string{"one", "two", "three"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		got := saw[neighbors.Incoming](bob)
		if len(got) != 3 || got[0].Text != "one" || got[2].Text != "three" {
			t.Fatalf("bob read %+v", got)
		}
		if len(ann.client.Outbox()) != 0 {
			t.Fatal("the outbox is not empty")
		}
		before := time.Now()
		if err := stopBob(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > 100*time.Millisecond {
			t.Fatalf("leaving took %v", took)
		}
		time.Sleep(100 * time.Millisecond)
		if off := saw[neighbors.WentOffline](ann); len(off) != 1 || off[0].Reason != neighbors.ReasonDeclared {
			t.Fatalf("ann was told %+v", off)
		}
		if _, err := bob.client.Resolve("ann"); err != neighbors.ErrStopped {
			t.Fatalf("a stopped node answers %v", err)
		}
		if err := stopAnn(); err != nil {
			t.Fatal(err)
		}
	})
}

// slowStore writes nothing, slowly.
type slowStore struct {
	takes time.Duration
	done  chan store.Done
}

func (s slowStore) Append(_ []kv.Write, seq uint64) bool {
	time.AfterFunc(s.takes, func() { s.done <- store.Done{Seq: seq} })
	return true
}

func (s slowStore) Reserve(store.Counter, uint64) bool { return false }

func (s slowStore) Done() <-chan store.Done { return s.done }

func (s slowStore) History(store.HistoryQuery) (store.HistoryPage, error) {
	return store.HistoryPage{}, nil
}

// When the person is told that somebody is blocked, or that a line is taken back, that is on
// disk, and the history they ask for has everything said so far; a disk that hangs holds nobody
// up for long.
func TestWhatIsToldIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(3, simnet.Profile{Delay: 3 * time.Millisecond})
		bob, stopBob := launch(t, net, "bob", "198.18.2.7:6789")
		for takes, want := range map[time.Duration]time.Duration{
			0: 0, 80 * time.Millisecond: 80 * time.Millisecond, time.Minute: time.Second,
		} {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(10 + want/(20*time.Millisecond)), 7}), 6789)
			ann, stopAnn := launchOn(t, net, "ann", at, reader(uint64(takes)), slowStore{takes, make(chan store.Done, 1000)})
			if _, err := ann.client.Ping(netip.MustParseAddrPort("198.18.2.7:6789")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			for blocked := range 2 {
				before := time.Now()
				if _, err := ann.client.Block("bob", blocked == 0); err != nil || time.Since(before) != want {
					t.Errorf("with a disk that takes %v: blocked after %v, %v", takes, time.Since(before), err)
				}
			}
			to, err := ann.client.Resolve("bob")
			if err != nil {
				t.Fatal(err)
			}
			before := time.Now()
			if _, err := ann.client.Say(to, "hello"); err != nil || time.Since(before) != 0 {
				t.Errorf("said after %v, %v", time.Since(before), err)
			}
			if _, err := ann.client.History(neighbors.Search{}); err != nil || time.Since(before) != want {
				t.Errorf("with a disk that takes %v: the history after %v, %v", takes, time.Since(before), err)
			}
			before = time.Now()
			if users := ann.client.Users(neighbors.FilterAll); len(users) == 0 || time.Since(before) != 0 {
				t.Errorf("%d users, after %v", len(users), time.Since(before))
			}
			if err := stopAnn(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Minute) // the disk
		}
		if err := stopBob(); err != nil {
			t.Fatal(err)
		}
		_ = bob
	})
}

// With nobody there to hear it, leaving takes no longer than it may.
func TestLeavingDoesNotWaitForTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(2, simnet.Profile{Delay: 3 * time.Millisecond})
		ann, stopAnn := launch(t, net, "ann", "198.18.1.7:6789")
		_, stopBob := launch(t, net, "bob", "198.18.2.7:6789")
		if _, err := ann.client.Ping(netip.MustParseAddrPort("198.18.2.7:6789")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		net.Cut(netip.MustParseAddr("198.18.1.7"), netip.MustParseAddr("198.18.2.7"))
		before := time.Now()
		if err := stopAnn(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > 2*time.Second {
			t.Fatalf("leaving took %v", took)
		}
		stopBob()
	})
}
