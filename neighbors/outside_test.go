package neighbors_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// tells has somebody say at which address a person is seen.
func (r *raw) tells(p *person, at string) {
	r.ep.Send(r.bed.now, p.id(), wire.Message{ID: r.ep.NextID(), Body: wire.Online{Observed: netip.MustParseAddrPort(at)}})
	r.turn()
	r.bed.run(100 * time.Millisecond)
}

// Where we are is decided by the word of those whom the person knows, of most of them, and
// not by strangers, however many.
func TestStrangersDecideNoAddress(t *testing.T) {
	v := &village{bed: newBed(t, 713, simnet.Profile{Delay: 10 * time.Millisecond})}
	ann := v.join("ann")
	for i := range 20 {
		r := v.attacker(1+i, fmt.Sprint("stranger", i), fmt.Sprintf("192.0.%d.9:1", 1+i))
		r.meets(ann)
		r.tells(ann, fmt.Sprintf("198.51.100.7:%d", 1000+i%3))
	}
	if net := ann.node.Net(); net.NAT != neighbors.NATUnknown || len(net.Observed) != 0 {
		t.Fatalf("strangers decide: %v at %v", net.NAT, net.Observed)
	}
	a, b, liar := v.pinned(51, "a", ann), v.pinned(52, "b", ann), v.pinned(53, "liar", ann)
	const true1 = "203.0.113.4:6789"
	a.tells(ann, true1)
	liar.tells(ann, "198.51.100.7:1000")
	if net := ann.node.Net(); net.NAT != neighbors.NATUnknown || len(net.Observed) < 2 {
		t.Errorf("each sees another place: %v at %v", net.NAT, net.Observed)
	}
	b.tells(ann, true1)
	for i := range 5 {
		if net := ann.node.Net(); net.NAT != neighbors.NATEasy || len(net.Observed) != 1 || net.Observed[0].String() != true1 {
			t.Errorf("two against one: %v at %v", net.NAT, net.Observed)
		}
		liar.tells(ann, fmt.Sprintf("203.0.113.4:%d", 1000+i))
	}
}

// at is a Source that names one place, as -sip does.
type at struct{ addr netip.AddrPort }

func (s at) Name() string { return "seed" }
func (s at) Advance(now time.Time, h neighbors.Host) time.Time {
	if !h.Live(s.addr) {
		h.Found("", s.addr)
	}
	return now.Add(time.Second)
}
func (s at) Heard(_ time.Time, _ netip.AddrPort, _ wire.Message, _ neighbors.Host) {}

// A seed that was named once is asked in later runs, too, though nobody names it there; and
// its word about our address counts alone, until another one whose word counts disagrees.
func TestNamedSeedStaysOne(t *testing.T) {
	v := &village{bed: newBed(t, 714, simnet.Profile{Delay: 10 * time.Millisecond})}
	seed := v.attacker(1, "seed", "192.0.2.9:8888")
	ann := v.join("ann", at{seed.addr})
	v.until(3*time.Second, "the seed is here", func() bool { return ann.sees("seed") })
	seed.tells(ann, "203.0.113.4:6789")
	if got := ann.node.Net().Observed; len(got) != 1 {
		t.Errorf("a named seed's word: %v", got)
	}
	v.pinned(2, "friend", ann).tells(ann, "203.0.113.4:7000")
	if net := ann.node.Net(); net.NAT == neighbors.NATEasy || len(net.Observed) < 2 {
		t.Errorf("they disagree: %v %v", net.NAT, net.Observed)
	}
	ann.leave()
	v.run(time.Minute)
	ann.sources = nil
	ann.start()
	v.until(time.Minute, "the seed is here from memory", func() bool { return ann.sees("seed") })
	seed.events = nil
	ann.add("bob")
	v.run(time.Second)
	if len(seed.finds()) == 0 {
		t.Error("it is not asked")
	}
	if ann.trust(identity.Fingerprint(seed.record.User)) != "new" {
		t.Error("it is pinned")
	}
}
