package shell

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

// The end of a pipe, and its macros, come after the events of the texts before them, which come
// when those are stored; but no text waits for another, and a disk that hangs holds nobody up
// for long.
func TestTextsAreToldFirst(t *testing.T) {
	for _, c := range []struct {
		name, input string
		disk        time.Duration
		want        string
		took        time.Duration
	}{
		{"end of input", "\\chat bob\na\nb\n", 20 * time.Millisecond, "ready chat delivery:sent delivery:sent notice bye", 20 * time.Millisecond},
		{"macro", "\\chat bob\na\nb\n\\outbox\n", 20 * time.Millisecond, "ready chat delivery:sent delivery:sent outbox notice bye", 20 * time.Millisecond},
		{"wrong macro", "\\chat bob\na\n\\caht\n", 20 * time.Millisecond, "ready chat delivery:sent error notice bye", 20 * time.Millisecond},
		{"quit", "\\chat bob\na\n\\quit\n", 20 * time.Millisecond, "ready chat delivery:sent notice bye", 20 * time.Millisecond},
		{"disk hangs", "\\chat bob\na\n\\outbox\n", time.Hour, "ready chat outbox notice bye", 2 * time.Second},
		{"no disk", "\\chat bob\na\n\\outbox\n", 0, "ready chat delivery:sent outbox notice bye", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &shelltest.Node{People: []neighbors.UserView{bob()}, Disk: c.disk}
			p := play(t, a, Options{JSON: true, Wait: -1}, c.input)
			if p.events() != c.want || p.took != c.took {
				t.Errorf("%s: %s after %v, want %s after %v", c.name, p.events(), p.took, c.want, c.took)
			}
			time.Sleep(2 * time.Hour) // the timers of the disk
		})
	}
}

// Whoever leaves is told what is not delivered yet, for whom, and what becomes of it.
func TestFarewell(t *testing.T) {
	lines := []neighbors.OutboxLine{
		{ID: 1, To: "bob"}, {ID: 2, To: "carol", By: "dan"}, {ID: 3, To: "bob"}, {ID: 4, To: "eve", Acked: 1, Sessions: 2},
	}
	const list = "3 lines not delivered yet: 2 for bob, 1 for carol (held by dan); "
	if got := farewell(lines, true); got != list+`the next run goes on with it, and \outbox shows it then` {
		t.Error(got)
	}
	if got := farewell(lines, false); !strings.HasPrefix(got, list+"nothing is kept") {
		t.Error(got)
	}
	if got := farewell(lines[3:], true) + farewell(nil, true); got != "" {
		t.Error(got)
	}
	lines = nil
	for i := range 20 {
		lines = append(lines, neighbors.OutboxLine{To: "n" + plainCount(i)})
	}
	if got := farewell(lines, true); !strings.Contains(got, "1 for n7 and 12 more; ") {
		t.Error(got)
	}
	for name, input := range map[string]string{"quit": "\\chat bob\na\n\\quit\n", "the end": "\\chat bob\na\n"} {
		synctest.Test(t, func(t *testing.T) {
			p := play(t, &shelltest.Node{People: []neighbors.UserView{bob()}}, Options{Wait: -1}, input)
			if !strings.Contains(strings.Join(p.lines, "\n"), "1 line not delivered yet: 1 for bob; ") {
				t.Errorf("%s: %q", name, p.lines)
			}
		})
	}
}

// A person who does not wait is told at the end which texts have no answer yet.
func TestUnansweredIsToldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t, &shelltest.Node{People: []neighbors.UserView{bob()}}, Options{Wait: -1}, "\\chat bob\na\n")
		n := len(p.lines)
		if n < 2 || !strings.Contains(p.lines[n-2], "no answer yet") || p.lines[n-1] != "bye" || p.code != exitUndelivered {
			t.Errorf("exit %d, %q", p.code, p.lines)
		}
	})
}
