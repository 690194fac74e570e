package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// leaveLimit is five times the two seconds that leaving may take.
const leaveLimit = 10 * time.Second

func TestSignalsLeaveAndDeclare(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			ann, bob := meet(t)
			id := bob.self().Session
			began := time.Now()
			bob.signal(s)
			if code := bob.end(); code != 0 {
				t.Errorf("exit %d, want 0", code)
			}
			if took := time.Since(began); took > leaveLimit {
				t.Errorf("leaving took %v", took)
			}
			if lines := bob.output(); !strings.HasPrefix(lines[len(lines)-1], `{"event":"bye"`) {
				t.Errorf("bye is the last line, not %s", lines[len(lines)-1])
			}
			ann.wait("bob offline", func(e event) bool {
				return e.Event == "offline" && e.Session == id && e.Reason == "declared"
			})
		})
	}
}

// SIGTERM does not wait for the outbox, and what waits there is not lost.
func TestSignalDoesNotWaitForTheOutbox(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	bob.kill()
	ann.send(`\chat bob`)
	ann.send("for later")
	ann.wait("the text taken", func(e event) bool { return e.Event == "delivery" })
	began := time.Now()
	ann.signal(syscall.SIGTERM)
	ann.end()
	if took := time.Since(began); took > leaveLimit {
		t.Errorf("leaving took %v", took)
	}
	if _, code := pipe(t, "", at(ann.state, "ann", "-wait", "0s")...); code != 3 {
		t.Errorf("the next run exits %d, want 3: the text still waits", code)
	}
}

func TestSeedLeavesOnTerm(t *testing.T) {
	t.Parallel()
	seed := startSeed(t, t.TempDir())
	ann := start(t, t.TempDir(), "ann", "-sip", "127.0.0.1", "-sp", seed.port())
	ann.wait("the seed online", func(e event) bool { return e.Event == "online" })
	seed.wait("ann online", func(e event) bool { return e.Event == "online" }) // until then there is nobody to say goodbye to
	began := time.Now()
	seed.signal(syscall.SIGTERM)
	if code := seed.end(); code != 0 || time.Since(began) > leaveLimit {
		t.Errorf("exit %d after %v", code, time.Since(began))
	}
	ann.wait("the seed offline", func(e event) bool { return e.Event == "offline" && e.Reason == "declared" })
}

// A reader that goes away, as head does, ends the program in good order.
func TestClosedOutputLeaves(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	cmd := program(t, at(t.TempDir(), "ann")...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = stdout.Close()
	fmt.Fprintf(stdin, "\\ping 127.0.0.1 %s\n\\whoami\n\\whoami\n", bob.port())
	left := make(chan struct{})
	go func() { _ = cmd.Wait(); close(left) }()
	select {
	case <-left:
	case <-time.After(patience):
		t.Fatal("it goes on without anybody who reads")
	}
	bob.wait("ann offline", func(e event) bool { return e.Event == "offline" && e.Reason == "declared" })
}

// cpuTime is what a process has used, in user and kernel mode.
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip("no /proc here: the processor time of another process cannot be read")
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	const perSecond = 100 // USER_HZ, the same on every Linux
	return time.Duration(ticks) * time.Second / perSecond
}
