package neighbors_test

import (
	"context"
	"crypto/ed25519"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/sessions/store"
)

// cut is a socket of a machine that the system lets send to nobody.
type cut struct {
	dgram.Conn
	why syscall.Errno
}

func (c cut) WriteMsgUDPAddrPort([]byte, []byte, netip.AddrPort) (n, oobn int, err error) {
	return 0, 0, &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendmsg", c.why)}
}

// A \ping of an address to which this machine has no route fails at once: waiting would show nothing more,
// and the other side's firewall is not to blame. If the system merely cannot send right now, the \ping
// goes on.
func TestPingWithoutAWay(t *testing.T) {
	for _, row := range []struct {
		why   syscall.Errno
		soon  bool
		words string
	}{
		{syscall.ENETUNREACH, true, "no route there"},
		{syscall.EHOSTUNREACH, true, "no route there"},
		{syscall.EPERM, true, "own firewall"},
		{syscall.ENOBUFS, false, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			addr, to := netip.MustParseAddrPort("192.0.2.1:6789"), netip.MustParseAddrPort("198.51.100.1:6789")
			r := reader(7)
			var seed [ed25519.SeedSize]byte
			var session [32]byte
			io.ReadFull(r, seed[:])
			io.ReadFull(r, session[:])
			node, err := neighbors.New(neighbors.Config{
				Key: ed25519.NewKeyFromSeed(seed[:]), Name: "ann", Session: session, Random: r, Listen: []netip.AddrPort{addr},
				IDs: store.Range{First: 1, Limit: 1 << 50}, Seqs: store.Range{First: 1, Limit: 1 << 50},
			}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			s := &screen{}
			loop := neighbors.NewLoop(node, cut{simnet.New(1, simnet.Profile{}).Listen(addr), row.why}, 1, nil, s.sink)
			s.client = neighbors.NewClient(loop)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- loop.Run(ctx) }()
			began := time.Now()
			if _, err := s.client.Ping(to); err != nil {
				t.Fatal(err)
			}
			for len(saw[neighbors.Failed](s)) == 0 && time.Since(began) < time.Minute {
				time.Sleep(time.Millisecond) // in the bubble
				synctest.Wait()
			}
			failed := saw[neighbors.Failed](s)
			if len(failed) != 1 || !strings.Contains(failed[0].Text, row.words) {
				t.Errorf("%v: %+v", row.why, failed)
			}
			if took := time.Since(began); took > neighbors.PingTimeout || row.soon != (took < 100*time.Millisecond) {
				t.Errorf("%v: it took %v", row.why, took)
			}
			cancel()
			<-ended
		})
	}
}
