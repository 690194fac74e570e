package mail

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

// audit counts by hand what an Inbox has claimed, of each pool and class.
func (i *Inbox) audit() (sum map[string]int) {
	sum = map[string]int{}
	add := func(of budget.Pool, by budget.Payer, n int) {
		if n > 0 {
			sum[fmt.Sprint(of, " ", by.Class)] += n
		}
	}
	for _, list := range []interface{ Values() []*window }{i.strangers, i.friends} {
		for _, w := range list.Values() {
			add(budget.Held, w.by, len(w.held))
			add(budget.Handles, w.by, len(w.writing))
			add(budget.Unfinished, w.by, w.line.room())
			for _, t := range w.writing {
				add(budget.Unfinished, w.by, roomOf(t.part))
			}
		}
	}
	for _, u := range i.unshown {
		add(budget.Handles, u.by, u.handles)
		add(budget.Unfinished, u.by, u.size)
	}
	return sum
}

// claimed is the same as the ledger has it.
func (i *Inbox) claimed() (sum map[string]int) {
	sum = map[string]int{}
	for _, of := range []budget.Pool{budget.Held, budget.Handles, budget.Unfinished} {
		for c := range budget.Classes {
			if n := i.ledger.Used(of, budget.Class(c)); n > 0 {
				sum[fmt.Sprint(of, " ", budget.Class(c))] = n
			}
		}
	}
	return sum
}

// crowd is senders of all classes and a node that keeps a handle for each text that is to
// be answered later.
type crowd struct {
	rt      *rapid.T
	in      *Inbox
	now     time.Time
	class   map[identity.UserKey]budget.Class
	handles map[TextKey]bool
	writing []TextKey
	screen  []Incoming
	next    map[identity.SessionID]uint64 // what a friend sends next
	disk    map[string][]byte
}

func newCrowd(rt *rapid.T) *crowd {
	c := &crowd{
		rt: rt, now: sessiontest.Epoch, class: map[identity.UserKey]budget.Class{}, handles: map[TextKey]bool{}, next: map[identity.SessionID]uint64{},
		disk: map[string][]byte{},
	}
	for n := range 8 {
		c.class[sessiontest.User(n)] = []budget.Class{budget.Known, budget.Own, budget.Seed, budget.Link, budget.Stranger}[min(n, 4)]
	}
	c.in = NewInbox(budget.New(false), c.payer)
	return c
}

func (c *crowd) payer(s identity.SessionID, u identity.UserKey) budget.Payer {
	return budget.Payer{Class: c.class[u], Key: [32]byte(u)}
}

// aside takes what the Inbox says beside its answers.
func (c *crowd) aside() {
	dropped, ended := c.in.Aside()
	for _, k := range dropped {
		delete(c.handles, k)
	}
	c.screen = append(c.screen, ended...)
	if got, want := c.in.claimed(), c.in.audit(); !maps.Equal(got, want) {
		c.rt.Fatalf("claimed %v, there is %v", got, want)
	}
	if most := c.in.used(budget.Held) + c.in.used(budget.Handles); len(c.handles) > most {
		c.rt.Fatalf("%d handles for %d texts", len(c.handles), most)
	}
	sessiontest.Apply(c.disk, c.in.TakeWrites())
}

func (c *crowd) offer(user int, from identity.SessionID, p Part) Answer {
	v := c.in.Offer(c.now, from, sessiontest.User(user), p)
	for _, id := range v.IDs {
		c.writing = append(c.writing, TextKey{from, id})
	}
	if v.Answer == AnswerDeliver || v.Answer == AnswerPending || v.Kept {
		c.handles[TextKey{from, p.ID}] = true
	}
	c.aside()
	return v.Answer
}

// friendly has a friend send the next text: it is never refused.
func (c *crowd) friendly() {
	from := identity.SessionID{7, byte(rapid.IntRange(0, 2).Draw(c.rt, "friend"))}
	id := c.next[from] + 1
	if a := c.offer(0, from, Part{ID: id, Prev: id - 1, Parts: 1, Text: "friend"}); a == AnswerBusy || a == AnswerTooOld {
		c.rt.Fatalf("a friend is answered %d", a)
	}
	if w, ok := c.in.window(from); ok {
		c.next[from] = w.head
	}
}

// strange has anybody send anything.
func (c *crowd) strange() {
	user := rapid.IntRange(1, 7).Draw(c.rt, "user")
	from := identity.SessionID{8, byte(user), byte(rapid.IntRange(0, 3).Draw(c.rt, "session"))}
	p := Part{ID: rapid.Uint64Range(1, 60).Draw(c.rt, "id"), Text: strings.Repeat("x", rapid.IntRange(1, MaxText).Draw(c.rt, "size"))}
	p.Prev = rapid.Uint64Range(0, p.ID-1).Draw(c.rt, "prev")
	p.Parts = rapid.Uint64Range(1, 64).Draw(c.rt, "parts")
	p.Part = rapid.Uint64Range(0, min(p.Parts, p.ID)-1).Draw(c.rt, "part")
	for range rapid.IntRange(1, 40).Draw(c.rt, "so many") {
		c.offer(user, from, p)
		p.Prev, p.ID = p.ID, p.ID+rapid.Uint64Range(1, 2).Draw(c.rt, "step")
		if p.Part++; p.Part == p.Parts {
			p.Part = 0
		}
	}
}

// written has the disk end n writes, or fail them.
func (c *crowd) written(n int, ok bool) {
	for ; n > 0 && len(c.writing) > 0; n-- {
		k := c.writing[0]
		c.writing = c.writing[1:]
		if !ok {
			for _, id := range c.in.Failed(k.From, k.ID) {
				delete(c.handles, TextKey{k.From, id})
			}
			c.aside()
			continue
		}
		acks, lines := c.in.Recorded(k.From, k.ID)
		for _, id := range acks {
			delete(c.handles, TextKey{k.From, id})
		}
		c.screen = append(c.screen, lines...)
		c.aside()
	}
}

func (c *crowd) shown(n int) {
	for ; n > 0 && len(c.screen) > 0; n-- {
		line := c.screen[0]
		c.screen = c.screen[1:]
		for _, id := range c.in.Shown(line.From, line.Last) {
			delete(c.handles, TextKey{line.From, id})
		}
		c.aside()
	}
}

func (c *crowd) step() {
	switch rapid.SampledFrom([]string{"friend", "strange", "strange", "write", "fail", "show", "pin", "evict", "expire", "restart"}).Draw(c.rt, "op") {
	case "friend":
		c.friendly()
	case "strange":
		c.strange()
	case "write":
		c.written(rapid.IntRange(1, 99).Draw(c.rt, "n"), true)
	case "fail":
		if rapid.IntRange(0, 3).Draw(c.rt, "fail") == 0 {
			c.written(len(c.writing), false)
			c.heads() // what was not written is sent again
		}
	case "show":
		c.shown(rapid.IntRange(1, 99).Draw(c.rt, "n"))
	case "pin":
		user := sessiontest.User(rapid.IntRange(1, 7).Draw(c.rt, "pinned"))
		c.class[user] = rapid.SampledFrom([]budget.Class{budget.Known, budget.Link, budget.Stranger}).Draw(c.rt, "class")
	case "evict":
		c.in.evict()
		c.aside()
	case "expire":
		c.now = c.now.Add(time.Duration(rapid.IntRange(1, 30).Draw(c.rt, "hours")) * time.Hour)
		c.in.Expire(c.now)
		c.aside()
	case "restart":
		if rapid.IntRange(0, 5).Draw(c.rt, "restart") == 0 {
			c.restart()
		}
	}
}

// restart has the node die, and begin from what its disk has.
func (c *crowd) restart() {
	c.in = NewInbox(budget.New(false), c.payer)
	if err := sessiontest.Replay(c.disk, c.in.Load); err != nil {
		c.rt.Fatal(err)
	}
	c.in.Loaded(c.now)
	c.writing, c.screen = nil, c.in.Unread()
	clear(c.handles)
	c.heads()
	c.aside()
}

// heads has friends go on where the Inbox is.
func (c *crowd) heads() {
	clear(c.next)
	for _, w := range append(c.in.friends.Values(), c.in.strangers.Values()...) {
		c.next[w.session] = w.head
	}
}

// Whatever senders of all classes, the disk, the screen and restarts do: all that is
// claimed is there, a handle is kept for what is there alone, a friend is not refused, and
// in the end nothing is left.
func TestInboxGivesBackWhatItClaims(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCrowd(rt)
		for range rapid.IntRange(1, 120).Draw(rt, "steps") {
			c.step()
		}
		c.written(len(c.writing), true)
		c.shown(len(c.screen))
		for c.in.strangers.Len()+c.in.friends.Len() > 0 {
			c.in.evict()
			c.aside()
		}
		c.shown(len(c.screen))
		if left := c.in.claimed(); len(left) > 0 || len(c.handles) > 0 || len(c.in.unshown) > 0 {
			rt.Fatalf("left: %v, %d handles, %d lines", left, len(c.handles), len(c.in.unshown))
		}
	})
}
