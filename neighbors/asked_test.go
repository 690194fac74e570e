package neighbors_test

import (
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
)

// Strangers who introduce others all the time, at addresses everywhere and where ann is, use up
// their share of HELLOs, and not those of the person: a \ping is answered.
func TestPingWhileStrangersIntroduce(t *testing.T) {
	b := newBed(t, 620, simnet.Profile{Delay: 10 * time.Millisecond})
	b.intro = neighbors.IntroAll
	bob, ann := b.join("bob"), b.join("ann")
	var liars []*raw
	for i := range 8 {
		m := b.attacker(i, "mallory", netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, byte(i), 113, 9}), 1).String())
		m.meets(bob)
		liars = append(liars, m)
	}
	lie := func(i int) {
		m := liars[i%len(liars)]
		fake, _ := b.identity(1000+i, "friend", victim)
		p := fake.find(wire.PeerID(m.record.Session), "bob", uint64(b.now.UnixMilli()))
		p.By, p.Session = m.record.Session[:], fake.record.Session[:]
		for j := range 2 {
			p.Addrs = append(p.Addrs,
				netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, byte(i >> 7), byte(i<<1 + j), 1}), 53),
				netip.AddrPortFrom(ann.addr.Addr(), uint16(9000+2*i+j)))
		}
		m.says(bob.id(), wire.Message{ID: uint64(5000 + i), Body: p}, 10*time.Millisecond)
	}
	i := 0
	for ; i < 1000; i++ {
		lie(i)
	}
	for range 3 {
		before := count[neighbors.Pong](bob)
		bob.ping(ann)
		for end := b.now.Add(time.Second); b.now.Before(end); i++ {
			lie(i)
		}
		if count[neighbors.Pong](bob) == before {
			t.Error("the \\ping of the person is not answered within a second")
		}
		ann.kill() // the next one needs another HELLO
		b.run(5 * time.Second)
		ann.start()
	}
}
