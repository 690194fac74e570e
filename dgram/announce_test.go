package dgram

import (
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// office is a link: 10.0.0.0/24.
func office(a netip.Addr) bool { return netip.MustParsePrefix("10.0.0.0/24").Contains(a) }

func inOffice(t *testing.T, number byte, addr string) *node {
	t.Helper()
	return newNodeWith(t, number, addr, func(c *Config) {
		c.SameLink = office
		c.Crowd = func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.255") }
	})
}

var everybody = []Outlet{{To: netip.MustParseAddrPort("239.255.70.77:6788"), Interface: 2}}

// announce has n announce itself and returns the datagram.
func (w *network) announce(n *node) []byte {
	w.t.Helper()
	n.Announce(w.now, everybody)
	var hello []byte
	pass := w.pass
	w.pass = func(f flying) bool {
		if f.to == everybody[0].To {
			hello = f.bytes
			return false
		}
		return pass(f)
	}
	w.turn(n)
	w.pass = pass
	if len(hello) != wire.HelloSize {
		w.t.Fatalf("an announcement of %d bytes", len(hello))
	}
	return hello
}

// hear has n hear an announcement.
func (w *network) hear(n *node, from netip.AddrPort, hello []byte) {
	n.Receive(w.now, n.Opener().OpenAnnouncement(w.now, from, hello))
	w.turn(n)
}

// A node that hears an announcement answers once, after a while, and both report that they met on
// their link. While in touch they do not answer again; after a restart they do.
func TestAnnouncement(t *testing.T) {
	ann, bob := inOffice(t, 1, "10.0.0.1:1"), inOffice(t, 2, "10.0.0.2:2")
	w := newNetwork(t, ann, bob)
	challenges := 0
	w.pass = func(f flying) bool {
		if f.kind() == wire.PacketChallenge {
			challenges++
		}
		return true
	}
	hello := w.announce(ann)
	w.hear(bob, ann.addr, hello)
	w.hear(bob, ann.addr, hello) // by another group
	w.run(answerWaitLeast - time.Millisecond)
	if challenges != 0 {
		t.Fatal("answered at once")
	}
	w.run(time.Second)
	if challenges != 1 || !last[Associated](ann).Link || !last[Associated](bob).Link {
		t.Fatalf("%d CHALLENGEs, %+v, %+v", challenges, last[Associated](ann), last[Associated](bob))
	}
	w.run(inTouchTime / 4)
	w.hear(bob, ann.addr, w.announce(ann))
	w.run(time.Second)
	if challenges != 1 {
		t.Error("answered though in touch")
	}
	w.run(announceRow)
	ann.restart()
	for range 2 { // the first may be of the old program, the second in a row cannot
		w.hear(bob, ann.addr, w.announce(ann))
		w.run(time.Second)
	}
	if challenges != 2 || count[Associated](ann) != 2 {
		t.Errorf("%d CHALLENGEs after a restart", challenges)
	}
}

// One announcement starts at most 64 HANDSHAKEs, and only with nodes on the link; one that is not
// accepted is sent once more, and no HELLO follows.
func TestAnswersAreBounded(t *testing.T) {
	ann := inOffice(t, 1, "10.0.0.1:1")
	w := newNetwork(t, ann)
	sent := map[netip.AddrPort]string{}
	w.pass = func(f flying) bool {
		sent[f.to] += f.kind().String() + " "
		return false
	}
	hello := w.announce(ann)
	challenge := func(i byte, from netip.AddrPort) []byte {
		n := inOffice(t, i, from.String())
		n.Receive(w.now, n.Opener().Open(w.now, ann.addr, from.Addr(), hello))
		n.Advance(w.now)
		datagrams, _ := n.Drain()
		return datagrams[0].Bytes
	}
	for i := range byte(100) {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, i + 2}), 2)
		w.deliver(flying{from: from, to: ann.addr, bytes: challenge(i+2, from)})
	}
	far := netip.MustParseAddrPort("192.0.2.1:2")
	w.deliver(flying{from: far, to: ann.addr, bytes: challenge(200, far)})
	w.run(answerLife + time.Second)
	if len(sent) != maxAnswers || sent[far] != "" {
		t.Errorf("%d were answered, who is far with %q", len(sent), sent[far])
	}
	for to, what := range sent {
		if what != "HANDSHAKE HANDSHAKE " {
			t.Errorf("to %v: %s", to, what)
		}
	}
	late := netip.MustParseAddrPort("10.0.0.250:2")
	w.deliver(flying{from: late, to: ann.addr, bytes: challenge(201, late)})
	if sent[late] != "" {
		t.Error("a late CHALLENGE is obeyed")
	}
}

// Nothing but a HELLO from one host of the link leads to anything where announcements
// are heard; a broadcast address is never answered, on the chat socket neither. Our
// own announcement is not for us.
func TestCallsAreOfTheLink(t *testing.T) {
	ann, bob := inOffice(t, 1, "10.0.0.1:1"), inOffice(t, 2, "10.0.0.2:2")
	w := newNetwork(t, ann, bob)
	hello := w.announce(ann)
	open := func(from string, b []byte) Counter {
		return bob.Opener().OpenAnnouncement(w.now, netip.MustParseAddrPort(from), b).Reason()
	}
	for _, c := range []struct {
		from string
		b    []byte
		want Counter
	}{
		{"10.0.0.9:1", hello, CountNothing},
		{"192.0.2.1:1", hello, DroppedLink},
		{"10.0.0.255:1", hello, DroppedSource},
		{"10.0.0.9:0", hello, DroppedSource},
		{"239.255.70.77:1", hello, DroppedSource},
		{"10.0.0.9:1", hello[:111], DroppedShape},
		{"10.0.0.9:1", append([]byte{0x85, 18}, hello[2:]...), DroppedShape},
	} {
		if got := open(c.from, c.b); got != c.want {
			t.Errorf("from %s: %v, want %v", c.from, got, c.want)
		}
	}
	if got := ann.Opener().OpenAnnouncement(w.now, ann.addr, hello).Reason(); got != DroppedSelf {
		t.Errorf("its own: %v", got)
	}
	o := bob.Opener().Open(w.now, netip.MustParseAddrPort("10.0.0.255:1"), netip.Addr{}, hello)
	if o.Reason() != DroppedSource {
		t.Errorf("on the chat socket, from the broadcast address: %v", o.Reason())
	}
	for i := range 1000 { // a flood of them
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), uint16(1+i))
		w.hear(bob, from, announced(i))
	}
	if len(bob.announcements.pendingReplies) > maxPendingReplies || bob.announcements.announcers.Len() > maxAnnouncers {
		t.Errorf("%d wait, %d are remembered", len(bob.announcements.pendingReplies), bob.announcements.announcers.Len())
	}
	answers := 0
	w.pass = func(f flying) bool { answers++; return false }
	w.run(10 * time.Second)
	if answers == 0 || answers > answerBurst+answerRate {
		t.Errorf("%d answers", answers)
	}
}

func announced(i int) []byte {
	nonce := make([]byte, wire.NonceSize)
	nonce[0], nonce[1] = byte(i), byte(i>>8)
	return wire.AppendHello(nil, nonce)
}
