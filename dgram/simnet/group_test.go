package simnet

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

var (
	group = netip.MustParseAddrPort("239.255.70.77:6788")
	carol = netip.MustParseAddr("198.51.100.3")
)

// A datagram to a group is heard on the sender's segment by all that joined, the sender included, and
// nowhere else.
func TestGroupIsASegment(t *testing.T) {
	n := New(1, Profile{Delay: time.Millisecond})
	n.Join("one", group, ann.Addr())
	n.Join("one", group, bob.Addr())
	n.Join("two", group, carol)
	n.Send(start, ann, group, []byte("hi"))
	var got []string
	for next := n.Next(); !next.IsZero(); next = n.Next() {
		for _, d := range n.Deliver(next) {
			got = append(got, fmt.Sprint(d.From, d.To, next.Sub(start)))
		}
	}
	want := "[192.0.2.1:6789 192.0.2.1:6788 0s 192.0.2.1:6789 192.0.2.2:6788 1ms]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	n.Send(start, netip.MustParseAddrPort("192.0.2.9:6789"), group, []byte("hi"))
	n.Leave("one", bob.Addr())
	n.Send(start, bob, group, []byte("hi"))
	if d := n.Deliver(start.Add(time.Second)); d != nil {
		t.Errorf("who is on no segment is heard: %v", d)
	}
}

// In a bubble several sockets of one host hear a group, until they are closed.
func TestConnsHearAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Profile{Delay: time.Millisecond})
		a := n.Listen(ann)
		list := []*Conn{n.Hear("one", group, bob.Addr()), n.Hear("one", group, bob.Addr()), n.Hear("one", group, ann.Addr())}
		_, _, err := a.WriteMsgUDPAddrPort([]byte("hi"), nil, group)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		for _, c := range list {
			if size, _, _, from, err := c.ReadMsgUDPAddrPort(b, nil); size != 2 || from != ann || err != nil {
				t.Error(size, from, err)
			}
			c.Close()
		}
		a.WriteMsgUDPAddrPort([]byte("hi"), nil, group)
		time.Sleep(time.Second)
		a.Close()
	})
}
