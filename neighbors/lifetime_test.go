package neighbors_test

import (
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// A node that is cut off calls nobody lost for that within the lifetime of their records; after that
// typed lines wait, and are not reported as sent.
func TestNobodyIsBelievedLongerThanTheirRecordSays(t *testing.T) {
	b := newBed(t, 31, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	b.run(time.Minute)
	bob.kill() // as if ann's cable were out
	ann.node.SetLocalNetwork(b.now, neighbors.LocalNetwork{
		Listen:     []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:6789")},
		Interfaces: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")},
	})
	ann.turn()
	b.run(9 * time.Minute)
	if n := count[neighbors.WentOffline](ann); n > 0 {
		t.Error("somebody is lost by ann's own cable")
	}
	b.run(2 * time.Minute)
	if lost := all[neighbors.WentOffline](ann); len(lost) != 1 || lost[0].Reason != neighbors.ReasonLost {
		t.Errorf("after the lifetime: %+v", lost)
	}
	ann.say("bob", "are you there?")
	b.run(time.Second)
	if got := ann.last().State; got != neighbors.Queued {
		t.Errorf("a line is %s", got)
	}
}
