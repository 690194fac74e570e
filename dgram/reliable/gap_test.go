package reliable

import (
	"reflect"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

func gapOf(id, attempt, have uint64) wire.Ack {
	return wire.Ack{Kind: wire.KindText, ID: id, Attempt: attempt, Result: wire.ResultGap, Have: have}
}

// While the missing text is under way, the ones behind it wait quietly.
func TestGapIsWaitedOut(t *testing.T) {
	c, now := opened(t, 20*time.Millisecond)
	for id := uint64(2); id <= 4; id++ {
		mustPut(t, c, textOf(id, 900))
	}
	if got := takeAll(c, now); len(got) != 3 {
		t.Fatalf("%v", got)
	}
	now = now.Add(20 * time.Millisecond)
	for id := uint64(3); id <= 4; id++ {
		if r, ok := c.OnAck(now, gapOf(id, 1, 1)); ok {
			t.Fatalf("%+v", r)
		}
	}
	if got := takeAll(c, now.Add(2500*time.Microsecond)); !reflect.DeepEqual(got, [][]uint64{{2}}) {
		t.Fatalf("%v go again", got)
	}
	now = now.Add(25 * time.Millisecond)
	for id, attempt := range map[uint64]uint64{2: 2, 3: 1, 4: 1} {
		if r, ok := c.OnAck(now, ackOf(wire.KindText, id, attempt)); !ok || r.Result != wire.ResultDelivered {
			t.Fatalf("text %d: %+v, %v", id, r, ok)
		}
	}
	if !c.Idle() {
		t.Fatal("something is left")
	}
}

// When the final acks are lost, each is asked for again once its predecessor ended.
func TestGapAsksAgain(t *testing.T) {
	c, now := opened(t, time.Millisecond)
	mustPut(t, c, textOf(2, 900), textOf(3, 900))
	takeAll(c, now)
	c.OnAck(now, gapOf(3, 1, 1))
	c.OnAck(now, ackOf(wire.KindText, 2, 1))
	if err := c.consistent(); err != nil {
		t.Fatal(err)
	}
	at := c.Deadline()
	if at.IsZero() || at.Sub(now) > 10*time.Millisecond {
		t.Fatalf("asked again at %v", at.Sub(now))
	}
	c.Advance(at)
	if got := takeAll(c, at); !reflect.DeepEqual(got, [][]uint64{{3}}) {
		t.Fatalf("%v", got)
	}
}

// Without the predecessor nobody here can mend the chain: the caller is told, sends
// with another predecessor, and that goes at once.
func TestGapIsHandedUp(t *testing.T) {
	c, now := opened(t, time.Millisecond)
	mustPut(t, c, textOf(5, 10))
	takeAll(c, now)
	if r, ok := c.OnAck(now, gapOf(5, 1, 1)); !ok || r.Result != wire.ResultGap || r.Have != 1 || !c.Idle() {
		t.Fatalf("%+v, %v", r, ok)
	}

	mustPut(t, c, textOf(6, 10), textOf(7, 10))
	takeAll(c, now)
	c.OnAck(now, gapOf(7, 1, 1))
	c.Cancel(wire.KindText, 6)
	mended := textOf(7, 10)
	mended.Body = wire.Text{Prev: 1, Parts: 1, Text: "x"}
	mustPut(t, c, mended)
	if err := c.consistent(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	c.Advance(now)
	ms, _, ok := c.NextPacket(now, testRoom)
	if !ok || len(ms) != 1 || ms[0].Body.(wire.Text).Prev != 1 || ms[0].Attempt != 2 {
		t.Fatalf("%+v, %v", ms, ok)
	}
}

func TestReplacedWhileParkedGoesAtOnce(t *testing.T) {
	c, now := opened(t, time.Millisecond)
	mustPut(t, c, textOf(6, 900), textOf(7, 900))
	takeAll(c, now)
	c.OnAck(now, gapOf(7, 1, 1))
	mended := textOf(7, 10)
	mended.Body = wire.Text{Prev: 1, Parts: 1, Text: "x"}
	mustPut(t, c, mended)
	if got := takeAll(c, now); !reflect.DeepEqual(got, [][]uint64{{7}}) {
		t.Fatalf("%v", got)
	}
	if err := c.consistent(); err != nil {
		t.Fatal(err)
	}
}
