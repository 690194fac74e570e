package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
)

// Attacks with texts, by strangers who did nothing but shake hands.

// neverSent is the id of a text that is named as a predecessor and does not exist.
const neverSent = 1 << 30

// gapTexts: texts whose predecessor never comes. If a node keeps something for each of
// them, it is soon full of them and answers everybody busy.
func gapTexts(ctx context.Context, a *assault) {
	a.each(1, a.Near, numbered("gap"), 0, func(s *stranger) {
		id := uint64(neverSent + 1)
		s.heard = func(_ time.Time, e dgram.Event) {
			if e, ok := e.(dgram.Settled); ok && e.Kind == wire.KindText {
				s.ep.Cancel(e.Peer, wire.KindText, e.ID) // an honest sender would wait for the predecessor
			}
		}
		s.stay(ctx, func(now time.Time) time.Time {
			for s.tell(now, wire.Message{ID: id, Body: wire.Text{
				Prev: neverSent, Sent: uint64(now.UnixMilli()), Parts: 1, Text: "never shown",
			}}) {
				id++
			}
			return now.Add(time.Millisecond)
		})
	})
}

// lines writes texts in order to the victim, as fast as it takes them. What it answers
// busy, or with a gap, is given up, and the next follows what was delivered last.
type lines struct {
	*stranger
	id, last, delivered uint64
	open                []uint64
	body                func(id uint64) wire.Text
	resume              time.Time
	taken, refused      int64
}

func newLines(s *stranger, body func(id uint64) wire.Text) *lines {
	l := &lines{stranger: s, body: body}
	s.heard = l.settled
	return l
}

func (l *lines) settled(now time.Time, e dgram.Event) {
	v, ok := e.(dgram.Settled)
	if !ok || v.Kind != wire.KindText {
		return
	}
	if v.Result == wire.ResultDelivered {
		l.taken++
		l.delivered = max(l.delivered, v.ID)
		return
	}
	l.refused++
	for _, id := range l.open {
		l.ep.Cancel(l.victim, wire.KindText, id)
	}
	l.open, l.last, l.resume = l.open[:0], l.delivered, now.Add(20*time.Millisecond)
}

func (l *lines) work(now time.Time) (next time.Time) {
	for !l.resume.After(now) {
		t := l.body(l.id + 1) // it may leave ids out
		t.Prev, t.Sent = l.last, uint64(now.UnixMilli())
		if !l.tell(now, wire.Message{ID: l.id + 1, Body: t}) {
			return now.Add(time.Millisecond)
		}
		l.id++
		l.last, l.open = l.id, append(l.open, l.id)
		if len(l.open) > 2*readAhead {
			l.open = append(l.open[:0], l.open[readAhead:]...)
		}
	}
	return l.resume
}

func (l *lines) count() {
	l.tally.note("lines taken", l.taken)
	l.tally.note("lines refused", l.refused)
}

func wholeLine(size int) func(uint64) wire.Text {
	text := strings.Repeat("x", size)
	return func(uint64) wire.Text { return wire.Text{Parts: 1, Text: text} }
}

// Names of those who write without end.
const floodName, freshName = "flood", "fresh"

// textFlood: one stranger writes as fast as it can. The lines fill the screen, the
// history and the disk.
func textFlood(ctx context.Context, a *assault, size int) {
	a.each(1, a.Near, numbered(floodName), 0, func(s *stranger) {
		l := newLines(s, wholeLine(size))
		s.stay(ctx, l.work)
		l.count()
	})
}

// freshTexts: each stranger writes a hundred lines and is never seen again, so that no
// bound for one sender stops them.
func freshTexts(ctx context.Context, a *assault) {
	const each = 100
	a.stream(ctx, 16, a.Near, numbered(freshName), func(s *stranger, i int) {
		defer s.close()
		if !s.meet(ctx, 3*time.Second) {
			return
		}
		l := newLines(s, wholeLine([]int{1, 1024}[i%2]))
		visit, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		s.run(visit, func(now time.Time) time.Time {
			if l.taken >= each || l.refused > 0 {
				cancel()
				return now
			}
			return l.work(now)
		})
		l.count()
	})
}

// unfinishedLines: a hundred strangers send the parts of long lines, and of none the last
// one. What is kept of them must not take the place of what was acknowledged before: of a
// line that an honest stranger began and ends later.
func unfinishedLines(ctx context.Context, a *assault) {
	begun := make(chan struct{})
	var honest sync.WaitGroup
	honest.Go(func() {
		a.each(1, a.Near, numbered("slow"), 0, func(s *stranger) { s.twoHalves(ctx, begun) })
	})
	select {
	case <-begun:
	case <-time.After(3 * time.Second):
	}
	a.each(100, a.Near, numbered("part"), 0, func(s *stranger) {
		p := newLines(s, nil)
		p.body = unfinished(p)
		s.stay(ctx, p.work)
		a.tally.note("parts taken", p.taken)
		a.tally.note("parts refused", p.refused)
	})
	honest.Wait()
}

// unfinished gives the parts of lines without their ends: the ids of one line follow each
// other, and a while after the last but one the next line begins.
func unfinished(l *lines) func(id uint64) wire.Text {
	const parts = 64
	text := strings.Repeat("x", 1024)
	first := uint64(1) // id of the line under way
	return func(id uint64) wire.Text {
		if l.last != l.id || id-first == parts-1 { // after a refusal, too
			l.id++ // an id that is never sent keeps two lines apart
			id = l.id + 1
			first = id
		}
		if id-first == parts-2 {
			l.resume = time.Now().Add(4 * time.Second)
		}
		return wire.Text{Part: id - first, Parts: parts, Text: text}
	}
}

// The halves of a line that an honest stranger writes.
const firstHalf, secondHalf = "the first half, ", "the second half"

// twoHalves sends the first half of a line, and the second shortly before the end.
func (s *stranger) twoHalves(ctx context.Context, begun chan struct{}) {
	ends, _ := ctx.Deadline()
	first, sent := false, time.Time{}
	s.heard = func(_ time.Time, e dgram.Event) {
		if v, ok := e.(dgram.Settled); ok && v.Kind == wire.KindText && v.Result == wire.ResultDelivered && !first {
			first, sent = true, time.Time{}
			close(begun)
		}
	}
	s.stay(ctx, func(now time.Time) time.Time {
		t, id := wire.Text{Parts: 2, Text: firstHalf, Sent: uint64(now.UnixMilli())}, uint64(1)
		if first {
			t.Prev, t.Part, t.Text, id = 1, 1, secondHalf, 2
		}
		late := ends.Add(-2 * time.Second)
		if now.Sub(sent) > time.Second && (!first || now.After(late)) {
			sent = now
			s.tell(now, wire.Message{ID: id, Body: t})
		}
		return now.Add(100 * time.Millisecond)
	})
}

// endlessGap: a recipient answers for ever that something is missing. Not every such answer may
// cost the writer another send.
func endlessGap(ctx context.Context, a *assault) {
	a.each(1, a.Near, func(int) string { return gapReader }, 0, func(s *stranger) {
		s.answer = wire.ResultGap
		s.heard = func(_ time.Time, e dgram.Event) {
			if r, ok := e.(dgram.Received); ok && r.Message.Kind() == wire.KindText {
				s.tally.note("resends drawn", 1)
			}
		}
		s.stay(ctx, nil)
	})
}

// gapReader is the name of the one who answers so.
const gapReader = "gapper"

// unopenedCopies: held copies that nobody can open. Each costs whoever tries a
// Diffie-Hellman exchange, and on the goroutine that does everything else.
func unopenedCopies(ctx context.Context, a *assault) {
	a.each(20, a.Near, numbered("copy"), 0, func(s *stranger) {
		s.stay(ctx, func(now time.Time) time.Time {
			for {
				h := wire.Hold{To: s.victim, Text: uint64(now.UnixNano()) >> 12, Sealed: make([]byte, 100)}
				_, _ = rand.Read(h.Sealed)
				copy(h.From[:], fmt.Sprintf("%08d", now.Nanosecond()%1e8))
				if !s.say(now, h) {
					return now.Add(time.Millisecond)
				}
			}
		})
	})
}
