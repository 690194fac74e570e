package dgram

import (
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// TestRekey: after soft time a text starts fresh keys while it travels under the
// old ones; nothing is resent, nothing is lost.
func TestRekey(t *testing.T) {
	for _, receiveOnly := range []bool{false, true} {
		w, a, b := pair(t)
		w.connect(a, b)
		old := b.links[a.self.ID].list[0]
		from, to := a, b
		if receiveOnly {
			from, to = b, a // a, who called, only receives
		}
		for i := range uint64(40) {
			from.Send(w.now, to.self.ID, text(i+1, "x"))
			w.run(time.Minute)
		}
		if n := count[Received](to); n != 40 {
			t.Fatalf("%d texts", n)
		}
		if old.erased || preferred(b.links[a.self.ID].list) == old || preferred(a.links[b.self.ID].list).hash == old.hash {
			t.Fatal("not on fresh keys, or the old ones are gone already")
		}
		if b.Counters().Of(AssociationsMade) != 2 || count[Associated](a) != 2 || last[Associated](a).Fresh || count[Closed](a) != 0 {
			t.Fatalf("%d associations", b.Counters().Of(AssociationsMade))
		}
		w.run(25 * time.Minute)
		if !old.erased || count[Closed](a)+count[Closed](b) != 0 {
			t.Fatal("the old keys live longer than an hour, or all is gone")
		}
	}
}

// TestRekeyByCount: many datagrams wear keys out as well.
func TestRekeyByCount(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	preferred(a.links[b.self.ID].list).counter = softCount
	a.Send(w.now, b.self.ID, text(1, "x"))
	w.run(time.Second)
	if b.Counters().Of(AssociationsMade) != 2 {
		t.Fatal("no fresh keys")
	}
}

// TestRekeyUnanswered: it is tried once a minute, and nobody is told.
func TestRekeyUnanswered(t *testing.T) {
	w, a, b := pair(t)
	w.connect(a, b)
	w.run(softTime + 2*time.Minute)
	w.pass = func(f flying) bool { return f.kind() == wire.PacketData }
	before := a.Counters().Of(SentHello)
	for i := range uint64(300) {
		a.Send(w.now, b.self.ID, text(i+1, "x"))
		w.run(time.Second)
	}
	if n := a.Counters().Of(SentHello) - before; n < 2 || n > 30 {
		t.Fatalf("%d HELLOs in five minutes", n)
	}
	if count[Unanswered](a) != 0 || count[Received](b) != 300 {
		t.Fatal("it is noticed")
	}
}
