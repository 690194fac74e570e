package lan_test

import (
	"context"
	"crypto/ed25519"
	"io"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/neighbors/lan"
	"darkchat/sessions/store"
)

// Two loops, each with a chat socket and one on which announcements are heard, find each
// other, lose no goroutine when they end, and say goodbye.
func TestLoopsOnOneLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(1, simnet.Profile{Delay: time.Millisecond})
		var mu sync.Mutex
		came, went := 0, 0
		start := func(name string, host byte) (stop func()) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), 24)
			chat := netip.AddrPortFrom(p.Addr(), 6789)
			r := rand.NewChaCha8([32]byte{host})
			var key, session [32]byte
			io.ReadFull(r, key[:])
			io.ReadFull(r, session[:])
			node, err := neighbors.New(neighbors.Config{
				Key: ed25519.NewKeyFromSeed(key[:]), Name: name, Session: session, Random: r, Listen: []netip.AddrPort{chat},
				IDs: store.Range{First: 1, Limit: 1 << 50}, Seqs: store.Range{First: 1, Limit: 1 << 50},
				Interfaces: []netip.Prefix{p}, Sources: []neighbors.Source{lan.New()},
				Outlets: lan.Outlets([]lan.Interface{{Index: 1, Multicast: true, Prefixes: []netip.Prefix{p}}}, true, false),
			}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			loop := neighbors.NewLoop(node, net.Listen(chat), 2, nil, func(e neighbors.Event) {
				mu.Lock()
				defer mu.Unlock()
				switch e.(type) {
				case neighbors.CameOnline:
					came++
				case neighbors.WentOffline:
					went++
				}
			})
			loop.Hear(net.Hear("office", lan.Group4, p.Addr()))
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- loop.Run(ctx) }()
			return func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
		}
		stopAnn, stopBob := start("ann", 1), start("bob", 2)
		time.Sleep(time.Second)
		stopBob()
		time.Sleep(time.Second)
		stopAnn()
		if came != 2 || went != 1 {
			t.Errorf("told %d times that somebody came, %d times that somebody went", came, went)
		}
	})
}
