package neighbors_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// liar is a neighbour, known to the honest ones, who says anything at all about everybody, with
// the means of a modified program: it signs nothing for others, but has everything that was ever
// signed.
type liar struct {
	*raw
	rng     *rand.Rand
	targets []*person
	old     [][]byte // records of others, new and old, that it has kept
}

func (v *village) liar(victims ...*person) *liar {
	return &liar{raw: v.pinned(7, "mallory", victims...), rng: rand.New(rand.NewPCG(v.seed, 77)), targets: victims}
}

// keep notes the records that the liar was shown.
func (l *liar) keep() {
	for _, e := range l.events {
		switch e := e.(type) {
		case dgram.Associated:
			l.old = append(l.old, e.Record)
		case dgram.Received:
			if o, ok := e.Message.Body.(wire.Online); ok && len(o.Record) > 0 {
				l.old = append(l.old, o.Record)
			}
			if o, ok := e.Message.Body.(wire.Offline); ok {
				l.old = append(l.old, o.Record)
			}
		}
	}
	l.events = nil
}

// lie sends one lie to each victim.
func (l *liar) lie(about ...*person) {
	id := func() wire.PeerID {
		if l.rng.IntN(6) == 0 {
			return wire.PeerID{byte(l.rng.IntN(256)), byte(l.rng.IntN(256)), 9}
		}
		return about[l.rng.IntN(len(about))].id()
	}
	seq := func() uint64 {
		return []uint64{0, 1, uint64(l.bed.now.UnixMilli()), uint64(l.bed.now.UnixMilli()) + uint64(l.rng.IntN(1<<30)), 1<<53 - 1}[l.rng.IntN(5)]
	}
	page := func(most int) (list []wire.Summary) {
		for range l.rng.IntN(most) + 1 {
			list = append(list, wire.Summary{Session: id(), Seq: seq(), State: uint64(l.rng.IntN(5))})
		}
		slices.SortFunc(list, func(a, b wire.Summary) int { return bytes.Compare(a.Session[:], b.Session[:]) })
		return slices.CompactFunc(list, func(a, b wire.Summary) bool { return a.Session == b.Session })
	}
	l.answer = []wire.Result{wire.ResultDelivered, wire.ResultUnknownRecipient, wire.ResultBusy}[l.rng.IntN(3)]
	l.mute = l.rng.IntN(8) == 0
	for _, to := range l.targets {
		say := func(b wire.Body) { l.ep.Send(l.bed.now, to.id(), wire.Message{ID: l.ep.NextID(), Body: b}) }
		record := l.signed
		if len(l.old) > 0 && l.rng.IntN(3) > 0 {
			record = l.old[l.rng.IntN(len(l.old))]
		}
		squatted := id()
		switch l.rng.IntN(11) {
		case 0, 1, 2:
			say(wire.List{Summaries: page(40)})
		case 3:
			say(wire.List{Request: uint64(l.rng.IntN(1 << 20)), Records: [][]byte{record}, Summaries: page(2), Total: 1})
		case 4:
			say(wire.Online{Record: record})
		case 5:
			say(wire.Offline{Record: record})
		case 6:
			sid := id()
			say(wire.Ping{Scope: wire.ScopeReach, Session: sid[:]})
		case 7:
			me := l.record.Session
			say(wire.Ping{Scope: wire.ScopeExplode, Session: me[:], Record: record, By: me[:]})
		case 8: // a valid explode, for anybody
			p := wire.Ping{Scope: wire.ScopeExplode, Record: l.signed, Targets: []wire.PeerID{id(), id()}}
			ticket := identity.Ticket{Asker: l.record.Session, Introducer: identity.SessionID(to.id()), Number: uint64(l.bed.now.UnixMilli())}
			p.Ticket = wire.Ticket{Number: ticket.Number, Sig: ticket.Sign(l.key)}
			say(p)
		case 9: // its own record, with the session id of another
			say(wire.Online{Record: bytes.Replace(l.signed, l.record.Session[:], squatted[:], 1)})
		case 10:
			say(wire.ListRequest{Of: squatted[:], Credit: 8})
		}
	}
	// Whatever it is asked it answers with a lie too.
	for _, e := range l.events {
		if r, ok := e.(dgram.Received); ok {
			if q, ok := r.Message.Body.(wire.ListRequest); ok {
				answer := wire.List{Request: r.Message.ID, Total: uint64(l.rng.IntN(3))}
				switch {
				case len(q.Of) > 0 && len(l.old) > 0: // any record but that one
					answer.Records = [][]byte{l.old[l.rng.IntN(len(l.old))]}
				case l.rng.IntN(4) > 0: // and without end
					answer.Summaries = page(40)
					last := answer.Summaries[len(answer.Summaries)-1].Session
					answer.Next = last[:]
				}
				l.ep.Send(l.bed.now, r.From, wire.Message{ID: l.ep.NextID(), Body: answer})
			}
		}
	}
	l.keep()
	l.turn()
}

// The slow model of what may be believed: an honest third node is online for one that reaches it
// until it says goodbye or stays silent, and for one two edges away as long as an honest
// neighbour says so. Nothing a liar says changes that, and a goodbye is never undone. A liar
// only delays: those with an edge to a dead node find it dead, though the liar vouches for it.
func TestLiarsChangeNothing(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			v := &village{bed: newBed(t, 900+seed, simnet.Profile{Delay: 5 * time.Millisecond, Loss: 0.02})}
			for _, name := range []string{"ann", "bob", "carol", "dan"} {
				v.join(name)
			}
			ann, bob, carol, dan := v.nodes[0], v.nodes[1], v.nodes[2], v.nodes[3]
			v.befriend(0, 1)
			v.befriend(0, 2)
			v.befriend(1, 2)
			v.befriend(2, 3) // dan is two edges from ann and bob, by carol
			v.until(20*time.Second, "all know all within two edges", v.knowAll)
			l := v.liar(ann, bob, carol)
			believes := func(p, of *person) neighbors.State {
				s, _ := p.node.Believes(identity.SessionID(of.id()))
				return s
			}
			told := func(p *person, name string) (lost int) {
				for _, w := range all[neighbors.WentOffline](p) {
					if w.User == name {
						lost++
					}
				}
				return lost
			}
			for range 300 {
				l.lie(ann, bob, carol, dan)
				v.run(200 * time.Millisecond)
				for _, x := range [][2]*person{{ann, bob}, {ann, carol}, {bob, ann}, {bob, carol}, {carol, dan}} {
					if s := believes(x[0], x[1]); s != neighbors.Online && s != neighbors.Suspect || told(x[0], x[1].name) > 0 {
						t.Fatalf("%s believes %s to be %s", x[0].name, x[1].name, s)
					}
				}
				if s := believes(ann, dan); s != neighbors.Online && s != neighbors.Suspect && s != neighbors.Away {
					t.Fatalf("ann believes dan to be %s, carol says that dan is here", s)
				}
			}
			// dan says goodbye: nothing brings dan back.
			dan.node.Leave(v.now)
			dan.turn()
			v.until(3*time.Second, "ann knows that dan left", func() bool { return believes(ann, dan) == neighbors.Offline })
			dan.kill()
			// bob dies, and the liar vouches for bob.
			bob.kill()
			began := v.now
			for v.now.Sub(began) < 75*time.Second {
				l.lie(dan, bob)
				v.run(500 * time.Millisecond)
				if s := believes(ann, dan); s != neighbors.Offline {
					t.Fatalf("the liar brought dan back: %s", s)
				}
			}
			for _, p := range []*person{ann, carol} {
				if told(p, "bob") != 1 {
					t.Errorf("%s was told %d times that bob is lost", p.name, told(p, "bob"))
				}
			}
		})
	}
}

// However many sessions a liar tells of, what others told is kept.
func TestLiarPushesNobodyOut(t *testing.T) {
	v := &village{bed: newBed(t, 930, simnet.Profile{Delay: 5 * time.Millisecond})}
	for _, name := range []string{"ann", "carol", "dan"} {
		v.join(name)
	}
	ann, dan := v.nodes[0], v.nodes[2]
	v.befriend(0, 1)
	v.befriend(1, 2)
	v.until(20*time.Second, "all know all within two edges", v.knowAll)
	l := v.liar(ann)
	for i := range 1000 {
		var page []wire.Summary
		for k := range 48 {
			page = append(page, wire.Summary{Session: wire.PeerID{byte(i >> 8), byte(i), byte(k), 1}, Seq: 1})
		}
		l.ep.Send(v.now, ann.id(), wire.Message{Body: wire.List{Summaries: page}})
		l.turn()
		v.run(20 * time.Millisecond)
	}
	if s, ok := ann.node.Believes(identity.SessionID(dan.id())); !ok || s != neighbors.Online {
		t.Errorf("ann believes dan to be %s", s)
	}
	if n := ann.node.Heard(); n > 600 {
		t.Errorf("ann remembers %d sessions that others tell of", n)
	}
}
