package neighbors

import (
	"fmt"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram/timing"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// How many events about one session the person is told at once, and how many after that;
// strangers also pay from the pool Told. An event that finds no room waits, the newest of
// each kind, so that what the person is told last is always true.
const (
	toldAtOnce = 10
	toldGap    = time.Second
	maxShown   = 8192 // sessions of which we remember what was told; the one not mentioned for longest goes

	flushGap   = 200 * time.Millisecond // between two looks at the sessions that wait
	flushAtOne = 256                    // sessions handled by one look
	leftOutGap = 10 * time.Second       // between two lines about what was left out
)

// notifier tells the person who comes and goes, in words and at a pace that they can follow.
type notifier struct {
	*core
	now     time.Time // the latest that was heard of
	shown   *simplelru.LRU[identity.SessionID, *toldOf]
	waiting []identity.SessionID // each once; at most as many as shown
	flushAt time.Time            // of the next look; zero: no session waits
	leftOut int                  // events and lines
	leftAt  time.Time            // when that is told

	strangers strangers
	warnings  warnings
}

// kind is what an event is about; waiting events are told in this order.
type kind int

const (
	ofPresence kind = iota
	ofHearsay
	ofAway
	ofPath
	ofName
	kinds
)

// toldOf is what the person was told of a session, and the events that wait.
type toldOf struct {
	online  bool
	away    bool
	heard   State
	name    string // before the renaming that waits
	waiting [kinds]Event
	queued  bool
	pace    timing.Bucket
}

func newNotifier(core *core) *notifier {
	c := &notifier{core: core, strangers: newStrangers(), warnings: newWarnings()}
	var err error
	if c.shown, err = simplelru.NewLRU[identity.SessionID, *toldOf](maxShown, nil); err != nil {
		panic("BUG: the bound of what is shown must be positive")
	}
	return c
}

// online tells that a session is here; awaited: the person asked for it and waits.
func (c *notifier) online(now time.Time, s book.Session, awaited bool) {
	if s.User == c.own.user {
		return
	}
	u, _ := c.book.User(s.User)
	if u.Trust == book.TrustNew && !u.Told {
		if awaited {
			c.introduce(s.User)
		} else if c.stranger(now, c.firstContact(u), s.User) {
			c.book.Tell(s.User)
		}
	}
	e := CameOnline{User: u.Label, Session: s.ID.String(), Trust: u.Trust.String(), Seed: s.Flags&identity.FlagSeed != 0}
	if awaited {
		c.again(now, s.ID, e)
	} else {
		c.tell(now, s.ID, e)
	}
}

func (c *notifier) offline(now time.Time, e *edge, reason string) {
	if e.user == c.own.user {
		return
	}
	c.tell(now, e.id, WentOffline{User: c.book.Label(e.user), Session: e.id.String(), Trust: c.book.Trust(e.user).String(), Reason: reason, Seed: e.seed})
}

func (c *notifier) heard(now time.Time, id identity.SessionID, e HeardOf) {
	c.tell(now, id, e)
}

// again tells at once an event that the person waits for, even if it was told before.
func (c *notifier) again(now time.Time, id identity.SessionID, e Event) {
	s := c.of(id)
	s.supersede(e)
	s.waiting[kindOf(e)] = nil
	c.flush(id)
	s.note(e)
	c.emit(e)
}

// tell tells an event about a session if there is room; otherwise the event waits.
func (c *notifier) tell(now time.Time, id identity.SessionID, e Event) {
	if now.IsZero() {
		now = c.now
	}
	c.now = now
	s := c.of(id)
	c.skip(now, s.supersede(e))
	if !s.waits() && c.pays(now, id, s) {
		s.note(e)
		c.emit(e)
		return
	}
	k := kindOf(e)
	if s.waiting[k] != nil {
		c.skip(now, 1)
		if s.told(e) { // nothing differs any more from what the person was told
			s.waiting[k] = nil
			c.skip(now, 1)
			return
		}
	}
	s.waiting[k] = e
	if !s.queued {
		s.queued = true
		c.waiting = append(c.waiting, id)
	}
	if c.flushAt.IsZero() {
		c.flushAt = now.Add(flushGap)
	}
	c.wake(c.flushAt)
}

// of returns what was told of a session, making an entry if there is none.
func (c *notifier) of(id identity.SessionID) *toldOf {
	s, ok := c.shown.Get(id)
	if !ok {
		s = &toldOf{pace: timing.NewBucket(1/toldGap.Seconds(), toldAtOnce)}
		c.shown.Add(id, s)
	}
	return s
}

// pays says whether one more event about a session may be told.
func (c *notifier) pays(now time.Time, id identity.SessionID, s *toldOf) bool {
	was := s.pace
	if !s.pace.Take(now, 1) {
		return false
	}
	if p := c.edges.payer(id); p.Class >= budget.Link && !c.budget.Spend(now, budget.Told, p, 1) {
		s.pace = was
		return false
	}
	return true
}

// flush tells at once every event that waits about a session.
func (c *notifier) flush(id identity.SessionID) {
	s, ok := c.shown.Peek(id)
	if !ok {
		return
	}
	for k, e := range s.waiting {
		if e != nil {
			s.waiting[k] = nil
			s.note(e)
			c.emit(e)
		}
	}
}

// skip counts events that are left out.
func (c *notifier) skip(now time.Time, events int) {
	if events == 0 {
		return
	}
	if c.leftOut == 0 && c.leftAt.Before(now.Add(time.Second)) {
		c.leftAt = now.Add(time.Second)
	}
	c.leftOut += events
	c.wake(c.leftAt)
}

// advance tells the waiting events that may be told now, and how much was left out.
func (c *notifier) advance(now time.Time) (next time.Time) {
	c.now = now
	if due(c.flushAt, now) {
		c.look(now)
	}
	next = earliest(c.flushAt, c.strangers.advance(now, c.core))
	next = earliest(next, c.warnings.advance(now, c.core))
	if c.leftOut > 0 && !c.leftAt.After(now) {
		c.emit(Notice{fmt.Sprintf("%d more lines about who comes and goes are left out; \\users shows who is here now", c.leftOut)})
		c.leftOut, c.leftAt = 0, now.Add(leftOutGap)
	}
	if c.leftOut > 0 {
		next = earliest(next, c.leftAt)
	}
	return next
}

// look goes through the sessions that wait, flushAtOnce at a time, in turn.
func (c *notifier) look(now time.Time) {
	c.flushAt = time.Time{}
	for range min(len(c.waiting), flushAtOne) {
		id := c.waiting[0]
		c.waiting = c.waiting[1:]
		s, ok := c.shown.Peek(id)
		if !ok {
			c.skip(now, 1) // evicted for want of room
			continue
		}
		for k, e := range s.waiting {
			if e != nil && c.pays(now, id, s) {
				s.waiting[k] = nil
				s.note(e)
				c.emit(e)
			}
		}
		if s.queued = s.waits(); s.queued {
			c.waiting = append(c.waiting, id)
		}
	}
	if len(c.waiting) > 0 {
		c.flushAt = now.Add(flushGap)
	}
}

func kindOf(e Event) kind {
	switch e.(type) {
	case HeardOf:
		return ofHearsay
	case WentAway:
		return ofAway
	case PathChange:
		return ofPath
	case Notice:
		return ofName
	}
	return ofPresence
}

func (s *toldOf) waits() bool { return s.waiting != [kinds]Event{} }

// supersede drops the waiting events that e makes obsolete and returns how many they were.
func (s *toldOf) supersede(e Event) (dropped int) {
	drop := func(k kind) {
		if s.waiting[k] != nil {
			s.waiting[k] = nil
			dropped++
		}
	}
	switch e.(type) {
	case CameOnline:
		drop(ofHearsay)
	case WentOffline:
		drop(ofAway)
		drop(ofPath)
	}
	return dropped
}

// told says whether the last thing the person was told is what e says.
func (s *toldOf) told(e Event) bool {
	switch e := e.(type) {
	case CameOnline:
		return s.online
	case WentOffline:
		return !s.online
	case WentAway:
		return s.away == e.Away
	case HeardOf:
		return s.heard == e.State
	}
	return false
}

// note remembers that the person is told e.
func (s *toldOf) note(e Event) {
	switch e := e.(type) {
	case CameOnline:
		s.online, s.heard = true, ""
	case WentOffline:
		s.online, s.heard = false, ""
	case WentAway:
		s.away = e.Away
	case HeardOf:
		s.heard = e.State
	case Notice:
		s.name = ""
	}
}
