package dgram

import (
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// falseAnswer is a CHALLENGE for an announcement with keys that belong to nobody.
func falseAnswer(hello []byte, i int) []byte {
	junk := func(n int, salt byte) []byte {
		b := make([]byte, n)
		for j := range b {
			b[j] = byte(i>>(j%4*8)) ^ salt
		}
		return b
	}
	return wire.AppendChallenge(nil, hello[3:3+wire.NonceSize], junk(wire.CookieSize, 1), junk(wire.KeySize, 2), junk(wire.KeySize, 3))
}

// storm has many false CHALLENGEs come for an announcement, before any true one.
func (w *network) storm(to *node, hello []byte, many, hosts int, bits func(int) netip.Addr) {
	for i := range many {
		from := netip.AddrPortFrom(bits(i%hosts), uint16(1000+i/hosts))
		to.Receive(w.now, to.Opener().Open(w.now, from, to.addr.Addr(), falseAnswer(hello, i)))
	}
	w.turn(to)
}

func v4(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(100 + i)}) }

func v6(i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
}

// However many false CHALLENGEs come before the true one, from one host, from twenty, or from any
// number of IPv6 addresses, an announcing node obeys the true one, and so few of the others that
// forging them is not worthwhile.
func TestFalseAnswersKeepNobodyOut(t *testing.T) {
	for _, c := range []struct {
		name        string
		many, hosts int
		addr        func(int) netip.Addr
	}{
		{"70 of one", 70, 1, v4}, {"5,000 of one", 5000, 1, v4}, {"70 of twenty", 70, 20, v4}, {"5,000 of twenty", 5000, 20, v4},
		{"5,000 of IPv6", 5000, 5000, v6},
	} {
		t.Run(c.name, func(t *testing.T) {
			linkLocal := netip.MustParsePrefix("fe80::/10")
			join := func(number byte, addr string) *node {
				return newNodeWith(t, number, addr, func(cfg *Config) {
					cfg.SameLink = func(a netip.Addr) bool { return office(a) || linkLocal.Contains(a) }
				})
			}
			ann, bob := join(1, "10.0.0.1:1"), join(2, "10.0.0.2:2")
			w := newNetwork(t, ann, bob)
			sent := map[netip.Addr]int{}
			w.pass = func(f flying) bool {
				sent[f.to.Addr()] += len(f.bytes)
				return true
			}
			hello := w.announce(ann)
			w.storm(ann, hello, c.many, c.hosts, c.addr)
			w.hear(bob, ann.addr, hello)
			w.run(3 * time.Second)
			if count[Associated](ann) != 1 || count[Associated](bob) != 1 {
				t.Errorf("%d and %d associations", count[Associated](ann), count[Associated](bob))
			}
			for a, n := range sent {
				if a != bob.addr.Addr() && n > 2*answersOfIP*wire.MaxDatagram {
					t.Errorf("%v gets %d bytes", a, n)
				}
			}
			if len(ann.dialer.dials) > 0 {
				t.Errorf("%d dials are left", len(ann.dialer.dials))
			}
		})
	}
}

// A whole /24 of false hosts: those that were obeyed in vain come last the next time, so that
// the true one is met within a few announcements.
func TestFalseHostsComeLastNextTime(t *testing.T) {
	for seed := range byte(10) {
		ann, bob := inOffice(t, 10+seed, "10.0.0.1:1"), inOffice(t, 2, "10.0.0.2:2")
		w := newNetwork(t, ann, bob)
		tries := 0
		for ; count[Associated](ann) == 0; tries++ {
			hello := w.announce(ann)
			w.storm(ann, hello, 1000, 240, func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(3 + i)}) })
			w.hear(bob, ann.addr, hello)
			w.run(2 * time.Second)
		}
		if tries > 4 {
			t.Errorf("met at announcement %d", tries)
		}
	}
}

// A CHALLENGE that leads to nothing leaves nothing behind: one with our own key, or with one
// that is none, kept a dial for ever, and with all of them taken nobody could be called.
func TestFalseAnswersLeaveNoDial(t *testing.T) {
	ann := inOffice(t, 1, "10.0.0.1:1")
	w := newNetwork(t, ann)
	for i := range 10 {
		hello := w.announce(ann)
		for j := range 64 {
			own := wire.AppendChallenge(nil, hello[3:3+wire.NonceSize], make([]byte, wire.CookieSize), make([]byte, wire.KeySize), ann.self.Static[:])
			none := wire.AppendChallenge(nil, hello[3:3+wire.NonceSize], make([]byte, wire.CookieSize), make([]byte, wire.KeySize), make([]byte, wire.KeySize))
			for k, b := range [][]byte{own, none} {
				from := netip.AddrPortFrom(v4(j), uint16(1+2*i+k))
				ann.Receive(w.now, ann.Opener().Open(w.now, from, ann.addr.Addr(), b))
			}
		}
		w.run(10 * time.Second)
	}
	if len(ann.dialer.dials)+len(ann.table.attempts) > 0 {
		t.Errorf("%d dials, %d attempts", len(ann.dialer.dials), len(ann.table.attempts))
	}
}

// A host that announces itself 300 times a second, and twenty that do, keep nobody from
// being answered; each draws a few answers.
func TestFalseAnnouncementsKeepNobodyOut(t *testing.T) {
	for _, c := range []struct {
		hosts int
		addr  func(int) netip.Addr
	}{{1, v4}, {20, v4}, {4000, v6}} {
		bob := newNodeWith(t, 2, "10.0.0.2:2", func(cfg *Config) {
			cfg.SameLink = func(a netip.Addr) bool { return office(a) || netip.MustParsePrefix("fe80::/10").Contains(a) }
		})
		w := newNetwork(t, bob)
		answers := map[netip.Addr]int{}
		w.pass = func(f flying) bool {
			answers[f.to.Addr()]++
			return false
		}
		friend := netip.MustParseAddrPort("10.0.0.9:9")
		met := 0
		for i := range 3000 { // ten seconds
			w.now = w.now.Add(time.Second / 300)
			w.hear(bob, netip.AddrPortFrom(c.addr(i%c.hosts), uint16(1000+i/c.hosts)), announced(i))
			if i%1000 == 500 {
				before := answers[friend.Addr()]
				w.hear(bob, friend, announced(60000+i))
				for j := range 60 {
					w.now = w.now.Add(time.Second / 300)
					w.hear(bob, netip.AddrPortFrom(c.addr(j%c.hosts), uint16(20000+i+j)), announced(30000+i+j))
				}
				met += answers[friend.Addr()] - before
			}
		}
		if met != 3 {
			t.Errorf("%d hosts: %d of 3 announcements are answered", c.hosts, met)
		}
		for a, n := range answers {
			if n > answerBurstOfIP+12*answerRateOfIP {
				t.Errorf("%d hosts: %v gets %d answers", c.hosts, a, n)
			}
		}
		if bob.announcements.announcers.Len() > maxAnnouncers || len(bob.announcements.pendingReplies) > maxPendingReplies {
			t.Error("over the bounds")
		}
	}
}

// A peer that is in touch with us and repeats another's HELLO does not make us believe that we are
// in touch with that other, nor does it draw the answer away.
func TestCopiedAnnouncementsAreAnswered(t *testing.T) {
	bob, mallory := inOffice(t, 2, "10.0.0.2:2"), inOffice(t, 3, "10.0.0.66:3")
	w := newNetwork(t, bob, mallory)
	w.connect(mallory, bob)
	mallory.Probe(w.now, bob.self.ID)
	w.run(time.Second)
	friend, answered := netip.MustParseAddrPort("10.0.0.9:9"), 0
	w.pass = func(f flying) bool {
		if f.to == friend {
			answered++
		}
		return f.to == bob.addr || f.to == mallory.addr
	}
	for i := range 8 {
		mallory.Probe(w.now, bob.self.ID)
		w.run(50 * time.Millisecond)
		w.hear(bob, friend, announced(i))
		for port := range uint16(10) {
			w.hear(bob, netip.AddrPortFrom(mallory.addr.Addr(), mallory.addr.Port()+port), announced(i))
		}
		w.run(time.Second)
	}
	if answered < 2 {
		t.Errorf("%d of 8 announcements are answered", answered)
	}
}
