package mail

import (
	"testing"
)

func TestGapAfterACancelledPredecessor(t *testing.T) {
	b := newOutboxBed(t)
	for range 4 {
		b.put(nil, []string{"x"}, s1)
	}
	b.expectChain(s1, "1<0 2<1 3<2 4<3")
	b.Acked(s1, 1)
	if p, ok := b.Cancel(2); !ok || p.State != DeliveryUndelivered || p.Reason != ReasonCancelled {
		t.Error(p)
	}
	b.Gap(s1, 3, 1)
	b.Gap(s1, 4, 1) // waits for 3, which is there
	b.expectChain(s1, "3<1")
	b.Acked(s1, 3)
	b.expectChain(s1, "4<3") // its ack may be on the way; it costs a datagram
	b.Acked(s1, 4)
	if b.Len() != 0 {
		t.Error(b.List())
	}
	if _, ok := b.Cancel(2); ok {
		t.Error("cancelled twice")
	}
}

func TestGapOfAReceiverThatForgot(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"x"}, s1)
	b.chain(s1)
	b.Acked(s1, 1)
	b.put(nil, []string{"a", "b", "c"}, s1)
	b.expectChain(s1, "2<1 3<2 4<3")
	b.Acked(s1, 2)
	b.Gap(s1, 3, 0) // it lost even part 2, which it had acknowledged
	b.expectChain(s1, "2<0")
	b.Gap(s1, 4, 0)
	b.expectChain(s1, "")
	b.Acked(s1, 2)
	b.expectChain(s1, "3<2")
	b.Acked(s1, 3)
	b.expectChain(s1, "4<3")
}

// A receiver that asks for an earlier text again and again is given a pause from the third
// time on, however it puts it, and one that goes on is not.
func TestGapForEverMakesAPause(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"a", "b"}, s1)
	sends := func(n int, answer func() bool) (waits int) {
		t.Helper()
		for range n {
			if len(b.Next(s1, 9)) == 0 {
				t.Fatal("nothing is sent")
			}
			if answer() {
				waits++
			}
		}
		return waits
	}
	if n := sends(10, func() bool { return b.Gap(s1, 1, 0) }); n != 8 {
		t.Errorf("%d pauses for ten equal answers", n)
	}
	b.Acked(s1, 1)
	b.PutBack(s1, 2)
	if sends(2, func() bool { return b.Gap(s1, 2, 1) }) != 0 {
		t.Error("a pause after an ack")
	}
	have := uint64(0)
	if n := sends(30, func() bool { have++; return b.Gap(s1, 2, 1+have) }); n != 30-14+1 {
		t.Errorf("%d pauses for thirty answers", n)
	}
	// It acknowledges a part, and says that it has none.
	waits := 0
	for range 20 {
		b.Acked(s1, 1)
		b.Next(s1, 9)
		if b.Gap(s1, 2, 0) {
			waits++
		}
		b.Next(s1, 9)
	}
	if waits < 18 {
		t.Errorf("%d pauses of twenty", waits)
	}
}
