package dgram

import (
	"fmt"
	"testing"
	"time"

	"darkchat/dgram/timing"
	"darkchat/dgram/wire"
)

// When presence waits for a crowd it goes at the node's pace, in order of asking, but a pinned
// peer's first. Waiting peers are not looked at again and again: each turn wakes one. (A crowd of
// strangers once made a node look at each of them whenever one datagram could go.)
func TestPresenceWaitsItsTurn(t *testing.T) {
	const crowd, perSecond = 40, 10
	a := newNode(t, 1, "192.0.2.1:6789")
	a.pace = newPace(perSecond)
	w := newNetwork(t, a)
	var all []*node
	for i := range crowd + 1 {
		b := newNode(t, byte(i+2), fmt.Sprintf("198.51.%d.2:6789", i))
		w.nodes = append(w.nodes, b)
		w.connect(a, b)
		all = append(all, b)
	}
	friend := all[crowd]
	for a.pace.all.Take(w.now, 1) { // what is left of it
	}
	for i, b := range all[:crowd] {
		a.Send(w.now, b.self.ID, wire.Message{ID: uint64(1000 + i), Body: wire.Online{Record: a.config.Record}})
	}
	a.Send(w.now, friend.self.ID, wire.Message{ID: 2000, Body: wire.Online{Record: a.config.Record}})
	w.turn(a)
	if n := a.pace.waiting[0].Len() + a.pace.waiting[1].Len(); n != crowd+1 {
		t.Fatalf("%d wait", n)
	}
	a.Pin(friend.self.ID, true)
	asked := all[crowd-1]
	if a.ProbeAsked(w.now, asked.self.ID) == 0 {
		t.Fatal("no probe")
	}

	var order []*node // in which they hear of it
	seen := map[*node]bool{}
	start := w.now
	for len(order) < crowd+1 {
		at := a.wakeAt
		if at.IsZero() || at.Sub(start) > time.Minute {
			t.Fatalf("after %v: %d of %d", at.Sub(start), len(order), crowd+1)
		}
		w.run(time.Second / perSecond)
		for _, b := range all {
			if !seen[b] && count[Received](b) > 0 {
				seen[b], order = true, append(order, b)
			}
		}
	}
	if took := w.now.Sub(start); took < crowd*time.Second/perSecond {
		t.Errorf("all went within %v", took)
	}
	if order[0] != friend {
		t.Error("the friend waited for others")
	}
	if order[1] != asked {
		t.Error("the person waited for others")
	}
	for i, b := range order[2:] {
		if b != all[i] {
			t.Fatalf("the turn of %v came as number %d", b.addr, i)
		}
	}
	if n := a.pace.waiting[0].Len() + a.pace.waiting[1].Len(); n != 0 || !a.pace.at(w.now).IsZero() {
		t.Errorf("%d wait for nothing", n)
	}
}

// Where the pace is used up, the next turn comes when there is room again.
func TestTurnComesInTime(t *testing.T) {
	now := began
	p := &pace{all: timing.NewBucket(10, 1)}
	a := &turn{pace: p}
	if !a.Take(now) || a.Take(now) || a.Take(now.Add(90*time.Millisecond)) {
		t.Fatal("not one at once")
	}
	at := p.at(now)
	if d := at.Sub(now); d < 100*time.Millisecond || d > 101*time.Millisecond {
		t.Fatalf("the next goes after %v", d)
	}
	if a.Take(at) {
		t.Fatal("it went before its turn")
	}
	if p.next(at) != a || p.next(at) != nil || !p.at(at).IsZero() {
		t.Fatal("it has no turn, or another")
	}
	if !a.Take(at) {
		t.Fatal("its turn is not granted")
	}
}

// A turn that finds nothing to send costs nobody's.
func TestTurnThatIsNotUsedIsGivenBack(t *testing.T) {
	now := began
	p := newPace(10)
	p.all.Take(now, 10)
	a, b := &turn{pace: p}, &turn{pace: p}
	if a.Take(now) || b.Take(now) {
		t.Fatal("nothing was left")
	}
	now = p.at(now)
	if p.next(now) != a || p.next(now) != nil {
		t.Fatal("not whoever asked first")
	}
	a.leave()
	if p.next(now) != b || !b.Take(now) || b.Take(now) {
		t.Fatal("the other does not have it")
	}
	b.leave()
	b.leave()
	if p.waiting[1].Len() != 0 || p.all.Take(now, 1) {
		t.Fatalf("%d wait, or a token is left", p.waiting[1].Len())
	}
}
