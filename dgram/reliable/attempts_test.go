package reliable

import (
	"testing"
	"time"

	"darkchat/dgram/wire"
)

func TestEveryAttemptMeasures(t *testing.T) {
	s := NewSender(noJitter(), nil, false)
	mustPut(t, s, textOf(1, 1), textOf(2, 1))
	takeAll(s, start)
	s.Advance(start.Add(time.Second))
	takeAll(s, start.Add(time.Second))
	if _, ok := s.OnAck(start.Add(1100*time.Millisecond), ackOf(wire.KindText, 2, 3)); ok {
		t.Fatal("an attempt that was never made is acknowledged")
	}
	r, ok := s.OnAck(start.Add(1100*time.Millisecond), ackOf(wire.KindText, 1, 2))
	if !ok || r.RTT != 100*time.Millisecond || s.RTT() != 100*time.Millisecond {
		t.Fatalf("%+v, %v, %v", r, ok, s.RTT())
	}
	r, ok = s.OnAck(start.Add(1200*time.Millisecond), ackOf(wire.KindText, 2, 1)) // a late one
	if !ok || r.RTT != 1200*time.Millisecond || !s.Idle() {
		t.Fatalf("%+v, %v", r, ok)
	}
	if _, ok := s.OnAck(start.Add(1300*time.Millisecond), ackOf(wire.KindText, 2, 2)); ok {
		t.Fatal("a message settles twice")
	}
}

// An ack that comes after the lapse must not look like a quick answer to the next life.
func TestAttemptsRiseOverLives(t *testing.T) {
	s := NewSender(noJitter(), nil, false)
	mustPut(t, s, textOf(1, 1))
	now := start
	for len(s.past) == 0 {
		takeAll(s, now)
		now = s.Deadline()
		s.Advance(now)
	}
	mustPut(t, s, textOf(1, 1))
	ms, padTo, _ := s.NextPacket(now, testRoom)
	if ms[0].Attempt != MaxSends+1 || padTo != wire.ResentSize {
		t.Fatalf("attempt %d, padded to %d", ms[0].Attempt, padTo)
	}
	r, ok := s.OnAck(now.Add(time.Millisecond), ackOf(wire.KindText, 1, MaxSends))
	if !ok || r.RTT != 0 || s.RTT() != 0 {
		t.Fatalf("%+v, %v, round trip %v", r, ok, s.RTT())
	}
}

// What left undelivered and is tried again goes on counting: a late ack of the first
// life measures nothing.
func TestAttemptsRiseAfterBusy(t *testing.T) {
	for _, r := range []wire.Result{wire.ResultBusy, wire.ResultGap} {
		s, now := opened(t, 20*time.Millisecond)
		mustPut(t, s, textOf(5, 1))
		takeAll(s, now)
		if _, ok := s.OnAck(now, wire.Ack{Kind: wire.KindText, ID: 5, Attempt: 1, Result: r}); !ok {
			t.Fatalf("%v does not settle", r)
		}
		mustPut(t, s, textOf(5, 1))
		if ms, _, _ := s.NextPacket(now, testRoom); len(ms) != 1 || ms[0].Attempt != 2 {
			t.Fatalf("after %v: %+v", r, ms)
		}
		s.Cancel(wire.KindText, 5)
		mustPut(t, s, textOf(5, 1))
		if ms, _, _ := s.NextPacket(now, testRoom); len(ms) != 1 || ms[0].Attempt != 3 {
			t.Fatalf("after a cancel: %+v", ms)
		}
	}
}

// The wait doubles for a silent peer, not for one that answers other messages.
func TestNoBackOffWhileHeard(t *testing.T) {
	for _, heard := range []bool{false, true} {
		s, now := opened(t, 20*time.Millisecond)
		mustPut(t, s, wire.Message{ID: 3, Body: wire.Online{}})
		takeAll(s, now)
		mustPut(t, s, textOf(2, 10))
		takeAll(s, now)
		if heard {
			s.OnAck(now.Add(time.Millisecond), ackOf(wire.KindOnline, 3, 1))
		}
		wait := s.roundTrip.timeout(true)
		now = now.Add(wait)
		s.Advance(now)
		takeAll(s, now)
		if !heard {
			wait *= 2
		}
		if d := s.pending[messageKey{wire.KindText, 2}].deadline.Sub(now); d != wait {
			t.Fatalf("heard %v: the second wait is %v, not %v", heard, d, wait)
		}
	}
}
