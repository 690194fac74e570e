package dgram

import (
	"testing"
	"time"

	"darkchat/dgram/reliable"
	"darkchat/dgram/wire"
)

func pair(t *testing.T) (*network, *node, *node) {
	a, b := newNode(t, 1, "192.0.2.1:1000"), newNode(t, 2, "198.51.100.2:2000")
	return newNetwork(t, a, b), a, b
}

// TestFirstContact: HELLO, CHALLENGE, HANDSHAKE with a text, ACCEPT: the text is there
// after one round trip and a half, its ack after two.
func TestFirstContact(t *testing.T) {
	w, a, b := pair(t)
	if !a.Send(w.now, b.self.ID, text(1, "hello")) {
		t.Fatal("no room")
	}
	if err := a.Dial(w.now, b.addr, b.want()); err != nil {
		t.Fatal(err)
	}
	w.run(35 * time.Millisecond)
	if got := b.texts(); got != "hello" {
		t.Fatalf("after one and a half round trips b has %q", got)
	}
	w.run(10 * time.Millisecond)
	if s := last[Settled](a); s.Kind != wire.KindText || s.ID != 1 || s.Result != wire.ResultDelivered {
		t.Fatalf("a has no ack after two round trips: %+v", s)
	}
	if v := last[Associated](a); v.Peer != b.self || !v.Outbound || !v.Fresh || v.Record != nil || v.Addr != b.addr {
		t.Fatalf("at a: %+v", v)
	}
	if v := last[Associated](b); v.Peer != a.self || v.Outbound || !v.Fresh || v.Record == nil || v.Addr != a.addr {
		t.Fatalf("at b: %+v", v)
	}
	w.run(time.Minute)
	if b.texts() != "hello" || !a.Idle(b.self.ID) || !b.Idle(a.self.ID) {
		t.Fatal("not at rest")
	}
	if addr, rtt, ok := a.Path(b.self.ID); !ok || addr != b.addr || rtt != 20*time.Millisecond {
		t.Fatalf("path of a: %v %v %v", addr, rtt, ok)
	}
}

// TestUnknownContact: a text never travels to a key that was not expected.
func TestUnknownContact(t *testing.T) {
	w, a, b := pair(t)
	a.Send(w.now, b.self.ID, text(1, "for b"))
	if err := a.Dial(w.now, b.addr, nil); err != nil {
		t.Fatal(err)
	}
	w.pass = func(f flying) bool { return f.kind() != wire.PacketAccept } // b sees the handshake only
	w.run(500 * time.Millisecond)
	if count[Received](b) != 1 {
		t.Fatalf("b received %d messages", count[Received](b))
	}
	if m, ok := last[Received](b).Message.Body.(wire.Online); !ok || m.Record != nil || m.Observed != b.addr {
		t.Fatalf("b received %+v", m)
	}
	w.pass = func(flying) bool { return true }
	w.run(time.Minute)
	if b.texts() != "for b" {
		t.Fatal("the text did not follow once the key was known")
	}
}

func TestDialStages(t *testing.T) {
	t.Run("silent", func(t *testing.T) {
		w, a, b := pair(t)
		w.pass = func(flying) bool { return false }
		a.Dial(w.now, b.addr, nil)
		w.run(time.Minute)
		if u := last[Unanswered](a); u.Addr != b.addr || u.Stage != StageSilent || count[Unanswered](a) != 1 {
			t.Fatalf("%+v", u)
		}
		if n := a.Counters().Of(SentHello); n != dialSends {
			t.Fatalf("%d HELLOs", n)
		}
	})
	t.Run("challenged", func(t *testing.T) {
		w, a, b := pair(t)
		w.pass = func(f flying) bool { return f.kind() != wire.PacketHandshake }
		a.Dial(w.now, b.addr, nil)
		w.run(time.Minute)
		if u := last[Unanswered](a); u.Stage != StageChallenged || count[Unanswered](a) != 1 {
			t.Fatalf("%+v", u)
		}
	})
	t.Run("mismatch", func(t *testing.T) {
		w, a, b := pair(t)
		other := b.self
		other.Static[0]++
		a.Dial(w.now, b.addr, []Peer{other})
		w.run(time.Minute)
		if u := last[Unanswered](a); u.Stage != StageMismatch {
			t.Fatalf("%+v", u)
		}
		if a.Counters().Of(SentHandshake) != 0 {
			t.Fatal("obeyed a CHALLENGE of another key")
		}
	})
	t.Run("refused", func(t *testing.T) {
		w, a, b := pair(t)
		b.record = []byte("nonsense")
		a.Dial(w.now, b.addr, nil)
		w.run(time.Minute)
		if u := last[Unanswered](a); u.Stage != StageRefused || a.Live(b.self.ID) {
			t.Fatalf("%+v", u)
		}
	})
	t.Run("withdrawn", func(t *testing.T) {
		w, a, b := pair(t)
		w.pass = func(flying) bool { return false }
		a.Dial(w.now, b.addr, nil)
		w.run(time.Second)
		a.Withdraw(b.addr)
		w.run(time.Minute)
		if count[Unanswered](a) != 0 {
			t.Fatal("an event after Withdraw")
		}
		leftovers(t, a)
	})
}

// leftovers fails if a dial left anything behind.
func leftovers(t *testing.T, n *node) {
	t.Helper()
	if len(n.dialer.dials)+len(n.table.attempts)+len(n.table.hellos) != 0 {
		t.Fatalf("left behind: %d dials, %d attempts, %d nonces", len(n.dialer.dials), len(n.table.attempts), len(n.table.hellos))
	}
}

// TestLoss: whatever is lost along the way, the text arrives and is acknowledged.
func TestLoss(t *testing.T) {
	for _, kind := range []wire.PacketKind{wire.PacketHello, wire.PacketChallenge, wire.PacketHandshake, wire.PacketAccept, wire.PacketData} {
		t.Run(kind.String(), func(t *testing.T) {
			w, a, b := pair(t)
			lost := 0
			w.pass = func(f flying) bool {
				if f.kind() == kind && lost < 2 {
					lost++
					return false
				}
				return true
			}
			a.Send(w.now, b.self.ID, text(1, "hello"))
			a.Dial(w.now, b.addr, b.want())
			w.run(20 * time.Second)
			if s := last[Settled](a); s.ID != 1 || lost != 2 {
				t.Fatalf("not settled: %+v, %d lost", s, lost)
			}
			if got := b.texts(); got == "" {
				t.Fatal("not received")
			}
			leftovers(t, a)
		})
	}
}

// TestRestart: whoever forgets everything, the next text gets through without help.
func TestRestart(t *testing.T) {
	t.Run("answerer", func(t *testing.T) {
		w, a, b := pair(t)
		w.connect(a, b)
		b.restart()
		a.Send(w.now, b.self.ID, text(1, "a text long enough to be challenged, because it has more than a hundred bytes inside"))
		w.run(45 * time.Millisecond)
		if b.texts() == "" {
			t.Fatal("not there after two round trips")
		}
		w.run(time.Minute)
		if s := last[Settled](a); s.ID != 1 || count[Unanswered](a) != 0 {
			t.Fatalf("%+v", s)
		}
		leftovers(t, a)
	})
	t.Run("answerer, short text", func(t *testing.T) {
		w, a, b := pair(t)
		w.connect(a, b)
		b.restart()
		a.Send(w.now, b.self.ID, text(1, "x"))
		w.run(time.Second) // the first is too small to be challenged, the second is padded
		if b.texts() != "x" || last[Settled](a).ID != 1 {
			t.Fatal("not delivered")
		}
	})
	t.Run("caller", func(t *testing.T) {
		w, a, b := pair(t)
		w.connect(a, b)
		a.restart()
		b.Send(w.now, a.self.ID, text(1, "x"))
		w.run(5 * time.Second)
		if a.texts() != "x" || last[Settled](b).ID != 1 {
			t.Fatal("not delivered")
		}
	})
	t.Run("caller calls again at once", func(t *testing.T) {
		w, a, b := pair(t)
		w.connect(a, b)
		a.restart()
		a.Send(w.now, b.self.ID, text(7, "y"))
		a.Dial(w.now, b.addr, b.want())
		w.run(200 * time.Millisecond)
		if s := last[Settled](a); b.texts() != "y" || s.ID != 7 {
			t.Fatalf("b has %q, a %+v", b.texts(), s)
		}
		b.Send(w.now, a.self.ID, text(1, "z"))
		w.run(200 * time.Millisecond)
		if a.texts() != "z" {
			t.Fatal("b still writes to the keys that a lost")
		}
	})
	t.Run("answerer calls", func(t *testing.T) {
		w, a, b := pair(t)
		w.connect(a, b)
		w.run(silentAfter)
		b.restart()
		b.Send(w.now, a.self.ID, text(7, "y"))
		b.Dial(w.now, a.addr, a.want())
		w.run(5 * time.Second)
		a.Send(w.now, b.self.ID, text(1, "z"))
		w.run(5 * time.Second)
		if a.texts() != "y" || b.texts() != "z" || last[Settled](b).ID != 7 || last[Settled](a).ID != 1 {
			t.Fatalf("a has %q, b %q", a.texts(), b.texts())
		}
	})
}

// TestProbe: answered by dgram itself, at once.
func TestProbe(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	id := a.Probe(w.now, b.self.ID)
	w.run(25 * time.Millisecond)
	if s := last[Settled](a); s.Kind != wire.KindPing || s.ID != id || s.RTT != 20*time.Millisecond {
		t.Fatalf("%+v", s)
	}
	if count[Received](b) != 0 {
		t.Fatal("a probe was handed up")
	}
	// Repeated in vain, it becomes long enough to be challenged.
	b.restart()
	a.Probe(w.now, b.self.ID)
	w.run(time.Second)
	a.Probe(w.now, b.self.ID)
	w.run(time.Second)
	if !b.Live(a.self.ID) {
		t.Fatal("b could not say that it has forgotten the key")
	}
}

// TestListCompletes: a request ends with the list that names it.
func TestListCompletes(t *testing.T) {
	w, a, b := pair(t)
	b.settle = false
	w.connect(a, b)
	id := a.NextID()
	a.Send(w.now, b.self.ID, wire.Message{ID: id, Body: wire.ListRequest{Credit: 1}})
	w.run(50 * time.Millisecond)
	if last[Received](b).Message.ID != id {
		t.Fatal("no request")
	}
	b.Send(w.now, a.self.ID, wire.Message{ID: 0, Body: wire.List{Request: id, Total: 1}})
	w.run(50 * time.Millisecond)
	if s := last[Settled](a); s.Kind != wire.KindListRequest || s.ID != id {
		t.Fatalf("%+v", s)
	}
	if _, ok := last[Received](a).Message.Body.(wire.List); !ok || !a.Idle(b.self.ID) {
		t.Fatal("no list")
	}
}

// TestLapse: five sends, then the message is given back.
func TestLapse(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	w.pass = func(flying) bool { return false }
	a.Send(w.now, b.self.ID, text(1, "x"))
	w.run(2 * time.Minute)
	if l := last[Lapsed](a); l.Peer != b.self.ID || l.ID != 1 || !a.Idle(b.self.ID) {
		t.Fatalf("%+v", l)
	}
	if n := a.Counters().Of(SentData); n != reliable.MaxSends+1 { // the first one confirmed the keys
		t.Fatalf("%d DATA", n)
	}
}

// TestForget: keys and queue are gone, the queue is given back.
func TestForget(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	w.pass = func(flying) bool { return false }
	a.Pin(b.self.ID, true)
	a.Send(w.now, b.self.ID, text(1, "x"))
	w.run(time.Millisecond)
	a.Forget(b.self.ID)
	w.run(time.Minute)
	if a.Live(b.self.ID) || count[Lapsed](a) != 1 || len(a.links)+len(a.table.keys)+len(a.table.sending)+a.timers.Len()+a.unlinked+a.pins != 0 {
		t.Fatal("something is left")
	}
}

// TestIdleNodeSleeps: a node that nothing happens to asks for no wake-up in the end.
func TestIdleNodeSleeps(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	w.run(3 * hardTime)
	for _, n := range []*node{a, b} {
		if !n.wakeAt.IsZero() || count[Closed](n) != 1 || n.Live(a.self.ID) || len(n.links) != 0 {
			t.Fatalf("next wake-up %v, %d closed, %d links", n.wakeAt, count[Closed](n), len(n.links))
		}
	}
	if b.epochs.now.Load() != nil || b.table.used[0].epoch != nil || b.table.used[1].epoch != nil {
		t.Fatal("secrets of old epochs are kept")
	}
}

// TestJoinedDial: Dial on a running dial that has been silent for a while re-sends HELLO at once,
// and not more often than that.
func TestJoinedDial(t *testing.T) {
	w, a, b := pair(t)
	w.pass = func(flying) bool { return false }
	if err := a.Dial(w.now, b.addr, b.want()); err != nil {
		t.Fatal(err)
	}
	w.run(13 * time.Second) // the fourth was said after 7 s, the next is due after some 15
	w.pass = func(flying) bool { return true }
	said := a.Counters().Of(SentHello)
	for range 3 {
		if err := a.Dial(w.now, b.addr, b.want()); err != nil {
			t.Fatal(err)
		}
	}
	w.run(100 * time.Millisecond)
	if n := a.Counters().Of(SentHello) - said; n != 1 || !a.Live(b.self.ID) {
		t.Fatalf("%d HELLOs, associated: %v", n, a.Live(b.self.ID))
	}
}

// TestOvertakenDial: an unanswered dial ends when the session it was for has called meanwhile; a
// dial begun after that goes on.
func TestOvertakenDial(t *testing.T) {
	w, a, b := pair(t)
	w.pass = func(f flying) bool { return f.from != a.addr } // b is not there yet
	if err := a.Dial(w.now, b.addr, b.want()); err != nil {
		t.Fatal(err)
	}
	w.run(300 * time.Millisecond)
	w.pass = func(flying) bool { return true }
	w.connect(b, a)
	w.run(time.Minute)
	if n := a.Counters()[AssociationsMade]; n != 1 || count[Associated](a) != 1 || count[Unanswered](a) != 0 || len(a.dialer.dials) > 0 {
		t.Fatalf("%d associations, %+v", n, a.events)
	}
	if err := a.Dial(w.now, b.addr, b.want()); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	if count[Associated](a) != 2 || !last[Associated](a).Outbound {
		t.Fatalf("a dial for a peer that is there was not made: %+v", a.events)
	}
}
