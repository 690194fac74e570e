package neighbors_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/simnet"
	"darkchat/neighbors"
)

var slowTrips = []time.Duration{1200 * time.Millisecond, 3 * time.Second, 5 * time.Second, 8 * time.Second}

// slowPair are two people on two networks, or on one link, with a slow way between them.
// got counts what came to each, by its kind: "bob text", "bob HELLO".
func slowPair(t *testing.T, seed uint64, p simnet.Profile, link bool) (b *bed, ann, bob *person, got map[string]int) {
	t.Helper()
	b = newBed(t, seed, p)
	ann, bob = b.join("ann"), b.join("bob")
	if link {
		for _, p := range b.nodes {
			p.links = []netip.Prefix{netip.PrefixFrom(p.addr.Addr(), 16)}
			p.start()
		}
	}
	got = map[string]int{}
	b.opened = func(to *person, o dgram.Opened) {
		what := o.Summary()
		got[to.name+" "+strings.Fields(what)[0]]++
		got[to.name+" text"] += strings.Count(what, "text")
		got[to.name]++
	}
	return b, ann, bob, got
}

// A \ping over a slow way ends within its 5 s all the same. If something came back by then it
// says so, and blames no firewall; else its advice stands. What comes of it is told later.
func TestSlowPing(t *testing.T) {
	for _, link := range []bool{false, true} {
		for _, trip := range slowTrips {
			for _, loss := range []float64{0, .1} {
				for seed := range uint64(5) {
					what := fmt.Sprintf("link %v, %v, loss %v, seed %d", link, trip, loss, seed+1)
					b, ann, bob, got := slowPair(t, seed+1, simnet.Profile{Delay: trip / 2, Loss: loss}, link)
					begin := b.now
					ann.ping(bob)
					b.until(neighbors.PingTimeout, what+": it ends", func() bool {
						return count[neighbors.Pong](ann)+count[neighbors.Failed](ann) == 1
					})
					if failed := all[neighbors.Failed](ann); len(failed) > 0 {
						if signs, advice := got["ann"] > 0, strings.Contains(failed[0].Text, "firewall"); signs == advice || !strings.Contains(failed[0].Text, "you are told") {
							t.Errorf("%s: with %d datagrams back: %s", what, got["ann"], failed[0].Text)
						}
						within := 3*trip + time.Millisecond
						if loss > 0 {
							within = time.Minute
						}
						b.until(begin.Add(within).Sub(b.now), what+": it is told later", func() bool { return count[neighbors.Pong](ann) == 1 })
						if !all[neighbors.Pong](ann)[0].Late {
							t.Errorf("%s: %+v", what, all[neighbors.Pong](ann))
						}
					}
					if pong := all[neighbors.Pong](ann)[0]; pong.RTT != trip || count[neighbors.CameOnline](ann) != 1 {
						t.Errorf("%s: %+v", what, pong)
					}
					if loss == 0 && got["bob HANDSHAKE"] > 2 {
						t.Errorf("%s: %d HANDSHAKEs", what, got["bob HANDSHAKE"])
					}
					b.run(2 * time.Minute)
					if count[neighbors.Pong](ann)+count[neighbors.Failed](ann)+count[neighbors.Notice](ann) > 2 {
						t.Errorf("%s: told %v", what, ann.lines())
					}
				}
			}
		}
	}
}

// If a path is known to be slow the error says so, in whatever way somebody is pinged.
func TestSlowPingAgain(t *testing.T) {
	const trip = 8 * time.Second
	b, ann, bob, _ := slowPair(t, 1, simnet.Profile{Delay: trip / 2}, false)
	ann.ping(bob)
	b.run(2 * time.Minute)
	for _, again := range []func(){
		func() { ann.ping(bob) },
		func() {
			do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) { return n.PingUser(now, "bob") })
		},
	} {
		ann.screen = nil
		again()
		b.run(neighbors.PingTimeout)
		if failed := all[neighbors.Failed](ann); len(failed) != 1 || !strings.Contains(failed[0].Text, "has taken 8s") {
			t.Errorf("told %v", ann.lines())
		}
		b.run(time.Minute)
		if pong := all[neighbors.Pong](ann); len(pong) != 1 || !pong[0].Late || pong[0].RTT != trip {
			t.Errorf("told %v", ann.lines())
		}
	}
}

// Nobody flaps on a slow path: nodes that are there are not called lost, whether they talk or not, and
// messages are sent once, or with loss seldom more often.
func TestSlowWayIsCalm(t *testing.T) {
	for _, p := range []simnet.Profile{{}, {Loss: .1}, {Jitter: 2 * time.Second}, {Jitter: 2 * time.Second, Loss: .1, Reorder: .1}} {
		for _, link := range []bool{false, true} {
			for _, trip := range slowTrips {
				for seed := range uint64(3) {
					p.Delay = trip / 2
					what := fmt.Sprintf("%+v, link %v, seed %d", p, link, seed+1)
					b, ann, bob, got := slowPair(t, seed+1, p, link)
					bob.intro = neighbors.IntroAll
					for range 3 { // on a bad way a person asks again
						ann.ping(bob)
						b.run(time.Minute)
						if bob.sees("ann") && ann.sees("bob") {
							break
						}
					}
					bob.accepts("ann")
					b.run(5 * time.Minute)
					clear(got)
					const lines = 20
					for i := range lines {
						ann.say("bob", fmt.Sprint("there ", i))
						b.run(7 * time.Second)
						bob.say("ann", fmt.Sprint("back ", i))
						b.run(9 * time.Second)
					}
					b.run(20 * time.Minute)
					if len(bob.texts()) != lines || len(ann.texts()) != lines {
						t.Errorf("%s: %d and %d lines came", what, len(bob.texts()), len(ann.texts()))
					}
					if n := count[neighbors.WentOffline](ann) + count[neighbors.WentOffline](bob); n > 0 {
						t.Errorf("%s: lost %d times", what, n)
					}
					most := 2 * lines
					if p.Loss > 0 || p.Jitter > 0 {
						most = most * 3 / 2
					}
					if n := got["ann text"] + got["bob text"]; n > most {
						t.Errorf("%s: %d lines went %d times", what, 2*lines, n)
					}
				}
			}
		}
	}
}

// A node that is gone is still found out, later only by the slowness of the path.
func TestSlowCrashIsFound(t *testing.T) {
	for _, trip := range slowTrips {
		b, ann, bob, _ := slowPair(t, 1, simnet.Profile{Delay: trip / 2}, false)
		ann.ping(bob)
		b.until(time.Minute, "they meet", func() bool { return bob.sees("ann") && ann.sees("bob") })
		b.run(time.Minute)
		bob.kill()
		b.until(10*time.Second+12*trip, fmt.Sprint("ann notices at ", trip), func() bool { return !ann.sees("bob") })
	}
}

// Nothing is there: the advice stands, and nothing is told later. A \ping of somebody who
// comes in the meantime is answered later.
func TestPingGoesOn(t *testing.T) {
	b := newBed(t, 1, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	bob.kill()
	ann.ping(bob)
	b.run(2 * time.Minute)
	if len(ann.screen) != 1 || !strings.Contains(all[neighbors.Failed](ann)[0].Text, "firewall") {
		t.Errorf("told %v", ann.lines())
	}
	ann.ping(bob)
	b.run(6 * time.Second)
	bob.start()
	b.until(15*time.Second, "the late pong", func() bool { return count[neighbors.Pong](ann) == 1 })
	if len(ann.screen) != 5 || !all[neighbors.Pong](ann)[0].Late {
		t.Errorf("told %v", ann.lines())
	}
	for range 100 { // they do not pile up
		do(ann, func(now time.Time, n *neighbors.Node) (neighbors.Token, error) {
			return n.Ping(now, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, 9, byte(len(ann.screen))}), 1))
		})
		b.run(2 * time.Second)
	}
	b.run(2 * time.Minute)
	if n := count[neighbors.Pong](ann); n != 1 {
		t.Errorf("%d pongs", n)
	}
}
