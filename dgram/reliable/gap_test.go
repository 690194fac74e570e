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
	s, now := opened(t, 20*time.Millisecond)
	for id := uint64(2); id <= 4; id++ {
		mustPut(t, s, textOf(id, 900))
	}
	if got := takeAll(s, now); len(got) != 3 {
		t.Fatalf("%v", got)
	}
	now = now.Add(20 * time.Millisecond)
	for id := uint64(3); id <= 4; id++ {
		if r, ok := s.OnAck(now, gapOf(id, 1, 1)); ok {
			t.Fatalf("%+v", r)
		}
	}
	if got := takeAll(s, now.Add(2500*time.Microsecond)); !reflect.DeepEqual(got, [][]uint64{{2}}) {
		t.Fatalf("%v go again", got)
	}
	now = now.Add(25 * time.Millisecond)
	for id, attempt := range map[uint64]uint64{2: 2, 3: 1, 4: 1} {
		if r, ok := s.OnAck(now, ackOf(wire.KindText, id, attempt)); !ok || r.Result != wire.ResultDelivered {
			t.Fatalf("text %d: %+v, %v", id, r, ok)
		}
	}
	if !s.Idle() {
		t.Fatal("something is left")
	}
}

// When the final acks are lost, each is asked for again once its predecessor ended.
func TestGapAsksAgain(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	mustPut(t, s, textOf(2, 900), textOf(3, 900))
	takeAll(s, now)
	s.OnAck(now, gapOf(3, 1, 1))
	s.OnAck(now, ackOf(wire.KindText, 2, 1))
	if err := s.consistent(); err != nil {
		t.Fatal(err)
	}
	at := s.Deadline()
	if at.IsZero() || at.Sub(now) > 10*time.Millisecond {
		t.Fatalf("asked again at %v", at.Sub(now))
	}
	s.Advance(at)
	if got := takeAll(s, at); !reflect.DeepEqual(got, [][]uint64{{3}}) {
		t.Fatalf("%v", got)
	}
}

// Without the predecessor nobody here can mend the chain: the caller is told, sends
// with another predecessor, and that goes at once.
func TestGapIsHandedUp(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	mustPut(t, s, textOf(5, 10))
	takeAll(s, now)
	if r, ok := s.OnAck(now, gapOf(5, 1, 1)); !ok || r.Result != wire.ResultGap || r.Have != 1 || !s.Idle() {
		t.Fatalf("%+v, %v", r, ok)
	}

	mustPut(t, s, textOf(6, 10), textOf(7, 10))
	takeAll(s, now)
	s.OnAck(now, gapOf(7, 1, 1))
	s.Cancel(wire.KindText, 6)
	mended := textOf(7, 10)
	mended.Body = wire.Text{Prev: 1, Parts: 1, Text: "x"}
	mustPut(t, s, mended)
	if err := s.consistent(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	s.Advance(now)
	ms, _, ok := s.NextPacket(now, testRoom)
	if !ok || len(ms) != 1 || ms[0].Body.(wire.Text).Prev != 1 || ms[0].Attempt != 2 {
		t.Fatalf("%+v, %v", ms, ok)
	}
}

func TestReplacedWhileParkedGoesAtOnce(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	mustPut(t, s, textOf(6, 900), textOf(7, 900))
	takeAll(s, now)
	s.OnAck(now, gapOf(7, 1, 1))
	mended := textOf(7, 10)
	mended.Body = wire.Text{Prev: 1, Parts: 1, Text: "x"}
	mustPut(t, s, mended)
	if got := takeAll(s, now); !reflect.DeepEqual(got, [][]uint64{{7}}) {
		t.Fatalf("%v", got)
	}
	if err := s.consistent(); err != nil {
		t.Fatal(err)
	}
}
