package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// users asks a node for its users and returns the answer.
func (n *node) users() []userLine {
	n.t.Helper()
	from := n.mark()
	n.send(`\users`)
	return n.waitAfter(from, "the users", func(e event) bool { return e.Event == "users" }).Users
}

func (n *node) trust(name string) string {
	n.t.Helper()
	for _, u := range n.users() {
		if u.Name == name {
			return u.Trust
		}
	}
	return ""
}

// Two keys claim the name ann before bob knows either: neither is ann, and
// what bob types to ann goes to nobody.
func TestSquatterOnFirstContact(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	squatter := start(t, t.TempDir(), "ann")
	squatter.ping(bob)
	ann := start(t, t.TempDir(), "ann")
	ann.ping(bob)

	from := bob.mark()
	bob.send(`\chat ann`)
	bob.waitAfter(from, "an error", func(e event) bool { return e.Event == "error" && e.Input == `\chat ann` })
	bob.send("for ann alone")
	bob.waitAfter(from, "an error", func(e event) bool { return e.Event == "error" && e.Input == "for ann alone" })
	var names []string
	for _, u := range bob.users() {
		names = append(names, u.Name)
	}
	if len(names) != 2 || !strings.HasPrefix(names[0], "ann~") || !strings.HasPrefix(names[1], "ann~") || names[0] == names[1] {
		t.Fatalf("two keys with one name are told apart, but bob sees %q", names)
	}

	// By its longer name each of them can be reached, alone.
	id := ann.self().Session
	name := bob.wait("the real ann", func(e event) bool { return e.Event == "online" && e.Session == id }).User
	for _, u := range bob.users() {
		for _, s := range u.Sessions {
			if s.ID == id {
				name = u.Name
			}
		}
	}
	bob.send(`\chat ` + name)
	bob.send("for ann alone")
	ann.wait("the text", is("message", "for ann alone"))
	bob.wait("1/1", delivered("", 1, 1))
	if squatter.count(func(e event) bool { return e.Event == "message" }) != 0 {
		t.Error("the squatter got a text")
	}
}

// Once ann is pinned the name is hers; a newcomer of that name changes nothing.
func TestSquatterOfAPinnedName(t *testing.T) {
	t.Parallel()
	ann := start(t, t.TempDir(), "ann")
	bob := start(t, t.TempDir(), "bob")
	bob.ping(ann)
	bob.send(`\chat ann`)
	bob.wait("the conversation", func(e event) bool { return e.Event == "chat" && e.User == "ann" })
	squatter := start(t, t.TempDir(), "ann")
	squatter.ping(bob)
	ann.kill()
	bob.send("for ann alone")
	bob.wait("the text taken", func(e event) bool { return e.Event == "delivery" })
	bob.send(`\chat ann`)
	bob.send("again for ann alone")
	squatter.send(`\chat bob`)
	squatter.send("it is me, ann")
	got := bob.wait("the squatter's text", is("message", "it is me, ann"))
	if !strings.HasPrefix(got.From, "ann~") || got.Trust != "new" {
		t.Errorf("the squatter is shown as %s", got)
	}
	back := start(t, ann.state, "ann", "-p", ann.port())
	back.wait("the texts", is("message", "again for ann alone"))
	back.wait("the texts", is("message", "for ann alone"))
	if squatter.count(func(e event) bool { return e.Event == "message" }) != 0 {
		t.Error("the squatter got a text")
	}
}

func TestBlockAndTrustSurviveARestart(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	cy := start(t, t.TempDir(), "cy")
	ann.ping(cy)
	ann.send(`\block bob`)
	ann.send(`\verify cy ` + cy.self().Fingerprint)
	ann.wait("the answers", func(e event) bool { return e.Event == "verify" && e.Trust == "verified" })
	if b, c := ann.trust("bob"), ann.trust("cy"); b != "blocked" || c != "verified" {
		t.Fatalf("bob is %q, and cy %q with the right fingerprint", b, c)
	}
	port := ann.port()
	ann.quit()

	ann = start(t, ann.state, "ann", "-p", port)
	if b, c := ann.trust("bob"), ann.trust("cy"); b != "blocked" || c != "verified" {
		t.Errorf("after a restart bob is %q and cy is %q", b, c)
	}
	bob.send(`\chat ann`)
	bob.send("let me in")
	bob.wait("undelivered", func(e event) bool { return e.Event == "delivery" && e.State == "undelivered" })
	cy.send(`\chat ann`)
	cy.send("hello")
	got := ann.wait("the text of cy", is("message", "hello"))
	if got.Trust != "verified" {
		t.Errorf("trust shows where the name shows: %s", got)
	}
	if ann.count(is("message", "let me in")) != 0 {
		t.Error("a blocked user was heard")
	}
}

// A wrong fingerprint is said and verifies nobody.
func TestVerifyWithAWrongFingerprint(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	ann.send(`\verify bob ` + ann.self().Fingerprint)
	if got := ann.trust("bob"); got == "verified" {
		t.Error("bob is verified by the fingerprint of somebody else")
	}
	bob.send(`\chat ann`)
	bob.send("hello")
	if got := ann.wait("the text", is("message", "hello")); got.Trust == "verified" {
		t.Errorf("the text is marked %s", got)
	}
}

// A copied state folder is the same user but must not be the same session: two
// of one session would take each other's texts.
func TestCloneOfAStateFolder(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	port := ann.port()
	ann.quit()
	copied := filepath.Join(t.TempDir(), "copy")
	copyTree(t, ann.state, copied)

	clone := start(t, copied, "ann")
	original := start(t, ann.state, "ann", "-p", port)
	if original.self().Session != ann.self().Session {
		t.Error("the original has lost its session")
	}
	if clone.self().Session == original.self().Session {
		t.Fatal("the clone runs as the same session")
	}
	if clone.self().Fingerprint != original.self().Fingerprint {
		t.Error("the clone is another user")
	}
	clone.wait("a notice", func(e event) bool { return e.Event == "notice" && strings.Contains(e.Text, "copy") })
	clone.ping(bob)
	original.ping(bob)
	bob.send(`\chat ann`)
	bob.send("hello, both of you")
	bob.wait("2/2", delivered("", 2, 2))
	for _, n := range []*node{clone, original} {
		n.wait("the text", is("message", "hello, both of you"))
	}
}
