package main

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// screen is a real pseudo-terminal with an emulator that renders what the
// program draws on it: tests read what a person sees.
type screen struct {
	t    *testing.T
	tty  *os.File
	self *os.Process
	left chan int // the exit code, once all that it drew is here

	mu  sync.Mutex
	vt  vt10x.Terminal
	raw strings.Builder
}

// The size of the terminal.
const ptyRows, ptyCols = 30, 100

func newEmulator() vt10x.Terminal { return vt10x.New(vt10x.WithSize(ptyCols, ptyRows)) }

// open runs darkchat at a terminal.
func open(t *testing.T, args ...string) *screen {
	t.Helper()
	return openCommand(t, program(t, args...))
}

// openCommand runs a command at a terminal; what it has for a stream stays so.
func openCommand(t *testing.T, cmd *exec.Cmd) *screen {
	t.Helper()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: ptyRows, Cols: ptyCols})
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, tty: tty, self: cmd.Process, left: make(chan int, 1), vt: newEmulator()}
	drawn := make(chan struct{})
	go func() { s.render(); close(drawn) }()
	go func() { _ = cmd.Wait(); <-drawn; s.left <- cmd.ProcessState.ExitCode() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = tty.Close()
	})
	return s
}

func (s *screen) render() {
	b := make([]byte, 4096)
	for {
		n, err := s.tty.Read(b)
		s.mu.Lock()
		_, _ = s.vt.Write(b[:n])
		s.raw.Write(b[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vt.String()
}

// see waits until the screen shows all the words.
func (s *screen) see(words ...string) string {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		text, all := s.text(), true
		for _, w := range words {
			all = all && strings.Contains(text, w)
		}
		if all {
			return text
		}
		select {
		case <-look.C:
		case <-deadline.C:
			s.t.Fatalf("the screen does not show %q but:\n%s", words, text)
		}
	}
}

func (s *screen) typed(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// leave waits for the end and wants it to be a good one.
func (s *screen) leave() {
	s.t.Helper()
	select {
	case code := <-s.left:
		if code != 0 {
			s.t.Errorf("exit %d, want 0; the screen:\n%s", code, s.text())
		}
	case <-time.After(patience):
		s.t.Fatalf("it does not leave; the screen:\n%s", s.text())
	}
}

// The first screen says who one is here, and what the other has to type.
func TestPtyFirstScreen(t *testing.T) {
	t.Parallel()
	s := open(t, "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	s.see("ann", `\ping 127.0.0.1 `, `\help`, "> ")
	s.typed("\\help\r")
	s.see(`\explode`, `\chat`)
	s.typed("\\quit\r")
	s.leave()
}

func TestPtyAsksForTheName(t *testing.T) {
	t.Parallel()
	s := open(t, "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	s.see("your name: ")
	s.typed("no good\r")
	s.typed("ann\r")
	s.see(`\ping 127.0.0.1 `, "> ")
	s.typed("\x04") // Ctrl-D on an empty line
	s.leave()
}

func TestPtyChatBothWays(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	s := open(t, "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	s.see(`\help`, "> ")
	s.typed(`\ping 127.0.0.1 ` + bob.port() + "\r")
	s.see("bob", "new")
	s.typed("\\chat b\t\r")
	s.see("bob> ")
	s.typed("grüße 日本 👨‍👩‍👧\r")
	bob.wait("the text", is("message", "grüße 日本 👨‍👩‍👧"))
	s.see("1/1")

	// A text that comes while one types leaves the typed line as it is.
	s.typed("half a sen")
	s.see("bob> half a sen")
	bob.send(`\chat ann`)
	bob.send("am I in the way?")
	s.see("am I in the way?", "bob> half a sen")
	s.typed("tence\r")
	bob.wait("the whole line", is("message", "half a sentence"))

	bob.quit()
	s.see("offline")
	s.typed("\x03\x03") // Ctrl-C never kills
	s.typed("\\users\r")
	s.see("bob")
	s.typed("\\quit\r")
	s.leave()
}

// Who shares a name from now on is shown with a part of their fingerprint: the prompt, the
// receipts and what one must type agree.
func TestPtyPromptFollowsTheName(t *testing.T) {
	t.Parallel()
	first, second := start(t, t.TempDir(), "bob"), start(t, t.TempDir(), "bob")
	s := open(t, "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	s.see("> ")
	s.typed(`\ping 127.0.0.1 ` + first.port() + "\r")
	s.see("pong from bob")
	s.typed("\\chat bob\r")
	s.see("\nbob> ")
	s.typed(`\ping 127.0.0.1 ` + second.port() + "\r")
	s.see("pong from bob~")
	label := "bob~" + first.self().Fingerprint[:4]
	s.see("\n" + label + "> ")
	s.typed("hello\r")
	first.wait("the text", is("message", "hello"))
	s.see("delivered 1/1 to "+label, "\n"+label+"> ")
	s.typed("\\quit\r")
	s.leave()
}

// What a peer says cannot move the cursor, set the title or fill the clipboard.
func TestPtyHostileText(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	s := open(t, "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	s.see("> ")
	s.typed(`\ping 127.0.0.1 ` + bob.port() + "\r")
	s.see("bob")
	bob.wait("ann", func(e event) bool { return e.Event == "online" })
	bob.send(`\chat ann`)
	for _, text := range hostile {
		bob.send(text)
	}
	bob.send("end of it")
	s.see("end of it")
	s.mu.Lock()
	raw := s.raw.String()
	s.mu.Unlock()
	for _, bad := range []string{"\x1b]52", "\x1b]0;title", "\u009b31m", "\u202e", "\u2028"} {
		if strings.Contains(raw, bad) {
			t.Errorf("%q reached the terminal", bad)
		}
	}
	s.typed("\\quit\r")
	s.leave()
}

// A signal ends it as \quit does and leaves the terminal as it was found.
func TestPtySignalRestoresTheTerminal(t *testing.T) {
	t.Parallel()
	s := open(t, "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	s.see(`\help`, "> ")
	if err := s.self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	raw := s.raw.String()
	if on, off := strings.LastIndex(raw, "\x1b[?2004h"), strings.LastIndex(raw, "\x1b[?2004l"); on >= 0 && off < on {
		t.Error("bracketed paste is left switched on")
	}
}
