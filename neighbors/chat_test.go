package neighbors_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

// Two people, no seed: a ping makes both see each other online, texts go both
// ways, each delivered once, 1/1.
func TestTwoPeopleChat(t *testing.T) {
	b := newBed(t, 1, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	if !ann.sees("bob") || !bob.sees("ann") {
		t.Fatal("they do not see each other")
	}
	long := strings.Repeat("日本語 العربية 👨‍👩‍👧 ", 250)
	ann.say("bob", "hello")
	ann.say("bob", long)
	bob.say("ann", "hi")
	b.until(5*time.Second, "all texts arrive", func() bool { return len(bob.texts()) == 2 && len(ann.texts()) == 1 })
	b.run(time.Second)
	if got := bob.texts(); got[0] != "hello" || got[1] != long {
		t.Fatalf("bob read %d texts, %q first", len(got), got[0])
	}
	if d := ann.last(); d.State != neighbors.Delivered || d.Acked != 1 || d.Sessions != 1 {
		t.Fatalf("delivery %+v", d)
	}
	for _, p := range []*person{ann, bob} {
		if n := count[neighbors.CameOnline](p); n != 1 {
			t.Errorf("%s was told %d times that the other is online", p.name, n)
		}
		if len(p.node.Outbox()) != 0 {
			t.Errorf("%s's outbox is not empty", p.name)
		}
	}
}

// A run that stores nothing makes no writes; texts are printed before they are
// acknowledged all the same, and arrive once, in order, whatever is lost.
func TestNothingStored(t *testing.T) {
	b := newBed(t, 8, simnet.Profile{Loss: 0.2, Duplicate: 0.2, Reorder: 0.2, Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	for _, p := range []*person{ann, bob} {
		p.nowhere, p.disk = true, map[string][]byte{}
		p.start()
	}
	ann.meet(bob)
	bob.accepts("ann")
	bob.mute = true
	ann.say("bob", "unread")
	b.run(3 * time.Second)
	if d := ann.last(); d.State != neighbors.Sent || len(bob.texts()) != 1 {
		t.Fatalf("not printed, and yet %+v; bob has %d texts", d, len(bob.texts()))
	}
	bob.mute = false
	bob.printed = []uint64{all[neighbors.Incoming](bob)[0].Receipt}
	bob.turn()
	want := []string{"unread"}
	for i := range 50 {
		want = append(want, fmt.Sprint(i, strings.Repeat("ü", 40*i)))
		ann.say("bob", want[i+1])
	}
	b.until(time.Minute, "all are delivered", func() bool { return len(ann.node.Outbox()) == 0 })
	if got := bob.texts(); !slices.Equal(got, want) {
		t.Fatalf("%d texts came of %d", len(got), len(want))
	}
	if len(ann.disk)+len(bob.disk) > 0 {
		t.Fatalf("%d and %d entries were written", len(ann.disk), len(bob.disk))
	}
}

// The ack leaves when it is written that the text was shown, not before: else a
// node that is killed in between would show an acknowledged text again.
func TestShownIsWrittenBeforeTheAck(t *testing.T) {
	b := newBed(t, 9, simnet.Profile{Delay: 10 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.mute = true
	ann.say("bob", "hello")
	b.until(time.Second, "it is shown", func() bool { return len(bob.texts()) == 1 })
	bob.node.Printed(b.now, []uint64{all[neighbors.Incoming](bob)[0].Receipt})
	bob.node.Advance(b.now)
	ready := bob.node.Drain()
	if len(ready.Batch) == 0 || len(ready.Datagrams) > 0 {
		t.Fatalf("%d writes, %d datagrams", len(ready.Batch), len(ready.Datagrams))
	}
	bob.node.Finished(b.now, store.Done{Seq: ready.Seq, Err: io.ErrShortWrite}) // it was shown all the same
	bob.node.Advance(b.now)
	if ready = bob.node.Drain(); len(ready.Datagrams) != 1 {
		t.Fatalf("%d datagrams", len(ready.Datagrams))
	}
}

// A name that was never met is an error, and nothing is queued.
func TestStrangerIsAnError(t *testing.T) {
	b := newBed(t, 2, simnet.Profile{})
	ann := b.join("ann")
	if _, err := ann.node.Chat(b.now, "bob"); err == nil || !strings.Contains(err.Error(), `\add bob`) {
		t.Fatalf("got %v", err)
	}
	if len(ann.node.Outbox()) != 0 {
		t.Fatal("something was queued")
	}
}

// A killed node is found by unanswered probes, and not before those had their time.
func TestKilledIsLost(t *testing.T) {
	b := newBed(t, 4, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.kill()
	b.run(3500 * time.Millisecond) // an eighth of the silence, two answers, the suspicion
	if count[neighbors.WentOffline](ann) != 0 {
		t.Fatal("too early")
	}
	b.until(6*time.Second, "bob is lost", func() bool { return count[neighbors.WentOffline](ann) == 1 })
	if w := all[neighbors.WentOffline](ann)[0]; w.Reason != neighbors.ReasonLost {
		t.Fatalf("reason %s", w.Reason)
	}
}

// Two sessions of bob get the text, each acknowledges for itself; with one
// killed it ends at 1/2, the waiting session named, and that one gets it once
// when it is back.
func TestSecondSession(t *testing.T) {
	b := newBed(t, 5, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	other := bob.second()
	other.meet(ann)
	ann.say("bob", "both of you")
	b.until(5*time.Second, "2/2", func() bool { d := ann.last(); return d.State == neighbors.Delivered && d.Acked == 2 && d.Sessions == 2 })
	other.kill()
	ann.say("bob", "one of you")
	b.until(5*time.Second, "1/2", func() bool { d := ann.last(); return d.Acked == 1 && d.Sessions == 2 })
	b.run(time.Minute)
	if d := ann.last(); d.Acked != 1 || len(d.Waiting) != 1 {
		t.Fatalf("delivery %+v", d)
	}
	other.start()
	b.until(30*time.Second, "2/2 again", func() bool { return ann.last().Acked == 2 })
	if got := other.texts(); len(got) != 2 || got[1] != "one of you" {
		t.Fatalf("the second session read %q", got)
	}
	if m := all[neighbors.Incoming](other)[1]; !m.Late {
		t.Error("it waited, but does not say so")
	}
}

// With bob away a text is queued; a later run of ann delivers it, late, once.
func TestQueuedIsDeliveredByALaterRun(t *testing.T) {
	b := newBed(t, 6, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.kill()
	b.run(20 * time.Second)
	ann.say("bob", "later")
	if d := ann.last(); d.State != neighbors.Queued || d.Sessions != 0 {
		t.Fatalf("delivery %+v", d)
	}
	ann.kill()
	b.run(time.Minute)
	bob.start()
	ann.start()
	b.until(10*time.Second, "bob reads it", func() bool { return len(bob.texts()) == 1 })
	if m := all[neighbors.Incoming](bob)[0]; !m.Late || m.Text != "later" {
		t.Fatalf("got %+v", m)
	}
	b.run(time.Minute)
	if len(bob.texts()) != 1 || len(ann.node.Outbox()) != 0 {
		t.Fatal("not once")
	}
}

// With 30 % loss, 30 % duplication and reordering 1,000 texts each way arrive
// once, in order, even if both nodes are restarted at random points.
func TestExactlyOnceInOrder(t *testing.T) {
	for _, restarts := range []int{0, 10} {
		t.Run(fmt.Sprintf("restarts %d", restarts), func(t *testing.T) {
			b := newBed(t, uint64(70+restarts), simnet.Profile{
				Loss: 0.3, Duplicate: 0.3, Reorder: 0.3, Delay: 10 * time.Millisecond, Jitter: 10 * time.Millisecond,
			})
			ann, bob := b.join("ann"), b.join("bob")
			ann.meet(bob)
			texts := 1000
			if testing.Short() {
				texts = 250
			}
			r := rand.New(rand.NewPCG(7, uint64(restarts)))
			for i := range texts {
				ann.say("bob", fmt.Sprint("a", i))
				bob.say("ann", fmt.Sprint("b", i))
				b.run(time.Duration(r.IntN(20)) * time.Millisecond)
				if restarts > 0 && r.IntN(texts/restarts) == 0 {
					p := []*person{ann, bob}[r.IntN(2)]
					p.kill()
					b.run(time.Duration(r.IntN(3000)) * time.Millisecond)
					p.start()
					b.run(time.Duration(r.IntN(3000)) * time.Millisecond)
				}
			}
			b.until(20*time.Minute, "all arrive", func() bool { return len(unique(ann)) == texts && len(unique(bob)) == texts })
			for _, c := range []struct {
				p      *person
				prefix string
			}{{ann, "b"}, {bob, "a"}} {
				for i, text := range unique(c.p) {
					if text != fmt.Sprint(c.prefix, i) {
						t.Fatalf("%s read %q in place %d", c.p.name, text, i)
					}
				}
				b.run(time.Minute)
				if came, typed := c.p.history(); came != texts || typed != texts {
					t.Errorf("the history of %s has %d lines that came and %d that were typed", c.p.name, came, typed)
				}
			}
		})
	}
}

// history counts the lines of the history on p's disk.
func (p *person) history() (came, typed int) {
	for k := range p.disk {
		switch {
		case kv.Bucket(k[0]) != kv.BucketHistory:
		case identity.SessionID([]byte(k[9:17])).IsZero(): // behind bucket and place
			typed++
		default:
			came++
		}
	}
	return came, typed
}

// unique lists the texts by id: a line may be shown again after a kill between
// print and its mark, with the same id.
func unique(p *person) (list []string) {
	seen := map[string]bool{}
	for _, m := range all[neighbors.Incoming](p) {
		k := fmt.Sprint(m.Session, m.ID)
		if !seen[k] {
			seen[k] = true
			list = append(list, m.Text)
		}
	}
	return list
}
