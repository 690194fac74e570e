package fuzz_test

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/dgram/wire"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
	"darkchat/spec"
)

// FuzzNode attacks a whole node, bob, who has a friend, ann: with noise and altered vectors from
// strangers, handshakes altered in transit, datagrams replayed from elsewhere, and mallory, who has
// valid keys and says anything that fits the codec. Afterwards bob still answers a newcomer, and
// ann is still understood.
func FuzzNode(f *testing.F) {
	for _, v := range vectors(f, "datagram") {
		f.Add(append([]byte{opNoise, byte(len(v.Bytes) >> 8), byte(len(v.Bytes)), 0}, v.Bytes...))
	}
	for _, v := range vectors(f, "plaintext") {
		in := append([]byte{opHostile, byte(len(v.Bytes) >> 8), byte(len(v.Bytes))}, v.Bytes...)
		f.Add(append(in, opWait, 100, opWait, 255))
	}
	for _, m := range hostile(f) {
		b, err := wire.AppendMessages(nil, []wire.Message{m})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte{opHostile, byte(len(b) >> 8), byte(len(b))}, append(b, opWait, 200)...))
	}
	f.Add([]byte{opWalk, 0, 0, opWalk, 0, 0, opWait, 50, opWalk, 1, 60, opCopy, 2, 0, opCopy, 3, 1, opCopy, 0, 0, opCopy, 1, 2})
	f.Add([]byte{opKnow, opWait, 30, opAnswer, 9, 3, opWait, 50, opAnswer, 1, 0, opAnswer, 70, 5, opWait, 255, opAnswer, 200, 6})
	for n := range byte(8) { // news of whom bob knows, is, and never heard of, in all states
		l := lies(f, n*31, 7)
		b, err := wire.AppendMessages(nil, []wire.Message{{Body: wire.List{Summaries: l.Summaries}}})
		if err != nil {
			f.Fatal(err)
		}
		in := append([]byte{opKnow, opWait, 20, opHostile, byte(len(b) >> 8), byte(len(b))}, b...)
		f.Add(append(in, opWait, 40, opAnswer, n, 3, opWait, 80, opAnswer, n, 4, opWait, 120))
	}
	f.Add([]byte{opVector, 3, 1, 0, 1, opVector, 7, 200, 4, 2, opWait, 255, opWait, 255, opWait, 255, opWait, 255})
	good := vectors(f, "datagram")
	f.Fuzz(func(t *testing.T, input []byte) {
		s := newSiege(t, good)
		p := program(input[:min(len(input), 4000)])
		for n := 0; !p.done() && n < 60; n++ {
			s.do(&p)
			s.check()
		}
		s.relieve()
	})
}

const (
	opNoise = iota
	opVector
	opWalk
	opHostile
	opWait
	opCopy
	opKnow   // bob's user comes to know mallory
	opAnswer // mallory answers what bob has asked for
)

// hostile is what mallory can say that only mallory can sign, and what nobody says.
func hostile(tb testing.TB) []wire.Message {
	m, ann, bob := newPrincipal(tb, "mallory", 105), newPrincipal(tb, "ann", 101), newPrincipal(tb, "bob", 103)
	record, gone := m.record(tb, 9, identity.StateOnline), m.record(tb, 10, identity.StateGone)
	user, to := ann.user(), bob.session()
	asks := func(name string, user []byte) wire.Ticket {
		t := identity.Ticket{Asker: m.session(), Introducer: to, Name: name, User: user, Number: 1 << 50}
		return wire.Ticket{Number: t.Number, Sig: t.Sign(m.key)}
	}
	by, me := to[:], m.session()
	addrs := []netip.AddrPort{strangerAddr(0), netip.MustParseAddrPort("127.0.0.1:22"), netip.MustParseAddrPort("203.0.113.2:6789")}
	texts := func(id, prev, part, parts uint64) wire.Message {
		return wire.Message{ID: id, Body: wire.Text{Prev: prev, Part: part, Parts: parts, Text: "x\x1b[2J\u202e"}}
	}
	bodies := []wire.Body{
		wire.Online{Record: record, Observed: strangerAddr(1)}, wire.Online{Record: gone}, wire.Offline{Record: gone},
		wire.Online{Record: ann.record(tb, 1<<52, identity.StateGone)}, wire.Offline{Record: bob.record(tb, 1, identity.StateGone)},
		wire.Ping{Scope: wire.ScopeFind, Name: "ann", Record: record, Ticket: asks("ann", nil)},
		wire.Ping{Scope: wire.ScopeFind, User: user[:], Record: record, Ticket: asks("", user[:])},
		wire.Ping{Scope: wire.ScopeFind, Name: "bob", Record: record, By: me[:], Session: me[:], Addrs: addrs, Ticket: asks("bob", nil)},
		wire.Ping{Scope: wire.ScopeExplode, Record: record}, wire.Ping{Scope: wire.ScopeExplode, Record: record, By: me[:], Session: me[:], Addrs: addrs},
		wire.ListRequest{Credit: 8}, wire.ListRequest{Of: user[:], Credit: 1}, wire.ListRequest{Of: by, Credit: 8},
		wire.List{Request: 1, Records: [][]byte{record, gone}, Total: 1 << 40, Summaries: []wire.Summary{{Session: wire.PeerID(to), Seq: 1 << 52, State: 2}}},
		wire.Ping{Scope: wire.ScopeExplode, Record: record, Ticket: asks("", nil), Targets: []wire.PeerID{wire.PeerID(ann.session()), {1}}},
		wire.Ping{Scope: wire.ScopeReach, Session: by}, wire.Ping{Scope: wire.ScopeReach, Session: me[:]},
		wire.ListRequest{Digest: make([]byte, 120), Credit: 1}, wire.ListRequest{Cursor: by, Credit: 8},
		wire.List{Summaries: []wire.Summary{{Session: wire.PeerID(me), Seq: 1 << 52, State: wire.SummaryLost}}},
		wire.List{Summaries: []wire.Summary{{Session: wire.PeerID(ann.session()), Seq: 1, State: wire.SummarySuspect}}},
		wire.Hold{To: wire.PeerID(to), From: wire.PeerID(me), Text: 1, Sealed: make([]byte, 200)},
		wire.Hold{To: wire.PeerID(ann.session()), From: wire.PeerID(me), Text: 7, Sealed: make([]byte, 1000)},
		wire.Receipt{From: wire.PeerID(me), To: wire.PeerID(to), Text: 1, Sig: make([]byte, 64)},
		wire.Receipt{From: wire.PeerID(ann.session()), To: wire.PeerID(to), Text: 1, Result: wire.ResultTooOld, Sig: make([]byte, 64)},
	}
	list := []wire.Message{
		texts(1, 0, 0, 1), texts(1<<53-1, 1<<51, 0, 1), texts(64, 63, 63, 64), texts(2, 0, 1, 2), texts(5, 4, 0, 64),
		{ID: 1, Body: wire.Acknowledgement{}, Acks: []wire.Ack{{Kind: wire.KindText, ID: 1, Attempt: 1, Result: wire.ResultGap, Have: 1<<53 - 1}}},
	}
	for i, b := range bodies {
		list = append(list, wire.Message{ID: uint64(100 + i), Body: b})
	}
	return list
}

type siege struct {
	*bed
	ann, bob *person
	mallory  *end
	walker   *end // a stranger whose handshakes are altered on the way
	good     [][]byte
	twist    [2]int // what to alter in the next datagram of the walker: position, bits
	history  []flying
	flow     map[netip.AddrPort]*flow // of strangers
}

// flow counts what a stranger sent to bob and what went back.
type flow struct{ inCount, inBytes, outCount, outBytes, largest int }

// strangers are in networks that no vector and no record names.
func strangerAddr(n byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{45, 77, n % 3, 9}), 4000+uint16(n%5))
}

func newSiege(t *testing.T, good []spec.Vector) *siege {
	b := newBed(t)
	s := &siege{bed: b, flow: map[netip.AddrPort]*flow{}}
	for _, v := range good {
		s.good = append(s.good, v.Bytes)
	}
	s.ann, s.bob = b.join("ann", 101, "192.0.2.1:6789"), b.join("bob", 103, "203.0.113.2:6789")
	s.ann.meet(s.bob)
	s.mallory = b.bare("mallory", 105, "45.77.20.1:666")
	s.walker = b.bare("walker", 107, "45.77.30.1:777")
	if err := s.mallory.ep.Dial(b.now, s.bob.addr, nil); err != nil {
		t.Fatal(err)
	}
	b.turn(s.mallory)
	b.until(5*time.Second, "mallory has keys", func() bool { return s.mallory.ep.Live(s.mallory.peer) })
	b.run(time.Second)
	b.seen = func(f flying) {
		if len(s.history) == 64 {
			s.history = s.history[1:]
		}
		s.history = append(s.history, f)
		if w := s.flow[f.to]; w != nil && f.from == s.bob.addr {
			w.outCount++
			w.outBytes += len(f.bytes)
			w.largest = max(w.largest, len(f.bytes))
		}
	}
	b.fate = func(f flying) []time.Duration {
		if f.from == s.walker.addr && s.twist[1] != 0 {
			f.bytes[s.twist[0]%len(f.bytes)] ^= byte(s.twist[1])
			s.twist[1] = 0
		}
		return []time.Duration{0}
	}
	return s
}

func (s *siege) do(p *program) {
	switch p.byte() % 8 {
	case opNoise:
		n := p.uint16() % (wire.MaxDatagram + 100)
		s.strike(p.byte(), p.bytes(n))
	case opVector:
		b := bytes.Clone(s.good[int(p.byte())%len(s.good)])
		at, bits := p.uint16(), p.byte()
		b[at%len(b)] ^= bits
		s.strike(p.byte(), b)
	case opWalk:
		s.twist = [2]int{int(p.byte()), int(p.byte())}
		// Refused for want of budget is as good as lost.
		_ = s.walker.ep.Dial(s.now, s.bob.addr, nil)
		s.turn(s.walker)
		s.run(100 * time.Millisecond)
	case opHostile:
		ms, _, err := wire.ParseMessages(p.bytes(p.uint16() % wire.MaxDatagram))
		if err != nil {
			return
		}
		for _, m := range ms {
			s.mallory.ep.Send(s.now, s.mallory.peer, m)
		}
		s.turn(s.mallory)
		s.run(50 * time.Millisecond)
	case opWait:
		d := time.Duration(p.byte())
		s.run(d * d * time.Millisecond)
	case opCopy:
		at, n := int(p.byte()), p.byte()
		if len(s.history) > 0 {
			s.strike(n, s.history[at%len(s.history)].bytes)
		}
	case opKnow:
		// Whoever has said hello is known by name.
		if _, err := s.bob.node.Chat(s.now, "mallory"); err != nil {
			s.t.Fatal(err)
		}
		s.bob.turn()
		s.run(50 * time.Millisecond)
	case opAnswer:
		l := lies(s.t, p.byte(), int(p.byte()))
		for _, id := range s.mallory.asked {
			l.Request = id
			s.mallory.ep.Send(s.now, s.mallory.peer, wire.Message{ID: s.mallory.ep.NextID(), Body: l})
		}
		s.mallory.asked = nil
		s.turn(s.mallory)
		s.run(50 * time.Millisecond)
	}
}

// lies is a list about people bob knows, about bob, and about nobody. The records that
// mallory has of others were signed by them, once.
func lies(tb testing.TB, kind byte, n int) (l wire.List) {
	m, ann, bob := newPrincipal(tb, "mallory", 105), newPrincipal(tb, "ann", 101), newPrincipal(tb, "bob", 103)
	for i := range n % 40 {
		k := byte(i) * kind
		id := wire.PeerID{k, byte(i), 9}
		switch i {
		case 0:
			id = wire.PeerID(ann.session())
		case 1:
			id = wire.PeerID(bob.session())
		case 2:
			id = wire.PeerID(m.session())
		}
		seq := []uint64{0, 1, uint64(epoch.UnixMilli()), 1<<53 - 1}[(kind+byte(i))%4]
		l.Summaries = append(l.Summaries, wire.Summary{Session: id, Seq: seq, State: uint64(kind/4+byte(i)) % 5})
	}
	slices.SortFunc(l.Summaries, func(a, b wire.Summary) int { return bytes.Compare(a.Session[:], b.Session[:]) })
	l.Summaries = slices.CompactFunc(l.Summaries, func(a, b wire.Summary) bool { return a.Session == b.Session })
	records := [][]byte{
		ann.record(tb, 1, identity.StateGone), m.record(tb, 20, identity.StateGone), m.record(tb, 21, identity.StateAway),
		bob.record(tb, 1, identity.StateOnline), []byte("no record"), nil,
	}
	if r := records[kind%6]; r != nil {
		l.Records = [][]byte{r}
	}
	if kind%3 == 0 && len(l.Summaries) > 0 {
		l.Next = l.Summaries[len(l.Summaries)-1].Session[:]
	}
	l.Total = uint64(kind)
	return l
}

// strike has a stranger send one datagram.
func (s *siege) strike(n byte, b []byte) {
	from := strangerAddr(n)
	if s.flow[from] == nil {
		s.flow[from] = &flow{}
	}
	s.flow[from].inCount++
	s.flow[from].inBytes += len(b)
	s.deliver(from, s.bob.addr, b)
}

// check holds bob to what must be true at every moment.
func (s *siege) check() {
	s.t.Helper()
	for addr, w := range s.flow {
		if w.outCount > w.inCount || w.outCount > 0 && w.outBytes >= w.inBytes || w.largest > 100 {
			s.t.Fatalf("%v proved nothing and got %d datagrams, %d B, for its %d, %d B", addr, w.outCount, w.outBytes, w.inCount, w.inBytes)
		}
	}
	bounds := map[string]uint64{"neighbors": 150, "users": 5, "outbox_lines": 10}
	for _, g := range s.bob.node.Stats() {
		if most, ok := bounds[g.Name]; ok && g.Value > most {
			s.t.Fatalf("%s is %d", g.Name, g.Value)
		}
	}
	if n := s.bob.node.Heard(); n > 300 {
		s.t.Fatalf("%d sessions of which others tell are remembered", n)
	}
	if len(s.bob.disk) > 1000 {
		s.t.Fatalf("%d entries are stored", len(s.bob.disk))
	}
	if s.bob.node.Cloned() {
		s.t.Fatal("bob's node takes itself for a clone; nobody else has its keys")
	}
}

// relieve shows that bob's node lives: it answers a newcomer and understands bob's friend.
func (s *siege) relieve() {
	s.t.Helper()
	s.run(5 * time.Second)
	s.check()
	carol := s.bare("carol", 109, "198.51.100.77:6789")
	if err := carol.ep.Dial(s.now, s.bob.addr, nil); err != nil {
		s.t.Fatal(err)
	}
	s.turn(carol)
	s.until(10*time.Second, "bob accepts a newcomer", func() bool { return carol.ep.Live(carol.peer) })
	if !carol.ep.Send(s.now, carol.peer, wire.Message{ID: 1, Body: wire.Text{Parts: 1, Text: "I am new"}}) {
		s.t.Fatal("carol cannot send")
	}
	s.turn(carol)
	s.ann.say("bob", "are you well")
	s.until(30*time.Second, "both texts are read", func() bool {
		all := s.bob.read()
		return contains(all, "I am new") && contains(all, "are you well")
	})
	s.until(30*time.Second, "both are acknowledged", func() bool {
		return carol.ep.Idle(carol.peer) && len(s.ann.node.Outbox()) == 0
	})
	online := 0
	for _, e := range s.bob.screen {
		if e, ok := e.(neighbors.WentOffline); ok && e.User == "ann" {
			online--
		}
	}
	if online < 0 {
		s.t.Fatalf("ann was called offline: %v", s.bob.lines())
	}
}

func contains(list []string, want string) bool {
	return strings.Contains("\x00"+strings.Join(list, "\x00")+"\x00", "\x00"+want+"\x00")
}
