package shell

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"darkchat/neighbors"
	"darkchat/shell/shelltest"
)

// answers plays a node that answers pings after a while: online, then pong.
func answers(after time.Duration) func(*shelltest.Node, neighbors.Token, netip.AddrPort) {
	return func(a *shelltest.Node, token neighbors.Token, addr netip.AddrPort) {
		go func() {
			time.Sleep(after)
			a.Mu.Lock()
			a.People = []neighbors.UserView{bob()}
			a.Mu.Unlock()
			a.Sink(neighbors.CameOnline{User: "bob", Session: "7f3a000000000001", Trust: "pinned"})
			a.Sink(neighbors.Pong{Token: token, Addr: addr, User: "bob", Session: "7f3a000000000001", RTT: after})
		}()
	}
}

// The next line of a pipe is taken only when the \ping before it has ended, so
// that a script may \chat with whom it has just pinged.
func TestPipeWaitsForPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t, &shelltest.Node{OnPing: answers(3 * time.Second), OnSay: delivers}, Options{JSON: true},
			"\\ping 127.0.0.1 7002\n\\chat bob\nhello\n")
		if want := "ready online pong chat delivery:sent delivery:delivered bye"; p.events() != want || p.code != 0 {
			t.Errorf("events %s, exit %d, want %s, 0", p.events(), p.code, want)
		}
		if want := "ping 127.0.0.1:7002; resolve bob; say hello"; p.Asked() != want {
			t.Errorf("asked %s, want %s", p.Asked(), want)
		}
		if p.took != 3*time.Second {
			t.Errorf("took %v, want 3s", p.took)
		}
	})
}

// A ping that nobody answers ends with an error that has the line, at most after
// 5 s, whether the node says so or not; macro errors do not change the exit code.
func TestPipePingFails(t *testing.T) {
	for name, onPing := range map[string]func(*shelltest.Node, neighbors.Token, netip.AddrPort){
		"node says so": func(a *shelltest.Node, token neighbors.Token, _ netip.AddrPort) {
			time.AfterFunc(4*time.Second, func() { a.Sink(neighbors.Failed{Token: token, Text: "no answer"}) })
		},
		"node says so at once": func(a *shelltest.Node, token neighbors.Token, _ netip.AddrPort) {
			a.Sink(neighbors.Failed{Token: token, Text: "no answer"})
		},
		"node is silent": func(*shelltest.Node, neighbors.Token, netip.AddrPort) {},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := play(t, &shelltest.Node{OnPing: onPing}, Options{JSON: true}, "\\ping 10.1.1.1\n\\whoami\n")
			if want := "ready error whoami bye"; p.events() != want || p.code != 0 || p.took > 5*time.Second {
				t.Errorf("%s: events %s, exit %d after %v, want %s, 0", name, p.events(), p.code, p.took, want)
			}
			if !strings.Contains(p.lines[1], `"input":"\\ping 10.1.1.1","text":"no answer`) {
				t.Errorf("%s: %s", name, p.lines[1])
			}
		})
	}
}

// A host name with several addresses is one \ping: the first answer ends it, and
// an error comes only when all have failed.
func TestPingTriesAllAddresses(t *testing.T) {
	look := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	for works, want := range map[string]string{"127.0.0.1": "ready pong bye", "::1": "ready pong bye", "none": "ready error bye", "both": "ready pong bye"} {
		synctest.Test(t, func(t *testing.T) {
			a := &shelltest.Node{OnPing: func(a *shelltest.Node, token neighbors.Token, addr netip.AddrPort) {
				if addr.Addr().String() == works || works == "both" {
					a.Sink(neighbors.Pong{Token: token, Addr: addr})
				} else {
					a.Sink(neighbors.Failed{Token: token, Text: "no answer"})
				}
			}}
			p := play(t, a, Options{JSON: true, Resolve: look}, "\\ping localhost 7002\n")
			synctest.Wait()
			if p.events() != want {
				t.Errorf("%s answers: %s, want %s", works, p.events(), want)
			}
			if !strings.HasPrefix(p.Asked(), "ping [::1]:7002; ping 127.0.0.1:7002") {
				t.Errorf("asked %s", p.Asked())
			}
		})
	}
}

// On a slow path the pong comes after the error that ended the \ping. It is told once, even if the
// host has several addresses, and not at all if one of them had answered in time.
func TestLatePong(t *testing.T) {
	look := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	for works, want := range map[string]string{"none": "ready error pong bye", "one": "ready pong bye"} {
		synctest.Test(t, func(t *testing.T) {
			first := true
			a := &shelltest.Node{OnPing: func(a *shelltest.Node, token neighbors.Token, addr netip.AddrPort) {
				if first = !first; first && works == "one" {
					a.Sink(neighbors.Pong{Token: token, Addr: addr})
					return
				}
				a.Sink(neighbors.Failed{Token: token, Text: "no pong yet"})
				time.AfterFunc(3*time.Second, func() { a.Sink(neighbors.Pong{Token: token, Addr: addr, Late: true}) })
			}}
			in, out := io.Pipe()
			go func() {
				io.WriteString(out, "\\ping localhost 7002\n")
				time.Sleep(10 * time.Second)
				out.Close()
			}()
			p := playContext(t, t.Context(), a, Options{JSON: true, Resolve: look}, in)
			if p.events() != want {
				t.Errorf("%s answers in time: %s, want %s", works, p.events(), want)
			}
		})
	}
}

// A known user's name is pinged as a user; another word is a host, and looking it
// up counts into the 5 s.
func TestPingUserOrHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &shelltest.Node{People: []neighbors.UserView{bob()}, OnPing: answers(time.Second)}
		look := func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		p := play(t, a, Options{JSON: true, Resolve: look}, "\\ping bob\n\\ping bob 7002\n")
		if want := "ready online pong error bye"; p.events() != want || p.Asked() != "ping user bob" || p.took > 6*time.Second {
			t.Errorf("events %s, asked %s, %v; want %s", p.events(), p.Asked(), p.took, want)
		}
	})
}

// The fifth address of a name is tried like the first; oneself is not looked up; and an
// address that cannot be written to so is refused at once.
func TestPingFifthAddressAndOneself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const fifth = "198.51.100.5"
		a := &shelltest.Node{OnPing: func(a *shelltest.Node, token neighbors.Token, addr netip.AddrPort) {
			if addr.Addr().String() == fifth {
				a.Sink(neighbors.Pong{Token: token, Addr: addr})
			}
		}}
		look := func(_ context.Context, host string) (all []netip.Addr, err error) {
			if host == "ann" {
				t.Error("the own name is looked up")
			}
			for _, s := range []string{"2001:db8::1", "2001:db8::2", "198.51.100.3", "198.51.100.4", fifth} {
				all = append(all, netip.MustParseAddr(s))
			}
			return all, nil
		}
		links := func() []string { return []string{"eth0"} }
		p := play(t, a, Options{JSON: true, Resolve: look, Links: links}, "\\ping host.example\n\\ping ann\n\\ping fe80::1\n\\ping fe80::1%eth9 7000\n")
		if want := "ready pong error error error bye"; p.events() != want || p.took > time.Second {
			t.Errorf("%s after %v, want %s", p.events(), p.took, want)
		}
		for _, want := range []string{"ann is you", "fe80::1%eth0", "no interface eth9"} {
			if !strings.Contains(strings.Join(p.lines, "\n"), want) {
				t.Errorf("nothing says %q in\n%s", want, strings.Join(p.lines, "\n"))
			}
		}
	})
}
