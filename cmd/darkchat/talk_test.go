package main

import (
	"fmt"
	"strings"
	"testing"
)

// scripts are texts of many scripts of the world, with clusters, marks and
// directions that a careless program breaks.
var scripts = []string{
	"hello, wörld: ça va? Łódź, İstanbul, Þór",
	"Привет, Γειά σου, Բարեւ, გამარჯობა",
	"שלום עולם", "مرحبا بالعالم", "سلام دنیا",
	"नमस्ते दुनिया", "হ্যালো", "வணக்கம்", "สวัสดีชาวโลก", "ສະບາຍດີ", "မင်္ဂလာပါ", "ជំរាបសួរ",
	"你好，世界", "こんにちは、世界 ｱｲｳ", "안녕하세요", "བཀྲ་ཤིས་བདེ་ལེགས།", "ሰላም", "ᏏᏲ", "ᐊᐃ",
	"👋🏽 👨‍👩‍👧 🇩🇪 ❤️ 🏳️‍🌈", "e\u0301 n\u0303 \u1112\u1161\u11ab", "𝒽𝑒𝓁𝓁𝑜 𐍈 𒀀",
	"a back\\slash, \"quotes\", 'more', <tags> & %s %d $HOME `ls`",
}

// long is a line of 10 kB without a boundary that would be easy to split at.
func long() string {
	return strings.Repeat("日本語👨‍👩‍👧é", 10_000/len("日本語👨‍👩‍👧é")+1)
}

// meet starts ann and bob and lets ann find bob by address.
func meet(t *testing.T) (ann, bob *node) {
	t.Helper()
	bob = start(t, t.TempDir(), "bob")
	ann = start(t, t.TempDir(), "ann")
	ann.ping(bob)
	return ann, bob
}

func TestTextBothWaysInEveryScript(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	ann.send(`\chat bob`)
	bob.send(`\chat ann`)
	ann.wait("the conversation", func(e event) bool { return e.Event == "chat" && e.User == "bob" })
	bob.wait("the conversation", func(e event) bool { return e.Event == "chat" && e.User == "ann" })
	texts := append(scripts, long())
	for _, s := range texts {
		ann.send(s)
		bob.send(s)
	}
	for _, s := range texts {
		bob.wait("from ann: "+clip(s), is("message", s))
		ann.wait("from bob: "+clip(s), is("message", s))
	}
	for _, n := range []*node{ann, bob} {
		n.wait("every delivery", func(event) bool { return n.count(delivered("", 1, 1)) == len(texts) })
		var got []string
		for _, e := range n.events {
			if e.Event == "message" {
				got = append(got, e.Text)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(texts) {
			t.Errorf("%s got the texts in another order, or some twice", n.name)
		}
	}
}

func TestQuitShowsOfflineAtOnce(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	id := bob.self().Session
	bob.quit()
	// Lost would take ten silent seconds, so declared is also the proof of "at once".
	ann.wait("bob offline, declared", func(e event) bool {
		return e.Event == "offline" && e.Session == id && e.Reason == "declared"
	})
	if ann.count(func(e event) bool { return e.Event == "offline" }) != 1 {
		t.Error("offline is said once")
	}
}

// Two sessions of one user: each text goes to both, each acknowledges for
// itself, and the one that crashed gets its text once when it is back.
func TestSecondSessionCrashesAndComesBack(t *testing.T) {
	t.Parallel()
	bobState := t.TempDir()
	first := start(t, bobState, "bob")
	second := start(t, bobState, "bob")
	if first.self().Session == second.self().Session {
		t.Fatal("two runs of one user are two sessions")
	}
	if first.self().Fingerprint != second.self().Fingerprint {
		t.Fatal("two runs of one user are one user")
	}
	ann := start(t, t.TempDir(), "ann")
	ann.ping(first)
	ann.ping(second)
	ann.send(`\chat bob`)
	ann.send("to both")
	ann.wait("2/2", delivered("", 2, 2))
	first.wait("the text", is("message", "to both"))
	second.wait("the text", is("message", "to both"))

	port, gone := second.port(), second.self().Session
	second.kill()
	ann.send("to one")
	half := ann.wait("1/2", func(e event) bool {
		return e.Event == "delivery" && e.Acked == 1 && e.Sessions == 2 && len(e.Waiting) == 1 && e.Waiting[0] == gone
	})
	first.wait("the text", is("message", "to one"))

	second = start(t, bobState, "bob", "-p", port)
	if second.self().Session != gone {
		t.Fatalf("the free slot is session %s, the new run is %s", gone, second.self().Session)
	}
	second.wait("the text that waited", is("message", "to one"))
	ann.wait("2/2 for the same text", delivered(half.ID, 2, 2))
	ann.send("done")
	second.wait("done", is("message", "done"))
	for _, n := range []*node{first, second} {
		if c := n.count(is("message", "to one")); c != 1 {
			t.Errorf("%s got the text %d times", n.name, c)
		}
	}
	if second.count(is("message", "to both")) != 0 {
		t.Error("what was shown before the crash is shown again")
	}
}

// \chat ann/7f3a speaks to one session alone.
func TestOneSessionCanBeAddressed(t *testing.T) {
	t.Parallel()
	bobState := t.TempDir()
	first, second := start(t, bobState, "bob"), start(t, bobState, "bob")
	ann := start(t, t.TempDir(), "ann")
	ann.ping(first)
	ann.ping(second)
	ann.send(`\chat bob/` + second.self().Session)
	ann.wait("the conversation", func(e event) bool { return e.Event == "chat" && e.Session == second.self().Session })
	ann.send("you alone")
	ann.wait("1/1", delivered("", 1, 1))
	second.wait("the text", is("message", "you alone"))
	ann.send(`\chat bob`)
	ann.send("both")
	first.wait("both", is("message", "both"))
	if first.count(is("message", "you alone")) != 0 {
		t.Error("the other session got it too")
	}
}

// After a restart a node reaches remembered people with nobody to ask.
func TestRestartReachesRememberedPeople(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	bob.send(`\chat ann`)
	ann.quit()
	bob.wait("ann offline", func(e event) bool { return e.Event == "offline" })
	back := start(t, ann.state, "ann")
	back.wait("bob online", func(e event) bool { return e.Event == "online" && e.User == "bob" })
	back.send(`\chat bob`)
	back.send("here again")
	bob.wait("the text", is("message", "here again"))
	if back.self().Session != ann.self().Session || back.self().Fingerprint != ann.self().Fingerprint {
		t.Error("the user and the session are the same after a restart")
	}
}

// What two people typed at once is delivered to both, and a kill -9 of the
// sender between typing and delivery loses nothing that it said was sent.
func TestCrashOfTheSenderLosesNothing(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	port := bob.port()
	bob.kill()
	ann.send(`\chat bob`)
	const texts = 20
	for i := range texts {
		ann.send(fmt.Sprintf("line %d", i))
	}
	ann.wait("all of them sent or queued", func(event) bool {
		return ann.count(func(e event) bool { return e.Event == "delivery" }) >= texts
	})
	ann.kill()
	bob = start(t, bob.state, "bob", "-p", port)
	start(t, ann.state, "ann")
	bob.wait("the last line", is("message", fmt.Sprintf("line %d", texts-1)))
	for i := range texts {
		if c := bob.count(is("message", fmt.Sprintf("line %d", i))); c != 1 {
			t.Errorf("line %d came %d times", i, c)
		}
	}
}
