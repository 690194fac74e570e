package fuzz_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/neighbors"
)

// FuzzPair lets two people, who have a friend in common, chat over a network and on machines that the input
// controls: what is lost, repeated, delayed, replayed later or from elsewhere, and
// at which instruction a node is killed, when a disk is full and when a screen stands
// still. In the end every text that was promised to
// be delivered has been read once and in order, and both outboxes are empty.
func FuzzPair(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{opSay, 0, opSay, 1, opSay, 0})
	f.Add([]byte{opSay, 0, opKill, 0, opSay, 1, opTime, 40, opStart, 0})
	for doom := byte(1); doom < 12; doom++ {
		f.Add([]byte{opKill, 1 | doom<<1, opSay, 0, opSay, 0, opTime, 50, opStart, 1, opSay, 0})
		f.Add([]byte{opKill, doom << 1, opSay, 0, opSay, 1, opTime, 50, opSay, 0, opStart, 0, opTime, 3})
	}
	f.Add([]byte{opFate, 8, 1, 2, 3, 1, 2, 3, 0xff, 1, opSay, 0, opSay, 0, opSay, 1, opStep, opStep, opFate, 4, 1, 1, 1, 1, opSay, 0})
	f.Add([]byte{opSay, 0, opTime, 10, opReplay, 0, opReplay, 1, opReplay, 2, opReplay, 3, opKill, 1, opStart, 1, opReplay, 0, opReplay, 1, opReplay, 0x83})
	f.Add([]byte{opLong, 0, 200, opSay, 0, opFate, 6, 1, 3, 1, 7, 1, 2, opTime, 90, opKill, 1, opStart, 1, opTime, 255})
	f.Add([]byte{opFull, 1, opSay, 0, opSay, 0, opTime, 100, opSay, 1, opTime, 200, opFull, 1, opSay, 0, opFull, 0, opSay, 0, opSay, 1})
	f.Add([]byte{opMute, 1, opSay, 0, opLong, 0, 100, opTime, 100, opMute, 1, opSay, 0, opTime, 5, opMute, 0, opSay, 1, opTime, 30, opKill, 0, opStart, 0})
	f.Add([]byte{opExplode, 0, opAway, 1, opSay, 0, opTime, 20, opExplode, 1, opAway, 0, opKill, 1, opSay, 0, opTime, 255, opTime, 255, opStart, 1, opExplode, 0})
	f.Add([]byte{opKill, 1, opTime, 255, opTime, 255, opTime, 255, opSay, 0, opTime, 100, opKill, 0, opStart, 1, opTime, 255, opThird, opStart, 0, opTime, 100, opThird})
	f.Add([]byte{opFate, 12, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, opThird, opTime, 255, opTime, 255, opSay, 1, opThird, opKill, 0, opTime, 255, opAway, 1, opStart, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		r := newPair(t)
		p := program(input[:min(len(input), 600)])
		for !p.done() {
			r.do(&p)
		}
		r.finish()
	})
}

var errFull = errors.New("no space left on device")

const (
	opSay = iota
	opStep
	opTime
	opKill
	opStart
	opFate
	opReplay
	opLong
	opFull
	opMute
	opExplode
	opAway
	opThird // the third one goes, or comes
)

type pair struct {
	*bed
	people  [2]*person
	third   *person // known to both: watches both, carries news and keeps texts
	away    [2]bool
	fates   []byte
	faulty  [2]bool // whose disk has failed
	history []flying
	talks   [2]talk // by who speaks
}

// talk is what one of them said and what the other one read of it.
type talk struct {
	said     []string
	promised map[neighbors.Token]int // index in said; the line's first delivery event has not come
	must     []bool                  // of said: it was promised
	next     int                     // of said: what may be read next, or later ones
	read     map[uint64]string       // by id
	printed  map[uint64]bool         // ids whose print was told to the node
	sealed   map[uint64]bool         // ids marked as shown, on disk
	receipts map[uint64]uint64       // id by receipt, of this run of the reader
	state    map[uint64]neighbors.Delivery
}

func newPair(t *testing.T) *pair {
	b := newBed(t)
	r := &pair{bed: b}
	r.people = [2]*person{b.join("ann", 101, "192.0.2.1:6789"), b.join("bob", 103, "203.0.113.2:6789")}
	r.people[0].meet(r.people[1])
	for i, p := range r.people { // whom nobody pinned a kill may forget
		if _, err := p.node.Chat(b.now, r.people[1-i].name); err != nil {
			t.Fatal(err)
		}
		p.turn()
	}
	r.third = b.join("carol", 109, "198.51.100.9:6789")
	for _, p := range r.people {
		r.third.meet(p)
		for _, who := range [2][2]*person{{r.third, p}, {p, r.third}} {
			if _, err := who[0].node.Chat(b.now, who[1].name); err != nil {
				t.Fatal(err)
			}
			who[0].turn()
		}
	}
	for i, p := range r.people {
		r.talks[i] = talk{
			promised: map[neighbors.Token]int{}, read: map[uint64]string{}, printed: map[uint64]bool{}, sealed: map[uint64]bool{},
			receipts: map[uint64]uint64{}, state: map[uint64]neighbors.Delivery{},
		}
		p.show = func(e neighbors.Event) { r.shown(i, e) }
		p.reported = func(receipts []uint64) {
			for _, receipt := range receipts {
				heard := &r.talks[1-i]
				heard.printed[heard.receipts[receipt]] = true
			}
		}
		p.sealed = func(receipts []uint64) {
			for _, receipt := range receipts {
				heard := &r.talks[1-i]
				heard.sealed[heard.receipts[receipt]] = true
			}
		}
	}
	b.seen = func(f flying) {
		if len(r.history) == 256 {
			r.history = r.history[1:]
		}
		r.history = append(r.history, f)
	}
	b.fate = func(flying) []time.Duration {
		if len(r.fates) == 0 {
			return []time.Duration{0}
		}
		fate := r.fates[0]
		r.fates = r.fates[1:]
		delay := time.Duration(fate>>2) * 15 * time.Millisecond
		switch fate & 3 {
		case 1:
			return nil
		case 2:
			return []time.Duration{0, delay}
		}
		return []time.Duration{delay}
	}
	return r
}

func (r *pair) do(p *program) {
	switch p.byte() % 16 { // room for more, so that kept inputs mean the same

	case opSay:
		r.say(int(p.byte()&1), "")
	case opLong:
		r.say(int(p.byte()&1), string(make([]rune, int(p.byte())*16)))
	case opTime:
		r.run(time.Duration(p.byte()) * 20 * time.Millisecond)
	case opKill:
		b := p.byte()
		q := r.people[b&1]
		if r.faulty[b&1] {
			return // what was not written may be forgotten by a kill
		}
		if q.doom = int(b >> 1); q.doom == 0 {
			q.kill()
		}
	case opStart:
		if i := int(p.byte() & 1); r.people[i].node == nil {
			r.begin(i)
		}
	case opFate:
		r.fates = append(r.fates, p.bytes(int(p.byte()))...)
	case opFull:
		i := p.byte() & 1
		if q := r.people[i]; q.full == nil && q.doom == 0 {
			q.full, r.faulty[i] = errFull, true
		} else {
			q.full = nil
		}
	case opMute:
		q := r.people[p.byte()&1]
		q.mute = !q.mute
		q.turn()
	case opReplay:
		b := p.byte()
		if len(r.history) == 0 {
			return
		}
		f := r.history[int(b&0x7f)*len(r.history)/128]
		from := f.from
		if b&0x80 != 0 {
			from = netip.AddrPortFrom(from.Addr(), from.Port()+1) // a NAT rebound it, or somebody forged it
		}
		r.deliver(from, f.to, f.bytes)
	case opExplode:
		if q := r.people[p.byte()&1]; q.node != nil {
			_, _ = q.node.Explode(r.now) // refused for a minute after the last one
			q.turn()
		}
	case opAway:
		if i := p.byte() & 1; r.people[i].node != nil {
			r.away[i] = !r.away[i]
			_, _ = r.people[i].node.Away(r.now, r.away[i]) // refused without numbers
			r.people[i].turn()
		}
	case opThird:
		if r.third.node != nil {
			r.third.kill()
		} else {
			r.third.start()
		}
	default:
		r.step(r.now.Add(time.Second))
	}
}

func (r *pair) begin(i int) {
	clear(r.talks[1-i].receipts)
	r.away[i] = false
	clear(r.talks[i].promised) // what was not promised is lost with the process
	r.people[i].start()
}

func (r *pair) say(i int, tail string) {
	p, k := r.people[i], &r.talks[i]
	if p.node == nil || len(k.said) == 200 {
		return
	}
	text := fmt.Sprint(len(k.said), tail)
	k.said, k.must = append(k.said, text), append(k.must, false)
	target, err := p.node.Chat(r.now, r.people[1-i].name)
	if err != nil {
		r.t.Fatal(err)
	}
	token, err := p.node.Say(r.now, target, text)
	if err != nil {
		r.t.Fatal(err)
	}
	k.promised[token] = len(k.said) - 1
	p.turn()
}

// shown checks what appears on a screen against what was said.
func (r *pair) shown(i int, e neighbors.Event) {
	switch e := e.(type) {
	case neighbors.Incoming:
		r.read(i, e)
	case neighbors.Delivery:
		k := &r.talks[i]
		if at, ok := k.promised[e.Token]; ok {
			k.must[at] = true
			delete(k.promised, e.Token)
		}
		old, ok := k.state[e.ID]
		if ok && (rank(e.State) < rank(old.State) || e.Acked < old.Acked || old.Sessions > 0 && e.Sessions != old.Sessions) {
			r.t.Fatalf("the delivery ran backwards from %+v to %+v", old, e)
		}
		k.state[e.ID] = e
		if e.State == neighbors.Undelivered {
			r.t.Fatalf("given up: %+v", e)
		}
		if e.Acked > 0 && !k.printed[e.ID] {
			r.t.Fatalf("acknowledged before it was printed: %+v", e)
		}
	}
}

func rank(s neighbors.DeliveryState) int {
	for i, state := range []neighbors.DeliveryState{neighbors.Queued, neighbors.Sent, neighbors.Held, neighbors.Delivered} {
		if s == state {
			return i
		}
	}
	return -1
}

// read: a text is on the screen of i.
func (r *pair) read(i int, m neighbors.Incoming) {
	k := &r.talks[1-i]
	k.receipts[m.Receipt] = m.ID
	if text, again := k.read[m.ID]; again {
		// Between the screen and its mark on the disk a kill costs a repetition.
		if k.sealed[m.ID] || text != m.Text || !m.Late {
			r.t.Fatalf("shown twice: %+v", m)
		}
		return
	}
	k.read[m.ID] = m.Text
	for k.next < len(k.said) && k.said[k.next] != m.Text {
		if k.must[k.next] {
			r.t.Fatalf("%.20q was shown before %.20q", m.Text, k.said[k.next])
		}
		k.next++
	}
	if k.next == len(k.said) {
		r.t.Fatalf("%.20q was shown out of order, or was never said", m.Text)
	}
	k.next++
}

// finish heals everything and waits until nothing is owed.
func (r *pair) finish() {
	r.fates = nil
	if r.third.node == nil {
		r.third.start()
	}
	for i, p := range r.people {
		p.doom, p.full, p.mute = 0, nil, false
		if p.node == nil {
			r.begin(i)
		}
		p.turn()
	}
	r.until(30*time.Minute, "both outboxes are empty", func() bool {
		return len(r.people[0].node.Outbox()) == 0 && len(r.people[1].node.Outbox()) == 0
	})
	for i := range r.talks {
		k := &r.talks[i]
		for j := k.next; j < len(k.said); j++ {
			if k.must[j] {
				r.t.Fatalf("%.20q was promised and never shown", k.said[j])
			}
		}
	}
}
