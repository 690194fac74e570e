package neighbors

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// carrierGrade is the shared address space of RFC 6598: as private as RFC 1918.
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

// Node is one person's node. It is not safe for concurrent use: the loop owns it.
type Node struct {
	cfg Config
	own

	ep     *dgram.Endpoint
	budget *budget.Ledger // who pays for what peers use up (payer.go)
	book   *sessions.Book
	inbox  *sessions.Inbox
	outbox *sessions.Outbox

	edges   map[sessions.SessionID]*edge // the pool Edges bounds them
	timers  timers
	seeking map[sessions.UserKey]*seeker // known users; at most as many as edges
	finding
	twoEdges
	requests requests
	explode  explosions
	reach
	holds    holds
	holdKeys holdKeys
	texts    texts
	writes   writes
	tickets  tickets
	door     door
	past     sessions.History
	ends     ends
	numbers  numbers
	token    Token // the last one given out
	notify   notifier

	out    Ready
	spare  Ready     // room of the last one, used again
	wakeAt time.Time // Advance is due then, whatever the sub-states say
	leaving
	cloned bool
}

// own is who this node is.
type own struct {
	user   sessions.UserKey
	self   sessions.SessionID
	static [32]byte
	record sessions.Record // as last signed
	signed []byte
	away   bool // the person said so

	signatures sessions.Signatures
}

// twoEdges is what a node knows of the sessions within two edges, and its work to keep that
// true.
type twoEdges struct {
	order     []sessions.SessionID // of the edges, sorted; nil: to be made anew
	onlineOf  [budget.Classes]int  // edges to sessions that are online, by class
	health    [2]health            // towards people known and seeds, and towards all others
	questions []question           // at most maxQuestions
	favours   []favour             // at most maxFavours
	rumors    rumors
	news      news
	wants     wants
	seekers   seekers
	seekAt    time.Time // when one of seeking is due; zero: to be worked out
	search    search
	keepSign  time.Time // when a NAT was last seen to forget us, or our network changed
}

// reach is what a node knows of the paths between itself and others.
type reach struct {
	intro    introductions
	relays   relays
	circuits circuits
	outside  outside
}

// Ready is what a Node wants done: Batch must be written before anything that
// depends on it happens; the node itself holds that back until Finished. Events
// come before datagrams. Slices are valid until the next call of Drain.
type Ready struct {
	Batch     []sessions.Write
	Seq       uint64 // of the batch, for Finished
	Events    []Event
	Datagrams []dgram.Datagram
	Reserve   []sessions.Counter // blocks to ask for; answered by Finished
}

// New makes a node from what was stored of it.
func New(cfg Config, now time.Time) (*Node, error) {
	n := &Node{
		cfg:     cfg,
		own:     own{user: sessions.UserKey(cfg.Key.Public().(ed25519.PublicKey))},
		edges:   map[sessions.SessionID]*edge{},
		seeking: map[sessions.UserKey]*seeker{},
		finding: finding{links: newLinks(cfg.Interfaces), announcer: -1},
	}
	n.signatures = sessions.Ed25519{}
	if cfg.Crypto != nil {
		n.signatures = cfg.Crypto.Signatures
	}
	n.budget = cfg.newBudget()
	n.book = sessions.NewBook(n.user, cfg.Name, cfg.bookLimits())
	n.book.SetLive(n.isHere)
	n.inbox = sessions.NewInbox(n.budget, n.mailPayer)
	n.outbox = sessions.NewOutbox()
	if cfg.Unstored {
		n.inbox.Unstored()
		n.outbox.Unstored()
	}
	n.texts, n.writes, n.tickets, n.numbers, n.door = newTexts(), newWrites(), newTickets(), newNumbers(cfg), newDoor()
	n.door.knocking = gate{n}
	n.intro, n.explode, n.notify = newIntroductions(), newExplosions(), newNotifier()
	n.notify.n = n
	n.relays, n.circuits = newRelays(), newCircuits(n.budget)
	n.rumors, n.seekers, n.wants.flying, n.keepSign = newRumors(), newSeekers(), map[uint64]want{}, now
	if n.cfg.Profile.Name == "" {
		n.cfg.Profile = lanProfile
	}
	n.past = cfg.Past
	n.newHolds(now)
	n.newHoldKeys()
	if cfg.Load != nil {
		if err := cfg.Load(n.load); err != nil {
			return nil, err
		}
	}
	n.book.Loaded(now)
	n.book.WriteLate()
	n.inbox.Loaded(now)
	n.outbox.Loaded(now)
	n.startHoldKeys(now)
	n.startHolds(now)
	if err := n.begin(now); err != nil {
		return nil, err
	}
	for _, s := range cfg.Sources {
		n.plugins = append(n.plugins, plugin{source: s})
	}
	n.remember(now)
	n.reserve()
	n.startDoor()
	n.startTexts(now)
	n.progress(now, n.outbox.Expire(now), 0)
	return n, nil
}

// begin makes the endpoint of our session's key, and the record that vouches for it.
func (n *Node) begin(now time.Time) error {
	private, err := ecdh.X25519().NewPrivateKey(n.cfg.Session[:])
	if err != nil {
		return fmt.Errorf("session key: %w", err)
	}
	n.static = [32]byte(private.PublicKey().Bytes())
	n.self = sessions.MakeSessionID(n.user, n.static)
	n.ep = nil // the old endpoint must not get a record of another key
	if err := n.sign(n.presence()); err != nil {
		return err
	}
	var suite dgram.Suite
	if n.cfg.Crypto != nil {
		suite = n.cfg.Crypto.Suite
	}
	n.ep, err = dgram.New(dgram.Config{
		Private: n.cfg.Session, Record: n.signed, Check: check(n.signatures), Random: n.cfg.Random, Seed: n.cfg.Seed, Suite: suite,
		SameLink: n.links.near, Crowd: n.links.crowd, MaxAssociations: n.cfg.mostSessions(),
	}, now)
	return err
}

// Renewed goes on with a new session key, because a copy of this session was met:
// two with one key would take each other's texts. Memory and outbox stay; to
// everybody else this is a new session, so a text that was under way at this
// moment may be shown twice, once of each.
func (n *Node) Renewed(now time.Time, session [32]byte) error {
	n.cloned = false
	for _, id := range n.edgeIDs() {
		e := n.edges[id]
		n.textsBack(e)
		n.removeEdge(e)
	}
	clear(n.texts.waiting) // texts that the old endpoint handed up will be offered again
	n.cfg.Session = session
	if err := n.begin(now); err != nil {
		return err
	}
	n.remember(now)
	n.reserve()
	n.emit(Notice{"a copy of this session runs elsewhere: this one has taken a new key and goes on as a session of its own"})
	n.wake(now)
	return nil
}

func (n *Node) load(b sessions.Bucket, key, value []byte) error {
	switch b {
	case sessions.BucketUsers, sessions.BucketSessions, sessions.BucketFloors:
		return n.book.Load(b, key, value)
	case sessions.BucketHoldKeys:
		return n.holdKeys.keys.Load(b, key, value)
	case sessions.BucketShelf:
		return n.holds.shelf.Load(b, key, value)
	case sessions.BucketOutbox:
		return n.outbox.Load(b, key, value)
	case sessions.BucketInbox, sessions.BucketTexts:
		return n.inbox.Load(b, key, value)
	}
	return nil
}

// check makes the pure function by which dgram verifies a record. It runs on the
// readers' goroutines.
func check(by sessions.Signatures) dgram.Check {
	return func(record, static []byte) (dgram.Peer, error) {
		rec, err := sessions.VerifyBy(by, record)
		if err != nil {
			return dgram.Peer{}, err
		}
		if !bytes.Equal(rec.Static[:], static) {
			return dgram.Peer{}, errOtherKey
		}
		return dgram.Peer{ID: dgram.PeerID(rec.Session), User: [32]byte(rec.User), Static: rec.Static, Seq: rec.Seq}, nil
	}
}

// verify checks a signed record and decodes it.
func (n *Node) verify(signed []byte) (sessions.Record, error) {
	return sessions.VerifyBy(n.signatures, signed)
}

var errOtherKey = errors.New("the record belongs to another key")

// sign makes our record anew: only its owner raises its sequence number.
func (n *Node) sign(state sessions.State) error {
	seq, err := n.numbers.take(sessions.CounterSeq, 1)
	if err != nil {
		return err
	}
	r := sessions.Record{
		Name: n.cfg.Name, User: n.user, Static: n.static, Session: n.self,
		Seq: seq, State: state, Lifetime: recordLife,
	}
	if n.cfg.Seed {
		r.Flags = sessions.FlagSeed | sessions.FlagRelay
	}
	r.Flags |= n.cfg.Intro.flags()
	if n.outside.hard {
		r.Flags |= sessions.FlagHardNAT
	}
	r.Addrs, r.Hold = n.recordAddrs(), n.holdKeys.keys.Public()
	signed, err := sessions.SignBy(n.signatures, n.cfg.Key, r)
	if err != nil {
		return err
	}
	n.record, n.signed = r, signed
	if n.ep != nil {
		n.ep.SetRecord(signed)
	}
	return nil
}

// Receive takes one opened datagram, and returns why it was dropped after all;
// dgram.CountNothing: it was not.
func (n *Node) Receive(now time.Time, o dgram.Opened) (dropped dgram.Counter) {
	n.wake(now)
	return n.ep.Receive(now, o)
}

// Advance lets time pass and returns when it wants to be called next; zero:
// there is nothing to wait for. Call Drain after it.
func (n *Node) Advance(now time.Time) (next time.Time) {
	n.wakeAt = time.Time{}
	n.pull(now)
	n.advanceEdges(now)
	next = earliest(next, n.advanceRequests(now))
	next = earliest(next, n.advanceSeekers(now))
	next = earliest(next, n.advanceSources(now))
	next = earliest(next, n.notify.advance(now))
	next = earliest(next, n.advanceFavours(now))
	next = earliest(next, n.advanceWants(now))
	next = earliest(next, n.advanceSearch(now))
	next = earliest(next, n.advanceWays(now))
	next = earliest(next, n.advanceOutside(now))
	if due(n.outbox.Expiry(), now) {
		n.progress(now, n.outbox.Expire(now), 0)
	}
	next = earliest(next, n.outbox.Expiry())
	next = earliest(next, n.advanceNews(now))
	next = earliest(next, n.advanceHoldKeys(now))
	next = earliest(next, n.advanceHolds(now))
	next = earliest(next, n.advanceTexts(now))
	next = earliest(next, n.advanceLeaving(now))
	// The endpoint comes last: what this turn wants sent shares datagrams.
	n.passWrite(now)
	wire := n.ep.Advance(now)
	for n.pull(now) {
		n.passWrite(now)
		wire = n.ep.Advance(now)
	}
	next = earliest(next, n.collect(now))
	next = earliest(earliest(next, wire), earliest(n.timers.next(), n.wakeAt))
	return next
}

// wake asks for another Advance at that time.
func (n *Node) wake(at time.Time) { n.wakeAt = earliest(n.wakeAt, at) }

// pull takes what the endpoint has ready and handles its events; false when
// that gave the endpoint nothing new to do.
func (n *Node) pull(now time.Time) (again bool) {
	datagrams, events := n.ep.Drain()
	for _, d := range datagrams {
		if dgram.Relayed(d.To.Addr()) {
			if n.left.IsZero() || !n.Left() { // else as if lost
				n.carry(now, d)
			}
			again = true
			continue
		}
		n.out.Datagrams = append(n.out.Datagrams, d)
	}
	for _, e := range events {
		n.handle(now, e)
	}
	return again || len(events) > 0
}

// collect gathers everything to be written into the batch of this turn; writes
// that failed earlier come first.
func (n *Node) collect(now time.Time) (next time.Time) {
	if n.cfg.Unstored {
		n.book.DropWrites()
		return time.Time{}
	}
	again, next := n.writes.rewrite(now)
	next = earliest(next, n.storeRecovers(now))
	next = earliest(next, n.book.Ripen(now))
	n.out.Batch = append(n.out.Batch, again...)
	n.out.Batch = append(n.out.Batch, n.book.TakeWrites()...)
	n.out.Batch = append(n.out.Batch, n.outbox.TakeWrites()...)
	n.out.Batch = append(n.out.Batch, n.inbox.TakeWrites()...)
	n.out.Batch = append(n.out.Batch, n.holds.shelf.TakeWrites()...)
	n.out.Batch = append(n.out.Batch, n.holdKeys.keys.TakeWrites()...)
	n.out.Batch = append(n.out.Batch, n.past.TakeWrites()...)
	return next
}

// Drain returns what is ready and forgets it.
func (n *Node) Drain() Ready {
	r := n.out
	n.out = Ready{Events: again(n.spare.Events), Datagrams: again(n.spare.Datagrams)}
	n.spare = r
	r.Reserve = n.numbers.wanted()
	if len(r.Batch) > 0 {
		r.Seq = n.writes.close(r.Batch)
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

func (n *Node) emit(e Event) { n.out.Events = append(n.out.Events, e) }

// spread adds up to a quarter, so that nodes that lost each other together do
// not come back in step.
func (n *Node) spread(d time.Duration) time.Duration {
	var b [1]byte
	io.ReadFull(n.cfg.Random, b[:])
	return d + d*time.Duration(b[0])/1024
}

// spreadEighth adds up to an eighth, for probes that many share.
func (n *Node) spreadEighth(d time.Duration) time.Duration { return d + (n.spread(d)-d)/2 }

// Cloned tells whether another program was found running with our key.
func (n *Node) Cloned() bool { return n.cloned }

// Opener returns the view that the readers share; safe for many goroutines.
func (n *Node) Opener() *dgram.Opener { return n.ep.Opener() }

// Unused returns the first text id and the first sequence number that this run
// did not use, so that the next one begins there. Call it after the loop ended.
func (n *Node) Unused() (ids, seqs uint64) {
	return n.numbers.left(sessions.CounterIDs).First, n.numbers.left(sessions.CounterSeq).First
}

// nextToken returns the token of another request or line of the person.
func (n *Node) nextToken() Token {
	n.token++
	return n.token
}
