package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestBadFlagsTouchNothing(t *testing.T) {
	for _, row := range []struct {
		args []string
		word string // that the line must hold
	}{
		{[]string{"-p", "65536"}, "65536"},
		{[]string{"-p", "-1"}, "-1"},
		{[]string{"-p", "x"}, "-p"},
		{[]string{"-t", "0"}, "-t"},
		{[]string{"-t", "65"}, "-t"},
		{[]string{"-sip", "127.0.0.1", "-sp", "0"}, "-sp"},
		{[]string{"-sip", "127.0.0.1", "-sp", "70000"}, "70000"},
		{[]string{"-sip", "127.0.0.1:88888"}, "88888"},
		{[]string{"-sip", "127.0.0.1:8888", "-sp", "8888"}, "twice"},
		{[]string{"-sip", "2001:db8::1:x"}, "[2001:db8::1]:6789"},
		{[]string{"-sip", ""}, "-sip"},
		{[]string{"-sip", "fe80::1"}, "fe80::1%eth0"},
		{[]string{"-sip", "a,b,c", "-sp", "1,2"}, "-sp"},
		{[]string{"-sp", "8888"}, "-sip"},
		{[]string{"-listen", "localhost:1"}, "-listen"},
		{[]string{"-presence", "seed,nose"}, "nose"},
		{[]string{"-wait", "10"}, "-wait"},
		{[]string{"-wait", "-1s"}, "-wait"},
		{[]string{"-log", "xml"}, "xml"},
		{[]string{"-s", "false"}, "-s=false"},
		{[]string{"hello"}, "hello"},
		{[]string{"-nonsense"}, "nonsense"},
		{[]string{"-non\x1b[2Jsense\n"}, "sense"},
		{[]string{"-u", "a b"}, "-u"},
		{[]string{"-u", ""}, "-u"},
		{[]string{"-u", "evil\x1b[2J"}, "-u"},
	} {
		t.Run(strings.Join(row.args, " "), func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			args := row.args
			if !hasArg(args, "-u") {
				args = append([]string{"-u", "ann"}, args...)
			}
			n, code := pipe(t, "", append([]string{"-json", "-state", state}, args...)...)
			if code != 2 {
				t.Errorf("exit %d, want 2", code)
			}
			oneLine(t, n, row.word)
			if strings.ContainsRune(n.stderr(), 0x1b) {
				t.Error("an escape sequence came through")
			}
			if _, err := os.Stat(state); err == nil {
				t.Error("the state folder was made")
			}
		})
	}
}

func TestHelpGoesToStdout(t *testing.T) {
	t.Parallel()
	n, code := pipe(t, "", "-h")
	text := strings.Join(n.output(), "\n")
	if code != 0 || n.stderr() != "" || !strings.Contains(text, "-sip") || !strings.Contains(text, "examples") {
		t.Errorf("exit %d, stderr %q, stdout %q", code, n.stderr(), text)
	}
	if lines := len(n.output()); lines > 40 {
		t.Errorf("help has %d lines: more than one screen", lines)
	}
}

func TestWithoutANameAndWithoutATerminal(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	n, code := pipe(t, "", "-json", "-p", "0", "-listen", "127.0.0.1", "-state", state)
	if code != 2 {
		t.Errorf("exit %d, want 2", code)
	}
	oneLine(t, n, "-u")

	start(t, state, "ann").quit()
	n, code = pipe(t, "", "-json", "-p", "0", "-listen", "127.0.0.1", "-state", state)
	if code != 0 || n.self().User != "ann" {
		t.Errorf("exit %d: the only name in the folder is the one that is meant", code)
	}
	start(t, state, "bob").quit()
	n, code = pipe(t, "", "-json", "-p", "0", "-listen", "127.0.0.1", "-state", state)
	if code != 2 {
		t.Errorf("two names: exit %d, want 2", code)
	}
	oneLine(t, n, "-u", "ann", "bob")
}

// Where a seed ran, whoever starts a client without a name is no client called seed; with
// one person there, that one is meant.
func TestSeedsHostStartsNoClientOfThatName(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"seed": nil, "hub": {"-u", "hub"}} {
		state := t.TempDir()
		seed := launch(t, name, program(t, append(more, "-s", "-json", "-p", "0", "-listen", "127.0.0.1", "-state", state)...))
		seed.self()
		seed.signal(syscall.SIGTERM)
		if code := seed.end(); code != 0 {
			t.Fatalf("exit %d", code)
		}
		n, code := pipe(t, "", "-json", "-p", "0", "-listen", "127.0.0.1", "-state", state)
		if code != 2 {
			t.Errorf("%s: exit %d, want 2", name, code)
		}
		oneLine(t, n, "-u", "seed", name)
		start(t, state, "ann").quit()
		n, code = pipe(t, "", "-json", "-p", "0", "-listen", "127.0.0.1", "-state", state)
		if code != 0 || n.self().User != "ann" {
			t.Errorf("%s: exit %d: the only person in the folder is meant", name, code)
		}
	}
}

func TestBusyPorts(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	for _, who := range [][]string{{"-u", "ann"}, {"-s"}} {
		n, code := pipe(t, "", append([]string{"-json", "-listen", "127.0.0.1", "-state", t.TempDir(), "-p", port}, who...)...)
		if code != 1 {
			t.Errorf("%v: exit %d, want 1", who, code)
		}
		oneLine(t, n, port, "-p")
	}
}

// Nobody asked for the default port, so when it is busy another one does too.
func TestBusyDefaultPortIsReplacedAndSaid(t *testing.T) {
	t.Parallel()
	addr := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 7), Port: defaultClientPort}
	conn, err := net.ListenUDP("udp4", addr)
	if err != nil {
		t.Logf("somebody else holds it, which is as good: %v", err)
	} else {
		defer conn.Close()
	}
	n := launch(t, "ann", program(t, "-json", "-u", "ann", "-listen", "127.0.0.7", "-state", t.TempDir()))
	if n.port() == "6789" {
		t.Error("it listens on a port that is taken")
	}
	n.wait("a notice", func(e event) bool { return e.Event == "notice" && strings.Contains(e.Text, "6789") })
	n.quit()
}

func TestListenAddressOfAnotherMachine(t *testing.T) {
	t.Parallel()
	n, code := pipe(t, "", "-json", "-u", "ann", "-p", "0", "-listen", "192.0.2.1", "-state", t.TempDir())
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	oneLine(t, n, "192.0.2.1", "-listen")
}

func TestSeedThatHasNoAddress(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	n, code := pipe(t, "", "-json", "-u", "ann", "-p", "0", "-listen", "127.0.0.1", "-state", state, "-sip", "no-such-host.invalid")
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	oneLine(t, n, "no-such-host.invalid", "-sip")
	if _, err := os.Stat(state); err == nil {
		t.Error("the state folder was made")
	}
}

func TestUnusableStateFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	folders := []string{file, filepath.Join(file, "below"), "/proc/nowhere"}
	if os.Getuid() != 0 { // root may read everything
		closed := filepath.Join(dir, "closed")
		if err := os.Mkdir(closed, 0); err != nil {
			t.Fatal(err)
		}
		folders = append(folders, closed)
	}
	before := snapshot(t, dir)
	for _, folder := range folders {
		n, code := pipe(t, "", at(folder, "ann")...)
		if code != 1 {
			t.Errorf("%s: exit %d, want 1", folder, code)
		}
		oneLine(t, n, folder)
	}
	sameFiles(t, before, snapshot(t, dir))
}

// garble overwrites the files of a state folder whose names fit.
func garble(t *testing.T, state string, fits func(name string) bool) (paths []string) {
	t.Helper()
	for path := range snapshot(t, state) {
		if fits(filepath.Base(path)) {
			if err := os.WriteFile(path, []byte("this is no file of ours\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		t.Fatalf("no such file in %s", state)
	}
	return paths
}

// Whatever makes a program end with 1, a line says what: a full disk, a reader that
// went away, a text that was refused.
func TestExitOneSaysWhy(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	r, gone, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer gone.Close()
	for word, out := range map[string]*os.File{"no space left": full, "broken pipe": gone} {
		cmd := program(t, "-u", "ann", "-ephemeral", "-listen", "127.0.0.1", "-p", "0", "-wait", "0s")
		var errs strings.Builder
		cmd.Stdout, cmd.Stderr = out, &errs
		_ = cmd.Run()
		text := errs.String()
		if cmd.ProcessState.ExitCode() != 1 || strings.Count(text, "\n") != 1 || !strings.Contains(text, word) || !strings.Contains(text, "output") {
			t.Errorf("exit %d, stderr %q, want one line with %q", cmd.ProcessState.ExitCode(), text, word)
		}
	}
	n, code := pipe(t, "to nobody\n", "-json", "-u", "ann", "-ephemeral", "-listen", "127.0.0.1", "-p", "0")
	if code != 1 || strings.Count(n.stderr(), "\n") != 1 || !strings.Contains(n.stderr(), "refused") {
		t.Errorf("exit %d, stderr %q", code, n.stderr())
	}
}

// A damaged identity is a person's key: nothing is touched, the line names the file.
func TestGarbageInTheIdentity(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	start(t, state, "ann").quit()
	paths := garble(t, state, func(name string) bool { return strings.HasPrefix(name, "identity") })
	before := snapshot(t, state)
	n, code := pipe(t, "", at(state, "ann")...)
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	oneLine(t, n, paths[0])
	after := snapshot(t, state)
	sameFiles(t, before, after)
	if len(after) != len(before) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
}

// A damaged store is put aside, never overwritten, and the node starts.
func TestGarbageInTheStore(t *testing.T) {
	t.Parallel()
	ann, bob := meet(t)
	ann.quit()
	before := ann.self().Fingerprint
	var kept []string
	garble(t, ann.state, func(name string) bool {
		return !strings.HasPrefix(name, "identity") && (strings.Contains(name, "journal") || strings.Contains(name, "store"))
	})
	again := start(t, ann.state, "ann")
	if again.self().Fingerprint != before {
		t.Error("the identity changed")
	}
	again.wait("a notice", func(e event) bool { return e.Event == "notice" && strings.Contains(e.Text, "damaged") })
	again.ping(bob)
	again.quit()
	for path, text := range snapshot(t, ann.state) {
		if strings.Contains(path, ".damaged-") {
			kept = append(kept, path)
			if text != "this is no file of ours\n" {
				t.Errorf("%s was changed", path)
			}
		}
	}
	if len(kept) == 0 {
		t.Error("the damaged files are gone")
	}
}

func TestEphemeralWritesNothing(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob")
	cmd := program(t, "-json", "-listen", "127.0.0.1", "-p", "0", "-u", "ann", "-ephemeral")
	home := cmd.Dir
	ann := launch(t, "ann", cmd)
	ann.ping(bob)
	ann.send(`\chat bob`)
	ann.send("no trace")
	ann.wait("1/1", delivered("", 1, 1))
	ann.quit()
	if files := snapshot(t, home); len(files) > 0 {
		t.Errorf("it wrote %v", files)
	}
}
