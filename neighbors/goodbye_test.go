package neighbors_test

import (
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// declare signs another record of the session, which handshakes show from now on.
func (r *raw) declare(seq uint64, state identity.State) []byte {
	r.bed.t.Helper()
	r.record.Seq, r.record.State = seq, state
	signed, err := identity.SignBy(r.bed.signatures(), r.key, r.record)
	if err != nil {
		r.bed.t.Fatal(err)
	}
	r.signed = signed
	r.ep.SetRecord(signed)
	return signed
}

// answered is what a message of r was answered, if it was.
func (r *raw) answered(k wire.Kind, id uint64) (wire.Result, bool) {
	for _, e := range r.events {
		if s, ok := e.(dgram.Settled); ok && s.Kind == k && s.ID == id {
			return s.Result, true
		}
	}
	return 0, false
}

// associations counts those that r made.
func (r *raw) associations() (n int) {
	for _, e := range r.events {
		if _, ok := e.(dgram.Associated); ok {
			n++
		}
	}
	return n
}

// parted is a friend who said goodbye to ann, and what seq that was.
func parted(t *testing.T, seed uint64) (v *village, ann *person, m *raw, seq uint64) {
	v = &village{bed: newBed(t, seed, simnet.Profile{Delay: 5 * time.Millisecond})}
	ann = v.join("ann")
	m = v.pinned(1, "mia", ann)
	v.run(10 * time.Second)
	seq = m.record.Seq + 1
	m.says(ann.id(), wire.Message{ID: 501, Body: wire.Offline{Record: m.declare(seq, identity.StateGone)}}, 50*time.Millisecond)
	if r, ok := m.answered(wire.KindOffline, 501); !ok || r != wire.ResultDelivered || ann.sees("mia") {
		t.Fatalf("the goodbye: answered %v %v, online %v", ok, r, ann.sees("mia"))
	}
	return v, ann, m, seq
}

// Who declares to be online behind a goodbye, by a record with a higher seq, is so at once.
func TestOnlineAgainAfterGoodbye(t *testing.T) {
	v, ann, m, seq := parted(t, 961)
	for i := range uint64(3) {
		online := count[neighbors.CameOnline](ann)
		seq++
		m.says(ann.id(), wire.Message{ID: 510 + i, Body: wire.Online{Record: m.declare(seq, identity.StateOnline)}}, 50*time.Millisecond)
		if !ann.sees("mia") || count[neighbors.CameOnline](ann) != online+1 {
			t.Fatalf("%d: acknowledged, and not online", i)
		}
		seq++
		m.says(ann.id(), wire.Message{ID: 520 + i, Body: wire.Offline{Record: m.declare(seq, identity.StateGone)}}, 50*time.Millisecond)
		if ann.sees("mia") {
			t.Fatal("a goodbye is not heard")
		}
	}
	v.run(time.Minute)
	if got := count[neighbors.WentOffline](ann); got != 4 {
		t.Errorf("ann was told %d times that mia went", got)
	}
}

// The associations of a session that said goodbye are forgotten: what comes on them is not opened, and
// a session that goes on shows its record first. If that is the goodbye's own record, the message is
// the rest of what was said before: it is taken, and makes nobody online.
func TestGoodbyeForgetsKeys(t *testing.T) {
	_, ann, m, seq := parted(t, 962)
	before := m.associations()
	text := wire.Text{Parts: 1, Text: "said before I left, and lost: it goes again, behind the goodbye, and is long enough to be challenged"}
	m.says(ann.id(), wire.Message{ID: 1, Body: text}, time.Second)
	if m.associations() != before+1 {
		t.Error("DATA of who said goodbye is opened")
	}
	if r, ok := m.answered(wire.KindText, 1); !ok || r != wire.ResultDelivered || len(ann.texts()) != 1 || ann.sees("mia") {
		t.Errorf("answered %v %v; ann read %q, online %v", ok, r, ann.texts(), ann.sees("mia"))
	}
	// The goodbye itself comes again, because its ack was lost.
	m.says(ann.id(), wire.Message{ID: 502, Body: wire.Offline{Record: m.signed}}, time.Second)
	if r, ok := m.answered(wire.KindOffline, 502); !ok || r != wire.ResultDelivered || count[neighbors.WentOffline](ann) != 1 {
		t.Errorf("answered %v %v; ann was told %d times", ok, r, count[neighbors.WentOffline](ann))
	}
	// And mia is back.
	m.ep.Forget(ann.id())
	m.declare(seq+1, identity.StateOnline)
	m.meets(ann)
	if !ann.sees("mia") {
		t.Error("a handshake with a higher seq: not online")
	}
}

// A session that comes with a record older than its goodbye was restored from a copy. Nothing of it is
// taken, so that no answer waits for ever; it is shown its newer record. With a higher one all goes on.
func TestOlderThanItsGoodbye(t *testing.T) {
	v, ann, m, seq := parted(t, 963)
	m.ep.Forget(ann.id())
	m.declare(seq-1, identity.StateOnline)
	m.meets(ann)
	text := wire.Message{ID: 1, Body: wire.Text{Parts: 1, Text: "hello"}}
	m.says(ann.id(), text, 3*time.Second)
	_, ok := m.answered(wire.KindText, 1)
	if ok || len(ann.texts()) != 0 || ann.sees("mia") {
		t.Errorf("answered %v; ann read %q, online %v", ok, ann.texts(), ann.sees("mia"))
	}
	told := false
	for _, e := range m.events {
		if r, ok := e.(dgram.Received); ok {
			if o, ok := r.Message.Body.(wire.Online); ok && len(o.Record) > 0 {
				rec, err := identity.Decode(o.Record)
				told = told || err == nil && rec.Session == m.record.Session && rec.Seq == seq
			}
		}
	}
	if !told {
		t.Error("mia is not told what mia's key has signed since")
	}
	v.run(time.Minute)
	m.says(ann.id(), wire.Message{ID: 530, Body: wire.Online{Record: m.declare(seq+1, identity.StateOnline)}}, 8*time.Millisecond)
	if !ann.sees("mia") {
		t.Error("a higher seq in declareOnline: not online")
	}
	m.says(ann.id(), text, 50*time.Millisecond)
	if len(ann.texts()) != 1 {
		t.Error("the text, again, is not taken over")
	}
	ann.say("mia", "hello, too")
	v.until(time.Second, "the answer is delivered", func() bool { return ann.last().State == neighbors.Delivered })
}

// A goodbye from a session that was forgotten here is acknowledged, so that it need not wait.
func TestGoodbyeOfTheForgotten(t *testing.T) {
	b := newBed(t, 964, simnet.Profile{Delay: 5 * time.Millisecond})
	ann := b.join("ann")
	m := b.attacker(1, "mia", "192.0.2.9:1")
	m.meets(ann)
	b.run(time.Second)
	ann.kill()
	ann.disk = map[string][]byte{}
	ann.start()
	m.says(ann.id(), wire.Message{ID: 501, Body: wire.Offline{Record: m.declare(m.record.Seq+1, identity.StateGone)}}, 500*time.Millisecond)
	if _, ok := m.answered(wire.KindOffline, 501); !ok {
		t.Error("it is not")
	}
}
