package main

import (
	"strings"
	"testing"
	"time"
)

// startSeed runs a seed as a service would: no input, no terminal.
func startSeed(t *testing.T, state string) *node {
	t.Helper()
	n := launch(t, "seed", program(t, "-s", "-json", "-p", "0", "-listen", "127.0.0.1", "-state", state))
	_ = n.stdin.Close()
	if user := n.self().User; user != "seed" {
		t.Fatalf("a seed without a name is seed, not %q", user)
	}
	return n
}

func TestAddThroughASeedThenWithoutIt(t *testing.T) {
	t.Parallel()
	seed := startSeed(t, t.TempDir())
	bob := start(t, t.TempDir(), "bob", "-sip", "127.0.0.1:"+seed.port())
	ann := start(t, t.TempDir(), "ann", "-sip", "127.0.0.1", "-sp", seed.port())
	bob.wait("the seed online", func(e event) bool { return e.Event == "online" && e.User == "seed" })
	ann.wait("the seed online", func(e event) bool { return e.Event == "online" && e.User == "seed" })

	// They never met: bob is asked, once, and agrees.
	ann.send(`\add bob`)
	knock := bob.wait("ann asks", func(e event) bool { return e.Event == "knock" })
	if knock.User != "ann" || knock.Via != "seed" || knock.Fingerprint != ann.self().Fingerprint {
		t.Errorf("bob is told %s", knock)
	}
	bob.send(`\accept ann`)
	bob.wait("it is done", func(e event) bool { return e.Event == "accept" && e.User == "ann" })
	ann.wait("bob online", func(e event) bool { return e.Event == "online" && e.User == "bob" })
	ann.send(`\chat bob`)
	ann.send("through the seed")
	bob.wait("the text", is("message", "through the seed"))

	seed.kill()
	ann.send("without the seed")
	bob.wait("the text", is("message", "without the seed"))
	ann.wait("1/1", func(event) bool { return ann.count(delivered("", 1, 1)) == 2 })

	// And after a restart of both, still without it.
	port := bob.port()
	ann.quit()
	bob.quit()
	bob = start(t, bob.state, "bob", "-p", port)
	ann = start(t, ann.state, "ann")
	ann.wait("bob online", func(e event) bool { return e.Event == "online" && e.User == "bob" })
	ann.send(`\chat bob`)
	ann.send("from memory")
	bob.wait("the text", is("message", "from memory"))
}

// A seed once used is found again without -sip.
func TestSeedIsRemembered(t *testing.T) {
	t.Parallel()
	seed := startSeed(t, t.TempDir())
	online := func(e event) bool { return e.Event == "online" && e.User == "seed" }
	ann := start(t, t.TempDir(), "ann", "-sip", "127.0.0.1:"+seed.port())
	ann.wait("the seed online", online)
	ann.quit()
	ann = start(t, ann.state, "ann")
	ann.wait("the seed online", online)
	ann.send(`\net`)
	ann.wait("it is a seed of ours", func(e event) bool { return e.Event == "net" && strings.Contains(e.raw, `"seeds":["seed"]`) })
}

// A seed whose state was lost comes back at its port with another key: those who named it are
// there again within seconds, and are warned.
func TestSeedWithAFreshKey(t *testing.T) {
	t.Parallel()
	seed := startSeed(t, t.TempDir())
	port, was := seed.port(), seed.self().Fingerprint
	ann := start(t, t.TempDir(), "ann", "-sip", "127.0.0.1", "-sp", port)
	ann.wait("the seed online", func(e event) bool { return e.Event == "online" && e.User == "seed" })
	seed.kill()
	seed = launch(t, "seed", program(t, "-s", "-json", "-p", port, "-listen", "127.0.0.1", "-state", t.TempDir()))
	_ = seed.stdin.Close()
	now := seed.self().Fingerprint
	began := time.Now()
	ann.send(`\add carol`) // any word to the seed
	ann.wait("a warning", func(e event) bool {
		return e.Event == "notice" && strings.Contains(e.Text, was) && strings.Contains(e.Text, now)
	})
	ann.wait("the new seed", func(e event) bool { return e.Event == "online" && strings.HasPrefix(e.User, "seed~") })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	carol := start(t, t.TempDir(), "carol", "-sip", "127.0.0.1", "-sp", port)
	carol.wait("the seed online", func(e event) bool { return e.Event == "online" && e.User == "seed" })
	carol.send(`\add ann`)
	ann.wait("carol is introduced by it", func(e event) bool { return e.Event == "online" && e.User == "carol" || e.Event == "knock" })
}

// A user who says that anybody may find them is added at once; both ways of adding end in time.
func TestIntroducedToAnybody(t *testing.T) {
	t.Parallel()
	seed := startSeed(t, t.TempDir())
	bob := start(t, t.TempDir(), "bob", "-sip", "127.0.0.1", "-sp", seed.port(), "-intro", "all")
	for _, name := range []string{"ann", "cat"} {
		p := start(t, t.TempDir(), name, "-sip", "127.0.0.1", "-sp", seed.port())
		for _, n := range []*node{p, bob} {
			n.wait("the seed online", func(e event) bool { return e.Event == "online" && e.User == "seed" })
		}
		print := ""
		if name == "cat" {
			print = " " + bob.self().Fingerprint
		}
		p.send(`\add bob` + print)
		p.send(`\chat bob`)
		p.send("hello from " + name)
		bob.wait("the text", is("message", "hello from "+name))
	}
	if n := bob.count(func(e event) bool { return e.Event == "knock" }); n != 0 {
		t.Errorf("bob was asked %d times", n)
	}
}

func TestAddOfNobodyFails(t *testing.T) {
	t.Parallel()
	seed := startSeed(t, t.TempDir())
	ann := start(t, t.TempDir(), "ann", "-sip", "127.0.0.1", "-sp", seed.port())
	ann.wait("the seed online", func(e event) bool { return e.Event == "online" })
	ann.send(`\add nobody`)
	ann.wait("an error", func(e event) bool { return e.Event == "error" && e.Input == `\add nobody` })
}

// The 2010 server span on the end of its input. This one waits for datagrams.
func TestSeedWithoutInputIdles(t *testing.T) {
	t.Parallel()
	seed := startSeed(t, t.TempDir())
	// A fixed span is what is measured here: the time that it did nothing.
	span := time.NewTimer(time.Second)
	before := cpuTime(t, seed.cmd.Process.Pid)
	<-span.C
	if used := cpuTime(t, seed.cmd.Process.Pid) - before; used > 100*time.Millisecond {
		t.Errorf("an idle seed used %v of processor time in a second", used)
	}
	select {
	case <-seed.exited:
		t.Fatal("a seed ignores the end of its input")
	default:
	}
}

func TestStayIgnoresTheEndOfInput(t *testing.T) {
	t.Parallel()
	bob := start(t, t.TempDir(), "bob", "-stay", "-wait", "0s")
	_ = bob.stdin.Close()
	ann, code := pipe(t, hello(bob.port()), at(t.TempDir(), "ann")...)
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	ann.wait("1/1", delivered("", 1, 1))
	bob.wait("the text", is("message", "hello"))
}
