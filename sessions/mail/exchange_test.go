package mail

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/sessiontest"
)

// exchange is one sender and two receiving sessions of one user, with a network
// between them that loses, repeats and reorders, and disks that lag and fail.
type exchange struct {
	rt     *rapid.T
	now    time.Time
	sender identity.SessionID
	out    *Outbox
	disk   map[string][]byte
	next   uint64

	receivers []*receiver
	wire      []packet
	failed    bool // a disk did once

	fresh     []Progress        // of lines, to be told when it is written
	saves     []saving          // what the sender's disk has yet to write
	safe      map[uint64]bool   // lines that were ever on the sender's disk
	texts     map[uint64]string // lines by id
	cancelled map[uint64]bool
	seen      map[uint64]Progress // the last Progress of each line
	log       []string
}

type receiver struct {
	id      identity.SessionID
	online  bool
	in      *Inbox
	disk    map[string][]byte
	batches []batch  // handed to the store, not written
	printed []uint64 // lines in the order in which they were shown
}

// batch is what one turn of a receiver wants stored, and what follows from it.
type batch struct {
	writes []kv.Write
	ids    []uint64
	shown  uint64
}

// saving is a batch of the sender, and what is to be told when it is written.
type saving struct {
	writes []kv.Write
	told   []Progress
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
		rt: rt, now: sessiontest.Epoch, sender: identity.MakeSessionID(sessiontest.User(1), sessiontest.Static(1)), out: NewOutbox(), disk: map[string][]byte{}, next: 1,
		safe: map[uint64]bool{}, texts: map[uint64]string{}, cancelled: map[uint64]bool{}, seen: map[uint64]Progress{},
	}
	for n := range 2 {
		x.receivers = append(x.receivers, &receiver{
			id: identity.MakeSessionID(sessiontest.User(2), sessiontest.Static(2+n)), in: inboxOf(stranger), disk: map[string][]byte{}, online: n == 0,
		})
	}
	return x
}

// note keeps the conversation for a failure.
func (x *exchange) note(s string) { x.log = append(x.log, s) }

func (x *exchange) fail(s string) { x.rt.Fatalf("%s\n%s", s, strings.Join(x.log, "\n")) }

func (x *exchange) online() (list []identity.SessionID) {
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

// save hands to the sender's disk what has changed.
func (x *exchange) save() {
	if w := x.out.TakeWrites(); len(w)+len(x.fresh) > 0 {
		x.saves, x.fresh = append(x.saves, saving{w, x.fresh}), nil
	}
}

// saved has the sender's disk finish its oldest batch.
func (x *exchange) saved() {
	if len(x.saves) == 0 {
		return
	}
	s := x.saves[0]
	x.saves = x.saves[1:]
	x.keep(s)
	for _, p := range s.told {
		if p, ok := x.out.Written(p); ok {
			x.progressed(p)
		}
	}
}

func (x *exchange) keep(s saving) {
	sessiontest.Apply(x.disk, s.writes)
	for _, w := range s.writes {
		if len(w.Key) == 8 && w.Value != nil {
			x.safe[binary.BigEndian.Uint64(w.Key)] = true
		}
	}
}

// put says a line of one to three parts.
func (x *exchange) put() {
	n := rapid.IntRange(1, 3).Draw(x.rt, "parts")
	var parts []string
	for part := range n {
		parts = append(parts, fmt.Sprintf("%d.%d;", x.next, part))
	}
	var only *identity.SessionID
	if rapid.IntRange(0, 5).Draw(x.rt, "only") == 0 {
		only = &x.receivers[rapid.IntRange(0, 1).Draw(x.rt, "to")].id
	}
	x.note(fmt.Sprintf("put %d, %d parts, online %v, only %v", x.next, n, x.online(), only))
	p, err := x.out.Put(x.now, x.next, sessiontest.User(2), only, parts, x.online())
	if err != nil {
		x.fail(err.Error())
	}
	x.texts[x.next] = strings.Join(parts, "")
	x.next += uint64(n + rapid.IntRange(0, 1).Draw(x.rt, "skipped ids"))
	x.fresh = append(x.fresh, p...)
	x.save()
}

// send hands what waits for a receiver to the network.
func (x *exchange) send(to, n int) {
	for _, p := range x.out.Next(x.receivers[to].id, n) {
		x.note(fmt.Sprintf("send %d: %d<%d", to, p.ID, p.Prev))
		if !x.safe[p.ID-p.Part] {
			x.fail("it is not on the disk")
		}
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
	v := r.in.Offer(x.now, x.sender, sessiontest.User(1), p.part)
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
		if f := x.out.sequences[r.id]; f != nil {
			if at, _, ok := f.find(p.part.ID); ok && !x.cancelled[f.recipients[at].line.id] {
				x.fail(fmt.Sprintf("text %d is too old for its receiver", p.part.ID))
			}
		}
		x.out.Refused(r.id, p.part.ID, ReasonTooOld) // that it was taken back was forgotten
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
				sessiontest.Apply(r.disk, b.writes)
			}
		}
		r.batches = nil
		return
	}
	b := r.batches[0]
	r.batches = r.batches[1:]
	sessiontest.Apply(r.disk, b.writes)
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

// lineOf gives the line that a part belongs to.
func (x *exchange) lineOf(part uint64) (id uint64) {
	for l := range x.texts { // the order does not matter
		if l <= part {
			id = max(id, l)
		}
	}
	return id
}

// print shows a line, which is then acknowledged.
func (x *exchange) print(to int, line Incoming) {
	r := x.receivers[to]
	if x.texts[line.ID] != line.Text && !x.cancelled[line.ID] && (line.Lost == 0 || !x.cancelled[x.lineOf(line.ID)]) {
		x.fail(fmt.Sprintf("line %d is %q, lost: %v", line.ID, line.Text, line.Lost))
	}
	if n := len(r.printed); n > 0 && r.printed[n-1] >= line.ID {
		x.fail(fmt.Sprintf("line %d is shown after %v", line.ID, r.printed))
	}
	r.printed = append(r.printed, line.ID)
	for _, id := range r.in.Shown(x.sender, line.Last) {
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
			sessiontest.Apply(r.disk, b.writes)
		} else if b.shown > 0 {
			lost[b.shown] = true
		}
	}
	r.batches = nil
	r.in = inboxOf(stranger)
	if err := sessiontest.Replay(r.disk, r.in.Load); err != nil {
		x.fail(err.Error())
	}
	r.in.Loaded(x.now)
	// What was shown just before it died is shown again.
	r.printed = slices.DeleteFunc(r.printed, func(id uint64) bool { return lost[id] })
	for _, line := range r.in.Unread() {
		x.print(to, line)
	}
}

// restart makes the sender anew from its disk, which n more of its batches had reached.
func (x *exchange) restart(n int) {
	x.note(fmt.Sprintf("the sender restarts: of %d batches %d survive", len(x.saves), n))
	for _, s := range x.saves[:n] {
		x.keep(s)
	}
	x.saves, x.fresh = nil, nil
	for id := range x.texts {
		if !x.safe[id] {
			delete(x.texts, id) // nobody heard of it
		}
	}
	x.out = NewOutbox()
	if err := sessiontest.Replay(x.disk, x.out.Load); err != nil {
		x.fail(err.Error())
	}
	x.out.Loaded(x.now)
	for _, l := range x.out.List() {
		// An ack, or that it was taken back, may be forgotten; not where it was said to go.
		if old := x.seen[l.ID]; old.State > DeliveryQueued && !x.cancelled[l.ID] && (l.State == DeliveryQueued || l.Sessions != old.Sessions) {
			x.fail(fmt.Sprintf("line %d was %s and is %s", l.ID, sayState(old), sayState(l.Progress)))
		}
		x.seen[l.ID] = l.Progress
	}
}

func (x *exchange) appear(to int, online bool) {
	r := x.receivers[to]
	r.online = online
	x.note(fmt.Sprintf("%d online: %v", to, online))
	if online {
		x.fresh = append(x.fresh, x.out.Online(sessiontest.User(2), x.online())...)
		x.save()
		return
	}
	for _, f := range x.inFlight(to) {
		x.out.Lapsed(r.id, f)
	}
}

// inFlight are the parts that were handed out for a receiver.
func (x *exchange) inFlight(to int) (ids []uint64) {
	s := x.out.sequences[x.receivers[to].id]
	if s == nil {
		return nil
	}
	for _, r := range s.recipients {
		for part := range r.line.parts {
			if r.flying&(1<<part) != 0 {
				ids = append(ids, r.line.id+uint64(part))
			}
		}
	}
	return ids
}
