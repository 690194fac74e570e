package reliable

import (
	"bytes"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

const testRoom = wire.MaxDatagram - wire.DataOverhead

var start = time.Unix(1_000_000, 0)

// noJitter draws zeros.
func noJitter() *bytes.Reader { return bytes.NewReader(make([]byte, 1<<16)) }

func textOf(id uint64, size int) wire.Message {
	return wire.Message{ID: id, Body: wire.Text{Prev: id - 1, Parts: 1, Text: strings.Repeat("x", size)}}
}

func mustPut(t testing.TB, s *Sender, ms ...wire.Message) {
	t.Helper()
	for _, m := range ms {
		if !s.Put(m) {
			t.Fatalf("%v %d is refused", m.Kind(), m.ID)
		}
	}
}

// takeAll returns the ids in each datagram that goes now.
func takeAll(s *Sender, now time.Time) (ids [][]uint64) {
	for {
		ms, _, ok := s.NextPacket(now, testRoom)
		if !ok {
			return ids
		}
		var in []uint64
		for _, m := range ms {
			in = append(in, m.ID)
		}
		ids = append(ids, in)
	}
}

func ackOf(kind wire.Kind, id, attempt uint64) wire.Ack {
	return wire.Ack{Kind: kind, ID: id, Attempt: attempt}
}

// opened returns a sender whose peer has acknowledged something with the given
// round trip, and the time after it.
func opened(t testing.TB, trip time.Duration) (*Sender, time.Time) {
	t.Helper()
	s := NewSender(noJitter(), nil, false)
	mustPut(t, s, textOf(1, 1))
	takeAll(s, start)
	now := start.Add(trip)
	if r, ok := s.OnAck(now, ackOf(wire.KindText, 1, 1)); !ok || r.RTT != trip || s.RTT() != trip {
		t.Fatalf("%+v, %v; round trip %v", r, ok, s.RTT())
	}
	return s, now
}

func TestFiveSendsThenLapse(t *testing.T) {
	for name, c := range map[string]struct {
		make  func() (*Sender, time.Time)
		first time.Duration
	}{
		"unknown":   {func() (*Sender, time.Time) { return NewSender(noJitter(), nil, false), start }, time.Second},
		"same link": {func() (*Sender, time.Time) { return NewSender(noJitter(), nil, true), start }, 250 * time.Millisecond},
		"measured":  {func() (*Sender, time.Time) { return opened(t, 20*time.Millisecond) }, 60 * time.Millisecond},
		"floor":     {func() (*Sender, time.Time) { return opened(t, 100*time.Microsecond) }, 5 * time.Millisecond},
	} {
		c2, now := c.make()
		mustPut(t, c2, textOf(2, 1))
		wait := c.first
		for send := 1; send <= MaxSends; send++ {
			ms, padTo, ok := c2.NextPacket(now, testRoom)
			if !ok || len(ms) != 1 || ms[0].Attempt != uint64(send) {
				t.Fatalf("%s: send %d is %+v, %v", name, send, ms, ok)
			}
			if want := map[bool]int{true: wire.ResentSize}[send > 1]; padTo != want {
				t.Errorf("%s: send %d is padded to %d, want %d", name, send, padTo, want)
			}
			next := c2.Deadline()
			if next.Sub(now) != wait {
				t.Fatalf("%s: send %d waits %v, want %v", name, send, next.Sub(now), wait)
			}
			if l := c2.Advance(next.Add(-1)); len(l) > 0 {
				t.Fatalf("%s: lapsed early", name)
			}
			l := c2.Advance(next)
			if lapsedNow := len(l) > 0; lapsedNow != (send == MaxSends) {
				t.Fatalf("%s: after send %d: lapsed %v", name, send, l)
			}
			now, wait = next, wait*2
		}
		if !c2.Idle() || !c2.Deadline().IsZero() {
			t.Errorf("%s: not idle after the lapse", name)
		}
	}
}

func TestJitterOnlyDelays(t *testing.T) {
	for b, want := range map[byte]time.Duration{0: time.Second, 128: 1125 * time.Millisecond, 255: 1249023437} {
		s := NewSender(bytes.NewReader([]byte{b}), nil, false)
		mustPut(t, s, textOf(1, 1))
		takeAll(s, start)
		if d := s.Deadline().Sub(start); d != want {
			t.Errorf("jitter %d gives %v, want %v", b, d, want)
		}
	}
}

func TestSilentPeerEndsEverything(t *testing.T) {
	s := NewSender(noJitter(), nil, false)
	for id := uint64(1); id <= 60; id++ {
		mustPut(t, s, textOf(id, 500))
	}
	mustPut(t, s, wire.Message{ID: 9, Body: wire.Ping{}}) // unconfirmed: it went at once
	now, all := start, []Lapsed(nil)
	for len(all) == 0 {
		takeAll(s, now)
		now = s.Deadline()
		all = s.Advance(now)
	}
	if len(all) != 60 || all[0].ID != 1 || all[59].ID != 60 || now.Sub(start) != 31*time.Second || !s.Idle() {
		t.Fatalf("%d lapsed after %v: %v", len(all), now.Sub(start), all)
	}
}

func TestPresenceSamplesGiveWay(t *testing.T) {
	s := NewSender(noJitter(), nil, false)
	mustPut(t, s, wire.Message{ID: 1, Body: wire.Online{}})
	takeAll(s, start)
	s.OnAck(start.Add(30*time.Millisecond), ackOf(wire.KindOnline, 1, 1))
	if s.RTT() != 30*time.Millisecond {
		t.Fatalf("%v", s.RTT())
	}
	s.Sample(2 * time.Millisecond)
	if s.RTT() != 2*time.Millisecond {
		t.Fatalf("%v after a prompt sample", s.RTT())
	}
	mustPut(t, s, wire.Message{ID: 2, Body: wire.Online{}})
	takeAll(s, start)
	if d := s.Deadline().Sub(start); d != 6*time.Millisecond+maxAckDelay {
		t.Errorf("presence is waited for %v", d)
	}
	s.OnAck(start.Add(30*time.Millisecond), ackOf(wire.KindOnline, 2, 1))
	if s.RTT() != 2*time.Millisecond {
		t.Errorf("%v after a presence sample", s.RTT())
	}
	s.ResetPath(false)
	if s.RTT() != 0 {
		t.Error("the old path is remembered")
	}
}

func TestTextBeforePresence(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	mustPut(t, s, wire.Message{ID: 50, Body: wire.Online{Record: make([]byte, 300)}})
	mustPut(t, s, textOf(2, 500), textOf(3, 500))
	if got, want := takeAll(s, now), [][]uint64{{2, 3}, {50}}; !reflect.DeepEqual(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
}

func TestQueueBounds(t *testing.T) {
	s := NewSender(noJitter(), nil, false)
	n := uint64(0)
	for s.Put(wire.Message{ID: n + 1, Body: wire.Online{}}) {
		n++
	}
	if n != maxQueuedPresence {
		t.Errorf("%d of presence are queued", n)
	}
	n = 0
	for s.Put(textOf(n+1, 1)) {
		n++
	}
	if n != maxQueued-maxQueuedPresence {
		t.Errorf("%d texts are queued", n)
	}
	if !s.Put(textOf(1, 1)) {
		t.Error("what is held already is refused")
	}
	s = NewSender(noJitter(), nil, false)
	n = 0
	for s.Put(textOf(n+1, wire.MaxText)) {
		n++
	}
	if n*wire.MaxText > maxQueuedBytes || (n+2)*wire.MaxText < maxQueuedBytes {
		t.Errorf("%d long texts are queued", n)
	}
	for _, m := range []wire.Message{
		{ID: 1},
		{ID: 1, Body: wire.Text{}},
		{ID: 1, Body: wire.Acknowledgement{Pad: wire.MaxPad}},
		{ID: 1, Body: wire.List{Records: [][]byte{make([]byte, 384), make([]byte, 384), make([]byte, 384)}}},
	} {
		if NewSender(noJitter(), nil, false).Put(m) {
			t.Errorf("%+v is taken", m)
		}
	}
}

func TestOutstandingIsBounded(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	s.window.size = windowMost
	for id := uint64(2); id < 1000; id++ {
		if !s.Put(textOf(id, 1)) {
			takeAll(s, now)
			s.Put(textOf(id, 1))
		}
	}
	takeAll(s, now)
	if len(s.outstanding) != maxOutstanding || len(s.texts.fresh) != maxQueued-maxQueuedPresence && len(s.texts.fresh) != maxQueued {
		t.Fatalf("%d under way, %d queued", len(s.outstanding), len(s.texts.fresh))
	}
}

func TestFindsArePaddedOneByOne(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	find := wire.Ping{Scope: wire.ScopeFind, Name: "ann"}
	mustPut(t, s, wire.Message{ID: 10, Body: find}, wire.Message{ID: 11, Body: find})
	find.By = []byte("session!")
	mustPut(t, s, wire.Message{ID: 12, Body: find})
	for i, want := range []struct {
		id    uint64
		padTo int
	}{{10, wire.IntroductionSize}, {11, wire.IntroductionSize}} {
		ms, padTo, ok := s.NextPacket(now, testRoom)
		if !ok || ms[0].ID != want.id || padTo != want.padTo {
			t.Errorf("datagram %d: %+v, padded to %d, %v", i, ms, padTo, ok)
		}
	}
}

// An ACCEPT is not padded, so nothing that must be travels in it.
func TestFindsWaitForWholeDatagrams(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	mustPut(t, s, wire.Message{ID: 10, Body: wire.Ping{Scope: wire.ScopeFind, Name: "ann"}})
	if ms, _, ok := s.NextPacket(now, testRoom-1); ok {
		t.Fatalf("%+v", ms)
	}
	if ms := s.HandshakeMessages(testRoom); len(ms) > 0 {
		t.Fatalf("%+v", ms)
	}
	if _, padTo, ok := s.NextPacket(now, testRoom); !ok || padTo != wire.IntroductionSize {
		t.Fatal("it never goes")
	}
}

// gateOf lets as many datagrams with nothing but presence go as its number says.
type gateOf int

func (g *gateOf) Take(time.Time) bool {
	if *g == 0 {
		return false
	}
	*g--
	return true
}

func TestPresenceIsPacedTextIsNot(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	g := gateOf(1)
	s.gate = &g
	for id := uint64(100); id < 104; id++ {
		mustPut(t, s, wire.Message{ID: id, Body: wire.Online{Record: make([]byte, 384)}})
	}
	if got := takeAll(s, now); !reflect.DeepEqual(got, [][]uint64{{100, 101}}) {
		t.Fatalf("%v", got)
	}
	mustPut(t, s, textOf(2, 10))
	if got := takeAll(s, now); !reflect.DeepEqual(got, [][]uint64{{2, 102, 103}}) {
		t.Fatalf("a text is held back, or presence does not ride with it: %v", got)
	}
	for id := uint64(100); id < 104; id++ {
		s.OnAck(now, ackOf(wire.KindOnline, id, 1))
	}
	s.OnAck(now, ackOf(wire.KindText, 2, 1))
	mustPut(t, s, wire.Message{ID: 104, Body: wire.Online{}})
	if got := takeAll(s, now); got != nil {
		t.Fatalf("it went before its turn: %v", got)
	}
	g = 2
	if got := takeAll(s, now); !reflect.DeepEqual(got, [][]uint64{{104}}) || g != 1 {
		t.Fatalf("%v", got)
	}
}

func TestFirstPeeks(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	mustPut(t, s, textOf(2, 10))
	takeAll(s, now)
	mustPut(t, s, wire.Message{ID: 50, Body: wire.Online{}}, textOf(3, 900), wire.Message{ID: 51, Body: wire.Ping{}})
	first := s.HandshakeMessages(600)
	if len(first) != 1 || first[0].ID != 2 || first[0].Attempt != 2 {
		t.Fatalf("%+v", first)
	}
	first = s.HandshakeMessages(testRoom)
	if len(first) != 3 || first[1].ID != 3 || first[1].Attempt != 1 || first[2].ID != 50 {
		t.Fatalf("%+v", first)
	}
	if err := s.consistent(); err != nil || len(s.outstanding) != 1 {
		t.Fatalf("peeking changed something: %v", err)
	}
	s.Cancel(wire.KindOnline, 50)
	s.MarkSent(now.Add(time.Second), first)
	if err := s.consistent(); err != nil {
		t.Fatal(err)
	}
	if got := takeAll(s, now.Add(time.Second)); !reflect.DeepEqual(got, [][]uint64{{51}}) {
		t.Fatalf("%v go again", got)
	}
	r, ok := s.OnAck(now.Add(1002*time.Millisecond), ackOf(wire.KindText, 2, 2))
	if !ok || r.RTT != 2*time.Millisecond {
		t.Fatalf("%+v, %v", r, ok)
	}
}

func TestCancelAndAbandon(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	mustPut(t, s, textOf(2, 900), textOf(3, 900), wire.Message{ID: 4, Body: wire.Ping{}})
	takeAll(s, now)
	s.Cancel(wire.KindText, 2)
	mustPut(t, s, textOf(4, 900), textOf(5, 900))
	s.Cancel(wire.KindText, 5)
	if err := s.consistent(); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.OnAck(now, ackOf(wire.KindText, 2, 1)); ok {
		t.Error("what was cancelled settles")
	}
	s.QueueAck(now, ackOf(wire.KindText, 1, 1), true)
	if l := s.Abandon(); !reflect.DeepEqual(l, []Lapsed{{wire.KindText, 3}, {wire.KindText, 4}}) || !s.Idle() || !s.Deadline().IsZero() {
		t.Errorf("%v", l)
	}
}

func TestListCompletesItsRequest(t *testing.T) {
	s, now := opened(t, time.Millisecond)
	mustPut(t, s, wire.Message{ID: 7, Body: wire.ListRequest{Credit: 1}})
	takeAll(s, now)
	if _, ok := s.OnAck(now, ackOf(wire.KindListRequest, 7, 1)); ok {
		t.Error("an ack completes a request that was not refused")
	}
	if !s.Complete(now, wire.KindListRequest, 7) || s.Complete(now, wire.KindListRequest, 7) || !s.Idle() {
		t.Error("a list does not complete its request, or does twice")
	}
	mustPut(t, s, wire.Message{ID: 8, Body: wire.ListRequest{Credit: 1}})
	takeAll(s, now)
	if r, ok := s.OnAck(now, wire.Ack{Kind: wire.KindListRequest, ID: 8, Attempt: 1, Result: wire.ResultBusy}); !ok || r.Result != wire.ResultBusy {
		t.Error("a refusal does not")
	}
	mustPut(t, s, wire.Message{ID: 9, Body: wire.Online{Observed: netip.MustParseAddrPort("1.2.3.4:5")}})
	takeAll(s, now)
	if _, ok := s.OnAck(now, wire.Ack{Kind: wire.KindOnline, ID: 9, Attempt: 1, Result: wire.ResultTooOld + 1}); ok || s.Idle() {
		t.Error("an unknown result is not ignored")
	}
}
