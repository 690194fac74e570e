package neighbors_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

var victim = netip.MustParseAddrPort("192.0.2.66:53")

// A requestPing that comes from another address than the proved one makes nobody
// send anything there, nor does one of somebody unknown.
func TestSpoofedFindSendsNothing(t *testing.T) {
	b := newBed(t, 400, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	seed, bob := b.seedNode(), b.join("bob")
	bob.meet(seed)
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(seed)
	m.forged = victim // answers go to the victim
	for i := range uint64(20) {
		m.says(seed.id(), wire.Message{ID: 1000 + i, Body: m.find(seed.id(), "bob", uint64(b.now.UnixMilli()))}, 100*time.Millisecond)
	}
	b.run(time.Minute)
	if got := b.spent[victim.Addr()]; got >= m.sent/8 {
		t.Errorf("the victim gets %d bytes for %d of the attacker", got, m.sent) // path challenges, small and few
	}
	if strings.Contains(b.net.Trace(), bob.addr.String()+" > "+victim.String()) {
		t.Error("bob was made to send something to the victim")
	}
	b.raws = nil
	b.run(time.Minute)
	unknown := b.attacker(2, "nobody", "192.0.2.10:1")
	before := b.spent[victim.Addr()]
	for i := range 100 {
		unknown.send(victim, seed.addr, make([]byte, 10*i))
	}
	b.run(time.Minute)
	if got := b.spent[victim.Addr()]; got != before {
		t.Errorf("garbage makes %d bytes", got-before)
	}
}

// Whatever an authenticated asker claims, a third host gets fewer bytes than the asker sent: of
// introductions it gets none at all, unless it shares a link and a public address with the target.
func TestIntroductionsAreNoWeapon(t *testing.T) {
	b := newBed(t, 401, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	seed, bob := b.seedNode(), b.join("bob")
	bob.meet(seed)
	m := b.attacker(1, "mallory", "192.0.2.9:1", victim)
	m.meets(seed)
	for i := range uint64(30) {
		before, cost := b.spent[m.addr.Addr()], m.sent
		m.says(seed.id(), wire.Message{ID: 1000 + i, Body: m.find(seed.id(), "bob", uint64(b.now.UnixMilli())+i)}, 10*time.Second)
		if got := b.spent[m.addr.Addr()] - before; got >= 2*(m.sent-cost) {
			t.Errorf("request %d: %d bytes for %d", i, got, m.sent-cost)
		}
	}
	if got := b.spent[victim.Addr()]; got != 0 {
		t.Errorf("the victim gets %d bytes", got)
	}
}

// An introducer that lies, with fake identities by the hundred that all are said to
// live at the victim's address, gets no more out of us than our budget of HELLOs:
// one a second after the first four.
func TestLyingIntroducerStaysInBudget(t *testing.T) {
	b := newBed(t, 402, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	bob := b.join("bob")
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	began := b.now
	for i := range 200 {
		fake, _ := b.identity(1000+i, "friend", victim)
		p := fake.find(wire.PeerID(m.record.Session), "bob", uint64(b.now.UnixMilli()))
		p.By, p.Session = m.record.Session[:], fake.record.Session[:]
		for j := range uint16(4) {
			p.Addrs = append(p.Addrs, netip.AddrPortFrom(victim.Addr(), victim.Port()+j))
		}
		m.says(bob.id(), wire.Message{ID: uint64(5000 + i), Body: p}, 200*time.Millisecond)
	}
	b.run(10 * time.Second)
	const hello = 112
	if got, most := b.spent[victim.Addr()], (5+int(b.now.Sub(began)/time.Second))*hello; got == 0 || got > most {
		t.Errorf("the victim gets %d bytes, at most %d are allowed", got, most)
	}
}

// Addresses that a stranger tells are never dialled in ranges that mean something
// else here: loopback, private, link-local, multicast, and the block that stands for
// relayed peers.
func TestToldAddressesInOwnRanges(t *testing.T) {
	b := newBed(t, 403, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	bob := b.join("bob")
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	for i, s := range []string{
		"127.0.0.1:22", "10.1.2.3:53", "172.16.9.9:53", "192.168.1.1:53", "169.254.1.1:53", "100.64.1.1:53",
		"224.0.0.251:5353", "[::1]:22", "[fe80::1]:53", "[fd00::1]:53", "[ff02::1]:53", "255.255.255.255:9",
		"[2001:2d:0:1::1]:1",
	} {
		a := netip.MustParseAddrPort(s)
		fake, _ := b.identity(1000+i, "friend", a)
		p := fake.find(wire.PeerID(m.record.Session), "bob", uint64(b.now.UnixMilli()))
		p.By, p.Session, p.Addrs = m.record.Session[:], fake.record.Session[:], []netip.AddrPort{a}
		m.says(bob.id(), wire.Message{ID: uint64(5000 + i), Body: p}, 5*time.Second)
		if got := b.spent[a.Addr()]; got != 0 {
			t.Errorf("%v gets %d bytes", a, got)
		}
	}
}

// A relay carries from session to session, when both have asked for it, within its
// quotas, and to nobody else.
func TestRelayIsNoOpenProxy(t *testing.T) {
	b := newBed(t, 404, simnet.Profile{Delay: 10 * time.Millisecond})
	seed, bob := b.seedNode(), b.join("bob")
	bob.meet(seed)
	m, k := b.attacker(1, "mallory", "192.0.2.9:1"), b.attacker(2, "kate", "192.0.3.9:1")
	m.meets(seed)
	k.meets(seed)
	sid := func(r *raw) wire.PeerID { return wire.PeerID(r.record.Session) }
	packet := append([]byte{0x84, 21, 1, 1, 0x59, 3, 0xe8}, make([]byte, 1000)...)
	relay := func(from *raw, to wire.PeerID, d time.Duration) bool {
		return from.says(seed.id(), wire.Message{Body: wire.Relay{Session: to, Datagram: packet}}, d)
	}
	quiet := bob.bed.spent[bob.addr.Addr()]
	relay(m, wire.PeerID{1, 2, 3}, time.Second) // nobody
	for range 5 {
		relay(m, bob.id(), time.Second) // bob has not asked for it
		relay(m, sid(k), time.Second)
	}
	if got := b.spent[bob.addr.Addr()] - quiet; got > 500 || k.relayed() != 0 {
		t.Fatalf("bob gets %d bytes, kate %d datagrams, unasked", got, k.relayed())
	}
	if relayed := m.ep.Send(b.now, seed.id(), wire.Message{Body: wire.Relay{Session: sid(k), Datagram: []byte("GET / HTTP/1.1")}}); relayed {
		t.Error("something that is no packet is sent to a relay")
	}
	relay(k, sid(m), time.Second)
	if m.relayed() != 1 {
		t.Fatalf("%d datagrams when both have asked", m.relayed())
	}
	// At most 40 at once, 20 a second, and 128 KiB in two minutes.
	for range 30 {
		for range 5 {
			relay(m, sid(k), time.Millisecond)
		}
	}
	if got := k.relayed(); got < 30 || got > 50 {
		t.Errorf("%d datagrams in a burst", got)
	}
	for range 90 {
		for range 3 {
			relay(m, sid(k), time.Millisecond)
		}
		b.run(time.Second)
		relay(k, sid(m), 0)
	}
	if got := k.relayed() * len(packet); got > 128<<10 || got < 100<<10 {
		t.Errorf("%d bytes in two minutes", got)
	}
	b.run(40 * time.Second)
	relay(k, sid(m), 0)
	relay(m, sid(k), time.Second)
	if before := k.relayed(); before*len(packet) <= 128<<10-len(packet) {
		t.Errorf("not renewed: %d", before)
	}
}

// Circuits are bounded for each user; what is idle gives way, and pairs that talk stay.
func TestRelayCircuitsAreBounded(t *testing.T) {
	b := newBed(t, 405, simnet.Profile{Delay: time.Millisecond})
	seed := b.seedNode()
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(seed)
	packet := append([]byte{0x84, 21, 1, 1, 0x50}, make([]byte, 16)...)
	relay := func(from, to *raw) {
		from.says(seed.id(), wire.Message{Body: wire.Relay{Session: wire.PeerID(to.record.Session), Datagram: packet}}, 10*time.Millisecond)
	}
	var others []*raw
	for i := range 40 {
		o := b.attacker(10+i, "other", netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(20 + i), 1}), 1).String())
		o.meets(seed)
		others = append(others, o)
	}
	for _, o := range others[:20] {
		relay(m, o)
		relay(o, m)
	}
	if got := m.relayed(); got != 16 {
		t.Errorf("one user talks through %d circuits", got)
	}
	// Their own idle ones give way to new ones.
	for range 9 {
		for _, r := range append(others, m) {
			r.ep.Probe(b.now, seed.id())
			r.turn()
		}
		b.run(20 * time.Second)
	}
	relay(m, others[30])
	relay(others[30], m)
	if got := m.relayed(); got != 17 {
		t.Errorf("an idle circuit does not give way: %d", got)
	}
}

// Very many idle circuits take the place of no pair that talks, and no newcomer's.
func TestIdleCircuitsGiveWay(t *testing.T) {
	b := newBed(t, 406, simnet.Profile{Delay: time.Millisecond})
	seed := b.seedNode()
	packet := append([]byte{0x84, 21, 1, 1, 0x50}, make([]byte, 16)...)
	relay := func(from, to *raw) {
		from.says(seed.id(), wire.Message{Body: wire.Relay{Session: wire.PeerID(to.record.Session), Datagram: packet}}, 2*time.Millisecond)
	}
	friend := func(number int) *raw {
		r := b.attacker(number, "friend", netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(number), 1}), 1).String())
		r.meets(seed)
		return r
	}
	ann, bob := friend(1), friend(2)
	relay(ann, bob)
	relay(bob, ann)
	var crowd []*raw
	for i := range 280 { // on 32 addresses
		m := b.attacker(1000+i, "mallory", netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, byte(i % 32), 113, 1}), uint16(1+i)).String())
		m.meets(seed)
		crowd = append(crowd, m)
	}
	for i, m := range crowd {
		relay(m, crowd[(i+1)%len(crowd)])
		if i%20 == 0 {
			relay(ann, bob)
			relay(bob, ann)
		}
	}
	before := bob.relayed()
	carol, dave := friend(3), friend(4)
	relay(carol, dave)
	relay(dave, carol)
	if carol.relayed() != 1 {
		t.Error("two newcomers get no circuit")
	}
	relay(ann, bob)
	if bob.relayed() != before+1 {
		t.Error("the two who talk have lost theirs")
	}
}

// However often somebody asks, a pair is introduced once in half a minute, and once more.
func TestPairIsIntroducedOnce(t *testing.T) {
	b := newBed(t, 66, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	seed, bob := b.seedNode(), b.join("bob")
	bob.meet(seed)
	r := b.attacker(4, "mallory", "198.19.4.7:6789")
	r.meets(seed)
	halves := 0
	b.opened = func(to *person, o dgram.Opened) {
		if line := o.Summary(); to == bob && strings.Contains(line, " find ") && strings.Contains(line, " by=") {
			halves++
		}
	}
	for i := range uint64(9) {
		f := r.find(seed.id(), "bob", 100+i)
		r.says(seed.id(), wire.Message{ID: r.ep.NextID(), Body: f}, 2*time.Second)
	}
	if halves != 2 {
		t.Errorf("bob was told %d times", halves)
	}
}

// A ticket serves once, and by the hand of the introducer for whom it was signed: an
// introducer that keeps it cannot set the one looked for on other hosts with it.
func TestTicketServesOnce(t *testing.T) {
	b := newBed(t, 67, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	bob := b.join("bob")
	m, other := b.attacker(1, "mallory", "192.0.2.9:1"), b.attacker(2, "oscar", "192.0.2.10:1")
	m.meets(bob)
	asker, _ := b.identity(3, "friend")
	host := byte(0)
	// brings has m hand a half with that ticket to bob, and says whether bob then called
	// the address in it: another network each time, so that no budget hides it.
	brings := func(introducer *raw, number uint64) bool {
		host++
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, host, 1}), 53)
		p := asker.find(wire.PeerID(introducer.record.Session), "bob", number)
		p.By, p.Session, p.Addrs = m.record.Session[:], asker.record.Session[:], []netip.AddrPort{at}
		m.says(bob.id(), wire.Message{ID: m.ep.NextID(), Body: p}, 5*time.Second)
		return b.spent[at.Addr()] > 0
	}
	for _, c := range []struct {
		what   string
		by     *raw
		number uint64
		want   bool
	}{
		{"a ticket", m, 100, true},
		{"the same again", m, 100, false},
		{"a lower number", m, 99, false},
		{"one that was signed for another introducer", other, 101, false},
		{"the next", m, 102, true},
	} {
		if got := brings(c.by, c.number); got != c.want {
			t.Errorf("%s: called %v", c.what, got)
		}
	}
}

// An introducer's last word replaces its earlier ones: the other side's old address is no longer
// called, since HELLOs to one network are scarce.
func TestNewIntroductionReplacesTheOld(t *testing.T) {
	b := newBed(t, 69, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	bob := b.join("bob")
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(bob)
	asker, _ := b.identity(3, "friend")
	says := func(at netip.AddrPort, number uint64, wait time.Duration) {
		p := asker.find(wire.PeerID(m.record.Session), "bob", number)
		p.By, p.Session, p.Addrs = m.record.Session[:], asker.record.Session[:], []netip.AddrPort{at}
		m.says(bob.id(), wire.Message{ID: m.ep.NextID(), Body: p}, wait)
	}
	was, is := netip.MustParseAddrPort("198.51.100.1:53"), netip.MustParseAddrPort("203.0.113.1:53")
	says(was, 100, 200*time.Millisecond)
	before := b.spent[was.Addr()]
	says(is, 101, 10*time.Second)
	if before == 0 || b.spent[is.Addr()] == 0 {
		t.Fatalf("%d and %d bytes of HELLOs", before, b.spent[is.Addr()])
	}
	if more := b.spent[was.Addr()] - before; more > 112 {
		t.Errorf("%d bytes more go to where the other one was", more)
	}
}

// A relay carries nothing to a session that is not there: neither to one that it only remembers,
// nor after a goodbye.
func TestRelayNeedsALiveAssociation(t *testing.T) {
	b := newBed(t, 68, simnet.Profile{Delay: 10 * time.Millisecond})
	seed := b.seedNode()
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	bob := b.join("bob")
	bob.meet(seed)
	m.meets(seed)
	passed := func() (unknown, other uint64) {
		for _, s := range seed.node.Stats() {
			switch s.Name {
			case "relay_unknown":
				unknown = s.Value
			case "relay_passed", "relay_unasked", "relay_circuits":
				other += s.Value
			}
		}
		return unknown, other
	}
	packet := append([]byte{0x84, 21, 1, 1, 0x50}, make([]byte, 16)...)
	say := func() {
		m.says(seed.id(), wire.Message{Body: wire.Relay{Session: bob.id(), Datagram: packet}}, time.Second)
	}
	say()
	if unknown, other := passed(); unknown != 0 || other == 0 {
		t.Fatalf("who is here: %d unknown, %d others", unknown, other)
	}
	bob.node.Leave(b.now)
	bob.turn()
	b.run(time.Second)
	bob.kill()
	_, before := passed()
	say()
	if unknown, other := passed(); unknown != 1 || other > before {
		t.Errorf("after a goodbye: %d unknown, %d others, before %d", unknown, other, before)
	}
	bob.start()
	bob.meet(seed)
	bob.kill()
	b.until(10*time.Minute, "the seed has lost bob", func() bool { return !seed.sees("bob") })
	_, before = passed()
	say()
	if unknown, other := passed(); unknown != 2 || other > before {
		t.Errorf("after they were lost: %d unknown, %d others, before %d", unknown, other, before)
	}
}
