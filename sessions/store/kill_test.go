package store

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"darkchat/sessions/kv"
)

// The tests here start the test binary again as a process of its own. What it
// is to do is in childEnv: a verb and a state folder.
const childEnv = "DARKCHAT_SESSIONS_TEST_CHILD"

func child(t *testing.T, verb, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run=^TestChild$")
	c.Env = append(os.Environ(), childEnv+"="+verb+" "+dir)
	c.Stderr = os.Stderr
	return c
}

// TestChild is what the processes run that other tests start, and kill.
func TestChild(t *testing.T) {
	verb, dir, ok := strings.Cut(os.Getenv(childEnv), " ")
	if !ok {
		return // it is for the processes that other tests start
	}
	o := ProfileOptions{Dir: dir, User: "ann", Now: time.Now(), Random: rand.Reader}
	switch verb {
	case "write":
		childWrites(o)
	case "close", "fall":
		childRecorded(o, verb == "close")
	case "hold":
		if _, err := OpenProfile(o); err != nil {
			fmt.Println("error", err)
			os.Exit(0)
		}
		fmt.Println("open")
		io.Copy(io.Discard, os.Stdin) // until the parent kills it, or dies
	case "nobody": // root may do everything: become somebody who may not
		if os.Getuid() == 0 {
			if err := errors.Join(syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
				fmt.Println("skip", err)
				os.Exit(0)
			}
		}
		p, err := OpenProfile(o)
		if err != nil {
			fmt.Println("error", err)
			os.Exit(0)
		}
		p.Store().Append([]kv.Write{text(1)}, 1)
		if err := p.Close(); err != nil {
			fmt.Println("error", err)
			os.Exit(0)
		}
		fmt.Println("open")
	}
	os.Exit(0)
}

// childWrites stores numbered texts until it is killed. Every batch is a text and
// the number of the last text. Before it stores one it says "id N" for a text id
// that it uses, and afterwards "ack N".
func childWrites(o ProfileOptions) {
	fail := func(err error) {
		fmt.Println("fail", err)
		os.Exit(1)
	}
	p, err := openProfile(o, smallLimits, openJournalFile)
	if err != nil {
		fail(err)
	}
	last, texts := uint64(0), uint64(0)
	err = p.Load(func(b kv.Bucket, key, value []byte) error {
		switch b {
		case kv.BucketInbox:
			last = binary.BigEndian.Uint64(value)
		case kv.BucketTexts:
			texts++
			if n := binary.BigEndian.Uint64(key); n != texts || string(value) != childText(n) {
				fail(fmt.Errorf("text %d is %q", n, value))
			}
		}
		return nil
	})
	if err == nil && texts != last {
		err = fmt.Errorf("%d texts, but the last is %d: a batch was torn", texts, last)
	}
	for _, n := range p.Notices {
		err = errors.Join(err, errors.New(n))
	}
	if err != nil {
		fail(err)
	}
	fmt.Println("last", last)
	appended := last
	id := p.IDs.First
	for {
		for ; appended < last+8; appended++ {
			fmt.Println("id", id)
			id++
			key := binary.BigEndian.AppendUint64(nil, appended+1)
			batch := []kv.Write{{Bucket: kv.BucketTexts, Key: key, Value: []byte(childText(appended + 1))}, {Bucket: kv.BucketInbox, Key: []byte("last"), Value: key}}
			if !p.Store().Append(batch, appended+1) {
				break
			}
		}
		d := <-p.Store().Done()
		if d.Err != nil {
			fail(d.Err)
		}
		last = d.Seq
		fmt.Println("ack", last)
		if id+8 >= p.IDs.Limit || last%400 == 0 { // now and then it ends well
			p.GiveBack(id, p.Seqs.First)
			if err := p.Close(); err != nil {
				fail(err)
			}
			os.Exit(0)
		}
	}
}

// childText has no fixed length, so that frames fall everywhere in the pages.
func childText(n uint64) string {
	return strings.Repeat(strconv.FormatUint(n*2654435761, 36), 1+int(n%37))
}

// Killed at random moments, with journals compacted every few texts: what was
// acknowledged is there, whole and in order, and no number comes again.
func TestKill(t *testing.T) {
	runs := 25
	if testing.Short() {
		runs = 5
	}
	seed := time.Now().UnixNano()
	r := mrand.New(testRandom(byte(seed)))
	dir := t.TempDir()
	used := map[uint64]bool{}
	acked, killed := uint64(0), 0
	for run := range runs {
		c := child(t, "write", dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		var limit *time.Timer
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if limit == nil { // it has started: anything from here on
				limit = time.AfterFunc(time.Duration(r.IntN(25000))*time.Microsecond, func() { c.Process.Kill() })
			}
			verb, arg, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.ParseUint(arg, 10, 64)
			switch {
			case verb == "fail" || err != nil:
				t.Fatalf("run %d, seed %d: %s", run, byte(seed), lines.Text())
			case verb == "last" && n < acked:
				t.Fatalf("run %d, seed %d: %d texts were acknowledged, %d are there", run, byte(seed), acked, n)
			case verb == "last" || verb == "ack":
				acked = n
			case verb == "id" && used[n]:
				t.Fatalf("run %d, seed %d: id %d is used again", run, byte(seed), n)
			case verb == "id":
				used[n] = true
			}
		}
		if c.Wait() != nil {
			killed++
		}
		if limit != nil {
			limit.Stop()
		}
	}
	if acked == 0 || killed == 0 {
		t.Errorf("%d acknowledged, %d of %d runs killed: the test tested nothing", acked, killed, runs)
	}
	t.Logf("%d texts, %d of %d runs killed", acked, killed, runs)
}

// Two processes never share a slot, and a killed one leaves its slot free.
func TestTwoProcesses(t *testing.T) {
	d := newDiskTest(t)
	d.close(d.open("ann"))
	c := child(t, "hold", d.dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	p := d.open("ann")
	if got := filepath.Base(p.slot.dir); got != "2" {
		t.Errorf("slot is %s while another process has the first", got)
	}
	d.close(p)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	p = d.open("ann")
	defer p.Close()
	if got := filepath.Base(p.slot.dir); got != "1" {
		t.Errorf("slot is %s, want the one of the killed process", got)
	}
}

// What somebody without the rights sees is one line, and nothing changes.
func TestFoldersWithoutRights(t *testing.T) {
	base, err := os.MkdirTemp("", "darkchat-rights")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	dir := filepath.Join(base, "state")
	if out, err := child(t, "nobody", dir).Output(); err != nil || !strings.HasPrefix(string(out), "error") && os.Getuid() == 0 {
		t.Fatalf("child says %q, %v", out, err) // base is root's, 0700
	}
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	own := func(path string) {
		if os.Getuid() == 0 {
			if err := os.Chown(path, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
	}
	own(dir)
	say := func() string {
		t.Helper()
		out, err := child(t, "nobody", dir).Output()
		if err != nil || strings.HasPrefix(string(out), "skip") {
			t.Skipf("child: %q, %v", out, err)
		}
		return strings.TrimSuffix(string(out), "\n")
	}
	if got := say(); got != "open" {
		t.Fatalf("child says %q", got)
	}
	user := filepath.Join(dir, "ann")
	for _, c := range []struct {
		path  string
		mode  os.FileMode
		words string
	}{
		{dir, 0o000, "permission denied"},
		{filepath.Join(user, "identity"), 0o000, "permission denied"},
		{filepath.Join(user, "1", "store"), 0o400, "permission denied"},
		{filepath.Join(user, "1", "session"), 0o000, "permission denied"},
		{filepath.Join(user, "1", "lock"), 0o000, "permission denied"},
	} {
		info, err := os.Stat(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(c.path, c.mode); err != nil {
			t.Fatal(err)
		}
		got := say()
		if !strings.HasPrefix(got, "error") || !strings.Contains(got, c.words) || !strings.Contains(got, "-state") || strings.Contains(got, "\n") {
			t.Errorf("%s with %v: child says %q", c.path, c.mode, got)
		}
		if err := os.Chmod(c.path, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o500); err != nil { // a folder that is read-only, with a profile in it: no harm
		t.Fatal(err)
	}
	if got := say(); got != "open" {
		t.Errorf("child says %q", got)
	}
	if err := os.RemoveAll(user); err != nil {
		t.Fatal(err)
	}
	if got := say(); os.Getuid() == 0 && (!strings.Contains(got, "permission denied") || !strings.Contains(got, "-state")) {
		t.Errorf("read-only folder: child says %q", got)
	}
}

// One run with sudo in a person's home makes what they cannot open any more. What is said
// then has the command that mends it.
func TestAfterARunAsRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can lock somebody out")
	}
	home, err := os.MkdirTemp("", "darkchat home")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, ".local", "state", "darkchat")
	p, err := OpenProfile(ProfileOptions{Dir: dir, User: "ann", Now: testNow, Random: testRandom(1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	say := func() string {
		out, err := child(t, "nobody", dir).Output()
		if err != nil || strings.HasPrefix(string(out), "skip") {
			t.Skipf("child: %q, %v", out, err)
		}
		return strings.TrimSuffix(string(out), "\n")
	}
	give := func(path string, id int) {
		t.Helper()
		err := filepath.WalkDir(path, func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Chown(path, id, id))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, mine := range []string{"", ".local", ".local/state", ".local/state/darkchat", ".local/state/darkchat/ann"} {
		give(home, 0)
		for at := filepath.Join(home, mine); ; at = filepath.Dir(at) {
			if err := os.Chown(at, 65534, 65534); err != nil {
				t.Fatal(err)
			}
			if at == home {
				break
			}
		}
		got := say()
		_, rest, found := strings.Cut(got, "belongs to root, as after a run with sudo: run sudo chown -R 65534:65534 '")
		path, _, closed := strings.Cut(rest, "' once")
		if !strings.HasPrefix(got, "error") || !found || !closed || strings.Contains(got, "\n") {
			t.Errorf("%q is mine: child says %q", mine, got)
			continue
		}
		give(path, 65534)
		if mine == ".local/state/darkchat/ann" { // file by file
			give(home, 65534)
		}
		if got := say(); got != "open" {
			t.Errorf("%q is mine, and after a chown of %s child says %q", mine, path, got)
		}
	}

	// Where nothing is theirs, no more than the state folder is.
	if got := rootsPart(filepath.Join(dir, "ann", "identity"), dir, 12345); got != "" {
		t.Errorf("a stranger is told of %s", got)
	}
	give(home, 0)
	if got := rootsPart(filepath.Join(dir, "ann", "identity"), dir, 12345); got != dir {
		t.Errorf("told of %q, want %s", got, dir)
	}
	if got := quoted("/home/o'neil"); got != `'/home/o'\''neil'` {
		t.Errorf("quoted %s", got)
	}
}
