package dgram

import (
	"reflect"
	"testing"
	"time"
)

func gapOf(id, attempt, have uint64) Ack {
	return Ack{Kind: KindText, ID: id, Attempt: attempt, Result: ResultGap, Have: have}
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
		if r, ok := c.acked(now, gapOf(id, 1, 1)); ok {
			t.Fatalf("%+v", r)
		}
	}
	if got := takeAll(c, now.Add(2500*time.Microsecond)); !reflect.DeepEqual(got, [][]uint64{{2}}) {
		t.Fatalf("%v go again", got)
	}
	now = now.Add(25 * time.Millisecond)
	for id, attempt := range map[uint64]uint64{2: 2, 3: 1, 4: 1} {
		if r, ok := c.acked(now, ackOf(KindText, id, attempt)); !ok || r.result != ResultDelivered {
			t.Fatalf("text %d: %+v, %v", id, r, ok)
		}
	}
	if !c.idle() {
		t.Fatal("something is left")
	}
}

// When the final acks are lost, each is asked for again once its predecessor ended.
func TestGapAsksAgain(t *testing.T) {
	c, now := opened(t, time.Millisecond)
	mustPut(t, c, textOf(2, 900), textOf(3, 900))
	takeAll(c, now)
	c.acked(now, gapOf(3, 1, 1))
	c.acked(now, ackOf(KindText, 2, 1))
	if err := c.consistent(); err != nil {
		t.Fatal(err)
	}
	at := c.next()
	if at.IsZero() || at.Sub(now) > 10*time.Millisecond {
		t.Fatalf("asked again at %v", at.Sub(now))
	}
	c.advance(at)
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
	if r, ok := c.acked(now, gapOf(5, 1, 1)); !ok || r.result != ResultGap || r.have != 1 || !c.idle() {
		t.Fatalf("%+v, %v", r, ok)
	}

	mustPut(t, c, textOf(6, 10), textOf(7, 10))
	takeAll(c, now)
	c.acked(now, gapOf(7, 1, 1))
	c.cancel(KindText, 6)
	mended := textOf(7, 10)
	mended.Body = Text{Prev: 1, Parts: 1, Text: "x"}
	mustPut(t, c, mended)
	if err := c.consistent(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	c.advance(now)
	ms, _, ok := c.take(now, testRoom)
	if !ok || len(ms) != 1 || ms[0].Body.(Text).Prev != 1 || ms[0].Attempt != 2 {
		t.Fatalf("%+v, %v", ms, ok)
	}
}

func TestReplacedWhileParkedGoesAtOnce(t *testing.T) {
	c, now := opened(t, time.Millisecond)
	mustPut(t, c, textOf(6, 900), textOf(7, 900))
	takeAll(c, now)
	c.acked(now, gapOf(7, 1, 1))
	mended := textOf(7, 10)
	mended.Body = Text{Prev: 1, Parts: 1, Text: "x"}
	mustPut(t, c, mended)
	if got := takeAll(c, now); !reflect.DeepEqual(got, [][]uint64{{7}}) {
		t.Fatalf("%v", got)
	}
	if err := c.consistent(); err != nil {
		t.Fatal(err)
	}
}
