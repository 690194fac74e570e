package sim

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/neighbors"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

const (
	headers    = 42 // bytes of Ethernet, IPv4 and UDP before a datagram
	goodbye    = 2 * time.Second
	mostTurns  = 10_000 // without time passing
	idsPerLife = 1 << 32
)

// node is a person's node, the datagrams on their way to it, and what it saw.
type node struct {
	world  *world
	person *person
	people []person
	deeds  []deed // what is still to be done
	fates  *rand.Rand
	inbox  inbox
	out    []sent
	order  uint32
	lives  int
	err    error

	node    *neighbors.Node // nil: it does not run
	opener  *dgram.Opener
	next    int64
	now     int64                     // of the turn
	gone    int64                     // when it stops waiting for the answers to its goodbye
	tokens  map[neighbors.Token]int32 // texts, by what the node calls them in this run of it
	lines   map[uint64]int32
	printed []uint64 // receipts that the node was not told of

	seen
}

func newNode(w *world, p *person, people []person, texts []deed) *node {
	n := &node{world: w, person: p, people: people, next: never, gone: never}
	n.deeds = append(w.plan.deeds(p.index), texts...)
	slices.SortStableFunc(n.deeds, func(a, b deed) int { return int(min(max(a.at-b.at, -1), 1)) })
	h := newSum(5)
	h.word(w.cfg.Seed)
	h.word(uint64(p.index))
	n.fates = rand.New(rand.NewPCG(h.a, h.b))
	n.told = map[int32]bool{}
	n.spent = make([]int32, w.plan.end/int64(time.Second)+1)
	return n
}

// soonest is when something happens here next.
func (n *node) soonest() int64 {
	at := min(n.next, n.gone)
	if len(n.inbox) > 0 {
		at = min(at, n.inbox[0].at)
	}
	if len(n.deeds) > 0 {
		at = min(at, n.deeds[0].at)
	}
	return at
}

// run does what happens here before until.
func (n *node) run(until int64) {
	last, turns := int64(-1), 0
	for at := n.soonest(); at < until; at = n.soonest() {
		if turns++; at > last {
			last, turns = at, 0
		} else if turns > mostTurns {
			n.err = errLoop
			return
		}
		for len(n.deeds) > 0 && n.deeds[0].at <= at {
			n.do(at, n.deeds[0])
			n.deeds = n.deeds[1:]
		}
		for len(n.inbox) > 0 && n.inbox[0].at <= at {
			n.receive(at, n.inbox.pop())
		}
		if n.node != nil {
			n.turn(at)
		}
	}
}

func (n *node) do(at int64, d deed) {
	now := epoch.Add(time.Duration(at))
	switch {
	case d.what == start:
		n.start(now)
	case n.node == nil:
	case d.what == crash:
		n.stop()
	case d.what == leave:
		n.gone = at + int64(goodbye)
		n.node.Leave(now)
	default:
		t := n.world.plan.texts[d.text]
		to, err := n.node.Chat(now, n.people[t.to].name)
		if err != nil {
			return // it counts as not delivered
		}
		if token, err := n.node.Say(now, to, lineOf(d.text)); err == nil {
			n.tokens[token] = d.text
		}
	}
}

func (n *node) stop() { n.node, n.opener, n.next, n.gone = nil, nil, never, never }

// start runs the program anew. It remembers the friends from before the run.
func (n *node) start(now time.Time) {
	w, p := n.world, n.person
	n.lives++
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], w.cfg.Seed)
	binary.BigEndian.PutUint64(seed[8:], uint64(p.index)<<16|uint64(n.lives))
	ids := uint64(n.lives) * idsPerLife
	c := neighbors.Config{
		Key: p.key, Name: p.name, Session: p.session, Random: rand.NewChaCha8(seed), Crypto: w.crypt.crypto,
		IDs:      store.Range{First: ids, Limit: ids + idsPerLife},
		Seqs:     store.Range{First: uint64(now.UnixMilli()), Limit: identity.MaxSeq},
		Unstored: true, Profile: w.cfg.Profile, Listen: []netip.AddrPort{p.addr},
	}
	if w.cfg.Graph == LAN {
		c.Sources = w.cfg.Sources()
		c.Interfaces = []netip.Prefix{netip.PrefixFrom(p.addr.Addr(), segment.Bits())}
		c.Outlets = []dgram.Outlet{{To: w.cfg.Group, Local: p.addr.Addr(), Interface: 1}}
	} else {
		c.Load = n.remember
	}
	node, err := neighbors.New(c, now)
	if err != nil {
		n.err = err
		return
	}
	n.node, n.opener = node, node.Opener()
	n.tokens, n.lines = map[neighbors.Token]int32{}, map[uint64]int32{}
}

func (n *node) remember(row func(b kv.Bucket, key, value []byte) error) error {
	for _, bucket := range []kv.Bucket{kv.BucketUsers, kv.BucketSessions} {
		for _, j := range n.world.graph[n.person.index] {
			for _, r := range n.people[j].rows {
				if r.Bucket != bucket {
					continue
				}
				if err := row(r.Bucket, r.Key, r.Value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (n *node) receive(at int64, a arrival) {
	if n.node == nil {
		return
	}
	now := epoch.Add(time.Duration(at))
	from := n.people[a.from].addr
	var o dgram.Opened
	if a.call {
		o = n.opener.OpenAnnouncement(now, from, a.bytes)
	} else {
		o = n.opener.Open(now, from, n.person.addr.Addr(), a.bytes)
	}
	if t := n.world.tap; t != nil {
		t.came(n.person.index, at, o)
	}
	n.node.Receive(now, o)
}

// turn does everything that is ready, as the loop does.
func (n *node) turn(at int64) {
	n.now, n.next = at, never
	if next := neighbors.Turn(n.node, epoch.Add(time.Duration(at)), n); !next.IsZero() {
		n.next = int64(next.Sub(epoch))
	}
	if n.gone < never && (at >= n.gone || n.node.Left()) {
		n.stop()
	}
}

// Printed says that all lines are read at once; for neighbors.Hands.
func (n *node) Printed() (list []uint64) {
	list, n.printed = n.printed, nil
	return list
}

// Write has nothing to write: the nodes store nothing.
func (n *node) Write([]kv.Write, uint64) (bool, error) { return false, nil }

// Reserve is not asked: there are numbers for more than a run.
func (n *node) Reserve(store.Counter, uint64) bool { return false }

// Show keeps an event.
func (n *node) Show(e neighbors.Event) {
	if receipt := n.note(n.now, e); receipt > 0 {
		n.printed = append(n.printed, receipt)
	}
}

// Send puts a datagram on the network.
func (n *node) Send(d dgram.Datagram) error {
	n.send(n.now, d)
	return nil
}

// send puts a datagram on the network, which may lose or delay it.
func (n *node) send(at int64, d dgram.Datagram) {
	w := n.world
	if w.tap != nil {
		w.tap.sent(n.person.index, at, d)
	}
	n.spend(at, len(d.Bytes)+headers)
	if d.To == w.cfg.Group && w.cfg.Graph == LAN {
		for i := range w.nodes {
			n.fly(at, int32(i), true, d.Bytes)
		}
		return
	}
	if to, ok := indexOf(w.cfg.Graph, d.To, len(w.nodes)); ok {
		n.fly(at, to, false, d.Bytes)
	}
}

// fly draws the same number of chances whatever happens, so that one changed datagram
// does not change the fate of all later ones.
func (n *node) fly(at int64, to int32, call bool, b []byte) {
	w, self := n.world, n.person.index
	lost, late := n.fates.Float64() < w.cfg.Loss, n.fates.Float64()
	arrives := at + int64(w.cfg.Delay) + int64(late*float64(w.cfg.Jitter))
	if lost || to == self || w.plan.cut(self, to, at, arrives) {
		return
	}
	n.order++
	n.out = append(n.out, sent{to, arrival{arrives, self, n.order, call, b}})
}
