package neighbors_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// What a neighbour who lies, or whose program is broken, may cost others: these tests
// flood, and count.

// pinned makes an attacker whom all of friends know.
func (v *village) pinned(number int, name string, friends ...*person) *raw {
	v.t.Helper()
	r := v.attacker(number, name, fmt.Sprintf("198.20.%d.7:6789", number))
	for _, p := range friends {
		r.meets(p)
		do(p, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, name) })
	}
	return r
}

// news is one page of words about sessions, which must rise.
func (r *raw) news(to *person, list ...wire.Summary) {
	r.ep.Send(r.bed.now, to.id(), wire.Message{Body: wire.List{Summaries: list}})
	r.turn()
}

func word(of *person, seq uint64, state uint64) wire.Summary {
	return wire.Summary{Session: of.id(), Seq: seq, State: state}
}

// invented is a session that does not exist.
func invented(n int) (id wire.PeerID) {
	binary.BigEndian.PutUint32(id[:], uint32(n))
	id[7] = 0xee
	return id
}

// star is ann with friends who know each other, too.
func star(t *testing.T, seed uint64, friends int) (v *village, ann *person) {
	v = newVillage(t, seed, simnet.Profile{Delay: 5 * time.Millisecond}, friends, 2)
	ann = v.join("ann")
	for i := range friends {
		v.befriend(friends, i)
	}
	v.until(20*time.Second, "all know all within two edges", v.knowAll)
	v.run(20 * time.Second)
	return v, ann
}

// A flood of news, about honest third ones under numbers that nobody signed, now there and
// now silent, and about sessions that do not exist, starts no storm: it costs a burst, and
// then a few datagrams a second; and the third ones next to nothing.
func TestNewsFloodStartsNoStorm(t *testing.T) {
	v, ann := star(t, 940, 8)
	m := v.pinned(1, "mallory", ann)
	v.run(10 * time.Second)
	flood := func(d time.Duration, from int) {
		for i := range int(d / (20 * time.Millisecond)) {
			for k, p := range v.nodes[:8] {
				m.news(ann, word(p, uint64(1)<<52+uint64(from+i), []uint64{0, 3, 4}[(i+k)%3]))
			}
			var page []wire.Summary
			for k := range 40 {
				page = append(page, wire.Summary{Session: invented((from+i)*40 + k), Seq: uint64(i)})
			}
			m.news(ann, page...)
			v.run(20 * time.Millisecond)
		}
	}
	flood(30*time.Second, 0) // what is allowed at once is used up
	sends, bytes := ann.sends, 0
	for _, p := range v.nodes[:8] {
		bytes += v.spent[p.addr.Addr()]
	}
	const span = 30 * time.Second
	flood(span, 1500)
	for _, p := range v.nodes[:8] {
		bytes -= v.spent[p.addr.Addr()]
	}
	if rate := float64(ann.sends-sends) / span.Seconds(); rate > 15 {
		t.Errorf("ann sends %.0f datagrams a second", rate)
	} else {
		t.Logf("ann sends %.1f datagrams a second", rate)
	}
	if rate := float64(-bytes) / span.Seconds() / 8; rate > 100 {
		t.Errorf("each honest one gets %.0f bytes a second", rate)
	} else {
		t.Logf("each honest one gets %.0f bytes a second", rate)
	}
	for _, p := range v.nodes[:8] {
		if s := ann.believes(p); s != neighbors.Online && s != neighbors.Suspect {
			t.Errorf("ann believes %s to be %s", p.name, s)
		}
	}
}

// Who tell of hundreds of sessions and give the record of none delay nobody else's.
func TestSilentTellerDelaysNobody(t *testing.T) {
	v := &village{bed: newBed(t, 941, simnet.Profile{Delay: 5 * time.Millisecond})}
	for _, name := range []string{"ann", "carol", "dan"} {
		v.join(name)
	}
	ann, dan := v.nodes[0], v.nodes[2]
	v.befriend(0, 1)
	var silent []*raw
	for i := range 12 {
		silent = append(silent, v.pinned(10+i, fmt.Sprint("m", i), ann))
	}
	v.run(5 * time.Second)
	for who, m := range silent {
		m.mute = true
		for i := range 20 {
			var page []wire.Summary
			for k := range 10 {
				page = append(page, wire.Summary{Session: invented(1000*who + 10*i + k), Seq: 1})
			}
			m.news(ann, page...)
			v.run(2 * time.Millisecond)
		}
	}
	v.befriend(1, 2) // carol knows dan from now on, and says so
	v.until(2*time.Second, "ann knows dan", func() bool { return ann.believes(dan) == neighbors.Online })
}

// On a link anybody may speak of others. Strangers by the dozen take no place of those whom
// ann's user knows, and push out nothing that these told.
func TestStrangersOnTheLinkGiveWay(t *testing.T) {
	v := &village{bed: newBed(t, 942, simnet.Profile{Delay: time.Millisecond})}
	for _, name := range []string{"ann", "carol", "dan", "eve"} {
		v.join(name)
	}
	ann, carol, dan, eve := v.nodes[0], v.nodes[1], v.nodes[2], v.nodes[3]
	v.befriend(0, 1)
	v.befriend(1, 3)
	v.until(10*time.Second, "ann knows eve", func() bool { return ann.believes(eve) == neighbors.Online })
	ann.node.SetSurroundings(v.now, neighbors.Surroundings{
		Listen: []netip.AddrPort{ann.addr}, Interfaces: []netip.Prefix{netip.MustParsePrefix("198.19.0.1/16")},
	})
	ann.turn()
	for i := range 20 {
		r := v.attacker(1+i, "stranger", fmt.Sprintf("198.19.%d.7:6789", 1+i))
		r.meets(ann)
		r.news(ann, word(dan, 1, wire.SummaryLost))
		v.run(20 * time.Millisecond)
		for p := range 12 {
			var page []wire.Summary
			for k := range 40 {
				page = append(page, wire.Summary{Session: invented(1000*i + 40*p + k), Seq: 1})
			}
			r.news(ann, page...)
			v.run(5 * time.Millisecond)
		}
	}
	if n := ann.node.Heard(); n > 2048+2 {
		t.Errorf("strangers told of %d sessions", n)
	}
	if s := ann.believes(eve); s != neighbors.Online {
		t.Errorf("ann believes eve to be %s", s)
	}
	v.befriend(1, 2)
	v.until(2*time.Second, "ann hears of dan from carol", func() bool { return ann.believes(dan) == neighbors.Online })
	_ = carol
}

// The old addresses of missing sessions are called as the back-off says, whatever a liar claims to
// see: they may be somebody else's by now.
func TestFalseSightingsWakeNobody(t *testing.T) {
	bytes := map[bool]int{}
	for _, lies := range []bool{false, true} {
		v, ann := star(t, 943, 12)
		m := v.pinned(1, "mallory", ann)
		var dead []*person
		for _, p := range v.nodes[:11] {
			p.kill()
			dead = append(dead, p)
		}
		v.run(2 * time.Hour)
		clear(v.spent)
		for i := range 1500 {
			if lies {
				for _, p := range dead {
					m.news(ann, word(p, 1<<52, uint64(i%2)*4))
				}
			}
			v.run(time.Second)
		}
		for _, p := range dead {
			bytes[lies] += v.spent[p.addr.Addr()] / len(dead)
		}
	}
	t.Logf("an old address gets %d bytes in 25 minutes; with a liar %d", bytes[false], bytes[true])
	if bytes[true] > bytes[false]*5/4 {
		t.Errorf("an old address gets %d bytes in 25 minutes instead of %d", bytes[true], bytes[false])
	}
}

// An asker of too many questions leaves room for those of others.
func TestAskerLeavesRoomForOthers(t *testing.T) {
	v, ann := star(t, 944, 4)
	bob, dan := v.nodes[0], v.nodes[1]
	m, rae := v.pinned(1, "mallory", ann), v.pinned(2, "rae", ann)
	v.run(10 * time.Second)
	heard := v.now
	v.tapped = func(d simnet.Delivery) {
		if d.From == dan.addr || d.From == bob.addr {
			heard = v.now
		}
	}
	v.until(time.Minute, "bob and dan have said nothing for a second", func() bool { return v.now.Sub(heard) > 1100*time.Millisecond })
	bob.kill()
	rae.events = nil
	for range 6 { // no more fit the liar's window at once
		for range 40 {
			m.ep.Reach(v.now, ann.id(), bob.id())
		}
		m.turn()
		v.run(10 * time.Millisecond)
	}
	rae.ep.Reach(v.now, ann.id(), dan.id())
	rae.turn()
	v.run(2 * time.Second)
	got := wire.ResultBusy
	for _, e := range rae.events {
		if s, ok := e.(dgram.Settled); ok && s.Kind == wire.KindPing {
			got = s.Result
		}
	}
	if got != wire.ResultDelivered {
		t.Errorf("rae is answered %v", got)
	}
}

// With the path to bob broken, an honest neighbour vouches for bob, though more liars than are
// asked at a time claim to watch bob, say that they do not reach bob, and agree that bob is lost.
func TestHonestVoucherIsFoundAmongLiars(t *testing.T) {
	v := &village{bed: newBed(t, 945, simnet.Profile{Delay: 5 * time.Millisecond})}
	for _, name := range []string{"ann", "bob", "carol"} {
		v.join(name)
	}
	ann, bob := v.nodes[0], v.nodes[1]
	v.befriend(0, 1)
	v.run(5 * time.Second)
	var liars []*raw
	for i := range 6 {
		r := v.pinned(10+i, fmt.Sprint("m", i), ann)
		r.answer = wire.ResultUnknownRecipient
		r.news(ann, word(bob, 0, 0))
		liars = append(liars, r)
	}
	v.befriend(0, 2)
	v.befriend(1, 2)
	v.run(10 * time.Second)
	v.net.Cut(ann.addr.Addr(), bob.addr.Addr())
	for i := range 200 { // 20 s
		for _, r := range liars {
			r.news(ann, word(bob, uint64(i), 3+uint64(i%2)))
		}
		v.run(100 * time.Millisecond)
	}
	for _, w := range all[neighbors.WentOffline](ann) {
		if w.User == "bob" {
			t.Fatal("bob is called lost though carol reaches bob")
		}
	}
}

// An explode of somebody whom the relay's user does not know goes nowhere; a friend's goes only
// to those of whom that friend is told, once a minute.
func TestStrangerDoesNotExplode(t *testing.T) {
	v, ann := star(t, 946, 6)
	m := v.attacker(1, "mallory", "198.19.1.7:6789")
	m.meets(ann)
	v.run(5 * time.Second)
	passed := 0
	v.opened = func(_ *person, o dgram.Opened) {
		if line := o.Summary(); strings.Contains(line, "explode") && strings.Contains(line, " by=") {
			passed++
		}
	}
	explode := func(targets ...wire.PeerID) {
		p := wire.Ping{Scope: wire.ScopeExplode, Record: m.signed, Targets: targets}
		ticket := identity.Ticket{Asker: m.record.Session, Introducer: identity.SessionID(ann.id()), Number: uint64(v.now.UnixMilli())}
		p.Ticket = wire.Ticket{Number: ticket.Number, Sig: ticket.Sign(m.key)}
		m.says(ann.id(), wire.Message{ID: m.ep.NextID(), Body: p}, 2*time.Second)
	}
	explode()
	v.run(time.Minute)
	explode(v.nodes[0].id(), v.nodes[1].id())
	if passed != 0 {
		t.Errorf("a stranger's record was passed on %d times", passed)
	}
	v.run(time.Minute)
	do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, "mallory") })
	explode(v.nodes[0].id(), invented(1), invented(2))
	if passed != 1 {
		t.Errorf("a friend's record for one of ann's neighbours and two others was passed on %d times", passed)
	}
	explode()
	if passed != 1 {
		t.Error("a second explode within the minute was obeyed")
	}
}

// Of a neighbour that changes all the time others are told once a minute, and then its present state:
// they hear neither a storm nor, in the end, something outdated.
func TestRestlessNeighbourIsToldRarely(t *testing.T) {
	v, ann := star(t, 947, 8)
	m := v.pinned(1, "mallory", ann)
	v.run(10 * time.Second)
	rec := m.record
	change := func(state identity.State) {
		rec.Seq++
		rec.State = state
		signed, err := identity.Sign(m.key, rec)
		if err != nil {
			t.Fatal(err)
		}
		m.ep.Send(v.now, ann.id(), wire.Message{ID: m.ep.NextID(), Body: wire.Online{Record: signed}})
		m.turn()
	}
	before := ann.sends
	for i := range 1200 { // a minute
		change(identity.State(i % 2))
		v.run(50 * time.Millisecond)
	}
	if got := ann.sends - before - 1200; got > 600 { // the acks are the liar's own doing
		t.Errorf("ann sends %d datagrams in a minute", got)
	} else {
		t.Logf("ann sends %d datagrams in a minute beside the acks", got)
	}
	change(identity.StateAway)
	v.until(90*time.Second, "all know the last state", func() bool {
		for _, p := range v.nodes[:8] {
			if s, ok := p.node.Believes(rec.Session); !ok || s != neighbors.Away {
				return false
			}
		}
		return true
	})
}

// A node that claims to be a seed and tells again and again of somebody missing is asked for them
// as rarely as anybody.
func TestFalseSeedIsAskedRarely(t *testing.T) {
	v, ann := star(t, 948, 4)
	bob := v.nodes[0]
	bob.kill()
	ann.say(bob.name, "are you there?")
	v.run(time.Minute)
	m := v.attacker(1, "mallory", "198.19.1.7:6789")
	m.flags(identity.FlagSeed)
	m.meets(ann)
	do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, "mallory") })
	v.run(5 * time.Second)
	before := v.spent[m.addr.Addr()]
	for range 1000 {
		m.news(ann, word(bob, 1, 0))
		v.run(10 * time.Millisecond)
	}
	if got := v.spent[m.addr.Addr()] - before; got > 10*1300 {
		t.Errorf("%d bytes in ten seconds", got)
	} else {
		t.Logf("%d bytes in ten seconds", got)
	}
}

// A dead node is found dead, whatever helpers say: that they reach it (vouching ends half a minute
// after its own last sign of life), that they do not, or nothing at all (which makes a node doubt
// itself, and wait longer).
func TestLyingHelpersDelayOnly(t *testing.T) {
	for name, c := range map[string]struct {
		answer wire.Result
		mute   bool
		most   time.Duration
	}{
		"vouch":  {answer: wire.ResultDelivered, most: 45 * time.Second},
		"deny":   {answer: wire.ResultUnknownRecipient, most: 15 * time.Second},
		"silent": {mute: true, most: 60 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			v := &village{bed: newBed(t, 949, simnet.Profile{Delay: 5 * time.Millisecond})}
			ann, bob := v.join("ann"), v.join("bob")
			v.befriend(0, 1)
			for i := range 4 {
				r := v.pinned(10+i, fmt.Sprint("m", i), ann)
				r.answer, r.mute = c.answer, c.mute
				r.news(ann, word(bob, 0, 0))
			}
			v.run(10 * time.Second)
			bob.kill()
			began := v.now
			v.until(c.most, "bob is called lost", func() bool {
				for _, r := range v.raws { // alive, and about bob always the same
					if v.now.Sub(began)%time.Second < 20*time.Millisecond {
						r.news(ann, word(bob, 0, 0))
					}
				}
				return !ann.sees("bob")
			})
			t.Logf("%s: lost after %v", name, v.now.Sub(began))
		})
	}
}
