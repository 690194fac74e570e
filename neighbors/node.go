package neighbors

import (
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/store"
)

// Node is one person's node: it routes what comes to its parts, and obeys what they say happened
// (transitions.go). It is not safe for concurrent use: the loop owns it.
type Node struct {
	core *core

	detector   *detector
	gossip     *gossip
	lookups    *lookups
	introducer *introducer
	paths      *pathfinder
	relay      *relay
	inbound    *inbound
	outbound   *outbound
	custody    *custody
	door       *door
	requests   *requests
	discovery  *discovery

	last []identity.SessionID // relays that carry our goodbye to others, and so hear it last; at most maxRelays
}

// New makes a node from what was stored of it.
func New(cfg Config, now time.Time) (*Node, error) {
	c := newCore(cfg, now)
	n := &Node{
		core: c, detector: &detector{core: c}, gossip: newGossip(c), lookups: newLookups(c), introducer: newIntroducer(c),
		paths: &pathfinder{c}, relay: &relay{c, newCircuits(c.budget)}, inbound: newInbound(c), outbound: &outbound{core: c},
		custody: newCustody(c), door: newDoor(c), requests: &requests{core: c, explode: newExplosions()}, discovery: &discovery{c},
	}
	c.turn.obey = n.obey
	n.door.knocking = gate{n.introducer}
	if cfg.Load != nil {
		if err := cfg.Load(n.load); err != nil {
			return nil, err
		}
	}
	n.core.book.Loaded(now)
	n.core.book.WriteLate()
	n.core.inbox.Loaded(now)
	n.core.outbox.Loaded(now)
	n.inbound.startHoldKeys(now)
	n.custody.startHolds(now)
	if err := n.begin(now); err != nil {
		return nil, err
	}
	n.lookups.remember(now)
	n.core.reserve()
	n.door.startDoor()
	n.inbound.startTexts(now)
	n.outbound.progress(now, n.core.outbox.Expire(now), 0)
	return n, nil
}

// Renewed goes on with a new session key, because a copy of this session was met:
// two with one key would take each other's texts. Memory and outbox stay; to
// everybody else this is a new session, so a text that was under way at this
// moment may be shown twice, once of each.
func (n *Node) Renewed(now time.Time, session [32]byte) error {
	n.core.own.cloned = false
	for _, id := range n.core.edges.edgeIDs() {
		e := n.core.edges.byID[id]
		n.outbound.textsBack(e)
		n.core.edges.removeEdge(e)
	}
	clear(n.inbound.waiting) // texts that the old endpoint handed up will be offered again
	n.core.cfg.Session = session
	if err := n.begin(now); err != nil {
		return err
	}
	n.lookups.remember(now)
	n.core.reserve()
	n.core.emit(Notice{"a copy of this session runs elsewhere: this one has taken a new key and goes on as a session of its own"})
	n.core.wake(now)
	return nil
}

func (n *Node) load(b kv.Bucket, key, value []byte) error {
	switch b {
	case kv.BucketUsers, kv.BucketSessions, kv.BucketTombstones:
		return n.core.book.Load(b, key, value)
	case kv.BucketHoldKeys:
		return n.inbound.holdKeys.keys.Load(b, key, value)
	case kv.BucketHeld:
		return n.custody.held.Load(b, key, value)
	case kv.BucketOutbox:
		return n.core.outbox.Load(b, key, value)
	case kv.BucketInbox, kv.BucketTexts:
		return n.core.inbox.Load(b, key, value)
	}
	return nil
}

// Receive takes one opened datagram, and returns why it was dropped after all;
// dgram.CountNothing: it was not.
func (n *Node) Receive(now time.Time, o dgram.Opened) (dropped dgram.Counter) {
	n.core.wake(now)
	return n.core.ep.Receive(now, o)
}

// Advance lets time pass and returns when it wants to be called next; zero:
// there is nothing to wait for. Call Drain after it.
func (n *Node) Advance(now time.Time) (next time.Time) {
	n.core.turn.wakeAt = time.Time{}
	n.pull(now)
	n.advanceEdges(now)
	next = earliest(next, n.requests.advanceRequests(now))
	next = earliest(next, n.lookups.advanceLookups(now))
	next = earliest(next, n.discovery.advanceSources(now))
	next = earliest(next, n.core.notify.advance(now))
	next = earliest(next, n.detector.advanceRelayed(now))
	next = earliest(next, n.gossip.advancePulls(now))
	next = earliest(next, n.lookups.advanceHealing(now))
	next = earliest(next, n.paths.advanceWays(now))
	next = earliest(next, n.core.nat.advance(now))
	if due(n.core.outbox.Expiry(), now) {
		n.outbound.progress(now, n.core.outbox.Expire(now), 0)
	}
	next = earliest(next, n.core.outbox.Expiry())
	next = earliest(next, n.gossip.advanceNews(now))
	next = earliest(next, n.inbound.advanceHoldKeys(now))
	next = earliest(next, n.custody.advanceHolds(now))
	next = earliest(next, n.inbound.advanceTexts(now))
	next = earliest(next, n.advanceLeaving(now))
	// The endpoint comes last: what this turn wants sent shares datagrams.
	n.passWrite(now)
	wire := n.core.ep.Advance(now)
	for n.pull(now) {
		n.passWrite(now)
		wire = n.core.ep.Advance(now)
	}
	next = earliest(next, n.collect(now))
	next = earliest(earliest(next, wire), earliest(n.core.edges.timers.Next(), n.core.turn.wakeAt))
	return next
}

// pull takes what the endpoint has ready and handles its events; false when
// that gave the endpoint nothing new to do.
func (n *Node) pull(now time.Time) (again bool) {
	datagrams, events := n.core.ep.Drain()
	for _, d := range datagrams {
		if dgram.Relayed(d.To.Addr()) {
			if n.core.own.left.IsZero() || !n.Left() { // else as if lost
				n.relay.carry(now, d)
			}
			again = true
			continue
		}
		n.core.turn.out.Datagrams = append(n.core.turn.out.Datagrams, d)
	}
	for _, e := range events {
		n.handle(now, e)
	}
	return again || len(events) > 0
}

// collect gathers everything to be written into the batch of this turn; writes
// that failed earlier come first.
func (n *Node) collect(now time.Time) (next time.Time) {
	if n.core.cfg.Unstored {
		n.core.book.DropWrites()
		return time.Time{}
	}
	again, next := n.core.writes.rewrite(now)
	next = earliest(next, n.core.writes.storeRecovers(now))
	next = earliest(next, n.core.book.Ripen(now))
	n.core.turn.out.Batch = append(n.core.turn.out.Batch, again...)
	n.core.turn.out.Batch = append(n.core.turn.out.Batch, n.core.book.TakeWrites()...)
	n.core.turn.out.Batch = append(n.core.turn.out.Batch, n.core.outbox.TakeWrites()...)
	n.core.turn.out.Batch = append(n.core.turn.out.Batch, n.core.inbox.TakeWrites()...)
	n.core.turn.out.Batch = append(n.core.turn.out.Batch, n.custody.held.TakeWrites()...)
	n.core.turn.out.Batch = append(n.core.turn.out.Batch, n.inbound.holdKeys.keys.TakeWrites()...)
	n.core.turn.out.Batch = append(n.core.turn.out.Batch, n.core.past.TakeWrites()...)
	return next
}

// Drain returns what is ready and forgets it.
func (n *Node) Drain() Ready {
	r := n.core.turn.out
	n.core.turn.out = Ready{Events: again(n.core.turn.spare.Events), Datagrams: again(n.core.turn.spare.Datagrams)}
	n.core.turn.spare = r
	r.Reserve = n.core.own.numbers.wanted()
	if len(r.Batch) > 0 {
		r.Seq = n.core.writes.close(r.Batch)
	}
	return r
}

// maxSpare bounds the room that is kept for the next turn.
const maxSpare = 256

// again empties a slice for another use.
func again[T any](s []T) []T {
	if cap(s) > maxSpare {
		return nil
	}
	clear(s)
	return s[:0]
}

// Cloned tells whether another program was found running with our key.
func (n *Node) Cloned() bool { return n.core.own.cloned }

// Opener returns the view that the readers share; safe for many goroutines.
func (n *Node) Opener() *dgram.Opener { return n.core.ep.Opener() }

// Unused returns the first text id and the first sequence number that this run
// did not use, so that the next one begins there. Call it after the loop ended.
func (n *Node) Unused() (ids, seqs uint64) {
	return n.core.own.numbers.left(store.CounterIDs).First, n.core.own.numbers.left(store.CounterSeq).First
}

// advanceEdges does what is due at each edge.
func (n *Node) advanceEdges(now time.Time) {
	for t := n.core.edges.timers.Due(now); t != nil; t = n.core.edges.timers.Due(now) {
		e := t.Owner
		if due(e.quietAt, now) {
			n.detector.checkLiveness(now, e)
		}
		if due(e.refreshAt, now) {
			e.refreshAt = time.Time{}
			n.gossip.askForList(now, e)
		}
		if due(e.handAt, now) {
			e.handAt = time.Time{}
			if e.online {
				n.custody.handOver(now, e)
			}
		}
		if due(e.send.retryAt, now) {
			e.send.retryAt, e.send.busy = time.Time{}, false
			n.outbound.pump(now, e)
		}
		if due(e.redialAt, now) {
			n.lookups.redial(now, e)
		}
		if n.core.edges.byID[e.id] == e {
			n.core.edges.plan(e)
		}
	}
}

// Printed says that the lines with these receipts are on the screen.
func (n *Node) Printed(now time.Time, receipts []uint64) { n.inbound.printed(now, receipts) }

// NotSent says that the system refused to send to an address, and why; the Loop calls it. It
// reports whether a \ping ended by it.
func (n *Node) NotSent(to netip.AddrPort, err error) (ended bool) { return n.requests.notSent(to, err) }
