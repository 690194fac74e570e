package lan_test

import (
	"net/netip"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors/lan"
)

// said counts what a node says to everybody on a link, and all that it sends, from now on.
type said struct{ calls, bytes int }

func (b *bed) watch(h *host) *said {
	s := &said{}
	b.seen = func(from, to netip.AddrPort, bytes []byte) {
		if b.at(from.Addr()) != h {
			return
		}
		s.bytes += len(bytes)
		if to == lan.Group4 {
			s.calls++ // the other groups hear the same one
		}
	}
	return s
}

// restless is how often something about the interfaces changes: such as containers that
// come and go.
const restless = 4400 * time.Millisecond

// Containers come and go on a machine: interfaces with an address each, on which nothing is announced.
// The node sends nothing more because of them.
func TestGuestsChangeNothing(t *testing.T) {
	b := newBed(t, 11, simnet.Profile{Delay: time.Millisecond})
	ann, bob := b.join("ann", "a"), b.join("bob", "a")
	b.until(2*time.Second, "they see each other", b.met)
	b.run(10 * time.Minute)
	const time10 = 10 * time.Minute
	still := b.watch(ann)
	b.run(time10)
	busy := b.watch(ann)
	before := len(ann.screen) + len(bob.screen)
	for end := b.now.Add(time10); b.now.Before(end); {
		ann.guests = []netip.Prefix{netip.MustParsePrefix("172.18.0.1/16"), netip.MustParsePrefix("fe80::42/64")}
		ann.rewired()
		b.run(restless)
		ann.guests = nil
		ann.rewired()
		b.run(restless)
	}
	if busy.calls > still.calls+1 || busy.bytes > still.bytes+still.bytes/4 {
		t.Errorf("in 10 minutes %d announcements and %d bytes, while guests come and go %d and %d", still.calls, still.bytes, busy.calls, busy.bytes)
	}
	if after := len(ann.screen) + len(bob.screen); after > before {
		t.Errorf("ann was told %v, bob %v", ann.screen, bob.screen)
	}
}

// An interface on which we announce ourselves comes and goes: everybody is told of it, but no more than
// 12 times in the first minute and 4 in each later one, and of the last change within 16 s.
func TestRestlessLinkIsDamped(t *testing.T) {
	b := newBed(t, 12, simnet.Profile{Delay: time.Millisecond})
	ann, bob := b.join("ann", "a", "b"), b.join("bob", "a")
	cat := b.join("cat", "b")
	b.until(2*time.Second, "all see ann", func() bool { return sees(bob, "ann") && sees(cat, "ann") })
	b.run(10 * time.Minute)
	wired := ann.links
	minutes := 0
	for range 10 {
		busy := b.watch(ann)
		for end := b.now.Add(time.Minute); b.now.Before(end); {
			ann.links = wired[:1]
			ann.rewired()
			b.run(restless)
			ann.links = wired
			ann.rewired()
			b.run(restless)
		}
		limit := 5
		if minutes == 0 {
			limit = 12
		}
		// Each is said on both links while there are two.
		if busy.calls > 2*limit {
			t.Errorf("minute %d: %d announcements", minutes, busy.calls)
		}
		minutes++
	}
	ann.links = wired[:1]
	ann.rewired()
	b.run(restless)
	ann.links = wired
	last := b.watch(ann)
	ann.rewired()
	b.until(16*time.Second, "the last change is announced", func() bool { return last.calls > 0 })
	b.until(10*time.Second, "all see ann", func() bool { return sees(bob, "ann") && sees(cat, "ann") })
}

// After a quiet time a change is announced at once, and again a second later.
func TestChangeIsAnnouncedAtOnce(t *testing.T) {
	b := newBed(t, 13, simnet.Profile{Delay: time.Millisecond})
	ann := b.join("ann", "a", "b")
	wired := ann.links
	ann.links = wired[:1]
	ann.rewired()
	b.run(10 * time.Minute)
	said := b.watch(ann)
	ann.links = wired
	ann.rewired()
	b.run(1500 * time.Millisecond)
	if said.calls != 4 {
		t.Errorf("%d announcements, expected 2 on 2 links", said.calls)
	}
}
