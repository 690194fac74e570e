package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// hello is the pipe of the README: ping, choose, one line of text.
func hello(port string) string {
	return `\ping 127.0.0.1 ` + port + "\n\\chat bob\nhello\n"
}

// at returns the flags of a node of a script.
func at(state, user string, more ...string) []string {
	return append([]string{"-json", "-listen", "127.0.0.1", "-p", "0", "-state", state, "-u", user}, more...)
}

func TestPipeDeliversAndExitsZero(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	ann, code := pipe(t, hello(bob.port()), at(t.TempDir(), "ann")...)
	if code != 0 {
		t.Fatalf("exit %d, want 0", code)
	}
	got := bob.wait("hello", is("message", "hello"))
	if got.From != "ann" || got.Session != ann.self().Session || got.Trust != "new" || got.Late {
		t.Errorf("bob got %s", got)
	}

	var kinds []string
	for _, e := range ann.events {
		kinds = append(kinds, e.Event)
	}
	order := strings.Join(kinds, " ")
	if kinds[0] != "ready" || kinds[len(kinds)-1] != "bye" {
		t.Errorf("ready comes first and bye last, but: %s", order)
	}
	if !inOrder(kinds, "online", "pong", "chat", "delivery", "bye") {
		t.Errorf("online comes before pong, then chat, then delivery, but: %s", order)
	}
	last := ann.wait("1/1", func(e event) bool { return e.Event == "delivery" && e.State == "delivered" })
	if last.To != "bob" || last.Acked != 1 || last.Sessions != 1 {
		t.Errorf("delivery says %s", last)
	}
	bob.wait("ann offline", func(e event) bool {
		return e.Event == "offline" && e.User == "ann" && e.Reason == "declared"
	})
}

func inOrder(list []string, wants ...string) bool {
	for _, s := range list {
		if len(wants) > 0 && s == wants[0] {
			wants = wants[1:]
		}
	}
	return len(wants) == 0
}

func TestEveryLineIsAnObjectWithEventFirst(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	input := `\ping 127.0.0.1 ` + bob.port() + "\n\\chat bob\nhello\n\\users\n\\whoami\n\\sessions bob\n\\outbox\n\\stats\n\\presence\n\\help\n\\nonsense\n"
	ann, code := pipe(t, input, at(t.TempDir(), "ann")...)
	if code != 0 {
		t.Errorf("exit %d, want 0: errors of macros alone do not change it", code)
	}
	for _, line := range ann.output() {
		if !strings.HasPrefix(line, `{"event":"`) || !json.Valid([]byte(line)) || strings.Contains(line, "null") {
			t.Errorf("not an object with event first and nothing null: %s", line)
		}
	}
	ann.wait("the error of the unknown macro", func(e event) bool { return e.Event == "error" && e.Input == `\nonsense` })
}

func TestAbsentUserExitsThreeAndGetsItLaterOnce(t *testing.T) {
	t.Parallel()
	annState, bobState := t.TempDir(), t.TempDir()
	bob := start(t, bobState, "bob")
	port := bob.port()
	if _, code := pipe(t, hello(port), at(annState, "ann")...); code != 0 {
		t.Fatalf("first contact: exit %d", code)
	}
	bob.quit()

	ann, code := pipe(t, "\\chat bob\nare you there?\n", at(annState, "ann", "-wait", "100ms")...)
	if code != 3 {
		t.Fatalf("bob is away: exit %d, want 3", code)
	}
	ann.wait("queued", func(e event) bool { return e.Event == "delivery" && e.State == "queued" })
	ann.wait("what waits", func(e event) bool {
		return e.Event == "notice" && strings.HasPrefix(e.Text, "1 line not delivered yet: 1 for bob")
	})

	bob = start(t, bobState, "bob", "-p", port)
	if _, code = pipe(t, "", at(annState, "ann")...); code != 0 {
		t.Fatalf("bob is back: exit %d, want 0", code)
	}
	got := bob.wait("the late text", is("message", "are you there?"))
	if !got.Late {
		t.Errorf("a text that waited is late: %s", got)
	}
	if _, code = pipe(t, "\\chat bob\nonce more\n", at(annState, "ann")...); code != 0 {
		t.Fatalf("third run: exit %d, want 0", code)
	}
	bob.wait("the last text", is("message", "once more"))
	if n := bob.count(is("message", "are you there?")); n != 1 {
		t.Errorf("bob got the late text %d times", n)
	}
}

func TestNameNeverMetIsRefused(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	ann, code := pipe(t, "\\chat nobody\nhello\n", at(state, "ann")...)
	if code != 1 {
		t.Errorf("exit %d, want 1: a text line was refused", code)
	}
	ann.wait("the error of \\chat", func(e event) bool { return e.Event == "error" && e.Input == `\chat nobody` })
	ann.wait("the error of the text", func(e event) bool { return e.Event == "error" && e.Input == "hello" })
	if n := ann.count(func(e event) bool { return e.Event == "delivery" }); n != 0 {
		t.Error("something was queued")
	}
	if _, code := pipe(t, "", at(state, "ann")...); code != 0 {
		t.Errorf("the next run ends with %d: something waits in the outbox", code)
	}
}

// A failed \chat leaves no conversation: what follows does not go to the one before.
func TestFailedChatLeavesNoConversation(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	_, code := pipe(t, hello(bob.port())+"\\chat nobody\nsecret\n", at(t.TempDir(), "ann")...)
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	bob.wait("ann left", func(e event) bool { return e.Event == "offline" })
	if bob.count(is("message", "secret")) != 0 {
		t.Error("bob got a text that was not meant for bob")
	}
}

func TestPlainPipeHasNoPromptAndNoEscapes(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	args := at(t.TempDir(), "ann")[1:]
	ann, code := pipe(t, hello(bob.port()), args...)
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	text := strings.Join(ann.output(), "\n")
	if strings.ContainsAny(text, "\x1b\r\x07") {
		t.Errorf("escapes in the output of a pipe: %q", text)
	}
	if !strings.Contains(text, "bob") || len(ann.output()) < 4 {
		t.Errorf("a pipe without -json shows the lines of the shell, but: %q", text)
	}
	bob.wait("hello", is("message", "hello"))
}

func TestMisplacedBackslashIsNotSent(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	input := `\ping 127.0.0.1 ` + bob.port() + "\n\\chat bob\n  \\quit\n\\\\quit is a macro\nend\n"
	ann, _ := pipe(t, input, at(t.TempDir(), "ann")...)
	ann.wait("an error", func(e event) bool { return e.Event == "error" && e.Input == `  \quit` })
	bob.wait("end", is("message", "end"))
	bob.wait("the escaped backslash", is("message", `\quit is a macro`))
	if n := bob.count(func(e event) bool { return e.Event == "message" }); n != 2 {
		t.Errorf("bob got %d texts, want 2", n)
	}
}

func TestLongLineIsRefused(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	input := `\ping 127.0.0.1 ` + bob.port() + "\n\\chat bob\n" + strings.Repeat("x", 16<<10+1) + "\nshort\n"
	ann, code := pipe(t, input, at(t.TempDir(), "ann")...)
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	ann.wait("an error", func(e event) bool { return e.Event == "error" })
	bob.wait("short", is("message", "short"))
	if n := bob.count(func(e event) bool { return e.Event == "message" }); n != 1 {
		t.Errorf("bob got %d texts, want 1", n)
	}
}

// A file of many lines, faster than any disk: every line arrives, once and in order.
func TestLongPipe(t *testing.T) {
	t.Parallel()
	const lines = 3000
	bob := start(t, t.TempDir(), "bob")
	var input strings.Builder
	input.WriteString(`\ping 127.0.0.1 ` + bob.port() + "\n\\chat bob\n")
	for i := range lines {
		fmt.Fprintf(&input, "line %d\n", i)
	}
	state := t.TempDir()
	known := start(t, state, "ann")
	known.ping(bob)
	bob.accept(known)
	known.quit()
	ann, code := pipe(t, input.String(), at(state, "ann", "-wait", "30s")...)
	if code != 0 {
		t.Errorf("exit %d, %d errors", code, ann.count(func(e event) bool { return e.Event == "error" }))
	}
	next := 0
	bob.wait("the last line", is("message", fmt.Sprintf("line %d", lines-1)))
	all, _ := bob.since(0)
	for _, e := range all {
		if e.Event == "message" {
			if want := fmt.Sprintf("line %d", next); e.Text != want {
				t.Fatalf("%q came where %q was due", e.Text, want)
			}
			next++
		}
	}
}

func TestUnansweredPingFailsAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	quiet := start(t, t.TempDir(), "quiet")
	port := quiet.port()
	quiet.kill()
	ann, code := pipe(t, `\ping 127.0.0.1 `+port+"\n\\ping no-such-host.invalid\n\\whoami\n", at(t.TempDir(), "ann")...)
	if code != 0 {
		t.Errorf("exit %d, want 0: no text was refused", code)
	}
	e := ann.wait("the error of the ping", func(e event) bool { return e.Event == "error" && strings.Contains(e.Input, port) })
	if !strings.Contains(e.Text, "firewall") {
		t.Errorf("an unanswered \\ping says what to check: %s", e)
	}
	ann.wait("the error of the host", func(e event) bool {
		return e.Event == "error" && strings.Contains(e.Input, "no-such-host.invalid")
	})
}
