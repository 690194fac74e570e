package neighbors_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// besieger is a stranger who does anything that the protocol allows, or does not, as fast as they
// like: an attacker with a modified program and fresh keys.
type besieger struct {
	*raw
	rng     *rand.Rand
	victims []*person
	text    uint64 // its last text id
	quiet   bool   // it has vanished
	next    time.Time
}

// siege is one schedule: what friends do, while strangers do what they like.
type siege struct {
	*bed
	t                     testing.TB
	rng                   *rand.Rand // of what friends do
	ann, bob, carol, dave *person
	strangers             []*besieger
	met                   int
}

// outcome is how friends fared.
type outcome struct {
	text  time.Duration // the worst time of a line between friends
	crash time.Duration // until the crash of one is noticed
	back  time.Duration // until one who was away is seen, and has what waited
	pong  time.Duration // of the person's ping of an address
	wrong string        // a line that is missing, twice or out of order
}

// cheapSignatures are no signatures at all: here nobody forges one, and so ten thousand
// schedules take minutes.
type cheapSignatures struct{}

func (cheapSignatures) Sign(key ed25519.PrivateKey, message []byte) []byte {
	sum := sha512.Sum512(slices.Concat(key.Public().(ed25519.PublicKey), message))
	return sum[:]
}

func (s cheapSignatures) Verify(user ed25519.PublicKey, message, sig []byte) bool {
	sum := sha512.Sum512(slices.Concat(user, message))
	return bytes.Equal(sum[:], sig)
}

func newSiege(t testing.TB, number uint64) *siege {
	b := makeBed(t, 9000+number, simnet.Profile{Delay: 5 * time.Millisecond, Jitter: 2 * time.Millisecond})
	b.limit, b.cheap = 50_000_000, true
	s := &siege{bed: b, t: t, rng: rand.New(rand.NewPCG(number, 1))}
	link := netip.MustParsePrefix("198.18.1.0/24")
	s.ann, s.bob, s.carol, s.dave = s.friend("ann", link), s.friend("bob"), s.friend("carol"), s.friend("dave")
	for _, p := range []*person{s.bob, s.carol, s.dave} {
		s.ann.meet(p)
		p.meet(s.ann)
	}
	return s
}

func (s *siege) friend(name string, links ...netip.Prefix) *person {
	p := s.join(name)
	if len(links) > 0 {
		p.links = links
		p.kill()
		p.start()
	}
	return p
}

// stranger comes from somewhere: some are on ann's own link, many on few hosts.
func (s *siege) stranger(rng *rand.Rand) {
	host := netip.AddrFrom4([4]byte{203, byte(rng.IntN(6)), 113, byte(rng.IntN(3))})
	if rng.IntN(3) == 0 {
		host = netip.AddrFrom4([4]byte{198, 18, 1, byte(100 + rng.IntN(5))})
	}
	s.met++
	name := []string{"mallory", "bob", "ann", "s" + strconv.Itoa(s.met)}[rng.IntN(4)]
	r := s.attacker(100+s.met, name, netip.AddrPortFrom(host, uint16(1000+s.met)).String())
	r.mute = rng.IntN(3) == 0
	b := &besieger{raw: r, rng: rng, victims: []*person{s.ann}, next: s.now}
	if rng.IntN(3) == 0 {
		b.victims = append(b.victims, s.bob)
	}
	for _, v := range b.victims {
		r.ep.Dial(s.now, v.addr, nil)
	}
	r.turn()
	s.strangers = append(s.strangers, b)
}

// act does a few things at once.
func (m *besieger) act(s *siege) {
	for _, v := range m.victims {
		if v.node == nil {
			continue
		}
		if !m.ep.Live(v.id()) && m.rng.IntN(10) == 0 {
			m.ep.Dial(s.now, v.addr, nil)
		}
		for range 1 + m.rng.IntN(12) {
			m.say(v, s)
		}
	}
	for _, e := range m.events { // texts and requests for what it has: lies, or silence
		if r, ok := e.(dgram.Received); ok && !m.mute {
			if q, ok := r.Message.Body.(wire.ListRequest); ok {
				m.ep.Send(s.now, r.From, wire.Message{ID: m.ep.NextID(), Body: wire.List{Request: r.Message.ID, Records: [][]byte{m.signed}, Total: uint64(len(q.Of))}})
			}
		}
	}
	m.events = nil
	m.raw.turn()
}

func (m *besieger) sid(s *siege) wire.PeerID {
	return []*person{s.ann, s.bob, s.carol, s.dave}[m.rng.IntN(4)].id()
}

// say is one thing that it may say.
func (m *besieger) say(v *person, s *siege) {
	say := func(b wire.Body) { m.ep.Send(s.now, v.id(), wire.Message{ID: m.ep.NextID(), Body: b}) }
	text := func(id uint64, t wire.Text) {
		t.Sent = uint64(s.now.UnixMilli())
		m.ep.Send(s.now, v.id(), wire.Message{ID: id, Body: t})
	}
	resign := func(state identity.State) {
		m.record.Seq++
		m.record.State = state
		if m.rng.IntN(4) == 0 {
			m.record.Name = "n" + strconv.Itoa(m.rng.IntN(1000))
		}
		m.signed, _ = identity.SignBy(cheapSignatures{}, m.key, m.record)
		m.ep.SetRecord(m.signed)
	}
	me, other := m.record.Session, m.sid(s)
	switch m.rng.IntN(16) {
	case 0, 1: // a text in order
		m.text++
		text(m.text, wire.Text{Prev: m.text - 1, Parts: 1, Text: "x"})
	case 2, 3: // texts whose predecessor never comes
		m.text += 1 + uint64(m.rng.IntN(3))
		text(m.text+1000, wire.Text{Prev: m.text + 900, Parts: 1, Text: "gap"})
	case 4: // a line that is never finished
		m.text++
		text(m.text, wire.Text{Prev: m.text - 1, Parts: 64, Text: string(make([]byte, 0, 1)) + longText})
	case 5:
		resign([]identity.State{identity.StateOnline, identity.StateAway}[m.rng.IntN(2)])
		say(wire.Online{Record: m.signed, Observed: netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, 9, byte(m.rng.IntN(200))}), 9)})
	case 6:
		if m.rng.IntN(10) == 0 {
			resign(identity.StateGone)
			say(wire.Offline{Record: m.signed})
			resign(identity.StateOnline)
		}
	case 7:
		say(m.find(v.id(), []string{"bob", "carol", "dave", "erin"}[m.rng.IntN(4)], uint64(s.now.UnixMilli())+uint64(m.rng.IntN(1000))))
	case 8: // whoever is introduced lives where it likes
		fake, _ := s.identity(100_000+m.rng.IntN(1000), "friend")
		p := fake.find(wire.PeerID(me), v.name, uint64(s.now.UnixMilli()))
		p.By, p.Session = me[:], fake.record.Session[:]
		for range 1 + m.rng.IntN(4) {
			p.Addrs = append(p.Addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(m.rng.IntN(256)), 1}), 7))
		}
		say(p)
	case 9:
		p := wire.Ping{Scope: wire.ScopeExplode, Record: m.signed, Targets: []wire.PeerID{other}}
		ticket := identity.Ticket{Asker: me, Introducer: identity.SessionID(v.id()), Number: uint64(s.now.UnixMilli())}
		p.Ticket = wire.Ticket{Number: ticket.Number, Sig: ticket.SignBy(cheapSignatures{}, m.key)}
		say(p)
	case 10:
		say(wire.Ping{Scope: wire.ScopeReach, Session: other[:]})
	case 11:
		say(wire.Hold{To: v.id(), From: other, Text: uint64(m.rng.IntN(1 << 20)), Sealed: []byte(longText)})
	case 12:
		say(wire.Receipt{From: other, To: v.id(), Text: uint64(m.rng.IntN(1 << 20)), Sig: make([]byte, 64)})
	case 13:
		say(wire.ListRequest{Of: other[:], Credit: 8})
	case 14:
		var list []wire.Summary
		for i := range 40 {
			list = append(list, wire.Summary{Session: wire.PeerID{byte(i), byte(m.rng.IntN(256)), 7}, Seq: 1, State: uint64(m.rng.IntN(5))})
		}
		list = append(list, wire.Summary{Session: other, Seq: uint64(s.now.UnixMilli()) + 1<<20, State: wire.SummaryLost})
		slices.SortFunc(list, func(a, b wire.Summary) int { return slices.Compare(a.Session[:], b.Session[:]) })
		say(wire.List{Summaries: slices.CompactFunc(list, func(a, b wire.Summary) bool { return a.Session == b.Session })})
	case 15:
		m.ep.Probe(s.now, v.id())
	}
}

var longText = string(slices.Repeat([]byte("y"), 700))

// pass lets d go by, with strangers at work.
func (s *siege) pass(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		step := end
		for _, m := range s.strangers {
			if m.quiet {
				continue
			}
			if !m.next.After(s.now) {
				m.next = s.now.Add(time.Duration(30+m.rng.IntN(600)) * time.Millisecond)
				m.act(s)
				if m.rng.IntN(400) == 0 { // it vanishes
					m.quiet = true
					s.raws = slices.DeleteFunc(s.raws, func(r *raw) bool { return r == m.raw })
				}
			}
			if m.next.Before(step) {
				step = m.next
			}
		}
		s.run(max(step.Sub(s.now), time.Millisecond))
	}
}

// within passes until f holds, and says how long that took; most if it never did.
func (s *siege) within(most time.Duration, f func() bool) time.Duration {
	began := s.now
	for !f() {
		if s.now.Sub(began) >= most {
			return most
		}
		s.pass(20 * time.Millisecond)
	}
	return s.now.Sub(began)
}

// lines checks that a person has these lines of a friend, once and in order, and returns the
// longest that one took.
func (s *siege) lines(p *person, from string, want []string, typed []time.Time) (worst time.Duration, wrong string) {
	var got []string
	for i, e := range p.screen {
		in, ok := e.(neighbors.Incoming)
		if !ok || in.Session != from {
			continue
		}
		if n := len(got); n < len(want) && in.Text == want[n] {
			worst = max(worst, p.at[i].Sub(typed[n]))
		}
		got = append(got, in.Text)
	}
	if !slices.Equal(got, want) {
		wrong = fmt.Sprintf("%s has %q and not %q", p.name, got, want)
	}
	return worst, wrong
}

// play runs the schedule with so many strangers.
func (s *siege) play(strangers int, rng *rand.Rand) (o outcome) {
	s.dave.kill()
	s.ann.say("dave", "while you were away")
	s.pass(2 * time.Second)
	for range strangers {
		s.stranger(rng)
		s.pass(time.Duration(rng.IntN(100)) * time.Millisecond)
	}
	var toAnn, toBob []string
	var when [2][]time.Time
	talk := func(n int) {
		for range n {
			line := fmt.Sprintf("line %d", len(toAnn)+len(toBob))
			if s.rng.IntN(2) == 0 {
				s.bob.say("ann", line)
				toAnn, when[0] = append(toAnn, line), append(when[0], s.now)
			} else {
				s.ann.say("bob", line)
				toBob, when[1] = append(toBob, line), append(when[1], s.now)
			}
			s.pass(time.Duration(100+s.rng.IntN(700)) * time.Millisecond)
			if strangers > 0 && rng.IntN(4) == 0 && s.met < 40 {
				s.stranger(rng)
			}
		}
	}
	talk(12)
	s.carol.kill()
	o.crash = s.within(time.Minute, func() bool { return !s.ann.sees("carol") })
	talk(5)
	pongs := count[neighbors.Pong](s.ann)
	s.ann.ping(s.bob)
	o.pong = s.within(5*time.Second, func() bool { return count[neighbors.Pong](s.ann) > pongs })
	s.dave.start()
	o.back = s.within(time.Minute, func() bool { return s.ann.sees("dave") && len(s.dave.texts()) > 0 })
	talk(5)
	s.pass(3 * time.Second)
	one, wrong := s.lines(s.ann, s.bob.self, toAnn, when[0])
	two, also := s.lines(s.bob, s.ann.self, toBob, when[1])
	o.text, o.wrong = max(one, two), wrong+also
	return o
}

// besieged compares one schedule with and without strangers: friends' texts, presence, calls
// and the detection of a crash take at most twice as long.
func besieged(t testing.TB, number uint64) (with *siege, failure string) {
	quiet := newSiege(t, number).play(0, nil)
	with = newSiege(t, number)
	rng := rand.New(rand.NewPCG(number, 2))
	loud := with.play(1+rng.IntN(16), rng)
	const slack = 50 * time.Millisecond // what a step of this test may be off
	switch {
	case quiet.wrong != "":
		return with, "without strangers: " + quiet.wrong
	case loud.wrong != "":
		return with, loud.wrong
	case loud.text > 2*quiet.text+slack, loud.crash > 2*quiet.crash+slack, loud.back > 2*quiet.back+slack, loud.pong > 2*quiet.pong+slack:
		return with, fmt.Sprintf("without strangers %+v, with them %+v", quiet, loud)
	}
	return with, ""
}

// With any number of strangers doing anything, friends fare at most half as well as without.
// DARKCHAT_SIEGES runs so many schedules.
func TestFriendsAreBesieged(t *testing.T) {
	many, _ := strconv.Atoi(os.Getenv("DARKCHAT_SIEGES"))
	if many == 0 {
		many = 40
	}
	if testing.Short() {
		many = 4
	}
	const parts = 4 // side by side
	for part := range uint64(parts) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			failed := 0
			for i := part; i < uint64(many) && failed < 3; i += parts {
				s, failure := besieged(t, i)
				if failure == "" {
					continue
				}
				t.Errorf("schedule %d: %s", i, failure)
				if failed++; failed == 1 {
					s.report()
				}
			}
		})
	}
}
