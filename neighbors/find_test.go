package neighbors_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/mail"
)

// host is a Source that looks for one address, as -sip does.
func (b *bed) seedNode() *person {
	s := b.join("seed")
	s.seed = true
	s.start()
	return s
}

func (p *person) add(name string) {
	p.bed.t.Helper()
	do(p, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.Add(now, name, "") })
}

// addKey is \add with the fingerprint.
func (p *person) addKey(q *person) {
	p.bed.t.Helper()
	do(p, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) {
		return n.Add(now, q.name, q.node.Self().Fingerprint)
	})
}

// befriends has both add the other by name, as people do who have agreed to.
func (p *person) befriends(q *person) {
	p.bed.t.Helper()
	p.add(q.name)
	q.add(p.name)
}

// Nobody of that name: an error within ten seconds, and no conversation.
func TestAddNobody(t *testing.T) {
	b := newBed(t, 21, simnet.Profile{Delay: 10 * time.Millisecond})
	seed, ann := b.seedNode(), b.join("ann")
	ann.meet(seed)
	ann.add("carol")
	b.until(neighbors.AddTimeout, "it fails", func() bool { return count[neighbors.Failed](ann) == 1 })
	if _, err := ann.node.Chat(b.now, "carol"); err == nil {
		t.Fatal("a name that was never met can be chatted with")
	}
}

// Lists are for those our user knows; a stranger gets an empty one.
func TestListsAreForFriends(t *testing.T) {
	b := newBed(t, 24, simnet.Profile{Delay: 10 * time.Millisecond})
	hub, ann, carol := b.join("hub"), b.join("ann"), b.join("carol")
	hub.meet(carol)
	ann.meet(hub) // ann knows hub, hub does not know ann
	b.run(3 * time.Second)
	if _, err := ann.node.Sessions("carol"); err == nil {
		t.Fatal("a stranger was told who the neighbours are")
	}
	hub.say("ann", "now I know you") // pins ann
	ann.kill()
	b.run(20 * time.Second)
	ann.start()
	b.until(30*time.Second, "ann knows carol", func() bool { _, err := ann.node.Sessions("carol"); return err == nil })
	if ann.sees("carol") {
		t.Fatal("hearsay made somebody online")
	}
}

// A name is a claim: who squats the name of a pinned user is shown apart, with
// one warning, and what is typed to ann goes to ann alone.
func TestSquatterGetsNothing(t *testing.T) {
	b := newBed(t, 25, simnet.Profile{Delay: 10 * time.Millisecond})
	bob, ann := b.join("bob"), b.join("ann")
	bob.meet(ann)
	squatter := b.join("ann")
	squatter.ping(bob)
	b.run(2 * time.Second)
	bob.say("ann", "for ann alone")
	b.run(2 * time.Second)
	if len(squatter.texts()) != 0 || len(ann.texts()) != 1 {
		t.Fatalf("the squatter read %q, ann %q", squatter.texts(), ann.texts())
	}
	users := bob.node.Users(neighbors.FilterOnline)
	if len(users) != 2 || users[0].Name != "ann" || !strings.HasPrefix(users[1].Name, "ann~") {
		t.Fatalf("shown as %+v", users)
	}
	warnings := 0
	for _, n := range all[neighbors.Notice](bob) {
		if strings.Contains(n.Text, "another key claims") {
			warnings++
		}
	}
	if warnings != 1 {
		t.Fatalf("%d warnings", warnings)
	}
	// The squatter first, the true one second: neither is meant by the plain name
	// of somebody who has pinned none.
	carol := b.join("carol")
	squatter.ping(carol)
	b.run(time.Second)
	ann.ping(carol)
	b.run(time.Second)
	if _, err := carol.node.Chat(b.now, "ann"); err == nil || !strings.Contains(err.Error(), "~") {
		t.Fatalf("an ambiguous name: %v", err)
	}
}

// peopleFile is a Source that names one person, as a file of people does.
type peopleFile struct {
	user string
	at   netip.AddrPort
}

func (f peopleFile) Name() string { return "file" }
func (f peopleFile) Advance(_ time.Time, h neighbors.Host) time.Time {
	h.Found(f.user, f.at)
	return time.Time{}
}
func (f peopleFile) Heard(time.Time, netip.AddrPort, wire.Message, neighbors.Host) {}

// A name that a file of people gives a fingerprint means that key alone: a squatter
// at the address gets a warning and no text, and the true one no warning.
func TestFileOfPeopleNamesAKey(t *testing.T) {
	b := newBed(t, 31, simnet.Profile{Delay: 10 * time.Millisecond})
	bob, squatter := b.join("bob"), b.join("bob")
	kim := b.join("kim", peopleFile{"bob~" + bob.node.Self().Fingerprint, squatter.addr})
	b.run(3 * time.Second)
	if _, err := kim.node.Chat(b.now, "bob"); err == nil {
		t.Fatal("the squatter is meant by the plain name")
	}
	// Whoever asks for bob is told where bob should be and who answered there instead; and
	// the file is not credited with the squatter.
	_, err := kim.node.PingUser(b.now, "bob")
	for _, part := range []string{squatter.addr.String(), bob.node.Self().Fingerprint, squatter.node.Self().Fingerprint} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("\\ping bob: %v; it should say %s", err, part)
		}
	}
	for _, v := range kim.node.Presence() {
		for _, u := range v.Users {
			if strings.HasPrefix(u, "bob~") && !strings.Contains(u, bob.node.Self().Fingerprint) {
				t.Errorf("the file is credited with %s", u)
			}
		}
	}
	kim.meet(bob)
	b.run(3 * time.Second)
	kim.say("bob", "for bob alone")
	b.run(3 * time.Second)
	if len(bob.texts()) != 1 || len(squatter.texts()) != 0 {
		t.Fatalf("bob read %q, the squatter %q", bob.texts(), squatter.texts())
	}
	for _, n := range all[neighbors.Notice](kim) {
		if strings.Contains(n.Text, "shown as bob,") {
			t.Fatalf("the true key is warned of: %s", n.Text)
		}
	}
}

// Blocked keys are answered "not trusted" and nothing of them is shown; it holds
// after a restart.
func TestBlockHolds(t *testing.T) {
	b := newBed(t, 26, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, eve := b.join("ann"), b.join("eve")
	eve.meet(ann)
	if _, err := ann.node.Block(b.now, "eve", true); err != nil {
		t.Fatal(err)
	}
	ann.turn()
	shown := len(ann.screen)
	eve.say("ann", "let me in")
	b.until(5*time.Second, "eve is told", func() bool { return eve.last().State == neighbors.Undelivered })
	if r := eve.last().Reason; !strings.Contains(r, "not trusted") {
		t.Fatalf("reason %q", r)
	}
	ann.kill()
	b.run(30 * time.Second)
	ann.start()
	eve.say("ann", "again")
	b.run(time.Minute)
	if len(ann.texts()) != 0 || count[neighbors.CameOnline](ann) != 1 {
		t.Fatalf("ann saw %v", ann.lines()[shown:])
	}
}

// A disk that takes nothing: the person is told, texts are answered busy, and
// come when there is room again.
func TestFullDisk(t *testing.T) {
	b := newBed(t, 27, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.full = mail.ErrOutboxFull // any error of the store
	ann.say("bob", "hello")
	b.run(10 * time.Second)
	if len(bob.texts()) != 0 || ann.last().State == neighbors.Delivered {
		t.Fatal("a text was shown or acknowledged though it could not be written")
	}
	bob.full = nil
	b.until(2*time.Minute, "it comes", func() bool { return len(bob.texts()) == 1 && ann.last().State == neighbors.Delivered })
}

// Writes that the disk refused are made when there is room again: a line of ours typed meanwhile
// survives a restart after that.
func TestRefusedWritesAreMadeGood(t *testing.T) {
	b := newBed(t, 30, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.kill()
	b.run(20 * time.Second)
	ann.full = mail.ErrOutboxFull
	ann.say("bob", "typed while the disk was full")
	b.run(time.Minute)
	ann.full = nil
	b.run(10 * time.Second)
	ann.kill()
	b.run(time.Second)
	ann.start()
	if got := ann.node.Outbox(); len(got) != 1 {
		t.Fatalf("the outbox after the restart: %+v", got)
	}
}

// A text that is not printed is not acknowledged, and is unread at the next start.
func TestUnprintedIsUnread(t *testing.T) {
	b := newBed(t, 28, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.mute = true
	ann.say("bob", "read me")
	b.run(5 * time.Second)
	if ann.last().State == neighbors.Delivered {
		t.Fatal("acknowledged before it was printed")
	}
	bob.kill()
	bob.mute, bob.screen = false, nil
	b.run(time.Second)
	bob.start()
	if got := bob.texts(); len(got) != 1 || got[0] != "read me" {
		t.Fatalf("unread at the start: %q", got)
	}
	b.until(time.Minute, "ann learns of it", func() bool { return ann.last().State == neighbors.Delivered })
	if len(bob.texts()) != 1 {
		t.Fatal("shown twice")
	}
}

// Another copy of a session's key makes this node take a fresh one. Bob then has two
// sessions of ann, and a text that waited reaches bob once.
func TestCloneTakesAFreshKey(t *testing.T) {
	b := newBed(t, 29, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	clone := b.join("ann")
	clone.key, clone.session, clone.ids = ann.key, ann.session, ann.ids
	clone.seqs = ann.seqs + 5000
	clone.start()
	clone.meet(bob)
	ann.ping(bob)
	b.until(2*time.Minute, "ann notices", func() bool { return ann.node.Cloned() })
	ann.session[7]++
	if err := ann.node.Renewed(b.now, ann.session); err != nil {
		t.Fatal(err)
	}
	ann.opener = ann.node.Opener()
	ann.turn()
	ann.say("bob", "still me")
	b.until(time.Minute, "bob has two sessions of ann and the text", func() bool {
		v, err := bob.node.Sessions("ann")
		online := 0
		for _, s := range v.Sessions {
			if s.Online {
				online++
			}
		}
		return err == nil && online == 2 && len(bob.texts()) > 0
	})
	b.run(time.Minute)
	if got := bob.texts(); len(got) != 1 || len(ann.node.Outbox()) != 0 {
		t.Fatalf("bob read %q, in the outbox %+v", got, ann.node.Outbox())
	}
}
