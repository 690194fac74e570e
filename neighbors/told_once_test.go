package neighbors_test

import (
	"fmt"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// about lists what a person was told of one session, since an event.
func (p *person) about(session string, since int) (list []neighbors.Event) {
	for _, e := range p.screen[since:] {
		of := ""
		switch e := e.(type) {
		case neighbors.CameOnline:
			of = e.Session
		case neighbors.WentOffline:
			of = e.Session
		case neighbors.HeardOf:
			of = e.Session
		}
		if of == session {
			list = append(list, e)
		}
	}
	return list
}

// Where all know all, ann has three sessions and one of them goes: bob is told so once,
// whoever else speaks of it, and whoever's word comes first.
func TestLeavingIsToldOnce(t *testing.T) {
	for _, how := range []string{"leaves", "leaves, and bob hears of it last", "dies"} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(how, seed), func(t *testing.T) {
				b := &village{bed: newBed(t, 970+seed, simnet.Profile{Delay: 2 * time.Millisecond})}
				bob, carol, ann := b.join("bob"), b.join("carol"), b.join("ann")
				anns := []*person{ann, ann.second(), ann.second()}
				all := append([]*person{bob, carol}, anns...)
				for i, p := range all {
					for j, q := range all[:i] {
						if p.name != q.name {
							b.befriend(i, j)
						}
					}
				}
				b.run(20 * time.Second)
				shot := anns[2]
				before := []int{len(bob.screen), len(carol.screen)}
				reason := neighbors.ReasonDeclared
				switch how {
				case "dies":
					shot.kill()
					reason = neighbors.ReasonLost
				case "leaves, and bob hears of it last":
					b.net.Cut(shot.addr.Addr(), bob.addr.Addr())
					fallthrough
				default:
					shot.node.Leave(b.now)
					shot.turn()
				}
				b.run(300 * time.Millisecond)
				b.net.Heal(shot.addr.Addr(), bob.addr.Addr())
				b.run(3 * time.Second)
				shot.kill()
				b.run(30 * time.Minute)
				for i, p := range []*person{bob, carol} {
					got := p.about(shot.self, before[i])
					if len(got) != 1 {
						t.Errorf("%s is told %+v", p.name, got)
						continue
					}
					if w, ok := got[0].(neighbors.WentOffline); !ok || w.Reason != reason {
						t.Errorf("%s is told %+v", p.name, got)
					}
					if s, _ := p.node.Believes(identity.SessionID(ann.id())); s != neighbors.Online {
						t.Errorf("%s believes ann's first session to be %s", p.name, s)
					}
				}
			})
		}
	}
}
