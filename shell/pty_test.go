package shell

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

// roleHistory in the environment makes the test binary a shell with a scripted
// node on its terminal; the value is the path of its history.
const roleHistory = "DARKCHAT_SHELL_TEST_HISTORY"

func TestMain(m *testing.M) {
	if path, ok := os.LookupEnv(roleHistory); ok {
		os.Exit(playShell(path))
	}
	os.Exit(m.Run())
}

// playShell is what cmd does, with a node of shelltest. The text "flood" brings
// 30 lines from bob; "bob leaves" takes bob offline.
func playShell(history string) int {
	a := &shelltest.Node{People: []neighbors.UserView{bob(), carol()}}
	a.OnPing = func(a *shelltest.Node, token neighbors.Token, addr netip.AddrPort) {
		time.AfterFunc(time.Second, func() { a.Sink(neighbors.Failed{Token: token, Text: "no answer from " + addr.String()}) })
	}
	a.OnSay = func(a *shelltest.Node, d neighbors.Delivery) {
		a.Mu.Lock()
		said := a.Said[len(a.Said)-1]
		a.Mu.Unlock()
		a.Sink(neighbors.Notice{Text: fmt.Sprintf("said %q", said)})
		a.Deliver(d)
		switch said {
		case "bob: flood":
			go func() {
				for i := range 30 {
					a.Sink(neighbors.Incoming{Receipt: 1, From: "bob", Text: fmt.Sprint("flood ", i), Trust: "pinned"})
					time.Sleep(5 * time.Millisecond)
				}
			}()
		case "bob: call yourself robert":
			a.Mu.Lock()
			a.People[0].Name = "robert"
			a.Renamed = map[string]string{"bob": "robert"}
			a.Mu.Unlock()
			a.Sink(neighbors.Notice{Text: "bob is now called robert"})
		case "bob: bob leaves":
			a.Mu.Lock()
			a.People[0].Online = false
			a.Mu.Unlock()
			a.Sink(neighbors.WentOffline{User: "bob", Session: "7f3a000000000001", Reason: "declared", Trust: "pinned"})
		}
	}
	sh := New(Options{In: os.Stdin, Out: os.Stdout, Interactive: true, History: history, Open: os.OpenFile, Color: os.Getenv("NO_COLOR") == "",
		Wait: 10 * time.Second, Now: func() time.Time { return noon }, Zone: time.UTC})
	a.Sink = sh.Sink
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		for range interrupts {
			sh.Interrupt()
		}
	}()
	return sh.Run(ctx, a)
}

// session is a shell on a pty.
type session struct {
	*emulator
	t    *testing.T
	pty  *os.File
	cmd  *exec.Cmd
	done chan struct{}
}

func start(t *testing.T, history string, cols, rows int, env ...string) *session {
	t.Helper()
	s := &session{emulator: newEmulator(cols, rows), t: t, done: make(chan struct{})}
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(append(os.Environ(), roleHistory+"="+history, "TERM=xterm"), env...)
	f, err := pty.StartWithSize(s.cmd, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)})
	if err != nil {
		t.Fatal(err)
	}
	s.pty = f
	go func() {
		defer close(s.done)
		b := make([]byte, 4096)
		for {
			n, err := f.Read(b)
			s.Write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		f.Close()
	})
	s.shows("\n> ")
	return s
}

func (s *session) press(keys string) { s.pty.WriteString(keys) }

// shows waits for text on the screen; a blank at its end may be the screen's.
func (s *session) shows(text string) {
	s.t.Helper()
	s.emulator.shows(s.t, strings.TrimRight(text, " "))
}

// ends waits for the end of the program.
func (s *session) ends(code int) {
	s.t.Helper()
	err := make(chan error, 1)
	go func() { err <- s.cmd.Wait() }()
	select {
	case <-err:
	case <-time.After(10 * time.Second):
		s.t.Fatalf("the shell does not end:\n%s", s)
	}
	<-s.done
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Errorf("exit %d, want %d", got, code)
	}
	if w := s.written(); !strings.HasSuffix(w, pasteOff) || strings.Count(w, pasteOn) != strings.Count(w, pasteOff) {
		s.t.Errorf("bracketed paste is left on")
	}
	if !strings.HasSuffix(s.String(), "bye") {
		s.t.Errorf("bye is not the last line:\n%s", s)
	}
}

// The first screen says who one is and what others paste; the prompt names whom
// one talks to and whether they are there; Ctrl-D leaves.
func TestFirstScreenAndPrompt(t *testing.T) {
	t.Parallel()
	s := start(t, "", 70, 30)
	s.is(t, "You are ann, fingerprint k7f2-9qxd-m3ra-u5wt\nOthers reach you with  \\ping 192.168.1.7 6789\n\\help lists the macros; \\chat NAME, then type.\n>")
	s.press("hello\r")
	s.shows("error: nobody to send it to")
	s.press("\\chat carol\r")
	s.shows("\ncarol (offline)> ")
	s.press("\\chat bob/7f3a000000000001\r")
	s.shows("\nbob/7f3a> ")
	s.press("\\chat bob\r")
	s.shows("\nbob> ")
	s.press("bob leaves\r")
	s.shows("\nbob (offline)> ")
	s.press("call yourself robert\r")
	s.shows("\nrobert (offline)> ")
	s.press("\\history\r")
	s.shows("Nothing has been said yet with robert.")
	s.press("\\chat nobody\r")
	s.shows("error: no user called nobody is known here\n>")
	s.press("\x04")
	s.ends(0)
}

// Tab completes; lines survive a restart in a file of 0600, and Up recalls them.
func TestCompletionAndHistory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history")
	s := start(t, path, 60, 24)
	s.press("\\ch\tb\t")
	s.shows("> \\chat bob")
	s.press("\r")
	s.shows("\nbob> ")
	s.press("\\chat \t")
	s.shows("bob    carol") // those online first
	s.press("\x15 not kept\r")
	s.shows("said")
	s.press("kept\r")
	s.shows(`"bob: kept"`)
	s.press("\\quit\r")
	s.ends(0)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	b, _ := os.ReadFile(path)
	if got := string(b); got != "\\chat bob \nkept\n\\quit\n" {
		t.Errorf("the history is %q", got)
	}
	s = start(t, path, 60, 24)
	s.press("\x1b[A\x1b[A")
	s.shows("> kept")
	s.press("\x1b[A\r")
	s.shows("\nbob> ")
	s.press("\x12kep")
	s.shows("bck-i-search: kep")
	s.press("\r")
	s.shows(`"bob: kept"`)
	s.press("\x04")
	s.ends(0)
}

// A paste of three lines is one message.
func TestPasteIsOneMessage(t *testing.T) {
	t.Parallel()
	s := start(t, "", 80, 24)
	s.press("\\chat bob\r")
	s.shows("\nbob> ")
	s.press("\x1b[200~one\r\ttwo\rthree\r\x1b[201~")
	s.shows("bob> one␤    two␤three")
	s.press("\r")
	s.shows(`said "bob: one\n\ttwo\nthree"`)
	s.shows("delivered 1/1 to bob")
	s.press("\x1b[200~" + strings.Repeat("0123456789\r", 500) + "\x1b[201~")
	s.shows("bob> [paste: 500 lines, 5499 bytes]")
	s.press("\x15\x1b[200~\\chat bob\rsecret\x1b[201~\r")
	s.shows("error: too many arguments")
	s.press("\x04")
	s.ends(0)
}

// A letter that is no UTF-8, typed or pasted, is seen in the line, and the line is refused
// as it is in a pipe: nothing of it is sent.
func TestLatin1IsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history")
	s := start(t, path, 80, 24)
	s.press("\\chat bob\r")
	s.shows("\nbob> ")
	for i, typed := range []string{"caf\xe9 au lait\r", "\x1b[200~caf\xe9\x1b[201~\r", "\x1b[200~" + strings.Repeat("caf\xe9 ", 400) + "\x1b[201~\r"} {
		s.press(typed)
		s.until(t, "a refusal", func(screen string) bool { return strings.Count(screen, errNotUTF8.Error()[:60]) == i+1 })
	}
	s.shows("bob> caf\ufffd au lait\n")
	s.press("caf\u00e9\r")
	s.shows("said \"bob: caf\u00e9\"")
	if n := strings.Count(s.String(), "said"); n != 1 {
		t.Errorf("%d lines were sent", n)
	}
	s.press("\x04")
	s.ends(0)
	if b, _ := os.ReadFile(path); string(b) != "\\chat bob\ncaf\u00e9\n" {
		t.Errorf("the history is %q", b)
	}
}

// Ctrl-C clears the line and never kills, as a key and as a signal; the Delete key
// on an empty line does nothing; Ctrl-D leaves.
func TestCtrlCAndDeleteKeepRunning(t *testing.T) {
	t.Parallel()
	s := start(t, "", 70, 24)
	s.press("half a line\x03")
	s.shows("half a line^C\n>")
	s.press("\x03")
	s.shows(howToLeave)
	s.press("\\ping 10.0.0.1\r")
	s.press("\x03")
	s.cmd.Process.Signal(os.Interrupt)
	s.until(t, "three hints", func(screen string) bool { return strings.Count(screen, howToLeave) == 3 })
	s.press("\x1b[3~\x1b[3~\\chat bob\r")
	s.shows("\nbob> ")
	s.shows("error: no answer from 10.0.0.1:6789")
	s.press("\x04")
	s.ends(0)
}

// While 30 lines arrive, a wrapped line with wide characters stays as typed.
func TestOutputWhileTyping(t *testing.T) {
	t.Parallel()
	s := start(t, "", 40, 80)
	s.press("\\chat bob\r")
	s.shows("\nbob> ")
	s.press("flood\r")
	s.shows("flood 3")
	text := "日本語の長い文 that wraps and wraps 😀😀 again"
	for _, r := range text {
		s.press(string(r))
	}
	s.press(strings.Repeat(left, 3) + "X")
	s.shows("flood 29")
	s.until(t, "the line, once, at the end", func(screen string) bool {
		return strings.HasSuffix(screen, "flood 29\nbob> 日本語の長い文 that wraps and wraps\n 😀😀 agXain")
	})
	screen := s.String()
	for i := range 30 {
		if n := strings.Count(screen, fmt.Sprintf("12:00 bob: flood %d\n", i)); n != 1 {
			t.Errorf("flood %d is there %d times:\n%s", i, n, screen)
		}
	}
	if n := strings.Count(screen, "日本語"); n != 1 {
		t.Errorf("the typed line is there %d times:\n%s", n, screen)
	}
	pty.Setsize(s.pty, &pty.Winsize{Rows: 80, Cols: 60})
	s.resize(60, 80)
	s.press("\r")
	s.shows("agXain\"")
	s.press("\x04")
	s.ends(0)
}

// Keys typed ahead, all at once, are lines in order; a long one is whole.
func TestTypedAhead(t *testing.T) {
	t.Parallel()
	s := start(t, "", 80, 40)
	long := strings.Repeat("long ", 2000)
	s.press("\\chat bob\rone\rtwo\r" + long + "\rthree\r\\quit\r")
	s.ends(0)
	var said []string
	for l := range strings.Lines(s.written()) {
		if i := strings.Index(l, `said "bob: `); i >= 0 {
			l = l[i+len(`said "bob: `):]
			said = append(said, l[:strings.LastIndex(l, `"`)])
		}
	}
	if len(said) != 4 || said[0] != "one" || said[1] != "two" || said[2] != long || said[3] != "three" {
		t.Errorf("said %.80q", said)
	}
}

// NO_COLOR: not one sequence of colour; otherwise there are some. SIGTERM gives
// the terminal back.
func TestNoColor(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"NO_COLOR=1", "NO_COLOR="} {
		s := start(t, "", 60, 24, env)
		s.press("\\chat bob\r")
		s.shows("\nbob> ")
		s.press("half typed")
		s.shows("half typed")
		s.cmd.Process.Signal(syscall.SIGTERM)
		s.ends(0)
		colored := false
		for _, part := range strings.Split(s.written(), "\x1b[")[1:] {
			if i := strings.IndexFunc(part, func(r rune) bool { return r >= 0x40 }); i >= 0 && part[i] == 'm' {
				colored = true
			}
		}
		if colored == (env == "NO_COLOR=1") {
			t.Errorf("%s: coloured %t", env, colored)
		}
	}
}

// Ctrl-Z gives the terminal back and fg takes it again, with the line as it was.
func TestSuspend(t *testing.T) {
	t.Parallel()
	s := start(t, "", 60, 24)
	s.press("kept\x01")
	s.shows("> kept")
	for i := range 2 {
		s.press("\x1a")
		s.until(t, "the terminal given back", func(string) bool { return strings.Count(s.written(), pasteOff) > i })
		s.until(t, "the line, again", func(screen string) bool {
			s.cmd.Process.Signal(syscall.SIGCONT)
			return strings.Count(s.written(), pasteOn) > i+1 && strings.HasSuffix(screen, "> kept")
		})
	}
	s.press("X\x05\x15\x04")
	s.ends(0)
}
