package neighbors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// village is people with mutual edges, all known to their neighbours' users.
type village struct {
	*bed
	edges [][2]int
}

// ring joins size people, each with edges to the nearest reach on both sides.
func newVillage(t *testing.T, seed uint64, p simnet.Profile, size, reach int) *village {
	v := &village{bed: newBed(t, seed, p)}
	for i := range size {
		v.join(fmt.Sprintf("p%02d", i))
	}
	for i := range size {
		for k := 1; k <= reach; k++ {
			v.befriend(i, (i+k)%size)
		}
	}
	return v
}

// befriend makes an edge that both users want.
func (v *village) befriend(i, j int) {
	v.t.Helper()
	a, b := v.nodes[i], v.nodes[j]
	a.meet(b)
	for _, x := range [2][2]*person{{a, b}, {b, a}} {
		do(x[0], func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, x[1].name) })
	}
	v.edges = append(v.edges, [2]int{i, j})
}

// within lists those that are one and two edges from i.
func (v *village) within(i int) (one, two []int) {
	beside := func(i int) (list []int) {
		for _, e := range v.edges {
			switch i {
			case e[0]:
				list = append(list, e[1])
			case e[1]:
				list = append(list, e[0])
			}
		}
		return list
	}
	one = beside(i)
	for _, j := range one {
		for _, k := range beside(j) {
			if k != i && !slices.Contains(one, k) && !slices.Contains(two, k) {
				two = append(two, k)
			}
		}
	}
	return one, two
}

// believe says whether all of list hold the session to be in one of the states.
func (v *village) believe(list []int, id wire.PeerID, want ...neighbors.State) bool {
	for _, i := range list {
		if p := v.nodes[i]; p.node != nil {
			if s, _ := p.node.Believes(identity.SessionID(id)); !slices.Contains(want, s) {
				return false
			}
		}
	}
	return true
}

// knowAll says whether all that run know all within two edges of them to be online.
func (v *village) knowAll() bool {
	for i, p := range v.nodes {
		one, two := v.within(i)
		if p.node != nil && !v.believe(append(one, two...), p.id(), neighbors.Online) {
			return false
		}
	}
	return true
}

// A way that breaks between two of three is not a death: the third vouches for each.
func TestOthersVouch(t *testing.T) {
	v := newVillage(t, 6, simnet.Profile{Delay: 5 * time.Millisecond}, 3, 1)
	v.until(10*time.Second, "all know all", v.knowAll)
	v.net.Cut(v.nodes[0].addr.Addr(), v.nodes[1].addr.Addr())
	v.run(20 * time.Second)
	for _, p := range v.nodes {
		if n := count[neighbors.WentOffline](p); n != 0 {
			t.Errorf("%s lost %d", p.name, n)
		}
	}
	v.run(40 * time.Second)
	if count[neighbors.WentOffline](v.nodes[0]) != 1 || count[neighbors.WentOffline](v.nodes[2]) != 0 {
		t.Error("who cannot be written to for a minute is not called lost")
	}
	if s, _ := v.nodes[0].node.Believes(identity.SessionID(v.nodes[1].id())); s != neighbors.Online {
		t.Errorf("p00 believes p01 to be %s; p02 reaches it", s)
	}
}

// Nobody is called offline falsely at 5 % loss, and at 20 % hardly anybody.
func TestNoFalseAlarms(t *testing.T) {
	span := 10 * time.Minute
	if testing.Short() {
		span = 2 * time.Minute
	}
	for loss, most := range map[float64]int{0.05: 0, 0.2: 1} {
		v := newVillage(t, 7, simnet.Profile{Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond}, 20, 2)
		v.until(10*time.Second, "all know all within two edges", v.knowAll)
		v.net.SetProfile(simnet.Profile{Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: loss})
		v.run(span)
		lost := 0
		for _, p := range v.nodes {
			lost += count[neighbors.WentOffline](p)
		}
		if lost > most {
			t.Errorf("loss %.2f: %d were called lost", loss, lost)
		}
	}
}

// Idle, with eight neighbours each, the profiles cost what they say, headers counted.
func TestIdleCost(t *testing.T) {
	v := newVillage(t, 8, simnet.Profile{Delay: 5 * time.Millisecond}, 24, 4)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	v.run(time.Minute)
	before := 0
	for _, p := range v.nodes {
		before += p.sent + 42*p.sends
	}
	const span = 5 * time.Minute
	v.run(span)
	after := 0
	for _, p := range v.nodes {
		after += p.sent + 42*p.sends
	}
	rate := float64(after-before) / span.Seconds() / float64(len(v.nodes))
	t.Logf("%.1f bytes a second and node", rate)
	if rate > 100 {
		t.Errorf("idle costs %.1f bytes a second and node", rate)
	}
}

// A list that answers nothing, and news of a stranger, make nobody known.
func TestUnaskedListIsDropped(t *testing.T) {
	v := &village{bed: newBed(t, 12, simnet.Profile{Delay: 5 * time.Millisecond})}
	ann := v.join("ann")
	l := v.liar(ann)
	v.run(20 * time.Second)
	other, _ := v.identity(99, "zed")
	page := wire.List{Request: 12345, Records: [][]byte{other.signed}, Total: 1,
		Summaries: []wire.Summary{{Session: wire.PeerID(other.record.Session), Seq: other.record.Seq}}}
	l.says(ann.id(), wire.Message{ID: 1, Body: page}, 5*time.Second)
	if ann.node.Heard() != 0 {
		t.Error("a list that nobody asked for was taken")
	}
}

// Of a stranger no news is believed.
func TestStrangersNewsIsNothing(t *testing.T) {
	v := &village{bed: newBed(t, 13, simnet.Profile{Delay: 5 * time.Millisecond})}
	ann := v.join("ann")
	r := v.attacker(3, "mallory", "198.19.3.7:6789")
	r.meets(ann)
	r.says(ann.id(), wire.Message{Body: wire.List{Summaries: []wire.Summary{{Session: wire.PeerID{1}, Seq: 1}}}}, 5*time.Second)
	if ann.node.Heard() != 0 {
		t.Error("a stranger's news was taken")
	}
}

// Only neighbours that are told of a session anyway learn whether we reach it, and the session
// asked about gets less than the question cost.
func TestReachIsNoOracle(t *testing.T) {
	v := newVillage(t, 14, simnet.Profile{Delay: 5 * time.Millisecond}, 2, 1)
	ann, bob := v.nodes[0], v.nodes[1]
	v.until(5*time.Second, "they know each other", v.knowAll)
	r := v.attacker(3, "mallory", "198.19.3.7:6789")
	r.meets(ann)
	v.run(3 * time.Second)
	answer := func() (result wire.Result) {
		r.events = nil
		before, asked := v.spent[bob.addr.Addr()], r.sent
		r.ep.Reach(v.now, ann.id(), bob.id())
		r.turn()
		v.run(100 * time.Millisecond)
		if got := v.spent[bob.addr.Addr()] - before; got >= r.sent-asked {
			t.Errorf("bob got %d bytes for a question of %d", got, r.sent-asked)
		}
		result = wire.ResultBusy
		for _, e := range r.events {
			if s, ok := e.(dgram.Settled); ok && s.Kind == wire.KindPing {
				result = s.Result
			}
		}
		return result
	}
	if got := answer(); got != wire.ResultUnknownRecipient {
		t.Errorf("a stranger is told %v", got)
	}
	do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, "mallory") })
	v.run(2500 * time.Millisecond)
	if got := answer(); got != wire.ResultDelivered {
		t.Errorf("a friend is told %v", got)
	}
}

// Lists that say what is known already are not sent: the digest stands for them.
func TestDigestSparesTheList(t *testing.T) {
	v := newVillage(t, 15, simnet.Profile{Delay: 5 * time.Millisecond}, 8, 2)
	v.until(10*time.Second, "all know all within two edges", v.knowAll)
	v.run(time.Minute)
	empty, full := 0, 0
	v.opened = func(_ *person, o dgram.Opened) {
		switch line := o.Summary(); {
		case !strings.Contains(line, "deliverKnownList") || strings.Contains(line, "request=0 "):
		case strings.Contains(line, "summaries=0 "):
			empty++
		default:
			full++
		}
	}
	v.run(11 * time.Minute)
	if empty < 8 || full > 0 {
		t.Errorf("of the answers %d were spared and %d were whole lists", empty, full)
	}
}

// A neighbour's record counts whoever brings it: if its own message is lost, and another node has passed
// the record on, we learn of it, and so do those behind us.
func TestRecordByAnotherIsToldOn(t *testing.T) {
	v := &village{bed: newBed(t, 71, simnet.Profile{Delay: 5 * time.Millisecond})}
	for _, name := range []string{"bob", "carol", "dan", "eve"} {
		v.join(name)
	}
	for _, e := range [][2]int{{0, 1}, {1, 2}, {1, 3}, {2, 3}} { // bob knows of eve through carol alone
		v.befriend(e[0], e[1])
	}
	bob, carol, eve := v.nodes[0], v.nodes[1], v.nodes[3]
	v.until(20*time.Second, "all know all within two edges", v.knowAll)
	v.run(2 * time.Minute) // nobody is restless
	for _, away := range []bool{true, false} {
		v.net.Cut(eve.addr.Addr(), carol.addr.Addr())
		do(eve, func(now time.Time, n *neighbors.Node) (bool, error) { return n.Away(now, away) })
		v.run(40 * time.Millisecond)
		v.net.Heal(eve.addr.Addr(), carol.addr.Addr())
		want := map[bool]neighbors.State{true: neighbors.Away, false: neighbors.Online}[away]
		v.run(2 * time.Second)
		for _, p := range []*person{bob, carol} {
			if s, _ := p.node.Believes(identity.SessionID(eve.id())); s != want {
				t.Errorf("away %v: %s believes eve to be %s", away, p.name, s)
			}
		}
		v.run(2 * time.Minute)
	}
	if told := all[neighbors.WentAway](carol); len(told) != 2 {
		t.Errorf("carol is told %+v", told)
	}
}
