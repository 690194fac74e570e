package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// Attacks by identities: a fresh key costs nothing, and an ordinary handshake with it
// takes what room there is for people.

// edgeCrowd is how many take edges: more than a person's node has room for.
const edgeCrowd = 160

// onePrefix: a crowd in one /24 knocks, each with a line. Whoever else is in that /24 must
// not lose their place to it.
func onePrefix(ctx context.Context, a *assault) {
	a.each(40, a.Prefix, numbered("near"), 0, func(s *stranger) {
		said := false
		s.stay(ctx, func(now time.Time) time.Time {
			said = said || s.say(now, wire.Text{Parts: 1, Text: "hello", Sent: uint64(now.UnixMilli())})
			return time.Time{}
		})
	})
}

// takeEdges: a crowd comes and stays, and answers as neighbours do.
func takeEdges(ctx context.Context, a *assault, from []netip.Addr) {
	a.each(edgeCrowd, from, numbered("edge"), 0, func(s *stranger) { s.stay(ctx, nil) })
}

// visits: the crowd comes for five seconds and leaves, half of it without a word, and a
// new one comes.
func visits(ctx context.Context, a *assault) {
	for round := 0; ctx.Err() == nil; round++ {
		visit, cancel := context.WithTimeout(ctx, 5*time.Second)
		var mu sync.Mutex
		turn := 0
		a.each(edgeCrowd, a.Near, numbered(fmt.Sprintf("visit%d.", round)), 0, func(s *stranger) {
			s.stay(visit, nil)
			mu.Lock()
			turn++
			polite := turn%2 == 0
			mu.Unlock()
			if polite && s.met {
				s.leave(ctx)
			}
		})
		cancel()
		pause(ctx, time.Second)
	}
}

// comingsAndGoings: as many handshakes as there is time for, each with a goodbye.
func comingsAndGoings(ctx context.Context, a *assault) {
	a.stream(ctx, 32, a.Near, numbered("guest"), func(s *stranger, _ int) {
		defer s.close()
		if s.meet(ctx, 3*time.Second) {
			s.leave(ctx)
		}
	})
}

// vanished: some shake hands and are never heard again, half of them before they have
// proved that they got the answer. What is sent to those is counted: an address that was
// proved once and confirmed nothing should draw no more than it gave.
func vanished(ctx context.Context, a *assault) {
	var all sync.WaitGroup
	for i := 0; pause(ctx, 200*time.Millisecond) && i < 1000; i++ {
		s, err := a.stranger(fmt.Sprintf("gone%d", i), a.Near[i%len(a.Near)], 0)
		if err != nil {
			a.tally.errors.Add(1)
			continue
		}
		all.Go(func() {
			defer s.close()
			if i%2 == 0 {
				s.meet(ctx, 3*time.Second)
				s.hush(ctx, "confirmed and vanished")
				return
			}
			s.halfway(ctx)
			s.hush(ctx, "unconfirmed and vanished")
		})
	}
	all.Wait()
}

// halfway shakes hands and stops before anything shows that the answer came.
func (s *stranger) halfway(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_ = s.ep.Dial(time.Now(), s.Victim, nil)
	s.run(ctx, func(now time.Time) time.Time {
		if s.ep.Counters().Of(dgram.SentHandshake) > 0 {
			cancel()
		}
		return time.Time{}
	})
}

// hush is silent from now on. What came before and comes all the same is counted.
func (s *stranger) hush(ctx context.Context, what string) {
	s.tally.note(what+", bytes given", s.gave)
	for ctx.Err() == nil {
		select {
		case <-s.in:
		case <-ctx.Done():
		}
	}
	s.tally.note(what+", bytes drawn", s.drawn.Load())
}

// namesakes: thousands of keys claim one name, and the victim's own and those of friends.
func namesakes(ctx context.Context, a *assault) {
	names := append([]string{"sam", "sam", "sam", a.User}, a.Friends[:2]...)
	a.stream(ctx, 32, a.Near, func(i int) string { return names[i%len(names)] }, func(s *stranger, _ int) {
		defer s.close()
		s.meet(ctx, 3*time.Second)
	})
}

// deadCrowd: identities from everywhere that die as soon as they are known.
func deadCrowd(ctx context.Context, a *assault) {
	a.stream(ctx, 64, append(a.Far[:len(a.Far):len(a.Far)], a.Near...), numbered("dead"), func(s *stranger, _ int) {
		defer s.close()
		s.meet(ctx, 3*time.Second)
	})
}

// toggles: strangers who are away and back, gone and back, and another name each time, in
// their own signed records, as fast as these can be made.
func toggles(ctx context.Context, a *assault) {
	a.each(8, a.Near, numbered("toggle"), 0, func(s *stranger) {
		name, n := s.name, 0
		s.stay(ctx, func(now time.Time) time.Time {
			for range 16 {
				n++
				s.sign(func(r *identity.Record) {
					r.State = []identity.State{identity.StateOnline, identity.StateAway, identity.StateOnline, identity.StateGone}[n%4]
					r.Name = fmt.Sprintf("%s.%d", name, n/8%100)
				})
				var b wire.Body = wire.Online{Record: s.signed}
				if s.record.State == identity.StateGone {
					b = wire.Offline{Record: s.signed}
				}
				if !s.say(now, b) {
					return now.Add(time.Millisecond)
				}
			}
			return now
		})
	})
}

// A false address, which is nobody's, and what strangers make of it.
var (
	falseAddr = netip.MustParseAddr("192.0.2.66")
	falsePort = uint16(6666)
)

// falseObserved: strangers in several networks tell the victim where they see it: all at
// the same false address, some at another port each.
func falseObserved(ctx context.Context, a *assault) {
	var mu sync.Mutex
	turn := uint16(0)
	a.each(9, a.Far, numbered("watch"), 0, func(s *stranger) {
		mu.Lock()
		turn++
		port := falsePort + turn/3*turn // three agree
		mu.Unlock()
		var said time.Time
		s.stay(ctx, func(now time.Time) time.Time {
			if now.Sub(said) > time.Second {
				said = now
				s.say(now, wire.Online{Observed: netip.AddrPortFrom(falseAddr, port)})
			}
			return said.Add(time.Second)
		})
	})
}
