package neighbors_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
)

// A file of people has the addresses at which they are or may be again: not the ports of
// programs of theirs that spoke once, or of earlier runs, on a host where somebody of them is.
func TestContactsLeaveOutDeadPorts(t *testing.T) {
	b := newBed(t, 65, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	host := bob.addr.Addr()
	once := func(ports ...uint16) {
		t.Helper()
		for _, port := range ports {
			p := bob.second()
			p.addr = netip.AddrPortFrom(host, port)
			p.start()
			p.ping(ann)
			b.run(2 * time.Second)
			p.leave()
			p.kill()
			b.run(2 * time.Second)
		}
	}
	want := func(when string, addrs ...netip.AddrPort) {
		t.Helper()
		for _, c := range ann.node.Contacts() {
			if c.Name == "bob" && fmt.Sprint(c.Addrs) != fmt.Sprint(addrs) {
				t.Errorf("%s: %v, want %v", when, c.Addrs, addrs)
			}
		}
	}
	once(40001, 7001, 40002)
	want("bob is here", bob.addr)
	bob.leave()
	bob.kill()
	once(40003, 7002)
	want("all have left", bob.addr)

	carol := b.join("carol")
	usual := carol.addr
	for _, port := range []uint16{50001, 50002} { // runs of one session
		carol.addr = netip.AddrPortFrom(usual.Addr(), port)
		carol.start()
		carol.ping(ann)
		b.run(2 * time.Second)
		ann.node.Chat(b.now, "carol")
	}
	for _, c := range ann.node.Contacts() {
		if c.Name == "carol" && fmt.Sprint(c.Addrs) != fmt.Sprint([]netip.AddrPort{carol.addr}) {
			t.Errorf("carol moved to another port: %v", c.Addrs)
		}
	}
	carol.kill()
	b.run(time.Minute)
	for _, c := range ann.node.Contacts() {
		if c.Name == "carol" && len(c.Addrs) != 1 {
			t.Errorf("carol was lost: %v", c.Addrs)
		}
	}
}
