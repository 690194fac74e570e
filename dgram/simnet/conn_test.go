package simnet_test

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
)

var _ dgram.Conn = (*simnet.Conn)(nil)

var (
	ann = netip.MustParseAddrPort("192.0.2.1:6789")
	bob = netip.MustParseAddrPort("192.0.2.2:6789")
)

func TestConnCarries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1, simnet.Profile{Delay: 3 * time.Second})
		a, b := n.Listen(ann), n.Listen(bob)
		defer a.Close()
		defer b.Close()
		begin := time.Now()
		msg := []byte("hello")
		if n, _, err := a.WriteMsgUDPAddrPort(msg, nil, netip.AddrPortFrom(netip.MustParseAddr("::ffff:192.0.2.2"), 6789)); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		copy(msg, "HELLO")
		buf := make([]byte, 100)
		size, _, flags, from, err := b.ReadMsgUDPAddrPort(buf, nil)
		if err != nil || string(buf[:size]) != "hello" || from != ann || flags != 0 || time.Since(begin) != 3*time.Second {
			t.Fatalf("%q from %v after %v, %v", buf[:size], from, time.Since(begin), err)
		}
		if _, _, err := b.WriteMsgUDPAddrPort(msg, nil, ann); err != nil {
			t.Fatal(err)
		}
		if size, _, flags, _, err := a.ReadMsgUDPAddrPort(buf[:2], nil); size != 2 || flags != syscall.MSG_TRUNC || err != nil {
			t.Fatal(size, flags, err)
		}
		if _, _, err := a.WriteMsgUDPAddrPort(make([]byte, simnet.MTU+1), nil, bob); !errors.Is(err, syscall.EMSGSIZE) {
			t.Fatal(err)
		}
	})
}

func TestConnCloseEndsReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1, simnet.Profile{})
		a := n.Listen(ann)
		ended := make(chan error)
		for range 3 {
			go func() {
				_, _, _, _, err := a.ReadMsgUDPAddrPort(nil, nil)
				ended <- err
			}()
		}
		synctest.Wait()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		}
		if _, _, err := a.WriteMsgUDPAddrPort(nil, nil, bob); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		if err := a.Close(); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		n.Listen(ann).Close() // the address is free again
	})
}

func TestConnQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1, simnet.Profile{})
		a, b := n.Listen(ann), n.Listen(bob)
		for range 2000 {
			a.WriteMsgUDPAddrPort([]byte{1}, nil, bob)
		}
		synctest.Wait()
		got := 0
		go func() {
			for {
				if _, _, _, _, err := b.ReadMsgUDPAddrPort(make([]byte, 1), nil); err != nil {
					return
				}
				got++
			}
		}()
		synctest.Wait()
		if got != 1024 {
			t.Errorf("%d of 2000 are kept", got)
		}
		a.Close()
		b.Close()
	})
}

func TestConnPortsAndCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1, simnet.Profile{})
		a := n.Listen(netip.AddrPortFrom(ann.Addr(), 0))
		b := n.Listen(netip.AddrPortFrom(ann.Addr(), 0))
		to := b.LocalAddr().(*net.UDPAddr).AddrPort()
		if to.Port() == 0 || a.LocalAddr().String() == b.LocalAddr().String() {
			t.Fatal(a.LocalAddr(), b.LocalAddr())
		}
		c := n.Listen(bob)
		n.Cut(ann.Addr(), bob.Addr())
		c.WriteMsgUDPAddrPort([]byte("cut"), nil, to)
		n.Heal(ann.Addr(), bob.Addr())
		c.WriteMsgUDPAddrPort([]byte("healed"), nil, to)
		buf := make([]byte, 10)
		size, _, _, _, err := b.ReadMsgUDPAddrPort(buf, nil)
		if err != nil || string(buf[:size]) != "healed" {
			t.Fatalf("%q, %v", buf[:size], err)
		}
		for _, c := range []*simnet.Conn{a, b, c} {
			c.Close()
		}
	})
}
