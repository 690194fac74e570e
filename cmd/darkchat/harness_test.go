package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests of this package run whole programs: the test binary starts itself
// again as darkchat, every node on loopback alone and with its own state folder,
// and is driven from outside as any other program would drive it.

// asProgram is the environment variable that turns the test binary into darkchat.
const asProgram = "DARKCHAT_TEST_AS_PROGRAM"

// patience is how long anything may take on a machine that is busy with other
// things. Nothing waits for it when all is well.
const patience = 15 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	if os.Getenv(asEcho) != "" {
		echo()
		return
	}
	if os.Getenv(asAttacker) != "" {
		besiege()
		return
	}
	os.Exit(m.Run())
}

// program returns a command that runs darkchat with exactly these arguments.
func program(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	home := t.TempDir()
	cmd.Dir = home
	cmd.Env = []string{asProgram + "=1", "HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm"}
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		cmd.Env = append(cmd.Env, "GOCOVERDIR="+dir)
	}
	return cmd
}

// node is a running darkchat.
type node struct {
	t      testing.TB
	name   string
	state  string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	exited chan struct{} // closed once the process ended and all its output is here

	reading sync.RWMutex // who holds it keeps the output from being read

	mu     sync.Mutex
	more   chan struct{} // closed and replaced at each new line
	lines  []string      // of stdout
	events []event
	errs   bytes.Buffer // stderr

	// skip, if set, names lines that are counted and not kept.
	skip         func(line string) bool
	skipped      int
	skippedBytes int
}

// start runs a node that speaks JSON on loopback at a port of the system's
// choice. state is its folder. It returns after the ready event.
func start(t testing.TB, state, user string, more ...string) *node {
	t.Helper()
	args := []string{"-json", "-listen", "127.0.0.1", "-state", state, "-u", user}
	if !hasArg(more, "-p") {
		args = append(args, "-p", "0")
	}
	n := launch(t, user, program(t, append(args, more...)...))
	n.state = state
	n.wait("ready", func(e event) bool { return e.Event == "ready" })
	return n
}

func hasArg(args []string, name string) bool {
	return slices.Contains(args, name)
}

// launch starts a command and collects what it says. The test ends it.
func launch(t testing.TB, name string, cmd *exec.Cmd) *node {
	t.Helper()
	n := &node{t: t, name: name, cmd: cmd, exited: make(chan struct{}), more: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	n.stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = writerFunc(func(b []byte) (int, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.errs.Write(b)
	})
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go n.collect(stdout)
	t.Cleanup(func() {
		if t.Failed() {
			n.dump()
		}
		_ = cmd.Process.Kill()
		<-n.exited
	})
	return n
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func (n *node) collect(stdout io.Reader) {
	r := bufio.NewReader(stdout)
	for {
		n.reading.RLock()
		//lint:ignore SA2001 a gate: what is read after it may take as long as it likes
		n.reading.RUnlock()
		line, err := r.ReadString('\n')
		if line != "" {
			n.add(strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			break
		}
	}
	_ = n.cmd.Wait()
	close(n.exited)
}

func (n *node) add(line string) {
	if n.skips(line) {
		return
	}
	e := event{raw: line, at: time.Now()}
	_ = json.Unmarshal([]byte(line), &e) // the test that all is JSON is one of its own
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
	n.events = append(n.events, e)
	close(n.more)
	n.more = make(chan struct{})
}

func (n *node) skips(line string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.skip == nil || !n.skip(line) {
		return false
	}
	n.skipped++
	n.skippedBytes += len(line) + 1
	return true
}

// dump shows the whole conversation of a node when a test failed.
func (n *node) dump() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.t.Logf("--- %s (%v) said:\n%s\n--- on stderr:\n%s", n.name, n.cmd.Args[1:], clip(strings.Join(n.lines, "\n")), clip(n.errs.String()))
}

func clip(s string) string {
	const most = 6000
	if len(s) > most {
		return s[:most/2] + "\n[...]\n" + s[len(s)-most/2:]
	}
	return s
}

// send types one line.
func (n *node) send(line string) {
	n.t.Helper()
	if _, err := io.WriteString(n.stdin, line+"\n"); err != nil {
		n.t.Fatalf("%s does not read its input: %v", n.name, err)
	}
}

// mark is a place in the output, for waitAfter and count.
func (n *node) mark() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.events)
}

// wait returns the first event, early or late, that fits.
func (n *node) wait(what string, fits func(event) bool) event {
	n.t.Helper()
	return n.waitAfter(0, what, fits)
}

// waitAfter is wait for events after a mark.
func (n *node) waitAfter(from int, what string, fits func(event) bool) event {
	n.t.Helper()
	deadline := time.After(patience)
	ended := n.exited
	for {
		// fits may look at the node itself, so it runs outside of the lock.
		unseen, more := n.since(from)
		from += len(unseen)
		for _, e := range unseen {
			if fits(e) {
				return e
			}
		}
		if ended == nil {
			n.t.Fatalf("%s ended without: %s", n.name, what)
		}
		select {
		case <-more:
		case <-ended:
			ended = nil // one more look: its last lines came before this
		case <-deadline:
			n.t.Fatalf("%s did not say: %s", n.name, what)
		}
	}
}

// since returns the events after a mark, and what is closed when there are more.
func (n *node) since(mark int) ([]event, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.events[mark:]), n.more
}

// count tells how many events fit.
func (n *node) count(fits func(event) bool) int {
	all, _ := n.since(0)
	c := 0
	for _, e := range all {
		if fits(e) {
			c++
		}
	}
	return c
}

// self is the ready event.
func (n *node) self() event {
	n.t.Helper()
	return n.wait("ready", func(e event) bool { return e.Event == "ready" })
}

// port is the UDP port that the node listens on.
func (n *node) port() string {
	n.t.Helper()
	listen := n.self().Listen
	if len(listen) == 0 {
		n.t.Fatalf("%s is ready without an address", n.name)
	}
	return listen[0][strings.LastIndexByte(listen[0], ':')+1:]
}

// ping makes n and other know each other.
func (n *node) ping(other *node) {
	n.t.Helper()
	from := n.mark()
	n.send(`\ping 127.0.0.1 ` + other.port())
	n.waitAfter(from, "pong from "+other.name, func(e event) bool { return e.Event == "pong" })
	id := n.self().Session
	other.wait(n.name+" online", func(e event) bool { return e.Event == "online" && e.Session == id })
}

// accept lets other in, who could leave only a few lines before.
func (n *node) accept(other *node) {
	n.t.Helper()
	n.send(`\accept ` + other.name)
	n.wait(other.name+" accepted", func(e event) bool { return e.Event == "accept" && e.User == other.name })
}

// kill ends the node as a crash would.
func (n *node) kill() {
	n.t.Helper()
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.t.Fatal(err)
	}
	<-n.exited
}

// end waits for the process and returns its exit code.
func (n *node) end() int {
	n.t.Helper()
	select {
	case <-n.exited:
	case <-time.After(patience):
		n.t.Fatalf("%s does not leave", n.name)
	}
	return n.cmd.ProcessState.ExitCode()
}

// quit leaves as a person would.
func (n *node) quit() {
	n.t.Helper()
	n.send(`\quit`)
	if code := n.end(); code != 0 {
		n.t.Fatalf("%s left with %d after \\quit", n.name, code)
	}
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) stderr() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.errs.String()
}

func (n *node) output() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.lines...)
}

// pipe runs a program from first to last line of input, as a script would, and
// returns it with its exit code.
func pipe(t testing.TB, input string, args ...string) (*node, int) {
	t.Helper()
	n := launch(t, strings.Join(args, " "), program(t, args...))
	_, _ = io.WriteString(n.stdin, input) // it may leave without reading
	_ = n.stdin.Close()
	return n, n.end()
}

// oneLine checks what a program that could not start says.
func oneLine(t testing.TB, n *node, words ...string) {
	t.Helper()
	text := n.stderr()
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		t.Errorf("stderr is not one line: %q", text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("stderr %q does not say %q", text, w)
		}
	}
	if len(n.output()) > 0 {
		t.Errorf("stdout is not empty: %q", n.output())
	}
}
