package shell

import (
	"fmt"
	"strings"
	"testing"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

// Tab completes macros, users with those online first, and a user's sessions.
func TestCompletion(t *testing.T) {
	dave := neighbors.UserView{Name: "Björn", Online: false}
	cara := neighbors.UserView{Name: "cara", Online: true}
	a := &shelltest.Node{People: []neighbors.UserView{carol(), dave, bob(), cara}, Lines: []neighbors.OutboxLine{{Handle: "42"}},
		Door: neighbors.StrangersView{List: []neighbors.StrangerView{{Name: "mallory"}}}}
	for _, c := range []struct{ head, insert, listed string }{
		{`\ch`, "at ", ""},
		{`\cancel 4`, "2", ""},
		{`\he`, "lp ", ""},
		{`\wh`, "oami", ""},
		{`\us`, "ers", ""},
		{`\o`, "", "offline online outbox"},
		{`\of`, "fline", ""},
		{`\`, "", strings.Join([]string{"accept", "add", "away", "block", "cancel", "chat", "exit", "explode", "export", "export-contacts", "help", "history", "last", "net", "notify", "offline", "online", "outbox", "ping", "presence", "quit", "search", "sessions", "stats", "status", "strangers", "unblock", "users", "verify", "whoami"}, " ")},
		{`\zz`, "", ""},
		{`\chat `, "", "bob cara Björn carol"},
		{`\chat c`, "ar", ""},
		{`\chat car`, "", "cara carol"},
		{`\chat cara`, " ", ""},
		{`\ch bo`, "b ", ""},
		{`\chat BJ`, "örn ", ""},
		{`\chat bob/`, "", "7f3a000000000001 9b00000000000002"},
		{`\chat bob/7`, "f3a000000000001 ", ""},
		{`\chat nobody/`, "", ""},
		{`\ping bo`, "b ", ""},
		{`\verify bob x`, "", ""},
		{`\accept m`, "allory", ""},
		{`\accept b`, "", ""},
		{`\help pi`, "ng", ""},
		{`\users `, "", ""},
		{`hello bo`, "", ""},
		{`\\chat bo`, "", ""},
		{``, "", ""},
	} {
		listed := ""
		comp := &completer{node: a, rows: table(), list: func(names []string) { listed = strings.Join(names, " ") }}
		got, _ := comp.Do([]rune(c.head), len([]rune(c.head)))
		insert := ""
		if len(got) == 1 {
			insert = string(got[0])
		}
		if len(got) > 1 || insert != c.insert || listed != c.listed {
			t.Errorf("%q: inserts %q and lists %q, want %q and %q", c.head, insert, listed, c.insert, c.listed)
		}
	}
	comp := &completer{node: a, rows: table()}
	if got, _ := comp.Do([]rune(`\ch bob`), 3); len(got) != 1 || string(got[0]) != "at" {
		t.Errorf("before a blank: %q, want no second blank", got)
	}
}

// The list of candidates is set in columns of the screen.
func TestCandidatesInColumns(t *testing.T) {
	var names []string
	for i := range 5 {
		names = append(names, fmt.Sprintf("日本%d", i))
	}
	var pg page
	candidates{names}.text(&pg, view{width: 22})
	if got, want := pg.out.String(), "日本0  日本1  日本2  \n日本3  日本4  \n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	pg = page{}
	candidates{names}.text(&pg, view{width: 3})
	if n := strings.Count(pg.out.String(), "\n"); n != 5 {
		t.Errorf("%d rows on a narrow screen", n)
	}
}
