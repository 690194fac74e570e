package neighbors_test

import (
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
)

// No stranger is told of the search of an \add; one that comes online under the name meanwhile is not
// meant by it, and reads nothing.
func TestQuickImpostorIsNotAdded(t *testing.T) {
	b := newBed(t, 700, simnet.Profile{Delay: 20 * time.Millisecond})
	seed, bob, ann := b.seedNode(), b.join("bob"), b.join("ann")
	ann.intro = neighbors.IntroAll
	ann.start()
	bob.meet(seed)
	ann.meet(seed)
	stranger := b.attacker(1, "stranger", "192.0.2.9:1")
	stranger.flags(identity.FlagSeed) // a lie
	stranger.meets(bob)
	impostor := b.join("ann")
	bob.add("ann")
	impostor.ping(bob)
	b.until(3*time.Second, "ann is added", func() bool { return count[neighbors.Done](bob) == 1 })
	if got := stranger.finds(); len(got) != 0 {
		t.Errorf("a stranger is told of the search: %+v", got)
	}
	if bob.trust(ann.fingerprint()) != "pinned" || bob.trust(impostor.fingerprint()) == "pinned" {
		t.Errorf("ann is %q, the impostor %q", bob.trust(ann.fingerprint()), bob.trust(impostor.fingerprint()))
	}
	bob.say("ann", "for ann alone")
	b.run(2 * time.Second)
	if len(ann.texts()) != 1 || len(impostor.texts()) != 0 {
		t.Errorf("ann read %q, the impostor %q", ann.texts(), impostor.texts())
	}
}

// When two keys claim the name, by introductions or because a new user went by it here
// before, both are shown, nobody is pinned, and the error says what to type; with the
// fingerprint the right one is added at once.
func TestTwoClaimTheName(t *testing.T) {
	for _, what := range []string{"both introduced", "one was here before"} {
		t.Run(what, func(t *testing.T) {
			b := newBed(t, 701, simnet.Profile{Delay: 20 * time.Millisecond})
			b.intro = neighbors.IntroAll
			seed, bob, ann, other := b.seedNode(), b.join("bob"), b.join("ann"), b.join("ann")
			bob.meet(seed)
			ann.comes(seed)
			if what == "both introduced" {
				other.comes(seed)
			} else {
				other.comes(bob)
			}
			bob.add("ann")
			b.until(3*time.Second, "it fails", func() bool { return count[neighbors.Failed](bob) == 1 })
			text := all[neighbors.Failed](bob)[0].Text
			for _, part := range []string{ann.fingerprint(), other.fingerprint(), "\\add ann FINGERPRINT", "\\verify"} {
				if !strings.Contains(text, part) {
					t.Errorf("the error %q does not say %s", text, part)
				}
			}
			if _, err := bob.node.Chat(b.now, "ann"); err == nil {
				t.Error("one of them is meant by the name")
			}
			bob.addKey(ann)
			b.until(500*time.Millisecond, "ann is added", func() bool { return count[neighbors.Done](bob) == 1 })
			bob.say("ann", "for ann alone")
			b.run(time.Second)
			if len(ann.texts()) != 1 || len(other.texts()) != 0 {
				t.Errorf("ann read %q, the other one %q", ann.texts(), other.texts())
			}
		})
	}
}

// A fingerprint names one key: the wrong one is not added, however often they come.
func TestAddByFingerprint(t *testing.T) {
	b := newBed(t, 702, simnet.Profile{Delay: 20 * time.Millisecond})
	b.intro = neighbors.IntroAll
	seed, bob, ann, other := b.seedNode(), b.join("bob"), b.join("ann"), b.join("ann")
	bob.meet(seed)
	other.comes(seed)
	bob.addKey(ann) // who is not there
	b.run(neighbors.AddTimeout)
	if count[neighbors.Failed](bob) != 1 || bob.trust(other.fingerprint()) == "pinned" {
		t.Errorf("bob saw %v", bob.lines())
	}
	ann.comes(seed)
	b.until(40*time.Second, "the add that stands finds ann", func() bool { return bob.trust(ann.fingerprint()) == "pinned" })
	for _, bad := range []string{"k7f2", "k7f2-9qxd-m3ra-u5wt-aaaa"} {
		if _, err := bob.node.Add(b.now, "carol", bad); err == nil {
			t.Errorf("%s is no fingerprint", bad)
		}
	}
}

// A new user who is here under the name is added if nobody else is introduced: at once if
// there is nobody to ask, else a moment later.
func TestNewUserHereIsAdded(t *testing.T) {
	for _, withSeed := range []bool{false, true} {
		b := newBed(t, 703, simnet.Profile{Delay: 20 * time.Millisecond})
		seed, bob, ann := b.seedNode(), b.join("bob"), b.join("ann")
		if withSeed {
			bob.meet(seed)
		}
		ann.meet(bob)
		began := b.now
		bob.add("ann")
		limit := 100 * time.Millisecond
		if withSeed {
			limit = 1500 * time.Millisecond
		}
		b.until(limit, "ann is added", func() bool { return count[neighbors.Done](bob) == 1 })
		if bob.trust(ann.fingerprint()) != "pinned" || withSeed && b.now.Sub(began) < time.Second {
			t.Errorf("ann is %q after %v", bob.trust(ann.fingerprint()), b.now.Sub(began))
		}
	}
}
