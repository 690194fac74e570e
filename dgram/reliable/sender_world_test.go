package reliable

import (
	"container/heap"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
)

// What two senders do over a bad network is compared with a slow model: a set of
// ids that are pending, and the log of what each side recorded.

// flaws describe a network in a fixed round.
type flaws struct {
	loss, duplicate float64
	delay, jitter   time.Duration
}

// arrival is one datagram, or one call, at an instant.
type arrival struct {
	at    time.Time
	order int
	run   func(now time.Time)
}

type agenda []arrival

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(arrival)) }
func (a *agenda) Pop() any {
	x := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return x
}

// side is one sender with the application behind it.
type side struct {
	name string
	c    *Sender
	peer *side

	pending map[messageKey]wire.Message // the model: put, and neither settled nor lapsed
	ended   map[messageKey]string
	prev    uint64 // last text put
	sends   map[messageKey]int

	have     uint64                  // in order up to here
	early    map[uint64]wire.Message // held back
	recorded []uint64
	seen     map[messageKey]bool

	datagrams, confirmed int // sent
}

func newSide(name string, rng *rand.Rand) *side {
	return &side{
		name: name, c: NewSender(chacha(rng), nil, false),
		pending: map[messageKey]wire.Message{}, ended: map[messageKey]string{}, sends: map[messageKey]int{},
		early: map[uint64]wire.Message{}, seen: map[messageKey]bool{},
	}
}

func chacha(rng *rand.Rand) *rand.ChaCha8 {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rng.Uint32())
	}
	return rand.NewChaCha8(seed)
}

// world runs two sides in virtual time.
type world struct {
	t     testing.TB
	rng   *rand.Rand
	now   time.Time
	net   flaws
	todo  agenda
	order int
	sides [2]*side
	room  int
	again bool        // lapsed messages are put again, as an outbox does
	feed  func() bool // called at each instant; false ends the run
}

func newWorld(t testing.TB, seed uint64, net flaws) *world {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := &world{t: t, rng: rng, now: time.Unix(1_000_000, 0), net: net, room: wire.MaxDatagram - wire.DataOverhead}
	w.sides[0], w.sides[1] = newSide("a", rng), newSide("b", rng)
	w.sides[0].peer, w.sides[1].peer = w.sides[1], w.sides[0]
	return w
}

func (w *world) after(d time.Duration, run func(now time.Time)) {
	w.order++
	heap.Push(&w.todo, arrival{w.now.Add(d), w.order, run})
}

// put hands a message in and keeps the model.
func (w *world) put(s *side, m wire.Message) bool {
	if !s.c.Put(m) {
		return false
	}
	if m.Confirmed() {
		key := messageKey{m.Kind(), m.ID}
		if how := s.ended[key]; how != "" && !strings.HasPrefix(how, "lapsed") && !strings.HasPrefix(how, "gap") {
			w.t.Fatalf("%s: %v is put again after it %s", s.name, key, how)
		}
		s.pending[key] = m
		s.sends[key] = 0
	}
	return true
}

func (w *world) text(s *side, size int) bool {
	m := wire.Message{ID: s.prev + 1, Body: wire.Text{Prev: s.prev, Parts: 1, Text: strings.Repeat("x", size)}}
	ok := w.put(s, m)
	if ok {
		s.prev++
	}
	return ok
}

// end takes a message out of the model, once.
func (w *world) end(s *side, key messageKey, how string) {
	if _, ok := s.pending[key]; !ok {
		w.t.Fatalf("%s: %v %s, and before: %s", s.name, key, how, s.ended[key])
	}
	delete(s.pending, key)
	s.ended[key] = how
}

// flush sends all that may go now.
func (w *world) flush(s *side) {
	for {
		number := s.c.number
		ms, padTo, ok := s.c.NextPacket(w.now, w.room)
		if !ok {
			return
		}
		if s.c.number > number && len(s.c.inFlight) > s.c.window.size {
			w.t.Fatalf("%s: %d datagrams under way, window %d", s.name, len(s.c.inFlight), s.c.window.size)
		}
		w.departs(s, ms, padTo)
		w.check(s)
	}
}

func (w *world) departs(s *side, ms []wire.Message, padTo int) {
	b, err := wire.AppendMessages(nil, ms)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(b) > w.room {
		w.t.Fatalf("%d bytes in a room of %d", len(b), w.room)
	}
	s.datagrams++
	resent := false
	for i, m := range ms {
		if i > 0 && len(m.Acks) > 0 {
			w.t.Fatal("acks behind the first message")
		}
		if m.Confirmed() {
			key := messageKey{m.Kind(), m.ID}
			if s.sends[key]++; s.sends[key] > MaxSends {
				w.t.Fatalf("%s: %v is sent %d times", s.name, key, s.sends[key])
			}
			resent = resent || m.Attempt > 1
			s.confirmed++
		}
	}
	if resent && padTo == 0 {
		w.t.Fatal("what is sent again is not padded")
	}
	copies := 1
	if w.rng.Float64() < w.net.loss {
		copies = 0
	} else if w.rng.Float64() < w.net.duplicate {
		copies = 2
	}
	for range copies {
		d := w.net.delay
		if w.net.jitter > 0 {
			d += time.Duration(w.rng.Int64N(int64(w.net.jitter)))
		}
		w.after(d, func(time.Time) { w.arrives(s.peer, b) })
	}
}

// arrives is what an Endpoint and the node behind it do with a datagram.
func (w *world) arrives(s *side, b []byte) {
	ms, _, err := wire.ParseMessages(b)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range ms {
		for _, a := range m.Acks {
			r, ok := s.c.OnAck(w.now, a)
			if !ok {
				continue
			}
			key := messageKey{r.Kind, r.ID}
			w.end(s, key, r.Result.String())
			w.saneTrip(s, r)
			if r.Result == wire.ResultGap { // the outbox mends the chain
				for id := r.Have + 1; id <= r.ID; id++ {
					key := messageKey{wire.KindText, id}
					if _, ok := s.pending[key]; ok || s.ended[key] == wire.ResultDelivered.String() {
						continue
					}
					w.put(s, wire.Message{ID: id, Body: wire.Text{Prev: id - 1, Parts: 1, Text: "again"}})
				}
			}
		}
		w.check(s)
		w.receives(s, m)
	}
	w.flush(s)
}

// receives is the inbox: texts are recorded in order, others as they come.
func (w *world) receives(s *side, m wire.Message) {
	if !m.Confirmed() {
		return
	}
	key := messageKey{m.Kind(), m.ID}
	a := wire.Ack{Kind: m.Kind(), ID: m.ID, Attempt: m.Attempt}
	t, ok := m.Body.(wire.Text)
	if !ok {
		if !s.seen[key] {
			s.seen[key] = true
			s.recorded = append(s.recorded, 0)
		}
		s.c.QueueAck(w.now, a, false)
		return
	}
	switch {
	case m.ID <= s.have:
		s.c.QueueAck(w.now, a, true)
	case t.Prev > s.have:
		s.early[m.ID] = m
		a.Result, a.Have = wire.ResultGap, s.have
		s.c.QueueAck(w.now, a, true)
	default:
		for ok := true; ok; m, ok = s.early[s.have+1] {
			s.have = m.ID
			delete(s.early, m.ID)
			s.recorded = append(s.recorded, m.ID)
			s.c.QueueAck(w.now, wire.Ack{Kind: wire.KindText, ID: m.ID, Attempt: m.Attempt}, true)
		}
	}
}

// saneTrip holds a measured round trip against the network's.
func (w *world) saneTrip(s *side, r Settled) {
	if r.RTT == 0 {
		return
	}
	if r.RTT < 2*w.net.delay {
		w.t.Fatalf("%s: %v/%d took %v, the network needs %v", s.name, r.Kind, r.ID, r.RTT, 2*w.net.delay)
	}
	if e := s.c.RTT(); e != 0 && e < 2*w.net.delay {
		w.t.Fatalf("%s: round trip %v, the network needs %v", s.name, e, 2*w.net.delay)
	}
}

// run goes on until nothing happens any more, or until the limit.
func (w *world) run(limit time.Duration) {
	end := w.now.Add(limit)
	for w.feed == nil || w.feed() {
		for _, s := range w.sides {
			w.flush(s)
		}
		next := end
		if len(w.todo) > 0 && w.todo[0].at.Before(next) {
			next = w.todo[0].at
		}
		for _, s := range w.sides {
			if t := s.c.Deadline(); !t.IsZero() && t.Before(next) {
				next = t
			}
		}
		if !next.Before(end) {
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		for len(w.todo) > 0 && !w.todo[0].at.After(w.now) {
			heap.Pop(&w.todo).(arrival).run(w.now)
		}
		for _, s := range w.sides {
			w.advance(s)
		}
	}
}

func (w *world) advance(s *side) {
	for _, l := range s.c.Advance(w.now) {
		key := messageKey{l.Kind, l.ID}
		m := s.pending[key]
		w.end(s, key, "lapsed")
		if w.again {
			w.putLater(s, key, m)
		}
	}
	w.check(s)
}

// putLater hands a lapsed message in again, as soon as there is room.
func (w *world) putLater(s *side, key messageKey, m wire.Message) {
	w.after(2*time.Second, func(time.Time) {
		if _, ok := s.pending[key]; !ok && s.ended[key] == "lapsed" && !w.put(s, m) {
			w.putLater(s, key, m)
		}
	})
}
