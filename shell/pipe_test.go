package shell

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

// played is one run of a shell that reads a pipe and writes JSON.
type played struct {
	*shelltest.Node
	sh    *Shell
	code  int
	mu    sync.Mutex
	lines []string
	fail  error         // of the next write
	block chan struct{} // a write waits for it
	took  time.Duration
}

func (p *played) Write(b []byte) (int, error) {
	if p.block != nil {
		<-p.block
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return 0, p.fail
	}
	for line := range strings.Lines(string(b)) {
		p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
	}
	return len(b), nil
}

// play runs a shell over input in a synctest bubble.
func play(t *testing.T, a *shelltest.Node, opt Options, input string) *played {
	t.Helper()
	return playContext(t, t.Context(), a, opt, strings.NewReader(input))
}

func playContext(t *testing.T, ctx context.Context, a *shelltest.Node, opt Options, in io.Reader) *played {
	t.Helper()
	p := &played{Node: a}
	opt.In, opt.Out, opt.Zone = in, p, time.UTC
	if opt.Wait == 0 {
		opt.Wait = 10 * time.Second
	}
	p.sh = New(opt)
	a.Sink = p.sh.Sink
	start := time.Now()
	p.code = p.sh.Run(ctx, a)
	p.took = time.Since(start)
	return p
}

// events gives the names of the printed events.
func (p *played) events() string {
	var out []string
	for _, l := range p.lines {
		var e struct{ Event, State, Text, Input string }
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			return err.Error() + ": " + l
		}
		out = append(out, strings.TrimSuffix(e.Event+":"+e.State, ":"))
	}
	return strings.Join(out, " ")
}

func delivers(a *shelltest.Node, d neighbors.Delivery) { a.Deliver(d) }

// \add ends with the user's online, which is printed before the next macro.
func TestPipeWaitsForAdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &shelltest.Node{OnSay: delivers}
		a.OnAdd = func(a *shelltest.Node, token neighbors.Token, name string) {
			time.AfterFunc(9*time.Second, func() {
				a.Mu.Lock()
				a.People = []neighbors.UserView{bob()}
				a.Mu.Unlock()
				a.Sink(neighbors.CameOnline{User: name})
				a.Sink(neighbors.Done{Token: token})
			})
		}
		p := play(t, a, Options{JSON: true}, "\\add bob\n\\chat bob\nhi")
		if want := "ready online chat delivery:sent delivery:delivered bye"; p.events() != want || p.code != 0 {
			t.Errorf("events %s, exit %d, want %s, 0", p.events(), p.code, want)
		}
	})
}

// Text lines never wait for each other.
func TestTextsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &shelltest.Node{People: []neighbors.UserView{bob()}}
		a.OnSay = func(a *shelltest.Node, d neighbors.Delivery) { time.AfterFunc(time.Second, func() { a.Deliver(d) }) }
		p := play(t, a, Options{JSON: true}, "\\chat bob\n"+strings.Repeat("hello\n", 50))
		if len(p.Said) != 50 || p.took != time.Second || p.code != 0 {
			t.Errorf("%d said, took %v, exit %d", len(p.Said), p.took, p.code)
		}
	})
}

// The end of input waits for what is unacknowledged, of earlier runs too, and
// the exit code says whether all of it was acknowledged.
func TestEndOfInput(t *testing.T) {
	for _, c := range []struct {
		name  string
		input string
		wait  time.Duration
		say   func(*shelltest.Node, neighbors.Delivery)
		old   []neighbors.OutboxLine
		code  int
		took  time.Duration
	}{
		{"nothing to wait for", "", 0, nil, nil, 0, 0},
		{"delivered at once", "\\chat bob\nx\n", 0, delivers, nil, 0, 0},
		{"delivered later", "\\chat bob\nx\n", 0, func(a *shelltest.Node, d neighbors.Delivery) {
			time.AfterFunc(7*time.Second, func() { a.Deliver(d) })
		}, nil, 0, 7 * time.Second},
		{"never delivered", "\\chat bob\nx\n", 0, nil, nil, 3, 10 * time.Second},
		{"no waiting", "\\chat bob\nx\n", -1, nil, nil, 3, 0},
		{"left over from an earlier run", "", 0, nil, []neighbors.OutboxLine{{ID: 1}}, 3, 10 * time.Second},
		{"one of two sessions of an earlier run's text", "", 0, nil, []neighbors.OutboxLine{{ID: 1, Acked: 1, Sessions: 2}}, 0, 0},
		{"one of two sessions of this run's text", "\\chat bob\nx\n", 0, func(a *shelltest.Node, d neighbors.Delivery) {
			a.Mu.Lock()
			a.Lines[0].Acked = 1
			a.Mu.Unlock()
		}, nil, 0, tailPatience},
		{"refused by the peer", "\\chat bob\nx\n", 0, func(a *shelltest.Node, d neighbors.Delivery) {
			a.Mu.Lock()
			a.Lines = nil
			a.Mu.Unlock()
			d.State, d.Reason = neighbors.Undelivered, "not trusted"
			a.Sink(d)
		}, nil, 3, 0},
		{"text without a conversation", "x\n", 0, nil, nil, 1, 0},
		{"refused beats undelivered", "x\n\\chat bob\ny\n", 0, nil, nil, 1, 10 * time.Second},
		{"macro errors", "\\caht bob\n \\chat bob\n\\chat nobody\n\\users 1\n\\ping 1.2.3.4 0\n\\\n", 0, nil, nil, 0, 0},
		{"quit does not wait", "\\chat bob\nx\n\\quit\nnever\n", 0, nil, nil, 0, 0},
		{"exit does not wait", "\\chat bob\nx\n\\exit\n", 0, nil, nil, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &shelltest.Node{People: []neighbors.UserView{bob()}, OnSay: c.say, Lines: c.old}
			p := play(t, a, Options{JSON: true, Wait: c.wait}, c.input)
			if p.code != c.code || p.took != c.took {
				t.Errorf("%s: exit %d after %v, want %d after %v\n%s", c.name, p.code, p.took, c.code, c.took, strings.Join(p.lines, "\n"))
			}
			if said := p.sh.Err() != nil; said != (c.code == 1) {
				t.Errorf("%s: exit %d with %v", c.name, p.code, p.sh.Err())
			}
			if last := p.lines[len(p.lines)-1]; last != `{"event":"bye"}` {
				t.Errorf("%s: the last line is %s", c.name, last)
			}
		})
	}
}

// A failed \chat leaves no conversation: what follows goes to nobody.
func TestFailedChatLeavesNoConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t, &shelltest.Node{People: []neighbors.UserView{bob()}, OnSay: delivers}, Options{JSON: true},
			"\\chat bob\none\n\\chat nobody\ntwo\n\\chat\nthree\n")
		if got := fmt.Sprint(p.Said); got != "[bob: one]" || p.code != 1 {
			t.Errorf("said %s, exit %d", got, p.code)
		}
	})
}

// Nothing of a refused line is sent; \\ sends one backslash; a last line needs
// no end; CR LF is an end.
func TestWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("日", 16<<10/3)
		input := "\\chat bob\r\n\n   \n" + long + "\n" + long + "xx\n" + strings.Repeat("y", 300<<10) + "\n\\\\chat carol\n \\users\ncaf\xe9\nlast\tline"
		p := play(t, &shelltest.Node{People: []neighbors.UserView{bob()}, OnSay: delivers}, Options{JSON: true}, input)
		want := []string{"bob: " + long, `bob: \chat carol`, "bob: last\tline"}
		if len(p.Said) != 3 || p.Said[0] != want[0] || p.Said[1] != want[1] || p.Said[2] != want[2] || p.code != 1 {
			t.Errorf("said %.60q, exit %d", p.Said, p.code)
		}
		if got := strings.Count(p.events(), "error"); got != 4 {
			t.Errorf("%d errors, want 4: %s", got, p.events())
		}
	})
}

// What some editors put before the first line is no part of it.
func TestByteOrderMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t, &shelltest.Node{People: []neighbors.UserView{bob()}, OnSay: delivers}, Options{JSON: true},
			"\ufeff\\chat bob\r\n\ufeffx\r\n")
		if len(p.Said) != 1 || p.Said[0] != "bob: \ufeffx" || p.code != 0 {
			t.Errorf("said %q, exit %d", p.Said, p.code)
		}
	})
	long := strings.Repeat("y", neighbors.MaxLine)
	for input, want := range map[string]string{"\ufeff": "", "\ufeff\n": "", "\ufeff" + long + "\r\n": long, "\ufeff" + long + "yy": "", long + "yy": "", "\xef\xbbx": "\xef\xbbx"} {
		got, _ := newReader(strings.NewReader(input)).line()
		if tooLong := len(got) > neighbors.MaxLine; got != want && !(tooLong && want == "" && len(input) > neighbors.MaxLine) {
			t.Errorf("%.9q (%d bytes): %.9q (%d bytes)", input, len(input), got, len(got))
		}
	}
}

// A seed, and any node with -stay, ignores the end of input; ctx ends it.
func TestStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		a := &shelltest.Node{People: []neighbors.UserView{bob()}}
		p := playContext(t, ctx, a, Options{JSON: true, Stay: true}, strings.NewReader("\\chat bob\nx\n"))
		if p.took != time.Hour || p.code != 0 {
			t.Errorf("took %v, exit %d", p.took, p.code)
		}
	})
}

// Cancelling ctx ends the shell at once, though In still blocks.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, w := io.Pipe()
		defer w.Close()
		p := playContext(t, ctx, &shelltest.Node{}, Options{}, r)
		if p.took != time.Minute || p.code != 0 || p.lines[len(p.lines)-1] != "bye" {
			t.Errorf("took %v, exit %d, %q", p.took, p.code, p.lines)
		}
	})
}
