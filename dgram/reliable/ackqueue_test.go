package reliable

import (
	"reflect"
	"testing"

	"darkchat/dgram/wire"
)

func TestAcksRideOrLeave(t *testing.T) {
	s := NewSender(noJitter(), nil, false)
	a, b := ackOf(wire.KindOnline, 1, 1), ackOf(wire.KindText, 2, 1)
	s.QueueAck(start, a, false)
	if ids := takeAll(s, start); ids != nil {
		t.Fatalf("an ack of presence leaves at once: %v", ids)
	}
	if d := s.Deadline().Sub(start); d != maxAckDelay {
		t.Fatalf("it leaves after %v", d)
	}
	if ms, _, ok := s.NextPacket(start.Add(maxAckDelay), testRoom); !ok || !reflect.DeepEqual(ms, []wire.Message{{Acks: []wire.Ack{a}, Body: wire.Acknowledgement{}}}) {
		t.Fatalf("%+v, %v", ms, ok)
	}
	s.QueueAck(start, a, false)
	s.QueueAck(start, b, true)
	if ms, _, ok := s.NextPacket(start, testRoom); !ok || !reflect.DeepEqual(ms[0].Acks, []wire.Ack{a, b}) {
		t.Fatalf("an urgent ack does not take the other along: %+v", ms)
	}
	if !s.Idle() || !s.Deadline().IsZero() {
		t.Fatal("something is left")
	}
	s.QueueAck(start, a, false)
	mustPut(t, s, textOf(1, 1))
	if ms, _, _ := s.NextPacket(start, testRoom); len(ms) != 1 || !reflect.DeepEqual(ms[0].Acks, []wire.Ack{a}) || ms[0].ID != 1 {
		t.Fatalf("it does not ride: %+v", ms)
	}
	for id := range uint64(maxPendingAcks + 10) {
		s.QueueAck(start, ackOf(wire.KindText, id, 1), true)
	}
	s.QueueAck(start, ackOf(wire.KindText, 0, 2), true) // in place of the first
	var got []wire.Ack
	for {
		ms, _, ok := s.NextPacket(start, testRoom)
		if !ok {
			break
		}
		if b, err := wire.AppendMessages(nil, ms); err != nil || len(b) > testRoom {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		got = append(got, ms[0].Acks...)
	}
	if len(got) != maxPendingAcks || got[0].Attempt != 2 || got[0].ID != 0 {
		t.Fatalf("%d acks, first %+v", len(got), got[0])
	}
}

// Where acks leave no room for a long text, they go alone, and at once.
func TestAcksMakeRoom(t *testing.T) {
	s := NewSender(noJitter(), nil, false)
	for id := range uint64(20) {
		s.QueueAck(start, ackOf(wire.KindOnline, 1<<40+id, 1), false)
	}
	mustPut(t, s, textOf(1, wire.MaxText))
	ms, _, ok := s.NextPacket(start, testRoom)
	if !ok || ms[0].Kind() != wire.KindAck {
		t.Fatalf("%+v, %v", ms, ok)
	}
	if ms, _, ok = s.NextPacket(start, testRoom); !ok || ms[0].Kind() != wire.KindText {
		t.Fatalf("%+v, %v", ms, ok)
	}
}
