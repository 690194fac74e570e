package reliable

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// check looks for a message in two places or none, and for wrong sums.
func (w *world) check(s *side) {
	if err := s.c.consistent(); err != nil {
		w.t.Fatalf("%s: %v", s.name, err)
	}
	if len(s.c.pending) != len(s.pending) {
		w.t.Fatalf("%s: %d messages held, %d pending in the model", s.name, len(s.c.pending), len(s.pending))
	}
}

// consistent checks what must hold between calls.
func (s *Sender) consistent() error {
	found := map[*pendingMessage]int{}
	live := map[*sentPacket]int{}
	blockedNow := 0
	for _, p := range s.outstanding {
		found[p]++
		switch p.place {
		case waiting:
			return fmt.Errorf("%v/%d is among those under way", p.message.Kind(), p.message.ID)
		case blockedOnPredecessor:
			blockedNow++
		case underWay:
			live[p.last()]++
			if p.deadline.IsZero() {
				return fmt.Errorf("%v/%d has no deadline", p.message.Kind(), p.message.ID)
			}
		}
	}
	if blockedNow != s.blocked {
		return fmt.Errorf("%d blocked, %d counted", blockedNow, s.blocked)
	}
	for _, pkt := range s.inFlight {
		if pkt.acked || pkt.lost || live[pkt] != pkt.live || pkt.live == 0 {
			return fmt.Errorf("packet %d: acked %v, lost %v, live %d, counted %d", pkt.number, pkt.acked, pkt.lost, pkt.live, live[pkt])
		}
	}
	for _, q := range []*sendQueue{&s.texts, &s.presence} {
		size := [2]int{}
		for i, list := range [][]*pendingMessage{q.retransmissions, q.fresh} {
			for _, p := range list {
				found[p]++
				size[i] += p.size
				if p.place != waiting || (i == 0) != (p.sent > 0) {
					return fmt.Errorf("%v/%d waits in the wrong list", p.message.Kind(), p.message.ID)
				}
			}
		}
		if size != [2]int{q.retransmissionBytes, q.freshBytes} {
			return fmt.Errorf("bytes %v, counted %d and %d", size, q.retransmissionBytes, q.freshBytes)
		}
	}
	for key, p := range s.pending {
		if found[p] != 1 {
			return fmt.Errorf("%v is in %d places", key, found[p])
		}
	}
	if len(s.outstanding) > maxOutstanding || len(s.texts.fresh)+len(s.presence.fresh) > maxQueued {
		return fmt.Errorf("%d under way, %d queued", len(s.outstanding), len(s.texts.fresh)+len(s.presence.fresh))
	}
	return nil
}

func TestCourierAgainstModel(t *testing.T) {
	rounds := uint64(30)
	if testing.Short() {
		rounds = 15
	}
	for seed := range rounds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { senderRound(t, seed) })
	}
}

// senderRound puts texts and presence on both sides at random times.
func senderRound(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	net := flaws{
		loss: rng.Float64() * 0.4, duplicate: rng.Float64() * 0.3,
		delay: time.Duration(1+rng.IntN(100_000)) * time.Microsecond, jitter: time.Duration(rng.IntN(50_000)) * time.Microsecond,
	}
	if seed == 0 {
		net.loss = 1 // everything lapses
	}
	w := newWorld(t, seed, net)
	w.again = seed > 0
	texts := 100 + rng.IntN(150)
	for _, s := range w.sides {
		for i := range texts {
			w.after(time.Duration(rng.IntN(3000))*time.Millisecond, func(time.Time) {
				switch {
				case i%10 == 3:
					w.put(s, wire.Message{ID: uint64(5000 + i), Body: wire.Online{Record: make([]byte, 100)}})
				case i%10 == 4:
					w.put(s, wire.Message{ID: uint64(5000 + i), Body: wire.Ping{}})
				default:
					w.text(s, 1+rng.IntN(wire.MaxText))
				}
			})
		}
	}
	w.run(2 * time.Hour)
	for _, s := range w.sides {
		if !s.c.Idle() || len(s.pending) > 0 {
			t.Fatalf("%s is not done: %d pending, under way %d", s.name, len(s.pending), len(s.c.outstanding))
		}
		if seed == 0 {
			for key, how := range s.ended {
				if how != "lapsed" {
					t.Fatalf("%v %s over a dead network", key, how)
				}
			}
			continue
		}
		for id := uint64(1); id <= s.prev; id++ {
			if how := s.ended[messageKey{wire.KindText, id}]; how != "delivered" {
				t.Fatalf("%s: text %d of %d %s", s.name, id, s.prev, how)
			}
		}
		if s.peer.have != s.prev {
			t.Fatalf("%s put %d texts, %d are recorded", s.name, s.prev, s.peer.have)
		}
	}
}
