package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// What a node does whose input or output is gone: a pipe that nobody reads, a terminal
// that was closed, a folder where lines were expected.

var loggedPort = regexp.MustCompile(`msg=start user=\S+ port=(\d+)`)

// A seed, or a node with -stay, needs nobody to read its output: the loss is told once.
func TestLostOutputIsNoReasonToLeave(t *testing.T) {
	t.Parallel()
	for _, who := range [][]string{{"-s"}, {"-u", "ann", "-stay"}} {
		t.Run(who[0], func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd := program(t, append(who, "-v", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())...)
			cmd.Stdout = w
			var errs lockedBuffer
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			w.Close()
			if _, err := r.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			r.Close()
			port := loggedPort.FindStringSubmatch(errs.waitFor(t, "port="))
			if port == nil || port[1] == "0" {
				t.Fatalf("the port is not logged: %q", errs.String())
			}
			visit(t, port[1], "bob", "cat", "dan")
			text := errs.waitFor(t, "broken pipe")
			if strings.Count(text, "broken pipe") != 1 {
				t.Errorf("it is told more than once: %q", text)
			}
			terminate(t, cmd)
		})
	}
}

// visit has people come to a seed, one after the other.
func visit(t *testing.T, port string, names ...string) {
	t.Helper()
	for _, name := range names {
		visitor := start(t, t.TempDir(), name)
		visitor.send(`\ping 127.0.0.1 ` + port)
		visitor.wait("pong", func(e event) bool { return e.Event == "pong" })
		visitor.quit()
	}
}

// terminate ends a program as systemd would; it must leave with 0.
func terminate(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %v after SIGTERM", cmd.Args[1:], err)
	}
}

// The line of the README, from a terminal that is closed afterwards: darkchat -s </dev/null &
func TestSeedOutlivesItsTerminal(t *testing.T) {
	t.Parallel()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "-s", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	cmd.Stdout, cmd.Stderr = slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a job of another session gets no SIGHUP
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var said strings.Builder
	b := make([]byte, 4096)
	for loggedPort.FindStringSubmatch(said.String()) == nil {
		n, err := master.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(b[:n])
	}
	master.Close()
	port := loggedPort.FindStringSubmatch(said.String())[1]
	visit(t, port, "bob", "cat")
	terminate(t, cmd)
}

// A seed that somebody started at a terminal, and typed at, goes on without it, too.
func TestSeedOutlivesWhoTypedAtIt(t *testing.T) {
	t.Parallel()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "-s", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	var errs lockedBuffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	port := loggedPort.FindStringSubmatch(errs.waitFor(t, "port="))[1]
	var drawn strings.Builder
	for b := make([]byte, 4096); !strings.Contains(drawn.String(), "> "); { // it reads keys
		n, err := master.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		drawn.Write(b[:n])
	}
	master.Close()
	errs.waitFor(t, "input can no longer be read")
	visit(t, port, "bob", "cat")
	terminate(t, cmd)
}

// A text that nobody could be shown is not acknowledged: a later run shows it.
func TestTextWithoutAReaderWaits(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	start(t, state, "ann").quit()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "-u", "ann", "-stay", "-v", "-p", "0", "-listen", "127.0.0.1", "-state", state)
	cmd.Stdout = w
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	w.Close()
	r.Close()
	port := loggedPort.FindStringSubmatch(errs.waitFor(t, "port="))[1]
	bob := start(t, t.TempDir(), "bob")
	bob.send(`\ping 127.0.0.1 ` + port)
	bob.wait("pong", func(e event) bool { return e.Event == "pong" })
	bob.send(`\chat ann`)
	bob.send("is anybody there?")
	errs.waitFor(t, "msg=message")
	if bob.count(delivered("", 1, 1)) > 0 {
		t.Error("delivered, and nobody could read it")
	}
	terminate(t, cmd)
	ann := start(t, state, "ann")
	ann.wait("the text", is("message", "is anybody there?"))
	ann.ping(bob)
	bob.wait("1/1", delivered("", 1, 1))
}

// A failure of the input is not its end: exit 1, and a line says why. With -stay the node goes on.
func TestLostInput(t *testing.T) {
	t.Parallel()
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	inputs := map[string]*os.File{"is a directory": folder}
	if faulty, err := os.Open("/proc/self/mem"); err == nil { // nothing is mapped at 0
		defer faulty.Close()
		inputs["input/output error"] = faulty
	}
	for why, in := range inputs {
		cmd := program(t, at(t.TempDir(), "ann")...)
		cmd.Stdin = in
		var errs strings.Builder
		cmd.Stderr = &errs
		_ = cmd.Run()
		text := errs.String()
		if cmd.ProcessState.ExitCode() != 1 || strings.Count(text, "\n") != 1 || !strings.Contains(text, "input can no longer be read") || !strings.Contains(text, why) {
			t.Errorf("exit %d, stderr %q, want one line with %q", cmd.ProcessState.ExitCode(), text, why)
		}

		cmd = program(t, at(t.TempDir(), "ann", "-stay")...)
		cmd.Stdin = in
		var stays lockedBuffer
		cmd.Stderr = &stays
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill()
		stays.waitFor(t, why)
		terminate(t, cmd)
	}
}

// A line that was not entered when its terminal went away is not sent.
func TestHalfALineIsNotSent(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	state := t.TempDir()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", state)
	var errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // not its controlling terminal: no SIGHUP
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	tty := nonblocking(t, master)
	s := &screen{t: t, tty: tty, self: cmd.Process, left: make(chan int, 1), vt: newEmulator()}
	go s.render()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s.see("> ")
	s.typed(`\ping 127.0.0.1 ` + bob.port() + "\r")
	s.see("bob")
	s.typed("\\chat bob\r")
	s.see("bob> ")
	s.typed("whole\r")
	bob.wait("the whole line", is("message", "whole"))
	s.typed("I did not mean to say")
	s.see("bob> I did not mean to say")
	tty.Close()
	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "darkchat: the ") {
		t.Errorf("%v, stderr %q", err, errs.String())
	}
	bob.wait("ann left", func(e event) bool { return e.Event == "offline" })
	if n := bob.count(func(e event) bool { return e.Event == "message" }); n != 1 {
		t.Errorf("%d texts came", n)
	}
	typed, err := os.ReadFile(filepath.Join(state, "ann", "history"))
	if err != nil || strings.Contains(string(typed), "did not mean") {
		t.Errorf("typed lines %q, %v", typed, err)
	}
	again := start(t, state, "ann")
	again.send(`\outbox`)
	if e := again.wait("the outbox", func(e event) bool { return e.Event == "outbox" }); strings.Contains(e.raw, "state") {
		t.Errorf("it waits: %s", e)
	}
}

// nonblocking is f again, in a form that can be closed while it is being read.
func nonblocking(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return os.NewFile(uintptr(fd), f.Name())
}

// At a terminal the log goes to where stderr was sent, and has the port that was got.
func TestPtyLogToAFile(t *testing.T) {
	t.Parallel()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := program(t, "-u", "ann", "-v", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	cmd.Stderr = log
	s := openCommand(t, cmd)
	shown := regexp.MustCompile(`127\.0\.0\.1 (\d+)`).FindStringSubmatch(s.see(`\ping 127.0.0.1 `, "> "))
	s.typed("\\quit\r")
	s.leave()
	b, err := os.ReadFile(log.Name())
	port := loggedPort.FindStringSubmatch(string(b))
	if err != nil || port == nil || shown == nil || port[1] != shown[1] {
		t.Errorf("the port is %q, logged %q, %v", shown, b, err)
	}

	s = open(t, "-u", "ann", "-v", "-p", "0", "-listen", "127.0.0.1", "-state", t.TempDir())
	s.see(`\help`, "> ")
	s.typed("\\quit\r")
	s.leave()
	if strings.Contains(s.text(), "level=") {
		t.Errorf("log lines go across what is typed:\n%s", s.text())
	}
}

// lockedBuffer is the stderr of a program that still writes.
type lockedBuffer struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// waitFor returns all that was written once the word is there.
func (b *lockedBuffer) waitFor(t *testing.T, word string) string {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		if s := b.String(); strings.Contains(s, word) {
			return s
		}
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("stderr does not say %q but %q", word, b.String())
		}
	}
}
