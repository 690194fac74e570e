package neighbors_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

// crowd makes so many strangers, who all call a person from a few hosts, and stay
// associated until they are told to vanish.
func (b *bed) crowd(p *person, first, many, hosts int) (list []*raw) {
	b.t.Helper()
	for i := range many {
		host := netip.AddrFrom4([4]byte{203, byte(first%7 + i%hosts), 113, 1})
		r := b.attacker(first+i, fmt.Sprintf("s%d", first+i), netip.AddrPortFrom(host, uint16(1000+i)).String())
		r.ep.Dial(b.now, p.addr, nil)
		r.turn()
		list = append(list, r)
		b.run(50 * time.Millisecond)
	}
	// A network may make a few handshakes a second only: who was refused tries again.
	for range 40 {
		waits := false
		for _, r := range list {
			if !r.ep.Live(p.id()) {
				waits = true
				r.ep.Dial(b.now, p.addr, nil)
				r.turn()
			}
		}
		if !waits {
			break
		}
		b.run(4 * time.Second)
	}
	return list
}

// stay has strangers keep in contact for a while, as neighbours do.
func (b *bed) stay(list []*raw, p *person, d time.Duration) {
	for end := b.now.Add(d); b.now.Before(end); {
		for _, r := range list {
			r.ep.Probe(b.now, p.id())
			r.turn()
		}
		b.run(min(end.Sub(b.now), 3*time.Second))
	}
}

// vanish ends strangers without a word.
func (b *bed) vanish() { b.raws = nil }

// 160 strangers from few hosts take no place that a friend or a newcomer from elsewhere
// needs.
func TestStrangersLeaveRoomForOthers(t *testing.T) {
	for _, hosts := range []int{2, 20} {
		t.Run(fmt.Sprint(hosts), func(t *testing.T) {
			b := newBed(t, 501, simnet.Profile{Delay: 5 * time.Millisecond})
			ann, bob := b.join("ann"), b.join("bob")
			ann.meet(bob)
			bob.meet(ann)
			crowd := b.crowd(ann, 100, 160, hosts)
			b.stay(crowd, ann, 10*time.Second)
			if !ann.sees("bob") {
				t.Error("a friend is not seen any more")
			}
			if online := len(ann.node.Users(neighbors.FilterOnline)); online > 1+40 {
				t.Errorf("%d are online: strangers have more than their share", online)
			}
			dave := b.join("dave")
			dave.ping(ann)
			b.until(3*time.Second, "a newcomer is seen", func() bool { return ann.sees("dave") && dave.sees("ann") })
			b.stay(crowd, ann, 10*time.Second)
			dave.say("ann", "hello")
			b.until(3*time.Second, "the newcomer's text comes", func() bool { return len(ann.texts()) == 1 })
			ann.say("dave", "hello yourself")
			b.until(3*time.Second, "a text to the newcomer comes", func() bool { return len(dave.texts()) == 1 })
		})
	}
}

// Missing friends are called, whatever strangers have come and gone.
func TestMissingFriendIsCalledInSpiteOfStrangers(t *testing.T) {
	b := newBed(t, 502, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.meet(ann)
	bob.kill()
	b.run(30 * time.Second)
	ann.say("bob", "are you there?")
	b.crowd(ann, 100, 160, 30)
	b.run(5 * time.Second)
	b.vanish()
	b.run(2 * time.Minute)
	before := b.spent[bob.addr.Addr()]
	b.run(time.Minute)
	if b.spent[bob.addr.Addr()] == before {
		t.Error("a friend with a text waiting is not called")
	}
	bob.start()
	b.until(20*time.Second, "the text comes", func() bool { return len(bob.texts()) == 1 })
}

// A node that starts again after a flood calls its friends, not the flood.
func TestStrangersAreNotCalledAtTheNextStart(t *testing.T) {
	b := newBed(t, 503, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	b.stay(b.crowd(ann, 100, 60, 20), ann, 10*time.Second)
	b.vanish()
	b.run(2 * time.Minute)
	ann.kill()
	clear(b.spent)
	ann.start()
	b.until(20*time.Second, "a friend is met again", func() bool { return ann.sees("bob") })
	b.run(time.Minute)
	for a, n := range b.spent {
		if a.As4()[0] == 203 {
			t.Errorf("%v, where a stranger was, gets %d bytes", a, n)
		}
	}
}

// However many strangers vanish, the crash of a friend is noticed as soon as ever.
func TestStrangersWhoVanishDelayNoCrash(t *testing.T) {
	for _, many := range []int{0, 2, 5, 40} {
		t.Run(fmt.Sprint(many), func(t *testing.T) {
			b := newBed(t, 504, simnet.Profile{Delay: 5 * time.Millisecond})
			ann, bob := b.join("ann"), b.join("bob")
			ann.meet(bob)
			bob.meet(ann)
			crowd := b.crowd(ann, 100, many, 20)
			b.stay(crowd, ann, 20*time.Second)
			b.vanish()
			bob.kill()
			b.until(8500*time.Millisecond, "the crash is noticed", func() bool { return !ann.sees("bob") })
		})
	}
}

// A seed probes and calls back nobody whom it does not know: who vanishes expires.
func TestSeedLetsStrangersExpire(t *testing.T) {
	b := newBed(t, 505, simnet.Profile{Delay: 5 * time.Millisecond})
	seed := b.seedNode()
	b.crowd(seed, 100, 50, 25)
	b.run(time.Second) // the last one hears where it is seen
	b.vanish()
	clear(b.spent)
	b.run(20 * time.Minute)
	if online := len(seed.node.Users(neighbors.FilterOnline)); online > 0 {
		t.Errorf("%d are still online", online)
	}
	total := 0
	for _, n := range b.spent {
		total += n
	}
	if total > 0 {
		t.Errorf("the vanished get %d bytes", total)
	}
	// Whoever keeps in contact stays.
	bob := b.join("bob")
	bob.meet(seed)
	b.run(30 * time.Minute)
	if !bob.sees(seed.name) || len(seed.node.Users(neighbors.FilterOnline)) != 1 || count[neighbors.WentOffline](bob) > 0 {
		t.Error("a client that keeps the contact is not there any more")
	}
}
