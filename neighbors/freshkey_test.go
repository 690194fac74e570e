package neighbors_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// carried is two people whom only a relay brings together, at a seed that both named.
func carried(t *testing.T, number uint64) (b *bed, s, ann, bob *person) {
	b = newBed(t, number, simnet.Profile{Delay: 10 * time.Millisecond})
	s = b.seedNode()
	ann, _ = b.behind("ann", simnet.Symmetric)
	bob, _ = b.behind("bob", simnet.Symmetric)
	for _, p := range []*person{ann, bob} {
		p.sources = []neighbors.Source{named(s.addr.String())}
		p.start()
	}
	b.run(2 * time.Second)
	ann.addKey(bob)
	bob.addKey(ann)
	b.until(10*time.Second, "they are online", func() bool { return ann.sees("bob") && bob.sees("ann") })
	ann.say("bob", "one")
	b.until(3*time.Second, "a text through the relay", func() bool { return len(bob.texts()) == 1 })
	b.run(40 * time.Second)
	return b, s, ann, bob
}

// another is a person of the same name at the same address, with other keys and nothing on the disk,
// like somebody who has lost their state.
func (p *person) another(number byte) {
	seed := p.key.Seed()
	seed[0] ^= number
	p.key = ed25519.NewKeyFromSeed(seed)
	p.session[1] ^= number
	p.disk, p.seqs = map[string][]byte{}, 0
}

func warnings(p *person) (list []string) {
	for _, e := range all[neighbors.Notice](p) {
		if strings.Contains(e.Text, "another key answers") {
			list = append(list, e.Text)
		}
	}
	return list
}

// A seed that comes back with another key, its state lost, is found as soon as one that kept
// its key: what was relayed goes on within seconds. The person is warned, once, with both
// fingerprints.
func TestSeedComesBackWithAFreshKey(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		for _, down := range []time.Duration{200 * time.Millisecond, 3 * time.Second, 20 * time.Second} {
			t.Run(fmt.Sprintf("fresh %v after %v", fresh, down), func(t *testing.T) {
				b, s, ann, bob := carried(t, 851)
				was := s.fingerprint()
				s.kill()
				b.run(down)
				s.disk = map[string][]byte{}
				if fresh {
					s.another(1)
				}
				s.start()
				began := b.now
				ann.say("bob", "two")
				b.until(4*time.Second, "the text is read", func() bool { return len(bob.texts()) == 2 })
				t.Logf("read after %v", b.now.Sub(began))
				b.run(2 * time.Minute)
				for _, p := range []*person{ann, bob} {
					list := warnings(p)
					if !fresh && len(list) > 0 || fresh && (len(list) != 1 || !strings.Contains(list[0], was) || !strings.Contains(list[0], s.fingerprint())) {
						t.Errorf("%s is warned by %q", p.name, list)
					}
					if v := p.node.Net(); len(v.Seeds) != 1 || len(v.Silent) != 0 {
						t.Errorf("%s sees the seeds %v, and %v silent", p.name, v.Seeds, v.Silent)
					}
				}
			})
		}
	}
}

// All who named it are back within what they take when it kept its key, and in a later run
// the warning comes, too.
func TestAllFindTheSeedWithAFreshKey(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		b := newBed(t, 852, simnet.Profile{Delay: 10 * time.Millisecond})
		s := b.seedNode()
		var list []*person
		for i := range 30 {
			list = append(list, b.join(fmt.Sprintf("p%02d", i), named(s.addr.String())))
		}
		reached := func(p *person) bool {
			return slices.ContainsFunc(p.node.Net().Ways, func(w neighbors.WayView) bool { return w.Path != "" && w.Seed })
		}
		all := func() bool {
			return !slices.ContainsFunc(list, func(p *person) bool { return p.node != nil && !reached(p) })
		}
		b.until(10*time.Second, "all reach the seed", all)
		b.run(30 * time.Second)
		s.kill()
		list[0].leave()
		b.run(5 * time.Second)
		s.disk = map[string][]byte{}
		if fresh {
			s.another(2)
		}
		s.start()
		began := b.now
		b.until(6*time.Second, "all are back", all)
		t.Logf("fresh %v: all are back after %v", fresh, b.now.Sub(began))
		list[0].start()
		b.until(5*time.Second, "who was not here comes, too", all)
		if got := len(warnings(list[0])); got != map[bool]int{true: 1}[fresh] {
			t.Errorf("fresh %v: warned %d times in a later run", fresh, got)
		}
	}
}

// Anybody who sees what ann sends to a seed may answer it, with any key: that costs ann a HELLO now
// and then, and takes nothing away.
func TestForgedKeyMovesNothing(t *testing.T) {
	b, s, ann, bob := carried(t, 853)
	public := netip.AddrFrom4([4]byte{203, 0, 2, 1})
	forged, hellos := 0, 0
	b.tapped = func(d simnet.Delivery) {
		var packet []any
		if d.To != s.addr || d.From.Addr() != public || cbor.Unmarshal(d.Bytes, &packet) != nil {
			return
		}
		if packet[0] == uint64(18-1) {
			hellos++
		}
		if packet[0] != uint64(21) {
			return
		}
		var echo [12]byte
		binary.BigEndian.PutUint32(echo[:], uint32(packet[1].(uint64)))
		binary.BigEndian.PutUint64(echo[4:], packet[2].(uint64))
		fake, err := cbor.Marshal([]any{18, echo[:], make([]byte, 16), bytes.Repeat([]byte{9}, 32), bytes.Repeat([]byte{8}, 32)})
		if err != nil {
			t.Fatal(err)
		}
		forged++
		b.net.Send(b.now, s.addr, d.From, fake)
	}
	const span = 5 * time.Minute
	for i := range 10 {
		ann.say("bob", fmt.Sprint("more ", i))
		b.run(span / 10)
	}
	if len(bob.texts()) != 11 || count[neighbors.WentOffline](ann) > 0 || len(warnings(ann)) > 0 {
		t.Errorf("bob has %d texts, ann saw %v", len(bob.texts()), ann.lines())
	}
	if forged < 20 || hellos == 0 || hellos > 2*int(span/(5*time.Second)) {
		t.Errorf("%d forged answers cost %d HELLOs", forged, hellos)
	}
}
