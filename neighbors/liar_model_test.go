package neighbors_test

import (
	"flag"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// How long a belief may lag behind the truth: liars may delay it by no more than this.
const (
	lagMeets    = 15 * time.Second // two neighbours that both run see each other
	lagBeyond   = 20 * time.Second // and those two edges away know it
	lagRestless = 80 * time.Second // the same of somebody who changes all the time: flap damping
	lagGoodbye  = 10 * time.Second // a goodbye is known within two edges
	lagCrash    = 90 * time.Second // 30 s of vouching, and a suspicion that liars who do not answer lengthen
)

// truth is the slow model: who runs, since when, and how the others ended. Liars are not
// in it, since nothing they say counts.
type truth struct {
	*village
	running []bool
	since   []time.Time // when that changed last
	bye     []bool      // ended by a goodbye, when it had long been there
	changes []int
	pairs   [][2]int // two edges apart
	shown   []int    // events of each that were looked at
}

// long says that somebody has run for d.
func (m *truth) long(i int, d time.Duration) bool {
	return m.running[i] && m.now.Sub(m.since[i]) >= d
}

func (m *truth) set(i int, running, bye bool) {
	m.running[i], m.since[i], m.bye[i] = running, m.now, bye
	m.changes[i]++
}

func (m *truth) fail(format string, args ...any) {
	m.t.Helper()
	m.report()
	m.t.Fatalf(format, args...)
}

// check compares what the honest believe with what is true.
func (m *truth) check() {
	m.t.Helper()
	for i, p := range m.nodes {
		for ; m.shown[i] < len(p.screen); m.shown[i]++ {
			w, ok := p.screen[m.shown[i]].(neighbors.WentOffline)
			if j := slices.IndexFunc(m.nodes, func(q *person) bool { return q.name == w.User }); ok && j >= 0 &&
				m.long(i, lagMeets) && m.long(j, lagMeets) {
				m.fail("%s was told that its neighbour %s went, who is here", p.name, w.User)
			}
		}
	}
	for _, e := range m.edges {
		m.adjacent(e[0], e[1])
		m.adjacent(e[1], e[0])
	}
	for _, pair := range m.pairs {
		m.beyond(pair[0], pair[1])
		m.beyond(pair[1], pair[0])
	}
}

// here says whether a state is one of somebody who is here.
func here(s neighbors.State) bool {
	return s == neighbors.Online || s == neighbors.Away || s == neighbors.Suspect
}

func (m *truth) adjacent(i, j int) {
	m.t.Helper()
	p, of := m.nodes[i], m.nodes[j]
	switch {
	case m.long(i, lagMeets) && m.long(j, lagMeets):
		if s := p.believes(of); !here(s) || !p.sees(of.name) {
			m.fail("%s believes its neighbour %s to be %s, who is here", p.name, of.name, s)
		}
	case m.running[i] && !m.running[j] && m.bye[j] && m.since[i].Add(lagMeets).Before(m.since[j]):
		if s := p.believes(of); m.now.Sub(m.since[j]) >= lagGoodbye && s != neighbors.Offline {
			m.fail("%s believes its neighbour %s to be %s, who said goodbye", p.name, of.name, s)
		}
	case m.running[i] && !m.running[j] && m.now.Sub(m.since[j]) >= lagCrash && m.now.Sub(m.since[i]) >= lagCrash:
		if p.sees(of.name) {
			m.fail("%s still sees %s, who is dead", p.name, of.name)
		}
	}
}

// beyond: an honest one between the two is enough.
func (m *truth) beyond(i, j int) {
	m.t.Helper()
	p, of := m.nodes[i], m.nodes[j]
	lag := lagBeyond
	if m.changes[j] > 3 {
		lag = lagRestless
	}
	one, _ := m.within(i)
	other, _ := m.within(j)
	for _, z := range one {
		if !slices.Contains(other, z) {
			continue
		}
		between := m.nodes[z]
		switch {
		case m.long(i, lag) && m.long(j, lag) && m.long(z, lag):
			if s := p.believes(of); !here(s) {
				m.fail("%s believes %s to be %s, %s knows that they are here", p.name, of.name, s, between.name)
			}
		case m.running[i] && m.running[z] && !m.running[j] && m.bye[j] &&
			m.since[i].Add(lagBeyond).Before(m.since[j]) && m.since[z].Add(lagBeyond).Before(m.since[j]):
			if s := p.believes(of); m.now.Sub(m.since[j]) >= max(lag, lagGoodbye) && s != neighbors.Offline {
				m.fail("%s believes %s to be %s, who said goodbye to %s", p.name, of.name, s, between.name)
			}
		}
	}
	if p.node != nil && p.sees(of.name) {
		m.fail("hearsay made %s see %s", p.name, of.name)
	}
}

// act has one come, go or be away, if it can.
func (m *truth) act(i int, what string) {
	m.t.Helper()
	p := m.nodes[i]
	switch {
	case what == "start" && p.node == nil:
		p.start()
		m.set(i, true, false)
	case what == "leave" && p.node != nil:
		there := m.long(i, lagBeyond)
		m.set(i, false, there)
		p.node.Leave(m.now)
		p.turn()
		m.run(2 * time.Second)
		p.kill()
	case what == "crash" && p.node != nil:
		p.kill()
		m.set(i, false, false)
	case what == "away" && p.node != nil:
		p.away = !p.away
		do(p, func(now time.Time, n *neighbors.Node) (bool, error) { return n.Away(now, p.away) })
		m.changes[i]++
	}
}

// bring has all here again who are not.
func (m *truth) bring() {
	m.t.Helper()
	for i, p := range m.nodes {
		if p.node == nil {
			p.start()
			m.set(i, true, false)
		}
		if p.away {
			do(p, func(now time.Time, n *neighbors.Node) (bool, error) { return n.Away(now, false) })
			p.away = false
		}
	}
}

// Whatever random liars among the neighbours say, with forgers, replayers and squatters of
// session ids beside them, honest nodes believe of third ones only what the model allows: a node
// that is here is called gone neither by one that reaches it, nor by one two edges away that has
// an honest neighbour who does; no goodbye is undone; nobody is seen who was not heard; the dead
// are found dead in time. And when the liars fall silent everybody knows everybody again.
func TestLiarsAgainstSlowModel(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	if checks.String() == "100" { // a check is minutes of a network: fewer, unless somebody asks for more
		if err := checks.Set("15"); err != nil {
			t.Fatal(err)
		}
		defer checks.Set("100")
	}
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64Range(1, 1<<30).Draw(rt, "seed")
		rng := rand.New(rand.NewPCG(seed, 5))
		v := &village{bed: makeBed(rt, seed, simnet.Profile{Delay: 5 * time.Millisecond, Loss: rapid.SampledFrom([]float64{0, 0.02}).Draw(rt, "loss")})}
		for _, name := range []string{"ann", "bob", "carol", "dan", "eve"} {
			v.join(name)
		}
		// ann and eve, bob and eve are two edges apart; dan knows carol and eve.
		for _, e := range [][2]int{{0, 1}, {0, 2}, {1, 2}, {2, 3}, {2, 4}, {3, 4}} {
			v.befriend(e[0], e[1])
		}
		v.until(20*time.Second, "all know all within two edges", v.knowAll)
		ann, bob, carol, dan, eve := v.nodes[0], v.nodes[1], v.nodes[2], v.nodes[3], v.nodes[4]
		liars := []*liar{
			{raw: v.pinned(7, "mallory", ann, bob, carol), rng: rng, targets: []*person{ann, bob, carol}},
			{raw: v.pinned(8, "trudy", carol, dan, eve, ann), rng: rng, targets: []*person{carol, dan, eve, ann}},
			{raw: v.attacker(9, "forger", "198.20.9.7:6789"), rng: rng, targets: v.nodes},
		}
		var flights []simnet.Delivery
		v.tapped = func(d simnet.Delivery) {
			if len(flights) < 512 {
				flights = append(flights, d)
			} else if rng.IntN(4) == 0 {
				flights[rng.IntN(len(flights))] = d
			}
		}
		for _, p := range v.nodes {
			liars[2].ep.Dial(v.now, p.addr, nil)
		}
		m := &truth{village: v, running: make([]bool, 5), since: make([]time.Time, 5), bye: make([]bool, 5), changes: make([]int, 5),
			shown: make([]int, 5), pairs: [][2]int{{0, 3}, {0, 4}, {1, 3}, {1, 4}}}
		for i := range m.running {
			m.running[i], m.since[i] = true, v.now
		}
		for range rapid.IntRange(1, 10).Draw(rt, "turns") {
			i := rapid.IntRange(0, 4).Draw(rt, "who")
			what := rapid.SampledFrom([]string{"nothing", "leave", "crash", "away", "start"}).Draw(rt, "what")
			m.act(i, what)
			gap := time.Duration(rapid.SampledFrom([]int{20, 200, 500}).Draw(rt, "ms between lies")) * time.Millisecond
			end := v.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(rt, "seconds")) * time.Second)
			for k := 0; v.now.Before(end) && k < 120; k++ {
				for _, l := range liars {
					l.lie(v.nodes...)
				}
				if len(flights) > 0 && rng.IntN(2) == 0 { // again, from there or from elsewhere
					d := flights[rng.IntN(len(flights))]
					from := d.From
					if rng.IntN(2) == 0 {
						from = netip.AddrPortFrom(liars[2].addr.Addr(), uint16(1+rng.IntN(60000)))
					}
					v.net.Send(v.now, from, d.To, d.Bytes)
				}
				v.run(gap)
				m.check()
			}
			v.run(max(0, end.Sub(v.now)))
			m.check()
		}
		m.bring()
		// News are told three times, and of who is restless once a minute (spec/theory.md 6.2).
		v.until(2*lagRestless, "all know all within two edges again", v.knowAll)
		for _, p := range v.nodes {
			to := carol
			if p == carol {
				to = dan
			}
			p.say(to.name, "from "+p.name)
		}
		v.until(30*time.Second, "all texts are read and acknowledged", func() bool {
			return !slices.ContainsFunc(v.nodes, func(p *person) bool { return len(p.node.Outbox()) > 0 })
		})
	})
}
