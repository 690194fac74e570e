package neighbors

import (
	"crypto/ed25519"
	"io"
	"time"

	"darkchat/dgram"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/mail"
	"darkchat/sessions/store"
)

// core is what all parts of a node share: who it is, what it remembers, its endpoint, and what it
// wants done. Each part embeds a pointer to it. A part may call the core and what hangs on it, and
// never another part.
type core struct {
	cfg    Config
	own    own
	book   *book.Book
	inbox  *mail.Inbox
	outbox *mail.Outbox
	past   store.History
	budget *budget.Ledger // who pays for what peers use up (payer.go)
	ep     *dgram.Endpoint
	links  *links // our own links
	turn   turn

	edges  *edges     // the sessions that we keep in touch with
	ways   *ways      // how a session was met, and the relays
	claims *claims    // what neighbours claim of others
	finder *finder    // asks neighbours for somebody
	nat    *reflexive // what we look like from outside
	notify *notifier  // tells the person who comes and goes
	writes *writes    // what waits for a write
	places *places    // the Sources, and what they found
}

// own is who this node is.
type own struct {
	user    identity.UserKey
	session identity.SessionID
	static  [32]byte
	record  identity.Record // as last signed
	signed  []byte
	numbers numbers
	away    bool      // the person said so
	left    time.Time // when we began to leave; zero: we stay
	cloned  bool      // another program runs with our key

	signatures identity.Signatures
}

// turn is what a node wants done after this turn.
type turn struct {
	out    Ready
	spare  Ready                             // room of the last one, used again
	wakeAt time.Time                         // Advance is due then, whatever the parts say
	token  Token                             // the last one given out
	obey   func(now time.Time, t transition) // does what follows from a transition
}

func newCore(cfg Config, now time.Time) *core {
	if cfg.Profile.Name == "" {
		cfg.Profile = lanProfile
	}
	user := identity.UserKey(cfg.Key.Public().(ed25519.PublicKey))
	c := &core{
		cfg: cfg, own: own{user: user, signatures: identity.Ed25519{}, numbers: newNumbers(cfg)},
		book: book.New(user, cfg.Name, cfg.bookLimits()), outbox: mail.NewOutbox(), past: cfg.Past,
		budget: cfg.newBudget(), links: newLinks(cfg.Interfaces),
	}
	if cfg.Crypto != nil {
		c.own.signatures = cfg.Crypto.Signatures
	}
	c.edges, c.ways, c.claims, c.finder = newEdges(c), newWays(c), newClaims(c), &finder{core: c, tickets: newTickets()}
	c.nat, c.notify, c.writes, c.places = &reflexive{core: c, keepSign: now}, newNotifier(c), newWrites(c), newPlaces(c)
	c.inbox = mail.NewInbox(c.budget, c.edges.mailPayer)
	c.book.SetLive(c.edges.isHere)
	if cfg.Unstored {
		c.inbox.Unstored()
		c.outbox.Unstored()
	}
	return c
}

// Ready is what a Node wants done: Batch must be written before anything that
// depends on it happens; the node itself holds that back until Finished. Events
// come before datagrams. Slices are valid until the next call of Drain.
type Ready struct {
	Batch     []kv.Write
	Seq       uint64 // of the batch, for Finished
	Events    []Event
	Datagrams []dgram.Datagram
	Reserve   []store.Counter // blocks to ask for; answered by Finished
}

// verify checks a signed record and decodes it.
func (co *core) verify(signed []byte) (identity.Record, error) {
	return identity.VerifyBy(co.own.signatures, signed)
}

// wake asks for another Advance at that time.
func (co *core) wake(at time.Time) { co.turn.wakeAt = earliest(co.turn.wakeAt, at) }

func (co *core) emit(e Event) { co.turn.out.Events = append(co.turn.out.Events, e) }

// spread adds up to a quarter, so that nodes that lost each other together do
// not come back in step.
func (co *core) spread(d time.Duration) time.Duration {
	var b [1]byte
	io.ReadFull(co.cfg.Random, b[:])
	return d + d*time.Duration(b[0])/1024
}

// spreadEighth adds up to an eighth, for probes that many share.
func (co *core) spreadEighth(d time.Duration) time.Duration { return d + (co.spread(d)-d)/2 }

// nextToken returns the token of another request or line of the person.
func (co *core) nextToken() Token {
	co.turn.token++
	return co.turn.token
}

// happened reports a transition. What follows from it is done before it returns.
func (co *core) happened(now time.Time, t transition) { co.turn.obey(now, t) }
