package neighbors_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// One's own name is oneself, whatever is asked for, unless somebody else is meant by it.
func TestOwnNameIsYou(t *testing.T) {
	b := newBed(t, 841, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	self := ann.node.Self()
	for _, typed := range []string{"ann", "Ann", "ann/" + self.Session[:4], "ann~" + self.Fingerprint[:4]} {
		_, ping := ann.node.PingUser(b.now, typed)
		_, chat := ann.node.Chat(b.now, typed)
		_, block := ann.node.Block(b.now, typed, true)
		for what, err := range map[string]error{"ping": ping, "chat": chat, "block": block} {
			if !errors.Is(err, neighbors.ErrYourself) {
				t.Errorf("%s %s: %v", what, typed, err)
			}
		}
	}
	if _, err := ann.node.Chat(b.now, "ann~2222"); errors.Is(err, neighbors.ErrYourself) {
		t.Error("another key of the name is not oneself")
	}
	other := b.join("ann")
	bob.meet(ann)
	do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Ping(now, other.addr) })
	b.run(time.Second)
	if _, err := ann.node.Chat(b.now, "ann~"+other.fingerprint()[:4]); err != nil {
		t.Errorf("somebody else who goes by the own name: %v", err)
	}
}

// A link-local address without its link is refused at once.
func TestLinkLocalNeedsItsLink(t *testing.T) {
	b := newBed(t, 842, simnet.Profile{})
	ann := b.join("ann")
	for at, ok := range map[string]bool{"[fe80::1]:6789": false, "[fe80::1%eth0]:6789": true, "169.254.3.4:6789": true, "[2001:db8::1]:6789": true} {
		if _, err := ann.node.Ping(b.now, netip.MustParseAddrPort(at)); (err == nil) != ok {
			t.Errorf("%s: %v", at, err)
		}
	}
}
