package neighbors_test

import (
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
	"darkchat/sessions/identity"
)

func (p *person) fingerprint() string { return p.node.Self().Fingerprint }

// trust is what is decided about a key.
func (p *person) trust(fingerprint string) string {
	for _, u := range p.node.Users(neighbors.FilterAll) {
		v, err := p.node.Verify(p.bed.now, u.Name, "")
		if err == nil && v.Fingerprint == fingerprint {
			return v.Trust
		}
	}
	return ""
}

// comes makes p ping q, who may know somebody else of that name.
func (p *person) comes(q *person) {
	p.bed.t.Helper()
	p.ping(q)
	p.bed.run(time.Second)
}

// asks has an attacker search for a name at a person's, and gives the answer.
func (r *raw) asks(at *person, name string) wire.Result {
	r.bed.t.Helper()
	id := r.ep.NextID()
	r.says(at.id(), wire.Message{ID: id, Body: r.find(at.id(), name, uint64(r.bed.now.UnixMilli()))}, 200*time.Millisecond)
	for _, e := range slices.Backward(r.events) {
		if s, ok := e.(dgram.Settled); ok && s.ID == id {
			return s.Result
		}
	}
	r.bed.t.Fatalf("no answer to a search for %s", name)
	return 0
}

// Whom our user misses is told to seeds that the user named and to people known, and to no
// stranger, whatever their record says.
func TestTheMissedAreToldToNoStranger(t *testing.T) {
	v, ann := star(t, 704, 8)
	stranger, liar, friend := v.attacker(1, "stranger", "198.19.1.7:6789"), v.attacker(2, "liar", "198.19.2.7:6789"), v.pinned(3, "friend", ann)
	liar.flags(identity.FlagSeed)
	for _, r := range []*raw{stranger, liar} {
		r.meets(ann)
	}
	v.run(5 * time.Second)
	for _, p := range v.nodes[:8] {
		p.kill()
	}
	for range 45 {
		v.run(time.Second)
		for _, r := range []*raw{stranger, liar} {
			for _, p := range v.nodes[:8] {
				r.news(ann, word(p, 1<<52, 0)) // as if it were there
			}
		}
	}
	for _, r := range []*raw{stranger, liar} {
		if got := r.finds(); len(got) != 0 {
			t.Errorf("%s is told whom ann misses: %d searches", r.record.Name, len(got))
		}
	}
	if len(friend.finds()) == 0 {
		t.Error("a friend is not asked")
	}
}

// Who guesses a name gets no key and no address, only the answer that a name has that
// nobody goes by, for the same bytes; and not for ever. The one looked for is told, once.
func TestGuessedNameTellsNothing(t *testing.T) {
	b := newBed(t, 705, simnet.Profile{Delay: 20 * time.Millisecond})
	seed, bob := b.seedNode(), b.join("bob")
	bob.meet(seed)
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(seed)
	b.run(5 * time.Second)
	cost := func(name string) int {
		before := b.spent[m.addr.Addr()]
		if got := m.asks(seed, name); got != wire.ResultUnknownRecipient {
			t.Errorf("%s: the answer is %v", name, got)
		}
		return b.spent[m.addr.Addr()] - before
	}
	if hit, miss := cost("bob"), cost("zoe"); hit != miss {
		t.Errorf("%d bytes for who is here, %d for who is not", hit, miss)
	}
	for range 3 {
		cost("bob")
		b.run(20 * time.Second)
	}
	if got := m.finds(); len(got) != 0 {
		t.Errorf("mallory was introduced: %+v", got)
	}
	if knocks := all[neighbors.Knock](bob); len(knocks) != 1 || knocks[0].User != "mallory" || knocks[0].Via != "seed" {
		t.Errorf("bob was told %+v", knocks)
	}
	if got := b.spent[m.addr.Addr()]; strings.Contains(b.net.Trace(), bob.addr.String()+" > "+m.addr.String()) {
		t.Errorf("bob called mallory (%d bytes)", got)
	}
	busy := 0
	for i := range 40 {
		if m.asks(seed, fmt.Sprint("name", i)) == wire.ResultBusy {
			busy++
		}
	}
	if busy < 20 {
		t.Errorf("only %d of 40 guesses were refused", busy)
	}
}

// What people do who never met: ann adds bob, bob is told and accepts, in time or minutes
// later; both have each other's key then.
func TestKnockIsAccepted(t *testing.T) {
	for _, wait := range []time.Duration{2 * time.Second, 3 * time.Minute} {
		b := newBed(t, 706, simnet.Profile{Delay: 20 * time.Millisecond})
		seed := b.seedNode()
		ann, _ := b.behind("ann", simnet.Cone)
		bob, _ := b.behind("bob", simnet.Restricted)
		ann.meet(seed)
		bob.meet(seed)
		ann.add("bob")
		b.run(wait)
		knocks := all[neighbors.Knock](bob)
		if len(knocks) != 1 || knocks[0].User != "ann" || knocks[0].Fingerprint != ann.fingerprint() {
			t.Fatalf("bob is told %+v", knocks)
		}
		if failed := all[neighbors.Failed](ann); wait > neighbors.AddTimeout && (len(failed) != 1 || !strings.Contains(failed[0].Text, "\\accept ann")) {
			t.Errorf("ann is told %+v", failed)
		}
		if ann.sees("bob") || bob.sees("ann") {
			t.Fatal("they met before bob accepted")
		}
		if list := bob.node.Strangers(b.now).List; len(list) != 1 || list[0].Name != "ann" || list[0].Came != neighbors.CameKnocked {
			t.Errorf("at the door: %+v", list)
		}
		bob.accepts("ann")
		b.until(3*time.Second, "they meet", func() bool {
			return ann.trust(bob.fingerprint()) == "pinned" && bob.sees("ann") && ann.path("bob") == neighbors.PathDirect
		})
		if wait < neighbors.AddTimeout && count[neighbors.Done](ann) != 1 {
			t.Error("the add did not end")
		}
		ann.say("bob", "hello")
		bob.say("ann", "hello")
		b.run(time.Second)
		if len(ann.texts()) != 1 || len(bob.texts()) != 1 {
			t.Errorf("ann read %q, bob %q", ann.texts(), bob.texts())
		}
		if list := bob.node.Strangers(b.now).List; len(list) != 0 {
			t.Errorf("still at the door: %+v", list)
		}
	}
}

// A person need do nothing for people they know: the node asks back.
func TestFriendsAreMetUnasked(t *testing.T) {
	b := newBed(t, 707, simnet.Profile{Delay: 20 * time.Millisecond})
	seed, ann, bob := b.seedNode(), b.join("ann"), b.join("bob")
	ann.meet(seed)
	bob.meet(seed)
	bob.meet(ann)
	b.run(time.Second)
	bob.addr = movedFrom(bob)
	bob.kill()
	ann.leave()
	b.run(time.Minute)
	bob.start()
	ann.addr, ann.disk = movedFrom(ann), map[string][]byte{} // ann has forgotten bob
	var asked time.Time                                      // by bob, who misses ann
	b.tapped = func(d simnet.Delivery) {
		if d.From == bob.addr && len(d.Bytes) == wire.MaxDatagram {
			asked = b.now
		}
	}
	b.until(4*time.Hour, "the seed has forgotten that bob asked", func() bool { return !asked.IsZero() && b.now.Sub(asked) > 10*time.Minute })
	ann.start()
	ann.meet(seed)
	ann.screen, bob.screen = nil, nil
	ann.addKey(bob)
	b.until(time.Second, "bob is added", func() bool { return count[neighbors.Done](ann) == 1 })
	if n := count[neighbors.Knock](bob); n != 0 {
		t.Errorf("bob was asked %d times", n)
	}
}

// The policies, as the introducer and the one asked for read them.
func TestIntroPolicies(t *testing.T) {
	for _, c := range []struct {
		policy neighbors.Intro
		near   bool
		meet   bool
		knock  int
	}{
		{neighbors.IntroKnown, false, false, 1},
		{neighbors.IntroKnown, true, false, 1},
		{neighbors.IntroLink, false, false, 1},
		{neighbors.IntroLink, true, true, 0},
		{neighbors.IntroAll, false, true, 0},
		{neighbors.IntroNone, false, false, 0},
		{neighbors.IntroNone, true, false, 0},
	} {
		b := newBed(t, 708, simnet.Profile{Delay: 20 * time.Millisecond})
		seed, ann, bob := b.seedNode(), b.join("ann"), b.join("bob")
		bob.intro = c.policy
		if c.near {
			bob.addr = netip.AddrPortFrom(ann.addr.Addr(), 7000)
		}
		bob.start()
		ann.meet(seed)
		bob.meet(seed)
		ann.addKey(bob)
		b.run(3 * time.Second)
		if ann.sees("bob") != c.meet || count[neighbors.Knock](bob) != c.knock {
			t.Errorf("%+v: they met: %v, bob was asked %d times", c, ann.sees("bob"), count[neighbors.Knock](bob))
		}
	}
}

// A person who wants no introductions may still ask for others.
func TestWhoAsksAgrees(t *testing.T) {
	b := newBed(t, 709, simnet.Profile{Delay: 20 * time.Millisecond})
	seed, ann, bob := b.seedNode(), b.join("ann"), b.join("bob")
	ann.intro = neighbors.IntroNone
	ann.start()
	ann.meet(seed)
	bob.meet(seed)
	ann.addKey(bob)
	b.run(2 * time.Second)
	bob.accepts("ann~" + ann.fingerprint()[:4])
	b.until(time.Second, "they meet", func() bool { return count[neighbors.Done](ann) == 1 })
}

// Many strangers who ask for somebody fill neither the screen nor the memory, and one who
// is named by nobody, and known to nobody, brings nobody.
func TestKnocksAreBounded(t *testing.T) {
	b := newBed(t, 710, simnet.Profile{Delay: time.Millisecond})
	seed, bob := b.seedNode(), b.join("bob")
	bob.meet(seed)
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	other, _ := b.identity(5, "friend")
	p := other.find(wire.PeerID(m.record.Session), "bob", uint64(b.now.UnixMilli()))
	p.By, p.Session = m.record.Session[:], other.record.Session[:]
	m.says(bob.id(), wire.Message{ID: m.ep.NextID(), Body: p}, time.Second)
	if n := count[neighbors.Knock](bob); n != 0 {
		t.Errorf("a stranger's word is a knock: %d", n)
	}
	began := b.now
	for i := range 200 {
		r := b.attacker(100+i, fmt.Sprint("stranger", i), fmt.Sprintf("192.1.%d.9:1", i))
		r.meets(seed)
		r.asks(seed, "bob")
		b.raws = b.raws[:1]
	}
	if got, most := count[neighbors.Knock](bob), 20+int(b.now.Sub(began)/time.Second+1); got == 0 || got > most {
		t.Errorf("bob was told of %d, at most %d are allowed", got, most)
	}
}

// A person's node, other than a seed, introduces only for people its user knows.
func TestPersonServesWhomTheyKnow(t *testing.T) {
	b := newBed(t, 711, simnet.Profile{Delay: 20 * time.Millisecond})
	b.intro = neighbors.IntroAll
	carol, bob := b.join("carol"), b.join("bob")
	bob.meet(carol)
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(carol)
	if got := m.asks(carol, "bob"); got != wire.ResultUnknownRecipient || len(m.finds()) != 0 {
		t.Errorf("a stranger is served: %v", got)
	}
	do(carol, func(now time.Time, n *neighbors.Node) (neighbors.Target, error) { return n.Chat(now, "mallory") })
	if got := m.asks(carol, "bob"); got != wire.ResultDelivered || len(m.finds()) != 1 {
		t.Errorf("a friend is not: %v", got)
	}
}

// What a stranger introduces is dialled at one address, within what strangers may cost; the
// person's own ping is answered all the same.
func TestStrangersStrangerAtOneAddress(t *testing.T) {
	b := newBed(t, 712, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	bob, ann := b.join("bob"), b.join("ann")
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	spent := func() (total, hosts int) {
		for a, n := range b.spent {
			if a.Is4() && a.As4()[0] == 203 {
				total, hosts = total+n, hosts+1
			}
		}
		return total, hosts
	}
	for i := range 100 {
		fake, _ := b.identity(1000+i, "friend")
		p := fake.find(wire.PeerID(m.record.Session), "bob", uint64(b.now.UnixMilli()))
		p.By, p.Session = m.record.Session[:], fake.record.Session[:]
		for j := range 4 {
			p.Addrs = append(p.Addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, byte(i), byte(j), 1}), 53))
		}
		m.says(bob.id(), wire.Message{ID: m.ep.NextID(), Body: p}, 10*time.Millisecond)
		if i > 0 {
			continue
		}
		b.run(time.Second)
		if _, hosts := spent(); hosts != 1 {
			t.Errorf("%d hosts for one introduction", hosts)
		}
	}
	bob.ping(ann)
	b.until(time.Second, "the person's ping is answered", func() bool { return count[neighbors.Pong](bob) == 1 })
	b.run(10 * time.Second)
	if total, hosts := spent(); hosts == 0 || total > 14*112 {
		t.Errorf("%d bytes to %d hosts", total, hosts)
	}
}
