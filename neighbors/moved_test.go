package neighbors_test

import (
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
)

// A session that moves in the middle of a long line, when nothing confirmed may be sent, shows that only
// by a probe. Everything it sends from the new address, until something comes there, is long enough to
// be challenged (spec/theory.md 2.5), and the line goes on.
func TestMoverIsFoundByWhateverIsSent(t *testing.T) {
	b := newBed(t, 640, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	ann.say("bob", "hello")
	b.until(time.Second, "bob reads", func() bool { return len(bob.texts()) == 1 })
	line := strings.Repeat("a long line that fills the window. ", 400)
	ann.say("bob", line)
	moved := b.now
	ann.addr = movedFrom(ann)
	ann.node.Woke(b.now)
	heard, sizes := time.Time{}, []int{}
	b.tapped = func(d simnet.Delivery) {
		switch {
		case d.To == ann.addr && heard.IsZero():
			heard = b.now
		case d.From == ann.addr && heard.IsZero():
			sizes = append(sizes, len(d.Bytes))
		}
	}
	ann.turn()
	b.until(5*time.Second, "bob reads the line", func() bool { return len(bob.texts()) == 2 })
	for _, n := range sizes {
		if n < 101 {
			t.Errorf("before bob answers there ann sends %v bytes", sizes)
			break
		}
	}
	if after := heard.Sub(moved); after > 25*time.Millisecond {
		t.Errorf("bob asks for the new address after %v", after)
	}
}
