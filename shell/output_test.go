package shell

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

// A text is reported as printed after the write that has it returned, not
// before, and never when that write failed.
func TestPrintedAfterTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &shelltest.Node{}
		p := &played{Node: a, block: make(chan struct{})}
		r, w := io.Pipe()
		p.sh = New(Options{In: r, Out: p, JSON: true})
		a.Sink = p.sh.Sink
		done := make(chan int)
		go func() { done <- p.sh.Run(t.Context(), a) }()
		a.Sink(neighbors.Incoming{Receipt: 7, From: "bob", Text: "one"})
		a.Sink(neighbors.Incoming{Receipt: 8, From: "bob", Text: "two"})
		synctest.Wait()
		if len(a.Receipts()) != 0 {
			t.Error("printed before it was written")
		}
		p.block <- struct{}{} // ready
		p.block <- struct{}{} // both texts: one write
		synctest.Wait()
		if fmt.Sprint(a.Receipts()) != "[7 8]" || p.events() != "ready message message" {
			t.Errorf("printed %v: %s", a.Receipts(), p.events())
		}
		p.mu.Lock()
		p.fail = errors.New("broken pipe")
		p.mu.Unlock()
		a.Sink(neighbors.Incoming{Receipt: 9, From: "bob", Text: "three"})
		p.block <- struct{}{}
		if code := <-done; code != 1 {
			t.Errorf("exit %d after a failed write, want 1", code)
		}
		w.Close()
		if fmt.Sprint(a.Receipts()) != "[7 8]" {
			t.Errorf("printed %v: a text that was not written is not printed", a.Receipts())
		}
	})
}

// A closed output ends the shell while it waits, whatever it waits for.
func TestClosedOutput(t *testing.T) {
	for name, input := range map[string]string{"input": "", "ping": "\\ping 1.2.3.4\n", "outbox": "\\chat bob\nx\n"} {
		synctest.Test(t, func(t *testing.T) {
			a := &shelltest.Node{People: []neighbors.UserView{bob()}}
			p := &played{Node: a}
			r, w := io.Pipe()
			p.sh = New(Options{In: r, Out: p, JSON: true, Wait: time.Hour})
			a.Sink = p.sh.Sink
			done := make(chan int)
			go func() { done <- p.sh.Run(t.Context(), a) }()
			io.WriteString(w, input)
			if name == "outbox" {
				w.Close()
			}
			synctest.Wait()
			p.mu.Lock()
			p.fail = errors.New("broken pipe")
			p.mu.Unlock()
			p.sh.Notice("anything")
			if code := <-done; code != 1 {
				t.Errorf("%s: exit %d, want 1", name, code)
			}
			if err := p.sh.Err(); err == nil || !strings.Contains(err.Error(), "broken pipe") {
				t.Errorf("%s: says %v", name, err)
			}
			w.Close()
		})
	}
}

// A pipe may hold more lines than the outbox: they wait while it is moving. When
// it stands still they are refused, and only the first of them waits.
func TestFullOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &shelltest.Node{People: []neighbors.UserView{bob()}, Full: 10}
		a.OnSay = func(a *shelltest.Node, d neighbors.Delivery) {
			time.AfterFunc(time.Millisecond, func() { a.Deliver(d) })
		}
		p := play(t, a, Options{JSON: true}, "\\chat bob\n"+strings.Repeat("x\n", 500))
		if len(p.Said) != 500 || p.code != 0 {
			t.Errorf("%d said, exit %d", len(p.Said), p.code)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a := &shelltest.Node{People: []neighbors.UserView{bob()}, Full: 10}
		p := play(t, a, Options{JSON: true}, "\\chat bob\n"+strings.Repeat("x\n", 500))
		if len(p.Said) != 10 || p.code != 1 || p.took != backlogPatience+10*time.Second {
			t.Errorf("%d said, exit %d, took %v", len(p.Said), p.code, p.took)
		}
	})
}

// As text, "sent" is told only when no answer comes for a second, and of several
// steps at once the last.
func TestSentIsToldLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &shelltest.Node{People: []neighbors.UserView{bob()}}
		a.OnSay = func(a *shelltest.Node, d neighbors.Delivery) {
			if d.ID == 1 {
				a.Deliver(d)
			} else {
				time.AfterFunc(5*time.Second, func() { a.Deliver(d) })
			}
		}
		p := play(t, a, Options{}, "\\chat bob\nquick\nslow\n")
		want := "What you type now goes to bob|  delivered 1/1 to bob|  sent to bob, no answer yet|  delivered 1/1 to bob|bye"
		if got := strings.Join(p.lines[3:], "|"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for _, l := range p.lines {
			if strings.Contains(l, "\x1b") {
				t.Errorf("an escape in a pipe: %q", l)
			}
		}
	})
}

// Events of the node before Run come after ready, those after it nowhere.
func TestReadyFirstByeLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &played{Node: &shelltest.Node{}}
		sh := New(Options{In: strings.NewReader(""), Out: p, JSON: true})
		sh.Notice("a new port was taken")
		sh.Sink(neighbors.CameOnline{User: "bob"})
		sh.Sink(neighbors.Failed{Text: "belongs to nothing"})
		sh.Run(t.Context(), p.Node)
		sh.Sink(neighbors.CameOnline{User: "carol"})
		sh.Notice("late")
		synctest.Wait()
		if want := "ready notice online error bye"; p.events() != want {
			t.Errorf("%s, want %s", p.events(), want)
		}
	})
}

// Ask takes one line and not a byte more.
func TestAsk(t *testing.T) {
	in, out := strings.NewReader("  ann \r\n\\help\n"), &strings.Builder{}
	name, err := Ask(in, out, "your name: ")
	rest, _ := io.ReadAll(in)
	if name != "ann" || err != nil || out.String() != "your name: " || string(rest) != "\\help\n" {
		t.Errorf("Ask = %q, %v; asked %q; left %q", name, err, out.String(), rest)
	}
	if _, err := Ask(strings.NewReader(""), out, "?"); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if name, err := Ask(strings.NewReader("bob"), out, "?"); name != "bob" || err != nil {
		t.Errorf("without an end of line: %q, %v", name, err)
	}
}

// A reader that stands still for a while, as a stranger comes and goes as fast as can
// be: the texts of a friend all come, in order, once, and are told as printed.
func TestStalledReaderGetsAllTexts(t *testing.T) {
	in, _ := io.Pipe()
	out, w := io.Pipe()
	node := &shelltest.Node{}
	sh := New(Options{In: in, Out: w, JSON: true, Stay: true})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		sh.Run(ctx, node)
		w.Close()
	}()
	for i := range 3 {
		for range 10_000 {
			sh.Sink(neighbors.CameOnline{User: "mallory", Session: "m", Trust: "new"})
			sh.Sink(neighbors.WentOffline{User: "mallory", Session: "m", Trust: "new", Reason: "declared"})
		}
		sh.Sink(neighbors.Incoming{Receipt: uint64(i + 1), ID: uint64(i + 1), From: "bob", Text: fmt.Sprint("text ", i)})
	}
	var got []string
	last := ""
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var e struct{ Event, Text string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		switch e.Event {
		case "message":
			got = append(got, e.Text)
		case "online", "offline":
			last = e.Event
		case "notice":
			if !strings.Contains(e.Text, " left out") {
				t.Errorf("notice %q", e.Text)
			}
			cancel()
		}
	}
	if want := []string{"text 0", "text 1", "text 2"}; !slices.Equal(got, want) || last != "offline" {
		t.Errorf("%q came, and last mallory is %q", got, last)
	}
	if got := node.Receipts(); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("told as printed: %d", got)
	}
}

// A shell that stays goes on without a reader: it says so once, drops its output, and counts no
// text in it as printed.
func TestStayWithoutAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &shelltest.Node{People: []neighbors.UserView{bob()}, OnSay: delivers}
		p := &played{Node: a}
		r, w := io.Pipe()
		var lost []string
		p.sh = New(Options{In: r, Out: p, JSON: true, Stay: true, Lost: func(err error) { lost = append(lost, err.Error()) }})
		a.Sink = p.sh.Sink
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		go func() { done <- p.sh.Run(ctx, a) }()
		synctest.Wait()
		p.mu.Lock()
		p.fail = errors.New("broken pipe")
		p.mu.Unlock()
		for i := range 3 * maxEvents {
			p.sh.Notice("anything")
			a.Sink(neighbors.Incoming{Receipt: uint64(i + 1), From: "bob", Text: "x"})
			if i%maxBatch == 0 {
				synctest.Wait()
			}
		}
		io.WriteString(w, "\\chat bob\nstill here\n")
		synctest.Wait()
		w.CloseWithError(errors.New("input/output error"))
		synctest.Wait()
		if want := []string{"the output can no longer be written: broken pipe", "the input can no longer be read: input/output error"}; !slices.Equal(lost, want) {
			t.Errorf("told %q", lost)
		}
		if len(p.Said) != 1 || len(a.Receipts()) > 0 || len(p.sh.queue.items) > 0 {
			t.Errorf("said %q, printed %v, %d wait", p.Said, a.Receipts(), len(p.sh.queue.items))
		}
		cancel()
		if code := <-done; code != 0 || p.sh.Err() != nil {
			t.Errorf("exit %d, %v", code, p.sh.Err())
		}
	})
}

// A failure of the input is not the end of input, and a line cut off by it does not count.
func TestInputFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := io.MultiReader(strings.NewReader("\\chat bob\nwhole\nhal"), failing{})
		p := playContext(t, t.Context(), &shelltest.Node{People: []neighbors.UserView{bob()}, OnSay: delivers}, Options{JSON: true, Wait: time.Hour}, in)
		if err := p.sh.Err(); p.code != 1 || err == nil || err.Error() != "the input can no longer be read: input/output error" {
			t.Errorf("exit %d, %v", p.code, err)
		}
		if fmt.Sprint(p.Said) != "[bob: whole]" {
			t.Errorf("said %q", p.Said)
		}
	})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("input/output error") }
