package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"darkchat/dgram"
	"darkchat/sessions/store"
)

// crashKills is the environment variable that asks for the whole test: so many kills,
// and ten texts for each.
const crashKills = "DARKCHAT_KILLS"

// badWay carries datagrams between two nodes and loses some of them. Each node sees one
// address of the other, before and after a restart.
type badWay struct {
	nodes [2]netip.AddrPort // where they listen
	conns [2]*net.UDPConn   // conns[i] is what node i talks to
	loss  float64
	mu    sync.Mutex
	rng   *mrand.Rand
}

func newBadWay(t *testing.T, seed uint64, loss float64) *badWay {
	w := &badWay{loss: loss, rng: mrand.New(mrand.NewPCG(seed, 2))}
	for i := range w.nodes {
		free, err := dgram.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		w.nodes[i] = free.LocalAddr().(*net.UDPAddr).AddrPort()
		_ = free.Close()
		if w.conns[i], err = dgram.Listen(netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.conns[i].Close() })
	}
	for i := range w.nodes {
		go w.carry(i)
	}
	return w
}

// carry hands on what node i says.
func (w *badWay) carry(i int) {
	b := make([]byte, 2048)
	for {
		n, _, err := w.conns[i].ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		lost := w.rng.Float64() < w.loss
		w.mu.Unlock()
		if !lost {
			_, _ = w.conns[1-i].WriteToUDPAddrPort(b[:n], w.nodes[1-i])
		}
	}
}

// crasher is one of two people whose program is killed again and again.
type crasher struct {
	*node
	t     *testing.T
	other string
	args  []string
	typed int
	told  map[string]bool   // ids of which it was said that they are queued or sent
	acked map[string]bool   // ids that were acknowledged
	shown map[string]string // texts on the screen, by id
	again int               // lines that were shown again
}

func (c *crasher) begin() {
	c.node = start(c.t, c.state, c.name, c.args...)
	c.typeLine(`\chat ` + c.other)
}

// typeLine may come too late for a program that is being killed.
func (c *crasher) typeLine(s string) { _, _ = io.WriteString(c.stdin, s+"\n") }

// fall kills the program and notes what it had said.
func (c *crasher) fall() {
	c.kill()
	c.note()
}

func (c *crasher) note() {
	events, _ := c.since(0)
	for _, e := range events {
		switch e.Event {
		case "delivery":
			c.told[e.ID] = true
			if e.State == "delivered" {
				c.acked[e.ID] = true
			}
		case "message":
			if was, ok := c.shown[e.ID]; ok {
				c.again++
				if was != e.Text {
					c.t.Errorf("%s read %q and then %q with the id %s", c.name, was, e.Text, e.ID)
				}
			}
			c.shown[e.ID] = e.Text
		}
	}
}

// waits is how many lines lie in the outbox.
func (c *crasher) waits() int {
	at := c.mark()
	c.typeLine(`\outbox`)
	e := c.waitAfter(at, "the outbox", func(e event) bool { return e.Event == "outbox" })
	var r struct{ Lines []json.RawMessage }
	_ = json.Unmarshal([]byte(e.raw), &r)
	return len(r.Lines)
}

// past reads the history on disk: the ids of what was typed, and of what came.
func (c *crasher) past() (typed, came []store.HistoryEntry) {
	p, err := store.OpenProfile(store.ProfileOptions{
		Dir: c.state, User: c.name, Now: time.Now(), Random: rand.Reader, History: store.DefaultHistory,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	defer p.Close()
	page, err := p.Store().History(store.HistoryQuery{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range page.Entries {
		if e.Own() {
			typed = append(typed, e)
		} else {
			came = append(came, e)
		}
	}
	return typed, came
}

// Two people write to each other over a way that loses a fifth, while their programs are
// killed at random moments. No text is missing in the end, none was recorded twice, the
// order is kept, none was acknowledged and lost, and what was shown again has its id.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	kills := 12
	if s := os.Getenv(crashKills); s != "" {
		if _, err := fmt.Sscan(s, &kills); err != nil {
			t.Fatalf("%s=%s: %v", crashKills, s, err)
		}
	}
	texts := 5 * kills // of each
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := mrand.New(mrand.NewPCG(seed, 1))
	way := newBadWay(t, seed, 0.2)
	var people [2]*crasher
	for i, name := range []string{"ann", "bob"} {
		people[i] = &crasher{
			node: &node{name: name, state: t.TempDir()}, t: t, other: []string{"bob", "ann"}[i],
			args: []string{"-presence", "none", "-p", fmt.Sprint(way.nodes[i].Port())},
			told: map[string]bool{}, acked: map[string]bool{}, shown: map[string]string{},
		}
		state := people[i].state
		people[i].node = start(t, state, name, people[i].args...)
	}
	ann, bob := people[0], people[1]
	ann.typeLine(`\ping ` + strings.Replace(way.conns[0].LocalAddr().String(), ":", " ", 1))
	for _, c := range people {
		c.wait("the other", func(e event) bool { return e.Event == "online" })
		c.typeLine(`\chat ` + c.other)
	}

	began := time.Now()
	for done := 0; done < kills || ann.typed < texts || bob.typed < texts; {
		for _, c := range people {
			if c.typed < texts && c.typed*kills <= (done+1)*texts {
				c.typeLine(fmt.Sprintf("%s says %d", c.name, c.typed))
				c.typed++
			}
		}
		settle(time.Duration(rng.IntN(25)) * time.Millisecond)
		if done < kills && rng.IntN(5) == 0 {
			done++
			c := people[rng.IntN(2)]
			c.fall()
			settle(time.Duration(rng.IntN(60)) * time.Millisecond)
			if done < kills && rng.IntN(3) == 0 { // also while it starts
				done++
				args := append([]string{"-json", "-listen", "127.0.0.1", "-state", c.state, "-u", c.name}, c.args...)
				state := c.state
				c.node = launch(t, c.name, program(t, args...))
				c.state = state
				settle(time.Duration(rng.IntN(80)) * time.Millisecond)
				c.fall()
			}
			c.begin()
		}
	}
	for deadline := time.Now().Add(3 * time.Minute); ann.waits()+bob.waits() > 0; settle(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d and %d lines still wait", ann.waits(), bob.waits())
		}
	}
	t.Logf("%d kills, %d texts of each: all arrived after %v", kills, texts, time.Since(began).Round(time.Second))
	for _, c := range people {
		c.quit()
		c.note()
	}
	nothingLost(t, ann, bob)
	nothingLost(t, bob, ann)
}

// nothingLost holds what to has of from's texts to what was typed, told and acknowledged.
func nothingLost(t *testing.T, from, to *crasher) {
	t.Helper()
	typed, _ := from.past()
	_, came := to.past()
	got := map[uint64]int{}
	for k, e := range came {
		if got[e.ID]++; got[e.ID] > 1 {
			t.Errorf("%s recorded %q twice", to.name, e.Text)
		}
		if k > 0 && came[k-1].ID >= e.ID {
			t.Errorf("%s recorded %q after %q", to.name, e.Text, came[k-1].Text)
		}
	}
	known := map[string]bool{}
	for _, e := range typed {
		known[fmt.Sprint(e.ID)] = true
		if got[e.ID] == 0 {
			t.Errorf("%s never got %q", to.name, e.Text)
		}
	}
	for _, e := range came {
		if !known[fmt.Sprint(e.ID)] {
			t.Errorf("%s read %q, of which %s knows nothing", to.name, e.Text, from.name)
		}
	}
	for id := range from.told {
		if !known[id] {
			t.Errorf("%s was told of %s, and has forgotten it", from.name, id)
		}
	}
	for id := range from.acked {
		if to.shown[id] == "" {
			t.Errorf("%s was acknowledged to %s and not shown", id, from.name)
		}
	}
	if len(typed) < len(from.told) || len(typed) == 0 {
		t.Errorf("%s typed %d lines of which %d were kept", from.name, from.typed, len(typed))
	}
	t.Logf("%s: of %d typed lines %d were taken before a kill, all delivered; %d were shown again", from.name, from.typed, len(typed), to.again)
}
