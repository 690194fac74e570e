package dgram

import (
	"bytes"
	"crypto/ecdh"
	"io"
	"net/netip"
	"time"

	"darkchat/dgram/timing"
	"darkchat/dgram/wire"
)

// Check verifies a signed record that came with the given X25519 session key. It
// must be pure and safe for many goroutines. An error refuses the handshake.
type Check func(record, static []byte) (Peer, error)

// Config makes an Endpoint. Private, Record, Check and Random are required.
type Config struct {
	Private [32]byte  // X25519 key of this session
	Record  []byte    // our signed record
	Check   Check     // called by Opener, from any goroutine
	Random  io.Reader // the only source of randomness; crypto/rand outside of tests
	Seed    bool      // larger bounds
	Suite   Suite     // nil: the protocol's own, as in everything but a simulation

	// SameLink says whether an address is in a prefix of one of our interfaces. It must
	// be safe for many goroutines. nil: loopback only.
	SameLink func(netip.Addr) bool
	// Crowd says whether an address is a broadcast address of one of our links: we never
	// answer to those. It must be as safe as SameLink. nil: none is known.
	Crowd func(netip.Addr) bool
	// MaxAssociations bounds the keys kept for peers that are not pinned.
	// 0: 1,024, or 65,536 for a seed.
	MaxAssociations int
}

// Endpoint is one node's end of the protocol: it turns datagrams into events and
// messages into datagrams. It has no clock, socket or goroutine; the package comment
// lists the duties of its owner. It is not safe for many goroutines, its Opener is.
type Endpoint struct {
	private *ecdh.PrivateKey
	record  []byte
	self    Peer
	check   Check
	random  *lockedReader
	near    near
	opener  *Opener
	table   *table
	epochs  *epochs
	admit   *admission
	tally   *tally
	ids     ids

	links         map[wire.PeerID]*link // bounded by cache, pins and maxUnlinked
	unlinked      int                   // of links, those without an association
	pins          int
	maxPins       int
	cache         *cache
	dialer        *dialer
	pace          *pace // presence of the whole node
	announcements *announcements
	timers        timing.Heap[owner]
	expireAt      time.Time // when something of an epoch must be forgotten

	dirty []*link
	out   output
}

// ids are the last ids given to messages.
type ids struct {
	message uint64
	probe   uint64
}

// New makes an Endpoint. The errors are ErrConfig and ErrRecord.
func New(c Config, now time.Time) (*Endpoint, error) {
	if c.Check == nil || c.Random == nil || c.Private == ([32]byte{}) || len(c.Record) > wire.MaxRecord {
		return nil, ErrConfig
	}
	private, err := ecdh.X25519().NewPrivateKey(c.Private[:])
	if err != nil {
		return nil, ErrConfig
	}
	public := private.PublicKey().Bytes()
	self, err := c.Check(c.Record, public)
	if err != nil || !bytes.Equal(self.Static[:], public) {
		return nil, ErrRecord
	}
	near := near(func(a netip.Addr) bool {
		return !Relayed(a) && (a.IsLoopback() || c.SameLink != nil && c.SameLink(a))
	})
	room, used, pins, presence := maxAssociations, maxUsed, maxPinned, presencePerSecond
	if c.Seed {
		room, used, pins, presence = maxAssociationsSeed, maxUsedSeed, maxPinnedSeed, presencePerSecondSeed
	}
	if c.MaxAssociations > 0 {
		room = c.MaxAssociations
	}
	suite := c.Suite
	if suite == nil {
		suite = noiseSuite{}
	}
	random := &lockedReader{r: c.Random}
	e := &Endpoint{
		private: private, record: bytes.Clone(c.Record), self: self, check: c.Check,
		random: random, near: near, table: newTable(used), epochs: &epochs{random: random},
		admit: newAdmission(near, c.Seed), tally: new(tally),
		links: map[wire.PeerID]*link{}, maxPins: pins,
		pace: newPace(float64(presence)),
	}
	e.dialer = &dialer{Endpoint: e, dials: map[netip.AddrPort]*dial{}, contacts: newContacts(near, c.Seed)}
	e.announcements = newAnnouncements(e)
	e.ids.message = randomUint64(random) >> 16 // leaves 2^48 ids before it wraps
	e.cache = newCache(room, func(a *association) { e.forgotten(a, AssociationsEvicted) })
	e.opener = &Opener{
		static: private, public: public, check: c.Check, suite: suite, random: random,
		epochs: e.epochs, table: e.table, admit: e.admit, tally: e.tally, crowd: c.Crowd,
	}
	return e, nil
}

// Opener returns the part that may be used by many goroutines.
func (e *Endpoint) Opener() *Opener { return e.opener }

// SetRecord replaces our own record in later handshakes. One that does not pass our
// own Check is ignored.
func (e *Endpoint) SetRecord(record []byte) {
	self, err := e.check(record, e.self.Static[:])
	if err != nil || self.Static != e.self.Static || len(record) > wire.MaxRecord {
		return
	}
	e.record, e.self = bytes.Clone(record), self
}

// NextID returns a fresh id for a message that is not a text.
func (e *Endpoint) NextID() uint64 {
	e.ids.message++
	return e.ids.message
}

// newIndex draws an association index that is not in use.
func (e *Endpoint) newIndex() uint32 {
	for {
		if i := uint32(randomUint64(e.random)); e.table.freeIndex(i) {
			return i
		}
	}
}

// Send queues a message for a peer; it leaves with the next Advance if there is an
// association, else it waits for one. Confirmed kinds are sent again until they end
// in Settled or Lapsed. It returns false when there is no room for it or when it is
// out of bounds; nothing is held then.
func (e *Endpoint) Send(now time.Time, to wire.PeerID, m wire.Message) bool {
	if e.links[to] == nil && e.unlinked >= maxUnlinked {
		return false
	}
	l := e.link(to)
	if !l.sender.Put(m) {
		e.tidy(l)
		return false
	}
	e.touch(l)
	return true
}

// Cancel takes back a message that is not answered yet. An answer that still comes
// is not reported.
func (e *Endpoint) Cancel(to wire.PeerID, k wire.Kind, id uint64) {
	if l := e.links[to]; l != nil {
		l.sender.Cancel(k, id)
		e.touch(l)
		e.tidy(l)
	}
}

// Settle answers a received confirmed message. The answer to a text leaves at once;
// others may wait up to 25 ms to share a datagram. have belongs to ResultGap. A
// handle may be settled again, with another result.
func (e *Endpoint) Settle(now time.Time, h Handle, r wire.Result, have uint64) {
	l := e.links[h.peer]
	if l == nil || !l.live() {
		return // the message will come again
	}
	l.sender.QueueAck(now, wire.Ack{Kind: h.kind, ID: h.id, Attempt: h.attempt, Result: r, Have: have}, h.kind == wire.KindText)
	e.touch(l)
}

// Live says whether there is an association with a peer.
func (e *Endpoint) Live(id wire.PeerID) bool {
	l := e.links[id]
	return l != nil && l.live()
}

// Path returns where a peer is written to and the smoothed round trip, 0 if it was
// not measured. ok is false when there is no association.
func (e *Endpoint) Path(id wire.PeerID) (addr netip.AddrPort, rtt time.Duration, ok bool) {
	l := e.links[id]
	if l == nil || !l.live() {
		return netip.AddrPort{}, 0, false
	}
	return preferred(l.list).path.to, l.sender.RTT(), true
}

// LastHeard returns when the last authentic datagram of a peer came, zero if none
// has come since we have known the peer.
func (e *Endpoint) LastHeard(id wire.PeerID) time.Time {
	if l := e.links[id]; l != nil {
		return l.heard
	}
	return time.Time{}
}

// Idle says whether nothing waits for a peer or for its answer.
func (e *Endpoint) Idle(id wire.PeerID) bool {
	l := e.links[id]
	return l == nil || l.sender.Idle()
}

// Forget erases the keys of a peer and gives back, as Lapsed, what was to be sent.
func (e *Endpoint) Forget(id wire.PeerID) {
	l := e.links[id]
	if l == nil {
		return
	}
	e.Pin(id, false)
	e.abandon(l)
	for len(l.list) > 0 {
		e.erase(l.list[0], AssociationsErased)
	}
	e.tidy(l)
}

// Pin keeps the keys of a neighbour outside the bounds of the cache, as far as there
// is room for neighbours.
func (e *Endpoint) Pin(id wire.PeerID, pinned bool) {
	l := e.links[id]
	if l == nil && pinned && e.pins < e.maxPins {
		l = e.link(id)
	}
	if l == nil || l.pinned == pinned || pinned && e.pins >= e.maxPins {
		return
	}
	l.pinned = pinned
	l.turn.rank(pinned, l.turn.asked)
	if pinned {
		e.pins++
	} else {
		e.pins--
	}
	for _, a := range append([]*association(nil), l.list...) {
		e.cache.pin(a, pinned)
	}
	e.tidy(l)
}

// Reserve replaces the addresses, at most 4,096, from which handshakes are admitted
// even during a flood: the last addresses of pinned users.
func (e *Endpoint) Reserve(addrs []netip.Addr) { e.admit.setReserved(addrs) }

// Counters returns what was counted so far.
func (e *Endpoint) Counters() Counters { return e.tally.counters() }
