package neighbors_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
)

// mailroom is bob, a friend of bob's, and strangers who send and bring bob anything.
type mailroom struct {
	*bed
	rt       *rapid.T
	ann, bob *person
	raws     []*raw
	said     int
}

func newMailroom(rt *rapid.T, seed uint64) *mailroom {
	b := makeBed(rt, seed, simnet.Profile{Delay: time.Millisecond})
	m := &mailroom{bed: b, rt: rt, ann: b.join("ann"), bob: b.join("bob")}
	m.ann.meet(m.bob)
	m.friendly()
	m.bob.say("ann", "hello")
	for n := range 3 {
		r := b.attacker(n, fmt.Sprint("stranger", n), fmt.Sprintf("192.0.%d.9:1", n))
		r.meets(m.bob)
		m.raws = append(m.raws, r)
	}
	b.run(time.Second)
	return m
}

func (m *mailroom) friendly() {
	m.said++
	m.ann.say("bob", fmt.Sprint("friend ", m.said))
}

// anything has a stranger say or bring a text with any place in any order.
func (m *mailroom) anything() {
	r := rapid.SampledFrom(m.raws).Draw(m.rt, "who")
	id := rapid.Uint64Range(1, 40).Draw(m.rt, "id")
	parts := rapid.Uint64Range(1, 3).Draw(m.rt, "parts")
	p := mail.Part{ID: id, Prev: rapid.Uint64Range(0, id-1).Draw(m.rt, "prev"), Parts: parts, Text: "strange"}
	p.Part = rapid.Uint64Range(0, min(parts, id)-1).Draw(m.rt, "part")
	if by := rapid.SampledFrom(append([]*raw{nil}, m.raws...)).Draw(m.rt, "by"); by != nil {
		rec, err := identity.Decode(m.recordOf(m.bob))
		if err != nil {
			m.rt.Fatal(err)
		}
		sealed, err := mail.Copy{From: r.record.Session, To: identity.SessionID(m.bob.id()), Part: p}.Seal(r.key, rec.Hold)
		if err != nil {
			m.rt.Fatal(err)
		}
		by.says(m.bob.id(), wire.Message{ID: by.ep.NextID(), Body: wire.Hold{To: m.bob.id(), From: r.sid(), Text: id, Sealed: sealed}}, 0)
		return
	}
	r.says(m.bob.id(), wire.Message{ID: id, Body: wire.Text{Prev: p.Prev, Part: p.Part, Parts: parts, Text: p.Text}}, 0)
}

func (m *mailroom) step() {
	switch rapid.SampledFrom([]string{"any", "any", "any", "any", "gaps", "friend", "run", "mute", "full", "die", "pin"}).Draw(m.rt, "op") {
	case "any":
		for range rapid.IntRange(1, 20).Draw(m.rt, "n") {
			m.anything()
		}
	case "gaps":
		r := rapid.SampledFrom(m.raws).Draw(m.rt, "who")
		for id := range rapid.Uint64Range(1, 90).Draw(m.rt, "n") {
			r.says(m.bob.id(), wire.Message{ID: 102 + 2*id, Body: wire.Text{Prev: 101 + 2*id, Parts: 1, Text: "gap"}}, 0)
		}
	case "friend":
		m.friendly()
	case "run":
		m.run(time.Duration(rapid.IntRange(1, 5000).Draw(m.rt, "ms")) * time.Millisecond)
	case "mute":
		m.bob.mute = true
	case "full":
		m.bob.full, m.bob.lax = errors.New("no space"), true
	case "die":
		m.bob.kill()
		m.run(time.Second)
		m.well()
		m.bob.start()
	case "pin":
		if rapid.IntRange(0, 4).Draw(m.rt, "pin") == 0 {
			r := rapid.IntRange(0, 2).Draw(m.rt, "whom")
			target, err := m.bob.node.Chat(m.now, fmt.Sprint("stranger", r))
			if err == nil {
				_, _ = m.bob.node.Say(m.now, target, "hello")
				m.bob.turn()
			}
		}
	}
	m.honest()
}

// honest compares whom bob's node has to answer with what it has of them.
func (m *mailroom) honest() {
	if waiting, room := m.bob.node.Waiting(); waiting > room {
		m.rt.Fatalf("%d are to be answered, and there are %d texts", waiting, room)
	}
}

// well has bob's disk and screen work.
func (m *mailroom) well() {
	m.bob.full, m.bob.mute = nil, false
	shown := map[uint64]bool{}
	m.bob.printed = nil
	for _, e := range m.bob.screen {
		if r := receiptOf(e); r > 0 && !shown[r] {
			shown[r] = true
			m.bob.printed = append(m.bob.printed, r)
		}
	}
	if m.bob.node != nil {
		m.bob.turn()
	}
}

// Whatever strangers send and bring, and whatever disk, screen and crashes do: a friend's
// texts come, and in the end nobody waits but for an earlier text.
func TestMailOfStrangersLeavesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMailroom(rt, 510)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			m.step()
		}
		m.well()
		m.friendly()
		m.until(3*time.Minute, "all that a friend said is there", func() bool {
			for n := range m.said {
				if !m.bob.heard(fmt.Sprint("friend ", n+1)) {
					return false
				}
			}
			return len(m.ann.node.Outbox()) == 0
		})
		m.bed.raws = nil
		m.run(time.Minute)
		m.honest()
		if waiting, held := m.bob.node.WaitingEarlier(); waiting != held {
			rt.Fatalf("%d are to be answered, and %d wait for an earlier text", waiting, held)
		}
	})
}

func receiptOf(e neighbors.Event) uint64 {
	if e, ok := e.(neighbors.Incoming); ok {
		return e.Receipt
	}
	return 0
}
