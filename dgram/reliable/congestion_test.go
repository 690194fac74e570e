package reliable

import (
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// wide returns a sender with a window of at least n datagrams, all of which it
// has just filled with one text each; the texts have the ids from first on.
func wide(t testing.TB, n int) (s *Sender, now time.Time, first uint64) {
	t.Helper()
	s, now = opened(t, 20*time.Millisecond)
	id, done := uint64(2), uint64(2)
	for s.window.size < n {
		for range 2 * windowMost {
			s.Put(textOf(id, 900))
			id++
		}
		sent := len(takeAll(s, now))
		now = now.Add(20 * time.Millisecond)
		for range sent {
			if _, ok := s.OnAck(now, ackOf(wire.KindText, done, 1)); !ok {
				t.Fatalf("text %d does not settle", done)
			}
			done++
		}
	}
	takeAll(s, now)
	return s, now, done
}

func TestWindowGrowsFromOneToFour(t *testing.T) {
	s := NewSender(noJitter(), nil, false)
	for id := uint64(1); id <= 20; id++ {
		mustPut(t, s, textOf(id, 900))
	}
	if n := len(takeAll(s, start)); n != windowUnheard {
		t.Fatalf("%d datagrams before the first ack", n)
	}
	now := start.Add(time.Millisecond)
	s.OnAck(now, ackOf(wire.KindText, 1, 1))
	if n := len(takeAll(s, now)); n != windowFirst {
		t.Fatalf("%d datagrams after it", n)
	}
	for id := uint64(2); id <= 5; id++ { // slow start: two for each
		s.OnAck(now, ackOf(wire.KindText, id, 1))
	}
	if n := len(takeAll(s, now)); n != 2*windowFirst {
		t.Fatalf("%d datagrams after four acks", n)
	}
}

// A lost datagram is made up for before its timer, and the window is halved, once
// for all that one round trip loses.
func TestWindowShrinksOnLoss(t *testing.T) {
	s, now, first := wide(t, 32)
	before := s.window.size
	under := uint64(len(s.inFlight))
	now = now.Add(20 * time.Millisecond)
	for id := first + 2; id < first+under; id++ { // the first two are lost
		s.OnAck(now, gapOf(id, 1, first-1))
	}
	grown := s.window.size
	ms, padTo, ok := s.NextPacket(now, testRoom)
	if !ok || ms[0].ID != first || ms[0].Attempt != 2 || padTo != wire.ResentSize {
		t.Fatalf("%+v, %v", ms, ok)
	}
	if s.window.size != grown/2 || s.window.size >= before {
		t.Fatalf("the window was %d, then %d, is %d", before, grown, s.window.size)
	}
	if n := 1 + len(takeAll(s, now)); n > s.window.size {
		t.Fatalf("%d datagrams leave through a window of %d", n, s.window.size)
	}
	halved := s.window.size
	now = now.Add(20 * time.Millisecond)
	s.OnAck(now, ackOf(wire.KindText, first, 2))
	if s.window.size > halved+1 {
		t.Errorf("one ack in congestion avoidance makes %d of %d", s.window.size, halved)
	}
}

func TestWindowNeverBelowOne(t *testing.T) {
	w := newCongestion()
	w.acked(0)
	for n := uint64(1); n < 100; n++ {
		w.lost(n, n+1)
	}
	if w.size != windowLeast {
		t.Fatalf("%d", w.size)
	}
	w.limited = true
	for n := uint64(100); n < 100+windowMost*windowMost; n++ {
		w.acked(n)
	}
	if w.size != windowMost {
		t.Fatalf("%d after thousands of acks", w.size)
	}
}

func TestWindowHalvesOnceARoundTrip(t *testing.T) {
	w := congestion{size: 32, heard: true}
	w.lost(5, 40)
	w.lost(7, 41)
	w.lost(39, 41)
	if w.size != 16 {
		t.Fatalf("%d after losses of one round trip", w.size)
	}
	w.lost(40, 60)
	if w.size != 8 {
		t.Fatalf("%d after one of the next", w.size)
	}
}

// Small datagrams do not open the window: then texts wait and share one.
func TestWindowKeepsShutWhenUnused(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	for id := uint64(2); id < 200; id++ {
		mustPut(t, s, textOf(id, 1))
		takeAll(s, now)
		s.OnAck(now.Add(time.Millisecond), ackOf(wire.KindText, id, 1))
		now = now.Add(2 * time.Millisecond)
	}
	if s.window.size != windowFirst {
		t.Fatalf("the window is %d", s.window.size)
	}
}

// One later datagram that arrived is enough when the earlier is late by more than
// an eighth of the round trip.
func TestOvertakenInTime(t *testing.T) {
	s, now := opened(t, 80*time.Millisecond)
	mustPut(t, s, textOf(2, 900), textOf(3, 900))
	takeAll(s, now)
	now = now.Add(80 * time.Millisecond)
	s.OnAck(now, gapOf(3, 1, 1))
	if got := takeAll(s, now); got != nil {
		t.Fatalf("%v go at once", got)
	}
	at := s.Deadline()
	if at.Sub(now) != 10*time.Millisecond {
		t.Fatalf("lost after %v", at.Sub(now))
	}
	s.Advance(at)
	if got := takeAll(s, at); len(got) != 1 || got[0][0] != 2 {
		t.Fatalf("%v", got)
	}
}

// Ten thousand texts with 64 outstanding, as a program streams them: nearly every
// datagram and every ack carries as many as fit.
func TestStreamCoalesces(t *testing.T) {
	w := newWorld(t, 7, flaws{delay: 50 * time.Microsecond})
	a, b := w.sides[0], w.sides[1]
	const texts, outstanding = 10_000, 64
	for len(a.ended) < texts {
		for len(a.pending) < outstanding && a.prev < texts {
			if !w.text(a, 100) {
				t.Fatal("the queue is full")
			}
		}
		// One datagram at a time and everything it causes: the hardest case.
		w.flush(a)
		if len(w.todo) == 0 {
			t.Fatal("nothing is under way")
		}
		next := w.todo[0]
		w.now = next.at
		w.todo = w.todo[1:]
		next.run(w.now)
	}
	t.Logf("%d datagrams of texts, %d of acks, window %d", a.datagrams, b.datagrams, a.c.window.size)
	if a.datagrams > texts/8 || b.datagrams > texts/8 {
		t.Errorf("%d texts took %d datagrams and %d of acks", texts, a.datagrams, b.datagrams)
	}
	if b.have != texts || a.confirmed != texts {
		t.Errorf("%d recorded, %d sends", b.have, a.confirmed)
	}
}

// Under loss the stream goes on without waiting for timers.
func TestStreamUnderLoss(t *testing.T) {
	w := newWorld(t, 8, flaws{loss: 0.05, delay: 500 * time.Microsecond})
	a := w.sides[0]
	begin := w.now
	const texts = 5000
	var windows, steps int
	w.feed = func() bool {
		for len(a.pending) < 64 && a.prev < texts && w.text(a, 100) {
		}
		windows, steps = windows+a.c.window.size, steps+1
		return len(a.ended) < texts
	}
	w.run(time.Minute)
	rate := texts / w.now.Sub(begin).Seconds()
	t.Logf("%.0f texts a second, window %.1f, %d sends", rate, float64(windows)/float64(steps), a.confirmed)
	if rate < 20_000 { // 64 a round trip of 1 ms would be 64,000 without any loss
		t.Errorf("%.0f texts a second", rate)
	}
}

// A later text that was recorded shows that an earlier one arrived: only its ack was
// lost, so it goes again, but the window stays.
func TestLostAckIsNoCongestion(t *testing.T) {
	s, now, first := wide(t, 8)
	now = now.Add(20 * time.Millisecond)
	for id := first + 1; id < first+6; id++ { // the ack of the first is lost
		s.OnAck(now, ackOf(wire.KindText, id, 1))
	}
	before := s.window.size
	ms, _, ok := s.NextPacket(now, testRoom)
	if !ok || ms[0].ID != first || ms[0].Attempt != 2 {
		t.Fatalf("%+v, %v", ms, ok)
	}
	if s.window.size != before {
		t.Fatalf("the window went from %d to %d", before, s.window.size)
	}
}
