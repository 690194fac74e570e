package dgram

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
)

// talker is a node with the least of an outbox and an inbox behind it: texts go out in
// order, at most outstanding of them at once; they are recorded in order, once.
type talker struct {
	*node
	peer *talker

	texts, put, done uint64
	state            map[uint64]wire.Result // of those that settled for good
	again            map[uint64]time.Time
	outstanding      int

	have  uint64
	early map[uint64]Handle
	size  int
}

// talk runs two talkers over a simulated network.
type talk struct {
	t       *testing.T
	net     *simnet.Net
	now     time.Time
	talkers [2]*talker
	sent    map[wire.PacketKind]int
	lapsed  int
}

func newTalk(t *testing.T, seed uint64, p simnet.Profile, texts [2]uint64) *talk {
	t.Helper()
	c := &talk{t: t, net: simnet.New(seed, p), now: began, sent: map[wire.PacketKind]int{}}
	for i, addr := range []string{"192.0.2.1:1000", "198.51.100.2:2000"} {
		c.talkers[i] = &talker{
			node: newNode(t, byte(i+1), addr), texts: texts[i], outstanding: 64, size: 100,
			state: map[uint64]wire.Result{}, again: map[uint64]time.Time{}, early: map[uint64]Handle{},
		}
	}
	c.talkers[0].peer, c.talkers[1].peer = c.talkers[1], c.talkers[0]
	c.net.Label(func(b []byte) string {
		p, err := wire.ParsePacket(b)
		if err != nil {
			return err.Error()
		}
		return p.Kind.String()
	})
	t.Cleanup(func() {
		if t.Failed() {
			trace := c.net.Trace()
			t.Logf("seed %d, the end of it:\n%s", seed, trace[max(0, len(trace)-8000):])
		}
	})
	return c
}

// send puts a text into the Endpoint.
func (c *talk) send(n *talker, id uint64) bool {
	return n.Send(c.now, n.peer.self.ID, text(id, strings.Repeat("x", n.size)))
}

// turn lets a talker act on what came, and on the time.
func (c *talk) turn(n *talker) {
	for range 100 {
		for id := n.done + 1; id <= n.put && len(n.again) > 0; id++ {
			if at, ok := n.again[id]; ok && !at.After(c.now) && c.send(n, id) {
				delete(n.again, id)
			}
		}
		for n.put < n.texts && n.put-n.done < uint64(n.outstanding) && c.send(n, n.put+1) {
			n.put++
		}
		n.wakeAt = n.Advance(c.now)
		datagrams, events := n.Drain()
		for _, d := range datagrams {
			if p, err := wire.ParsePacket(d.Bytes); err == nil {
				c.sent[p.Kind]++
			}
			c.net.Send(c.now, n.addr, d.To, d.Bytes)
		}
		if len(events) == 0 {
			return
		}
		for _, v := range events {
			c.event(n, v)
		}
	}
	c.t.Fatal("a talker does not come to rest")
}

func (c *talk) event(n *talker, v Event) {
	switch v := v.(type) {
	case Received:
		c.received(n, v)
	case Settled:
		if v.Result == wire.ResultGap { // the Endpoint does not hold the one before it
			for id := v.Have + 1; id <= v.ID; id++ {
				if _, ok := n.state[id]; !ok && id <= n.put {
					n.again[id] = c.now
				}
			}
			return
		}
		if _, ok := n.state[v.ID]; ok && v.Kind == wire.KindText {
			c.t.Fatalf("text %d settles twice", v.ID)
		}
		n.state[v.ID] = v.Result
		for {
			if _, ok := n.state[n.done+1]; !ok {
				return
			}
			n.done++
		}
	case Lapsed:
		if _, ok := n.state[v.ID]; ok {
			c.t.Fatalf("text %d lapses after it settled", v.ID)
		}
		c.lapsed++
		n.again[v.ID] = c.now.Add(2 * time.Second)
	case Unanswered, Closed:
		if err := n.Dial(c.now, n.peer.addr, n.peer.want()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// received records a text when it is its turn.
func (c *talk) received(n *talker, r Received) {
	m := r.Message
	t, ok := m.Body.(wire.Text)
	if !ok {
		c.t.Fatalf("%+v", m)
	}
	switch {
	case m.ID <= n.have:
		n.Settle(c.now, r.Handle, wire.ResultDelivered, 0)
	case t.Prev > n.have:
		n.early[m.ID] = r.Handle
		n.Settle(c.now, r.Handle, wire.ResultGap, n.have)
	default:
		for h, ok := r.Handle, true; ok; h, ok = n.early[n.have+1] {
			n.have++
			delete(n.early, n.have)
			n.Settle(c.now, h, wire.ResultDelivered, 0)
		}
	}
}

// run goes on until all is said, or until the limit.
func (c *talk) run(limit time.Duration) {
	end := c.now.Add(limit)
	a, b := c.talkers[0], c.talkers[1]
	if err := a.Dial(c.now, b.addr, b.want()); err != nil {
		c.t.Fatal(err)
	}
	for c.now.Before(end) {
		c.turn(a)
		c.turn(b)
		if a.done == a.texts && b.done == b.texts {
			return
		}
		next := sooner(sooner(sooner(c.net.Next(), a.wakeAt), b.wakeAt), end)
		for _, n := range c.talkers {
			for _, at := range n.again {
				next = sooner(next, at)
			}
		}
		if next.After(c.now) {
			c.now = next
		}
		for _, d := range c.net.Deliver(c.now) {
			for _, n := range c.talkers {
				if n.addr == d.To {
					n.Receive(c.now, n.Opener().Open(c.now, d.From, d.To.Addr(), d.Bytes))
				}
			}
		}
	}
}

func (c *talk) check() {
	c.t.Helper()
	for _, n := range c.talkers {
		if n.done != n.texts || n.peer.have != n.texts {
			c.t.Errorf("%v: %d of %d texts settled, %d recorded", n.addr, n.done, n.texts, n.peer.have)
		}
		for id, r := range n.state {
			if r != wire.ResultDelivered {
				c.t.Errorf("%v: text %d: %v", n.addr, id, r)
			}
		}
	}
}

// TestConversationOverBadNet: a thousand texts each way, all recorded once and in
// order, over a network that loses and repeats a third and reorders.
func TestConversationOverBadNet(t *testing.T) {
	bad := simnet.Profile{Loss: 0.3, Duplicate: 0.3, Reorder: 0.2, Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond}
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			c := newTalk(t, seed, bad, [2]uint64{1000, 1000})
			c.run(time.Hour)
			c.check()
			count, _ := c.net.Sum()
			t.Logf("%v, %d datagrams, %d lapses", c.now.Sub(began), count, c.lapsed)
			if c.now.Sub(began) > 10*time.Minute {
				t.Error("that took too long")
			}
		})
	}
}

// TestConversationRepeats: one seed, one run.
func TestConversationRepeats(t *testing.T) {
	bad := simnet.Profile{Loss: 0.2, Duplicate: 0.2, Reorder: 0.2, Delay: time.Millisecond, Jitter: time.Millisecond}
	run := func() (uint64, uint64) {
		c := newTalk(t, 9, bad, [2]uint64{100, 100})
		c.run(time.Hour)
		c.check()
		return c.net.Sum()
	}
	count, sum := run()
	if again, sumAgain := run(); count != again || sum != sumAgain {
		t.Errorf("%d datagrams with the sum %x, then %d with %x", count, sum, again, sumAgain)
	}
}

// TestConversationCoalesces: a stream with 64 texts outstanding puts eight or more
// into every datagram, and as many acks.
func TestConversationCoalesces(t *testing.T) {
	c := newTalk(t, 1, simnet.Profile{Delay: 100 * time.Microsecond}, [2]uint64{5000, 0})
	c.run(time.Minute)
	c.check()
	t.Logf("%d DATA in %v", c.sent[wire.PacketData], c.now.Sub(began))
	if n := c.sent[wire.PacketData]; n > 2*5000/8 {
		t.Errorf("5000 texts took %d datagrams with their acks", n)
	}
}

// TestConversationAfterPartition: what was said while the wire was cut arrives after.
func TestConversationAfterPartition(t *testing.T) {
	c := newTalk(t, 2, simnet.Profile{Delay: 5 * time.Millisecond}, [2]uint64{10, 10})
	c.run(time.Minute)
	a, b := c.talkers[0], c.talkers[1]
	c.net.Cut(a.addr.Addr(), b.addr.Addr())
	a.texts, b.texts = 300, 300
	c.run(20 * time.Second)
	if a.done != 10 || b.done != 10 || c.lapsed == 0 {
		t.Fatalf("%d and %d texts through a cut wire, %d lapses", a.done, b.done, c.lapsed)
	}
	c.net.Heal(a.addr.Addr(), b.addr.Addr())
	c.run(time.Minute)
	c.check()
}
