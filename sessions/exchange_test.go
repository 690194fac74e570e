package sessions

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// exchange is one sender and two receiving sessions of one user, with a network
// between them that loses, repeats and reorders, and disks that lag and fail.
type exchange struct {
	rt     *rapid.T
	now    time.Time
	sender SessionID
	out    *Outbox
	disk   map[string][]byte
	next   uint64

	receivers []*receiver
	wire      []packet
	failed    bool // a disk did once

	texts     map[uint64]string // lines by id
	cancelled map[uint64]bool
	seen      map[uint64]Progress // the last Progress of each line
	log       []string
}

type receiver struct {
	id      SessionID
	online  bool
	in      *Inbox
	disk    map[string][]byte
	batches []batch  // handed to the store, not written
	printed []uint64 // lines in the order in which they were shown
}

// batch is what one turn of a receiver wants stored, and what follows from it.
type batch struct {
	writes []Write
	ids    []uint64
	shown  uint64
}

// packet is a text on its way to a receiver, or an answer on its way back.
type packet struct {
	to     int
	part   Part
	answer bool
	kind   Answer
	have   uint64
}

func newExchange(rt *rapid.T) *exchange {
	x := &exchange{
		rt: rt, now: epoch, sender: MakeSessionID(userOf(1), staticOf(1)), out: NewOutbox(), disk: map[string][]byte{}, next: 1,
		texts: map[uint64]string{}, cancelled: map[uint64]bool{}, seen: map[uint64]Progress{},
	}
	for n := range 2 {
		x.receivers = append(x.receivers, &receiver{
			id: MakeSessionID(userOf(2), staticOf(2+n)), in: NewInbox(stranger), disk: map[string][]byte{}, online: n == 0,
		})
	}
	return x
}

// note keeps the conversation for a failure.
func (x *exchange) note(s string) { x.log = append(x.log, s) }

func (x *exchange) fail(s string) { x.rt.Fatalf("%s\n%s", s, strings.Join(x.log, "\n")) }

func (x *exchange) online() (list []SessionID) {
	for _, r := range x.receivers {
		if r.online {
			list = append(list, r.id)
		}
	}
	return list
}

// progressed checks that a line only improves (invariant 6).
func (x *exchange) progressed(list ...Progress) {
	for _, p := range list {
		old, ok := x.seen[p.ID]
		if ok && (p.State < old.State || p.Acked < old.Acked || old.State > DeliveryQueued && p.Sessions != old.Sessions ||
			old.State == DeliveryDelivered && p.State != DeliveryDelivered || p.Acked > p.Sessions) {
			x.fail(fmt.Sprintf("line %d went from %s to %s", p.ID, sayState(old), sayState(p)))
		}
		x.seen[p.ID] = p
	}
	x.save()
}

func (x *exchange) save() { apply(x.disk, x.out.TakeWrites()) }

// put says a line of one to three parts.
func (x *exchange) put() {
	n := rapid.IntRange(1, 3).Draw(x.rt, "parts")
	var parts []string
	for part := range n {
		parts = append(parts, fmt.Sprintf("%d.%d;", x.next, part))
	}
	var only *SessionID
	if rapid.IntRange(0, 5).Draw(x.rt, "only") == 0 {
		only = &x.receivers[rapid.IntRange(0, 1).Draw(x.rt, "to")].id
	}
	x.note(fmt.Sprintf("put %d, %d parts, online %v, only %v", x.next, n, x.online(), only))
	p, err := x.out.Put(x.now, x.next, userOf(2), only, parts, x.online())
	if err != nil {
		x.fail(err.Error())
	}
	x.texts[x.next] = strings.Join(parts, "")
	x.next += uint64(n + rapid.IntRange(0, 1).Draw(x.rt, "skipped ids"))
	x.progressed(p...)
}

// send hands what waits for a receiver to the network.
func (x *exchange) send(to, n int) {
	for _, p := range x.out.Next(x.receivers[to].id, n) {
		x.note(fmt.Sprintf("send %d: %d<%d", to, p.ID, p.Prev))
		x.wire = append(x.wire, packet{to: to, part: p})
	}
}

// deliver takes packet n off the network.
func (x *exchange) deliver(n int) {
	p := x.wire[n]
	x.wire = slices.Delete(x.wire, n, n+1)
	r := x.receivers[p.to]
	if !r.online {
		return
	}
	if p.answer {
		x.answered(r, p)
		return
	}
	v := r.in.Offer(x.now, x.sender, userOf(1), p.part)
	x.note(fmt.Sprintf("%d gets %d<%d: answer %d, have %d, writes %v", p.to, p.part.ID, p.part.Prev, v.Answer, v.Have, v.IDs))
	switch v.Answer {
	case AnswerDeliver:
		r.batches = append(r.batches, batch{writes: r.in.TakeWrites(), ids: slices.Clone(v.IDs)})
	case AnswerPending:
	default:
		x.wire = append(x.wire, packet{to: p.to, part: p.part, answer: true, kind: v.Answer, have: v.Have})
	}
}

func (x *exchange) answered(r *receiver, p packet) {
	x.note(fmt.Sprintf("%d answers %d with %d, have %d", p.to, p.part.ID, p.kind, p.have))
	switch p.kind {
	case AnswerDeliver, AnswerDuplicate:
		x.progressed(x.out.Acked(r.id, p.part.ID)...)
	case AnswerGap:
		x.out.Gap(r.id, p.part.ID, p.have)
	case AnswerTooOld:
		if f := x.out.lanes[r.id]; f != nil {
			if at, _, ok := f.find(p.part.ID); ok && !x.cancelled[f.flights[at].line.id] {
				x.fail(fmt.Sprintf("text %d is too old for its receiver", p.part.ID))
			}
		}
	case AnswerBusy:
		x.out.PutBack(r.id, p.part.ID)
	}
	x.save()
}

// write has a receiver's disk finish its oldest batch, or fail with all.
func (x *exchange) write(to int, ok bool) {
	r := x.receivers[to]
	if len(r.batches) == 0 {
		return
	}
	if !ok {
		x.note(fmt.Sprintf("%d: the disk fails", to))
		x.failed = true
		for _, b := range r.batches {
			for _, id := range b.ids {
				for _, busy := range slices.Clone(r.in.Failed(x.sender, id)) {
					x.wire = append(x.wire, packet{to: to, part: Part{ID: busy}, answer: true, kind: AnswerBusy})
				}
			}
			if b.shown > 0 { // printed, though nobody will remember it
				apply(r.disk, b.writes)
			}
		}
		r.batches = nil
		return
	}
	b := r.batches[0]
	r.batches = r.batches[1:]
	apply(r.disk, b.writes)
	for _, id := range b.ids {
		acks, lines := r.in.Recorded(x.sender, id)
		for _, id := range acks {
			x.wire = append(x.wire, packet{to: to, part: Part{ID: id}, answer: true, kind: AnswerDeliver})
		}
		for _, line := range lines {
			x.print(to, line)
		}
	}
	x.note(fmt.Sprintf("%d wrote %v, shows %v", to, b.ids, r.printed[max(0, len(r.printed)-3):]))
}

// print shows a line, which is then acknowledged.
func (x *exchange) print(to int, line Incoming) {
	r := x.receivers[to]
	if x.texts[line.ID] != line.Text && !x.cancelled[line.ID] {
		x.fail(fmt.Sprintf("line %d is %q", line.ID, line.Text))
	}
	if n := len(r.printed); n > 0 && r.printed[n-1] >= line.ID {
		x.fail(fmt.Sprintf("line %d is shown after %v", line.ID, r.printed))
	}
	r.printed = append(r.printed, line.ID)
	for _, id := range r.in.Shown(x.sender, line.ID) {
		x.wire = append(x.wire, packet{to: to, part: Part{ID: id}, answer: true, kind: AnswerDeliver})
	}
	r.batches = append(r.batches, batch{writes: r.in.TakeWrites(), shown: line.ID})
}

// crash restarts a receiver when n of its batches had reached the disk.
func (x *exchange) crash(to, n int) {
	r := x.receivers[to]
	x.note(fmt.Sprintf("%d dies with %d batches, %d survive", to, len(r.batches), n))
	lost := map[uint64]bool{}
	for i, b := range r.batches {
		if i < n {
			apply(r.disk, b.writes)
		} else if b.shown > 0 {
			lost[b.shown] = true
		}
	}
	r.batches = nil
	r.in = NewInbox(stranger)
	if err := replay(r.disk, r.in.Load); err != nil {
		x.fail(err.Error())
	}
	r.in.Loaded(x.now)
	// What was shown just before it died is shown again.
	r.printed = slices.DeleteFunc(r.printed, func(id uint64) bool { return lost[id] })
	for _, line := range r.in.Unread() {
		x.print(to, line)
	}
}

// restart makes the sender anew from its disk.
func (x *exchange) restart() {
	x.note("the sender restarts")
	x.out = NewOutbox()
	if err := replay(x.disk, x.out.Load); err != nil {
		x.fail(err.Error())
	}
	x.out.Loaded(x.now)
	for _, l := range x.out.List() {
		x.progressed(l.Progress)
	}
}

func (x *exchange) appear(to int, online bool) {
	r := x.receivers[to]
	r.online = online
	x.note(fmt.Sprintf("%d online: %v", to, online))
	if online {
		x.progressed(x.out.Online(userOf(2), x.online())...)
		return
	}
	for _, f := range x.flights(to) {
		x.out.Lapsed(r.id, f)
	}
}

// flights are the parts that were handed out for a receiver.
func (x *exchange) flights(to int) (ids []uint64) {
	a := x.out.lanes[x.receivers[to].id]
	if a == nil {
		return nil
	}
	for _, f := range a.flights {
		for part := range f.line.parts {
			if f.flying&(1<<part) != 0 {
				ids = append(ids, f.line.id+uint64(part))
			}
		}
	}
	return ids
}

func (x *exchange) step() {
	to := rapid.IntRange(0, 1).Draw(x.rt, "receiver")
	pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(x.rt, "which") }
	x.now = x.now.Add(time.Second)
	switch op := rapid.SampledFrom([]string{
		"put", "put", "send", "send", "send", "deliver", "deliver", "deliver", "deliver", "deliver", "deliver",
		"repeat", "lose", "write", "write", "write", "write", "fail", "lapse", "cancel", "crash", "restart", "appear",
	}).Draw(x.rt, "op"); op {
	case "put":
		x.put()
	case "send":
		x.send(to, 1+pick(4))
	case "deliver", "repeat", "lose":
		if len(x.wire) == 0 {
			return
		}
		n := pick(len(x.wire))
		switch op {
		case "deliver":
			x.deliver(n)
		case "repeat":
			x.wire = append(x.wire, x.wire[n])
		case "lose":
			x.wire = slices.Delete(x.wire, n, n+1)
		}
	case "write", "fail":
		x.write(to, op == "write")
	case "lapse":
		if ids := x.flights(to); len(ids) > 0 {
			x.out.Lapsed(x.receivers[to].id, ids[pick(len(ids))])
		}
	case "cancel":
		if list := x.out.List(); len(list) > 0 && pick(4) == 0 {
			id := list[pick(len(list))].ID
			x.note(fmt.Sprintf("cancel %d", id))
			x.cancelled[id] = true
			p, _ := x.out.Cancel(id)
			x.progressed(p)
		}
	case "crash":
		x.crash(to, pick(len(x.receivers[to].batches)+1))
	case "restart":
		x.restart()
	case "appear":
		x.appear(to, pick(3) > 0)
	}
}

// finish gives everybody a quiet network until nothing is left to do.
func (x *exchange) finish() {
	for to := range x.receivers {
		x.appear(to, true)
	}
	for round := 0; x.out.Len() > 0; round++ {
		if round > 200 {
			x.fail(fmt.Sprintf("never done: %+v", x.out.List()))
		}
		for to := range x.receivers {
			x.send(to, 8)
		}
		for len(x.wire) > 0 {
			x.deliver(0)
			for to := range x.receivers {
				for len(x.receivers[to].batches) > 0 {
					x.write(to, true)
				}
			}
		}
		for to, r := range x.receivers { // what was lost on the way
			for _, id := range x.flights(to) {
				x.out.Lapsed(r.id, id)
			}
		}
	}
}
