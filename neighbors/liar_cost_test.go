package neighbors_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

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
