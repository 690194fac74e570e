package neighbors_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/neighbors/nodetest"
)

const recordAbout = `What leaves nine nodes in a world that changes all the time, ten times for each profile: each
datagram with its time, sender, way and bytes, each event, and each row that is written. A test
holds every run to it, so that a change that is to change nothing is seen to change nothing.
After one that is to change something:

	go test -count=1 -run '^TestRecord$' ./neighbors -write-record

What it depends on is what neighbors/sim/testdata/record.txt says, and the memory's rows.

until: a digest of each eighth of the run, by its end. came: what came to the nodes by type of
packet and kind of message. shown: events. wrote: rows, by bucket.
`

var keeper = nodetest.NewKeeper(recordAbout)

// recordLasts is how long each run of TestRecord is.
const recordLasts = 2 * time.Minute

// Nodes behind NATs of all kinds, with a seed, a relay, disks that are slow, kills, restarts,
// goodbyes, second sessions and all that a person may ask for do what they did when
// testdata/record.txt was written, to the byte.
func TestRecord(t *testing.T) {
	keeper.Runs(t, func(t *testing.T, profile string, seed uint64) (string, *nodetest.Record) {
		s := newStir(t, profile, seed)
		s.run()
		return fmt.Sprintf("%d people, %d acts", len(s.nodes), s.acts), s.record
	})
}

// stir is a small world in which somebody does something all the time.
type stir struct {
	*bed
	rng  *rand.Rand
	nats map[*person]*simnet.NAT
	acts int
}

func newStir(t *testing.T, profile string, seed uint64) *stir {
	t.Helper()
	weather := simnet.Profile{Delay: 10 * time.Millisecond, Jitter: 10 * time.Millisecond}
	s := &stir{bed: makeBed(t, 9000+seed, weather), rng: rand.New(rand.NewPCG(seed, 9)), nats: map[*person]*simnet.NAT{}}
	var err error
	if s.profile, err = neighbors.ProfileNamed(profile); err != nil {
		t.Fatal(err)
	}
	s.record = nodetest.NewRecord(s.now, recordLasts, 9, keeper.Tells())
	s.opened = func(to *person, o dgram.Opened) { s.record.Came(to.number, s.now, o) }
	s.cheap = seed%2 == 1
	s.intro = []neighbors.Intro{neighbors.IntroAll, neighbors.IntroKnown}[seed%2]
	hub := s.seedNode()
	for i, k := range []simnet.Kind{simnet.Cone, simnet.Restricted, simnet.FullCone, simnet.Remap, simnet.Symmetric} {
		p, nat := s.behind([]string{"ann", "bob", "cat", "dan", "eve"}[i], k)
		s.nats[p] = nat
	}
	s.join("fay", named(hub.addr.String())).second()
	s.join("ann") // another one
	for i, p := range s.nodes[1:] {
		p.ping(hub)
		s.bed.run(time.Second)
		if i%3 == 0 {
			p.slow = func() time.Duration { return time.Duration(s.rng.IntN(40)) * time.Millisecond }
		}
	}
	for i, p := range s.nodes[1:] { // each has some friends
		for k := range 3 {
			q := s.nodes[1+(i+k+1)%(len(s.nodes)-1)]
			_, _ = p.node.Add(s.now, q.name, q.fingerprint())
			p.turn()
			s.bed.run(200 * time.Millisecond)
		}
	}
	weather.Loss, weather.Duplicate, weather.Reorder = []float64{0, 0.02, 0.05, 0.2}[seed%4], 0.02, 0.05
	s.net.SetProfile(weather)
	return s
}

func (s *stir) run() {
	for end := epoch.Add(recordLasts); s.now.Before(end); s.acts++ {
		p, q := s.somebody(), s.somebody()
		switch {
		case p.node == nil:
			p.start()
		case p.seed:
			if s.rng.IntN(4) == 0 {
				p.kill()
			}
		case p != q:
			s.act(p, q)
		}
		s.bed.run(min(time.Duration(s.rng.IntN(4000))*time.Millisecond, max(0, end.Sub(s.now))))
	}
}

func (s *stir) somebody() *person { return s.nodes[s.rng.IntN(len(s.nodes))] }

// act has p do something about q. What cannot be done is an error for p's person, and no more.
func (s *stir) act(p, q *person) {
	switch n, now := p.node, s.now; s.rng.IntN(28) {
	default:
		if to, err := n.Chat(now, q.name); err == nil {
			_, _ = n.Say(now, to, fmt.Sprintf("%s has said %d things to %s", p.name, s.acts, q.name))
		}
	case 0, 1:
		_, _ = n.Ping(now, q.addr)
	case 2:
		_, _ = n.PingUser(now, q.name)
	case 3, 4:
		_, _ = n.Add(now, q.name, "")
	case 5:
		if q.node != nil {
			_, _ = n.Add(now, q.name, q.fingerprint())
		}
	case 6:
		_, _ = n.Explode(now)
	case 7:
		_, _ = n.Away(now, s.acts%2 == 0)
	case 8:
		p.leave()
	case 9:
		p.kill()
	case 10:
		_, _ = n.Accept(now, q.name)
	case 11:
		_, _ = n.Block(now, q.name, s.acts%3 == 0)
	case 12:
		if nat := s.nats[p]; nat != nil {
			nat.Flush()
		}
	case 13:
		if list := n.Outbox(); len(list) > 0 {
			_, _ = n.Cancel(now, fmt.Sprint(list[0].ID))
		}
	case 14:
		n.Woke(now)
	case 15:
		n.Prune(now, 1)
	case 16:
		_, _ = n.Verify(now, q.name, "")
	case 17:
		if s.nats[p] == nil {
			p.addr = movedFrom(p)
			n.SetLocalNetwork(now, neighbors.LocalNetwork{Listen: []netip.AddrPort{p.addr}})
		}
	case 18: // as when a copy of the session was met
		for i := range p.session {
			p.session[i] = byte(s.rng.Uint32())
		}
		if err := n.Renewed(now, p.session); err == nil {
			p.opener = n.Opener()
		}
	}
	p.turn()
}
