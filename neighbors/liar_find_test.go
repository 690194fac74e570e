package neighbors_test

import (
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

// What a liar may cost those who look for somebody, or are looked for: these tests flood, and
// count.

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
	ann.node.SetLocalNetwork(v.now, neighbors.LocalNetwork{
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
