package shell

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"darkchat/neighbors"
)

// The end of a pipe and its macros come after what is said of the texts before
// them, which is when these are stored; but no text waits for another, and a disk
// that hangs holds nobody up for long.
func TestTextsAreToldFirst(t *testing.T) {
	for _, c := range []struct {
		name, input string
		disk        time.Duration
		want        string
		took        time.Duration
	}{
		{"end of input", "\\chat bob\na\nb\n", 20 * time.Millisecond, "ready chat delivery:sent delivery:sent bye", 20 * time.Millisecond},
		{"macro", "\\chat bob\na\nb\n\\outbox\n", 20 * time.Millisecond, "ready chat delivery:sent delivery:sent outbox bye", 20 * time.Millisecond},
		{"wrong macro", "\\chat bob\na\n\\caht\n", 20 * time.Millisecond, "ready chat delivery:sent error bye", 20 * time.Millisecond},
		{"quit", "\\chat bob\na\n\\quit\n", 20 * time.Millisecond, "ready chat delivery:sent bye", 20 * time.Millisecond},
		{"disk hangs", "\\chat bob\na\n\\outbox\n", time.Hour, "ready chat outbox bye", 2 * time.Second},
		{"no disk", "\\chat bob\na\n\\outbox\n", 0, "ready chat delivery:sent outbox bye", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &actor{people: []neighbors.UserView{bob()}, disk: c.disk}
			p := play(t, a, Options{JSON: true, Wait: -1}, c.input)
			if p.events() != c.want || p.took != c.took {
				t.Errorf("%s: %s after %v, want %s after %v", c.name, p.events(), p.took, c.want, c.took)
			}
			time.Sleep(2 * time.Hour) // the timers of the disk
		})
	}
}

// A person who does not wait is told at the end which texts have no answer yet.
func TestUnansweredIsToldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t, &actor{people: []neighbors.UserView{bob()}}, Options{Wait: -1}, "\\chat bob\na\n")
		n := len(p.lines)
		if n < 2 || !strings.Contains(p.lines[n-2], "no answer yet") || p.lines[n-1] != "bye" || p.code != exitUndelivered {
			t.Errorf("exit %d, %q", p.code, p.lines)
		}
	})
}
