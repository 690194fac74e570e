package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

// The macros of the history: what they ask for, and what they print.
func TestPast(t *testing.T) {
	a := &shelltest.Node{People: []neighbors.UserView{bob(), carol()}}
	a.Past = neighbors.Past{More: 1, Lines: []neighbors.PastLine{
		{ID: 7, User: "bob", Session: "7f3a000000000001", At: noon, Sent: noon.Add(-time.Hour), Late: true, Via: "carol", Text: "hi\x1b[2J"},
		{ID: 3, User: "bob", Session: "7f3a000000000001", At: noon, Sent: noon.Add(-time.Millisecond), Late: true, Text: "soon"},
		{ID: 4, Own: true, User: "bob", At: noon, Sent: noon, State: neighbors.Undelivered, Reason: "cancelled", Text: "oops"},
		{ID: 5, Own: true, User: "bob", At: noon, Sent: noon, State: neighbors.Delivered, Reason: "cancelled", Text: "half"},
		{ID: 6, Own: true, User: "bob", At: noon, Sent: noon, State: neighbors.Undelivered, Reason: "too old", Text: "late"},
		{ID: 8, Own: true, User: "bob", At: noon.Add(time.Second), Sent: noon.Add(time.Second), State: neighbors.Queued, Text: "yes"},
	}}
	dir := t.TempDir()
	var r report
	var line string
	c := &conversation{node: a, rows: table(), unread: &unread{}, put: func(x report) { r = x },
		export: func(path, text string, replace bool) error {
			return WriteExport(filepath.Join(dir, path), text, replace)
		}}
	look := view{now: noon, zone: time.UTC, width: 80}
	take := func(typed string) string {
		r = nil
		c.take(typed)
		var p page
		if r != nil {
			r.text(&p, look)
			line = strings.TrimSuffix(string(newEncoder().line(r)), "\n")
		}
		return p.out.String()
	}
	for _, x := range []struct{ typed, asked string }{
		{`\history`, "history {User: Words:[] Since:false Most:20}"},
		{`\history bob`, "history {User:bob Words:[] Since:false Most:20}"},
		{`\history 7`, "history {User: Words:[] Since:false Most:7}"},
		{`\history bob 100`, "history {User:bob Words:[] Since:false Most:100}"},
		{`\search Fish and chips`, "history {User: Words:[Fish and chips] Since:false Most:50}"},
		{`\last`, "history {User: Words:[] Since:true Most:50}"},
	} {
		take(x.typed)
		if !strings.HasSuffix(a.Asked(), x.asked) {
			t.Errorf("%s asks %s", x.typed, a.Asked())
		}
	}
	take(`\chat bob`)
	text := take(`\history`)
	if !strings.HasSuffix(a.Asked(), "history {User:bob Words:[] Since:false Most:20}") {
		t.Error(`\history is not about the conversation`)
	}
	if want := "(1 older line left out)\n12:00 bob: hi‹1b›[2J (sent 11:00) (held by carol)\n12:00 bob: soon\n" +
		"12:00 to bob: oops (taken back)\n12:00 to bob: half (taken back; whoever had it keeps it)\n12:00 to bob: late (not delivered: too old)\n12:00 to bob: yes (queued)\n"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	want := `{"event":"history","user":"bob","entries":[` +
		`{"id":"7","from":"bob","session":"7f3a000000000001","text":"hi\u001b[2J","time":"2026-03-01T12:00:00.005Z","sent":"2026-03-01T11:00:00.005Z","late":true,"via":"carol"},` +
		`{"id":"3","from":"bob","session":"7f3a000000000001","text":"soon","time":"2026-03-01T12:00:00.005Z","sent":"2026-03-01T12:00:00.004Z","late":true},` +
		`{"id":"4","to":"bob","text":"oops","time":"2026-03-01T12:00:00.005Z","sent":"2026-03-01T12:00:00.005Z","state":"undelivered","reason":"cancelled"},` +
		`{"id":"5","to":"bob","text":"half","time":"2026-03-01T12:00:00.005Z","sent":"2026-03-01T12:00:00.005Z","state":"delivered","reason":"cancelled"},` +
		`{"id":"6","to":"bob","text":"late","time":"2026-03-01T12:00:00.005Z","sent":"2026-03-01T12:00:00.005Z","state":"undelivered","reason":"too old"},` +
		`{"id":"8","to":"bob","text":"yes","time":"2026-03-01T12:00:01.005Z","sent":"2026-03-01T12:00:01.005Z","state":"queued"}],"more":1}`
	if line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	for typed, want := range map[string]string{
		`\history bob 0`:      "out of range",
		`\history bob x`:      "not a number of lines",
		`\history zed`:        "no user called zed",
		`\search`:             "an argument is missing",
		`\export`:             "an argument is missing",
		`\export bob f.txt x`: "replaces the file",
	} {
		if got := take(typed); !strings.Contains(got, want) {
			t.Errorf("%s says %q, want %q", typed, got, want)
		}
	}
	if got := take(`\export bob`); got != "6 lines written to darkchat-bob.txt\n" {
		t.Errorf("got %q", got)
	}
	b, err := os.ReadFile(filepath.Join(dir, "darkchat-bob.txt"))
	if want := "2026-03-01T12:00:00Z bob: hi‹1b›[2J\n2026-03-01T12:00:00Z bob: soon\n2026-03-01T12:00:00Z to bob: oops (taken back)\n2026-03-01T12:00:00Z to bob: half (taken back; whoever had it keeps it)\n2026-03-01T12:00:00Z to bob: late (not delivered: too old)\n2026-03-01T12:00:01Z to bob: yes\n"; err != nil || string(b) != want {
		t.Errorf("got %q, %v", b, err)
	}
	if got := take(`\export bob`); !strings.Contains(got, "exists") {
		t.Errorf("got %q", got)
	}
	a.Past = neighbors.Past{}
	for typed, want := range map[string]string{
		`\history carol`: "Nothing has been said yet with carol.\n",
		`\search a b`:    "No line contains a and b.\n",
		`\last`:          "Nothing has come since you last wrote.\n",
	} {
		if got := take(typed); got != want {
			t.Errorf("%s says %q", typed, got)
		}
	}
}

// The prompt counts what others wrote, until one turns to them or looks at it.
func TestUnread(t *testing.T) {
	u := &unread{}
	u.talk("bob")
	u.came("bob", neighbors.Who{})
	if u.text() != "" {
		t.Error("a line of whom one talks to is unread")
	}
	u.came("carol", neighbors.Who{})
	u.came("carol", neighbors.Who{})
	if got := promptFor(&neighbors.Target{User: "bob", Online: true}, u.text()); got != "bob (2 new: carol)> " {
		t.Errorf("got %q", got)
	}
	u.came("dan", neighbors.Who{})
	u.came("eve", neighbors.Who{})
	if got := promptFor(nil, u.text()); got != "(4 new: carol, dan, ...)> " {
		t.Errorf("got %q", got)
	}
	u.talk("carol")
	u.seen("dan")
	if got := u.text(); got != "(1 new: eve)" {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{"mallory", "mallory", "oscar", "eve2"} {
		u.knocked(name, neighbors.Who{})
	}
	if got := promptFor(&neighbors.Target{User: "bob", Online: true}, u.text()); got != "bob (1 new: eve) [3 at the door]> " {
		t.Errorf("got %q", got)
	}
	u.looked("eve2")
	u.talk("oscar")
	u.seen("eve")
	if got := promptFor(nil, u.text()); got != "[1 at the door]> " {
		t.Errorf("got %q", got)
	}
	u.looked("")
	if u.text() != "" {
		t.Error("somebody is at the door though one has looked")
	}
	u.knocked("mallory", neighbors.Who{})
	u.came("bob", neighbors.Who{})
	u.seen("")
	if u.text() != "" {
		t.Error("something is unread though all was seen")
	}
	for i := range 2 * maxUnread {
		u.came(fmt.Sprint("n", i), neighbors.Who{})
	}
	for i := range 2 * maxUnread {
		u.knocked(fmt.Sprint("n", i), neighbors.Who{})
	}
	if got := u.text(); !strings.HasSuffix(got, "[256+ at the door]") {
		t.Errorf("got %q", got)
	}
	if len(u.counts) != maxUnread {
		t.Errorf("%d are counted", len(u.counts))
	}
}

// A user with a new name is counted under it, even if two have swapped names, and counts as read
// when the person turns to them.
func TestUnreadFollowsNames(t *testing.T) {
	u, a, b, c := &unread{}, neighbors.Who{1}, neighbors.Who{2}, neighbors.Who{3}
	u.came("ann", a)
	u.came("bob", b)
	u.came("bob", b)
	u.knocked("carol", c)
	now := map[neighbors.Who]string{a: "bob", b: "ann", c: "carol~k7f2"}
	for range 2 {
		var names []string
		users := u.users()
		for _, x := range users {
			names = append(names, now[x.who])
		}
		u.rename(users, names)
	}
	if u.counts["ann"] != (linesOf{b, 2}) || u.counts["bob"] != (linesOf{a, 1}) || len(u.counts) != 2 {
		t.Errorf("got %v", u.counts)
	}
	u.came("ann", b)
	u.talk("ann")
	u.looked("carol~k7f2")
	if got := u.text(); got != "(1 new: bob)" {
		t.Errorf("got %q", got)
	}
	u.rename([]called{{"bob", a}}, []string{""}) // forgotten
	if got := u.text(); got != "(1 new: bob)" {
		t.Errorf("got %q", got)
	}
}
