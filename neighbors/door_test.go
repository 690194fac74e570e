package neighbors_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

// numbered are lines that are told apart.
func numbered(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint("line ", i))
	}
	return list
}

// writes has a stranger send texts, one after the other in one series.
func (r *raw) writes(to wire.PeerID, lines []string) {
	for _, line := range lines {
		prev := r.wrote
		r.wrote++
		r.ep.Send(r.bed.now, to, wire.Message{ID: r.wrote, Body: wire.Text{Prev: prev, Parts: 1, Text: line, Sent: uint64(r.bed.now.UnixMilli())}})
	}
	r.turn()
}

// A new user leaves 20 lines, and then one in 10 s; the others wait at the sender, in
// order. To let them in takes the bound away at once, and the next line comes soon.
func TestNewUserLeavesAFewLines(t *testing.T) {
	for name, accept := range map[string]func(bob *person){
		"accepted": func(bob *person) { bob.accepts("ann") },
		"answered": func(bob *person) { bob.say("ann", "who are you?") },
		"verified": func(bob *person) {
			of := bob.node.Users(neighbors.FilterAll)[0].Fingerprint
			do(bob, func(now time.Time, n *neighbors.Node) (neighbors.VerifyView, error) { return n.Verify(now, "ann", of) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 1000, simnet.Profile{Delay: 10 * time.Millisecond})
			ann, bob := b.join("ann"), b.join("bob")
			ann.meet(bob)
			want := numbered(120)
			for _, line := range want {
				ann.say("bob", line)
			}
			b.run(5 * time.Second)
			if got := bob.texts(); !slices.Equal(got, want[:20]) {
				t.Fatalf("%d lines were left at once, want 20", len(got))
			}
			b.run(10 * time.Minute)
			if got := bob.texts(); len(got) < 50 || len(got) > 81 || !slices.Equal(got, want[:len(got)]) {
				t.Fatalf("%d lines were left in 10 minutes, want one in 10 s", len(got))
			}
			if n := len(ann.node.Outbox()); n != len(want)-len(bob.texts()) {
				t.Fatalf("%d lines wait at ann, %d have come", n, len(bob.texts()))
			}
			b.until(time.Minute, "ann pauses", func() bool { return ann.node.Outbox()[0].Next.Sub(b.now) > 5*time.Second })
			before := len(bob.texts())
			if v := bob.node.Strangers(b.now); len(v.List) != 1 || v.List[0].Lines != before || !v.List[0].Waiting || v.List[0].Came != neighbors.CameWrote {
				t.Errorf("at the door: %+v", v)
			}
			accept(bob)
			b.until(4*time.Second, "the next line comes", func() bool { return len(bob.texts()) > before })
			b.until(5*time.Second, "all lines come", func() bool { return len(ann.node.Outbox()) == 0 })
			if got := bob.texts(); !slices.Equal(got, want) {
				t.Fatalf("%d lines came of %d, or in another order", len(got), len(want))
			}
			if v := bob.node.Strangers(b.now); len(v.List) != 0 {
				t.Errorf("still at the door: %+v", v)
			}
		})
	}
}

// A session that declares again and again that it is online does not make us send more often.
func TestDeclaringDoesNotDrawTexts(t *testing.T) {
	b := newBed(t, 1001, simnet.Profile{Delay: 10 * time.Millisecond})
	ann := b.join("ann")
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(ann)
	m.answer = wire.ResultBusy
	ann.say("mallory", "hello")
	b.run(time.Minute)
	texts := func() (n int) {
		for _, e := range m.events {
			if r, ok := e.(dgram.Received); ok && r.Message.Kind() == wire.KindText {
				n++
			}
		}
		return n
	}
	before := texts()
	for i := range 300 {
		m.says(ann.id(), wire.Message{ID: uint64(i + 1), Body: wire.Online{Record: m.signed}}, 100*time.Millisecond)
	}
	if got := texts() - before; got < 5 || got > 16 {
		t.Errorf("%d sends in 30 s, want one in two seconds or a little more", got)
	}
}

// All new users together have a bound, too, and a friend meets none of it.
func TestNewUsersTogetherAreBounded(t *testing.T) {
	b := newBed(t, 1002, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.accepts("ann")
	var crowd []*raw
	for i := range 30 {
		m := b.attacker(i+1, fmt.Sprint("m", i), fmt.Sprintf("192.0.%d.9:1", i+2))
		m.meets(bob)
		crowd = append(crowd, m)
	}
	began := b.now
	for _, m := range crowd {
		m.writes(bob.id(), numbered(30))
	}
	b.run(time.Second)
	ann.say("bob", "from a friend")
	b.until(2*time.Second, "the friend's line comes", func() bool { return slices.Contains(bob.texts(), "from a friend") })
	b.run(time.Minute)
	strangers := len(bob.texts()) - 1
	if most := 100 + int(b.now.Sub(began)/time.Second) + 1; strangers < 100 || strangers > most {
		t.Errorf("new users left %d lines, want from 100 to %d", strangers, most)
	}
	if bob.stat("refused_lines_stranger") == 0 || bob.stat("refused_lines_known") != 0 {
		t.Error("what was refused is not counted")
	}
}

// A text is paid for once: what comes twice, out of order, or could not be taken at
// first, leaves a new user on a bad line no poorer than another.
func TestNewUserPaysOnce(t *testing.T) {
	for seed := range uint64(8) {
		b := newBed(t, 1010+seed, simnet.Profile{Loss: 0.25, Duplicate: 0.25, Reorder: 0.25, Delay: 10 * time.Millisecond})
		ann, bob := b.join("ann"), b.join("bob")
		ann.meet(bob)
		want := numbered(20)
		if seed%2 == 1 {
			bob.full = errors.New("no space left")
		}
		for _, line := range want {
			ann.say("bob", line)
		}
		b.run(20 * time.Second)
		if bob.full != nil && len(bob.texts()) > 0 {
			t.Fatal("shown, and not written")
		}
		bob.full = nil
		b.until(2*time.Minute, "all lines come", func() bool { return len(ann.node.Outbox()) == 0 })
		if got := bob.texts(); !slices.Equal(got, want) || bob.stat("refused_lines_stranger") > 0 {
			t.Fatalf("seed %d: %d lines came, and %d were refused", seed, len(got), bob.stat("refused_lines_stranger"))
		}
	}
}

// -strangers none takes no line of somebody new, and says so to the sender; link takes
// those of the own link. Friends write as ever.
func TestDoorPolicies(t *testing.T) {
	b := newBed(t, 1003, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	for _, policy := range []neighbors.DoorPolicy{neighbors.DoorNone, neighbors.DoorLink} {
		bob.door, bob.screen = policy, nil
		bob.start()
		ann.meet(bob)
		ann.say("bob", "anybody there?")
		b.run(2 * time.Second)
		if d := ann.last(); d.State != neighbors.Undelivered || len(bob.texts()) != 0 {
			t.Fatalf("policy %d: %+v, and bob has %d lines", policy, d, len(bob.texts()))
		}
	}
	bob.accepts("ann")
	ann.say("bob", "and now?")
	b.until(2*time.Second, "a friend's line comes", func() bool { return slices.Contains(bob.texts(), "and now?") })

	// What was taken before the policy changed is acknowledged still.
	b = newBed(t, 1004, simnet.Profile{Delay: 10 * time.Millisecond})
	bob = b.join("bob")
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	m.writes(bob.id(), []string{"hello"})
	b.run(time.Second)
	bob.door = neighbors.DoorNone
	bob.start()
	b.raws = nil
	again := b.attacker(1, "mallory", "192.0.2.9:1")
	again.meets(bob)
	again.writes(bob.id(), []string{"hello"})
	b.run(time.Second)
	if got := again.answers(); !slices.Equal(got, []wire.Result{wire.ResultDelivered}) || len(bob.texts()) != 1 {
		t.Errorf("sent again: %v, bob has %d", got, len(bob.texts()))
	}
}

func TestDoorPolicyLink(t *testing.T) {
	b := newBed(t, 1005, simnet.Profile{Delay: time.Millisecond})
	bob := b.join("bob")
	bob.door = neighbors.DoorLink
	bob.start()
	near := bob.addr.Addr().As4()
	m := b.attacker(1, "mallory", fmt.Sprintf("%d.%d.%d.99:1", near[0], near[1], near[2]))
	m.meets(bob)
	m.writes(bob.id(), []string{"from afar"})
	b.run(time.Second)
	bob.node.SetLocalNetwork(b.now, neighbors.LocalNetwork{Interfaces: []netip.Prefix{netip.PrefixFrom(bob.addr.Addr(), 24)}})
	bob.turn()
	m.says(bob.id(), wire.Message{ID: 9, Body: wire.Text{Parts: 1, Text: "from the link", Sent: 1}}, 0)
	b.run(time.Second)
	if got := m.answers(); len(bob.texts()) != 1 || !slices.Equal(got, []wire.Result{wire.ResultNotTrusted, wire.ResultDelivered}) {
		t.Errorf("answers %v, bob read %q", got, bob.texts())
	}
}

// The list of users at the door is bounded, the newest first, and a crowd from one network hides
// nobody of another. \block all blocks those who wrote.
func TestWhoIsAtTheDoor(t *testing.T) {
	b := newBed(t, 1006, simnet.Profile{Delay: time.Millisecond})
	bob := b.join("bob")
	quiet := b.attacker(1, "quiet", "203.0.113.9:1")
	quiet.meets(bob)
	first := b.attacker(2, "first", "192.0.2.9:1")
	first.meets(bob)
	first.writes(bob.id(), numbered(3))
	b.run(time.Second)
	for i := range 90 {
		m := b.attacker(i+3, fmt.Sprint("m", i), fmt.Sprintf("192.%d.%d.9:1", i/200+1, i%200+1))
		m.meets(bob)
		m.writes(bob.id(), []string{"hi"})
		b.run(time.Second)
		b.raws = slices.DeleteFunc(b.raws, func(r *raw) bool { return r == m }) // it stays silent from here on
	}
	v := bob.node.Strangers(b.now)
	if len(v.List) != 64 || v.More != 91-64 || !slices.IsSortedFunc(v.List, func(x, y neighbors.StrangerView) int { return y.LastHeard.Compare(x.LastHeard) }) {
		t.Fatalf("%d are listed and %d more", len(v.List), v.More)
	}
	if v.List[0].Name != "m89" || v.List[0].Lines != 1 || v.List[0].Fingerprint == "" {
		t.Errorf("first is %+v", v.List[0])
	}
	first.writes(bob.id(), []string{"and another"})
	b.run(time.Second)
	if v = bob.node.Strangers(b.now); v.List[0].Name != "first" || v.List[0].Lines != 4 {
		t.Errorf("first is %+v", v.List[0])
	}
	n := do(bob, func(now time.Time, n *neighbors.Node) (int, error) { return n.BlockAll(now) })
	if v = bob.node.Strangers(b.now); n != 91 || len(v.List)+v.More != 0 {
		t.Errorf("%d were blocked, and then there are %+v", n, v)
	}
	for _, u := range bob.node.Users(neighbors.FilterAll) {
		if (u.Trust == "blocked") == (u.Name == "quiet") {
			t.Errorf("%s is %s", u.Name, u.Trust)
		}
	}
	first.writes(bob.id(), []string{"still there?"})
	b.run(time.Second)
	if got := first.answers(); got[len(got)-1] != wire.ResultNotTrusted {
		t.Errorf("a blocked one is answered %v", got)
	}
	if _, err := bob.node.Accept(b.now, "first"); err == nil || !strings.Contains(err.Error(), `\unblock first`) {
		t.Errorf("a blocked one is accepted: %v", err)
	}
}

// Lines that an earlier run took and did not show are at the door again.
func TestDoorAfterARestart(t *testing.T) {
	b := newBed(t, 1007, simnet.Profile{Delay: time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.mute = true
	for _, line := range numbered(3) {
		ann.say("bob", line)
	}
	b.run(time.Second)
	bob.kill()
	bob.start()
	if v := bob.node.Strangers(b.now); len(v.List) != 1 || v.List[0].Lines != 3 || v.List[0].Name != "ann" {
		t.Errorf("at the door: %+v", v)
	}
}

// answers are those to texts.
func (r *raw) answers() (list []wire.Result) {
	for _, e := range r.events {
		if s, ok := e.(dgram.Settled); ok && s.Kind == wire.KindText {
			list = append(list, s.Result)
		}
	}
	return list
}

// A sender that is answered busy tries with one text, not with all that wait, until one is taken.
func TestBusyIsAskedWithOneText(t *testing.T) {
	b := newBed(t, 620, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	for i := range 100 {
		ann.say("bob", fmt.Sprint("line ", i))
	}
	b.run(5 * time.Second)
	texts := 0
	b.opened = func(to *person, o dgram.Opened) {
		if to == bob {
			texts += strings.Count(o.Summary(), "text ")
		}
	}
	b.run(5 * time.Minute)
	if texts > 150 {
		t.Errorf("%d texts were sent to who lets in one in ten seconds", texts)
	}
	bob.accepts("ann")
	b.until(30*time.Second, "all lines come", func() bool { return len(bob.texts()) == 100 })
}
