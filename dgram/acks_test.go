package dgram

import (
	"reflect"
	"testing"
)

func TestAcksRideOrLeave(t *testing.T) {
	c := newCourier(noJitter(), nil, false)
	a, b := ackOf(KindOnline, 1, 1), ackOf(KindText, 2, 1)
	c.ack(start, a, false)
	if ids := takeAll(c, start); ids != nil {
		t.Fatalf("an ack of presence leaves at once: %v", ids)
	}
	if d := c.next().Sub(start); d != maxAckDelay {
		t.Fatalf("it leaves after %v", d)
	}
	if ms, _, ok := c.take(start.Add(maxAckDelay), testRoom); !ok || !reflect.DeepEqual(ms, []Message{{Acks: []Ack{a}, Body: Acknowledgement{}}}) {
		t.Fatalf("%+v, %v", ms, ok)
	}
	c.ack(start, a, false)
	c.ack(start, b, true)
	if ms, _, ok := c.take(start, testRoom); !ok || !reflect.DeepEqual(ms[0].Acks, []Ack{a, b}) {
		t.Fatalf("an urgent ack does not take the other along: %+v", ms)
	}
	if !c.idle() || !c.next().IsZero() {
		t.Fatal("something is left")
	}
	c.ack(start, a, false)
	mustPut(t, c, textOf(1, 1))
	if ms, _, _ := c.take(start, testRoom); len(ms) != 1 || !reflect.DeepEqual(ms[0].Acks, []Ack{a}) || ms[0].ID != 1 {
		t.Fatalf("it does not ride: %+v", ms)
	}
	for id := range uint64(maxPendingAcks + 10) {
		c.ack(start, ackOf(KindText, id, 1), true)
	}
	c.ack(start, ackOf(KindText, 0, 2), true) // in place of the first
	var got []Ack
	for {
		ms, _, ok := c.take(start, testRoom)
		if !ok {
			break
		}
		if b, err := AppendMessages(nil, ms); err != nil || len(b) > testRoom {
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
	c := newCourier(noJitter(), nil, false)
	for id := range uint64(20) {
		c.ack(start, ackOf(KindOnline, 1<<40+id, 1), false)
	}
	mustPut(t, c, textOf(1, maxText))
	ms, _, ok := c.take(start, testRoom)
	if !ok || ms[0].Kind() != KindAck {
		t.Fatalf("%+v, %v", ms, ok)
	}
	if ms, _, ok = c.take(start, testRoom); !ok || ms[0].Kind() != KindText {
		t.Fatalf("%+v, %v", ms, ok)
	}
}
