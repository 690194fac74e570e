package neighbors

import (
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram/timing"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// Bounds of lines about keys and names.
const (
	maxStrangers = 16          // lines about strangers that wait to be told
	maxWarned    = 1024        // names remembered with the warnings about them; the one not claimed for longest goes
	maxClaims    = 4096        // claims of keys to names, each told once
	warnGap      = time.Minute // between two lines about one name: claims in between are counted
	warnAtOnce   = 8           // names warned of at once; then one per gap:
	warnEvery    = time.Second
)

// strangers keeps users whom the person does not know from flooding the screen: one line about
// them a second; further lines wait.
type strangers struct {
	told    time.Time // when the last line was told
	waiting []aboutStranger
}

// aboutStranger is a line that waits; at most maxStrangers do.
type aboutStranger struct {
	event Event
	user  identity.UserKey // whom it introduces; zero: it is not a FirstContact
}

func newStrangers() strangers { return strangers{} }

// stranger tells a line about somebody whom the person does not know, or makes it wait. It returns
// false when there is no room. user is whom the line introduces, or zero.
func (c *notifier) stranger(now time.Time, e Event, user identity.UserKey) bool {
	s := &c.strangers
	switch {
	case c.cfg.Seed:
		return false // its business is with strangers
	case len(s.waiting) == 0 && now.Sub(s.told) >= time.Second/newPerSecond:
		s.told = now
		c.emit(e)
	case len(s.waiting) < maxStrangers:
		s.waiting = append(s.waiting, aboutStranger{e, user})
	default:
		c.skip(now, 1)
		return false
	}
	c.wake(now)
	return true
}

// advance tells the waiting lines that are due.
func (s *strangers) advance(now time.Time, co *core) (next time.Time) {
	if len(s.waiting) == 0 {
		return time.Time{}
	}
	if at := s.told.Add(time.Second / newPerSecond); at.After(now) {
		return at
	}
	s.told = now
	first := s.waiting[0]
	s.waiting = s.waiting[1:]
	first.tell(co)
	if len(s.waiting) == 0 {
		return time.Time{}
	}
	return now.Add(time.Second / newPerSecond)
}

// tell tells a line as things are now: names may have changed while it waited.
func (w aboutStranger) tell(co *core) {
	if w.user.IsZero() {
		co.emit(w.event)
	} else if u, ok := co.book.User(w.user); ok && u.Trust != book.TrustBlocked {
		first := w.event.(FirstContact)
		first.User, first.Mixed = u.Label, u.Mixed
		co.emit(first)
	}
}

// introduce tells who a new user is before the person first reads a line of theirs or acts on
// them; then it does not wait behind other lines.
func (c *notifier) introduce(user identity.UserKey) {
	s := &c.strangers
	if i := slices.IndexFunc(s.waiting, func(w aboutStranger) bool { return w.user == user }); i >= 0 {
		w := s.waiting[i]
		s.waiting = slices.Delete(s.waiting, i, i+1)
		w.tell(c.core)
	} else if u, ok := c.book.User(user); ok && u.Trust == book.TrustNew && !u.Told && u.Name != "" && !c.cfg.Seed {
		c.emit(c.firstContact(u))
		c.book.Tell(user)
	}
}

func (c *notifier) firstContact(u book.User) FirstContact {
	first := FirstContact{User: u.Label, Fingerprint: identity.Fingerprint(u.Key), Mixed: u.Mixed}
	for _, s := range c.book.SessionsOf(u.Key) {
		first.Seed = first.Seed || s.Flags&identity.FlagSeed != 0
	}
	return first
}

// warnings say that another key has a name which belongs to somebody the person knows, or to the
// person. They must never run out, so only their rate for each name is bounded, and they do not
// wait behind lines about strangers.
type warnings struct {
	names  *simplelru.LRU[string, *warned]     // by mapped name
	claims *simplelru.LRU[nameClaim, struct{}] // already told of
	pace   timing.Bucket
	next   time.Time // of the next look at the names; zero: no line waits
}

// warned is what was said about one name.
type warned struct {
	at    time.Time // of the last line
	more  int       // claims since then
	text  string    // the line about the last of them
	count string    // what several of them do, for a line that counts them
}

// nameClaim is a key with a name.
type nameClaim struct {
	user identity.UserKey
	name string
}

func newWarnings() warnings {
	names, err := simplelru.NewLRU[string, *warned](maxWarned, nil)
	claims, err2 := simplelru.NewLRU[nameClaim, struct{}](maxClaims, nil)
	if err != nil || err2 != nil {
		panic("BUG: the bounds of warnings must be positive")
	}
	return warnings{names: names, claims: claims, pace: timing.NewBucket(1/warnEvery.Seconds(), warnAtOnce)}
}

// first says whether no claim of that key to that name was told before.
func (w *warnings) first(user identity.UserKey, name string) bool {
	c := nameClaim{user, name}
	_, known := w.claims.Get(c)
	w.claims.Add(c, struct{}{})
	return !known
}

// say tells a warning about a name, or counts it for later.
func (w *warnings) say(now time.Time, co *core, name, text, count string) {
	if co.cfg.Seed {
		return // nobody reads them
	}
	mapped, err := identity.MapName(name)
	if err != nil {
		mapped = name
	}
	o, ok := w.names.Peek(mapped)
	if !ok {
		if w.names.Len() == maxWarned {
			if _, oldest, _ := w.names.RemoveOldest(); oldest.more > 0 {
				oldest.tell(now, co)
			}
		}
		o = &warned{}
	}
	w.names.Add(mapped, o)
	o.more++
	o.text, o.count = text, count
	w.pass(now, co, o)
	if o.more > 0 {
		w.next = earliest(w.next, now.Add(warnEvery))
		co.wake(w.next)
	}
}

// pass tells the counted warnings about a name if it is time.
func (w *warnings) pass(now time.Time, co *core, o *warned) {
	if o.more > 0 && now.Sub(o.at) >= warnGap && w.pace.Take(now, 1) {
		o.tell(now, co)
	}
}

func (o *warned) tell(now time.Time, co *core) {
	text := o.text
	if o.more > 1 {
		text = fmt.Sprintf("%d more keys %s, the last of them: %s", o.more, o.count, text)
	}
	o.at, o.more = now, 0
	co.emit(Notice{text})
}

// advance tells the counted warnings that are due.
func (w *warnings) advance(now time.Time, co *core) (next time.Time) {
	if !due(w.next, now) {
		return w.next
	}
	w.next = time.Time{}
	for _, o := range w.names.Values() { // the oldest first
		w.pass(now, co, o)
		if o.more > 0 {
			w.next = now.Add(warnEvery)
		}
	}
	return w.next
}

// mismatch warns that another key answers where a contacts file places a user.
func (c *notifier) mismatch(now time.Time, name string, user identity.UserKey, text string) {
	if c.warnings.first(user, "~"+name) { // no name begins with ~: the key may claim the plain name too
		c.warnings.say(now, c.core, name, text, "answer for "+name)
	}
}

// learned tells what a new record changes about names.
func (c *notifier) learned(now time.Time, id identity.SessionID, rec identity.Record, out book.Outcome) {
	if rec.User == c.own.user {
		return
	}
	if out.ClaimsOwnName || out.Clash {
		c.claimed(now, rec, out)
	}
	if out.Like != "" {
		c.lookalike(now, rec, out.Like)
	}
	if out.Renamed != "" && c.book.Trust(rec.User).Known() {
		c.renamed(now, id, rec, out.Renamed)
	}
}

func (c *notifier) claimed(now time.Time, rec identity.Record, out book.Outcome) {
	label := c.book.Label(rec.User)
	if !out.ClaimsOwnName && label == rec.Name {
		return // the name is theirs
	}
	if !c.warnings.first(rec.User, rec.Name) {
		return
	}
	what, count := "another key claims the name "+rec.Name, "claim the name "+rec.Name
	if out.ClaimsOwnName {
		what, count = "somebody else uses your name "+rec.Name, "use your name "+rec.Name
	}
	text := fmt.Sprintf("%s: shown as %s, fingerprint %s; compare it with \\verify %s before you trust it", what, label, identity.Fingerprint(rec.User), label)
	if out.ClaimsOwnName || out.ClaimsKnown {
		c.warnings.say(now, c.core, rec.Name, text, count)
	} else {
		c.stranger(now, Notice{text}, identity.UserKey{})
	}
}

// lookalike warns that somebody's name looks like another. All lookalikes of one name are counted
// together, however they are written.
func (c *notifier) lookalike(now time.Time, rec identity.Record, like string) {
	if c.warnings.first(rec.User, rec.Name) {
		c.warnings.say(now, c.core, " "+like, c.alikeText(rec.User, like), "have a name that looks like "+like)
	}
}

// maxAlike is how many lines about lookalikes one act of the person may cause.
const maxAlike = 4

// warnAlike warns of users whose names look like that of a user the person turns to.
func (c *notifier) warnAlike(user identity.UserKey) {
	if c.cfg.Seed {
		return
	}
	list := c.book.Alike(user)
	for _, other := range list[:min(len(list), maxAlike)] {
		c.emit(Notice{c.alikeText(user, c.book.Label(other))})
	}
}

func (c *notifier) alikeText(user identity.UserKey, like string) string {
	label := c.book.Label(user)
	return fmt.Sprintf("%s looks like %s and is somebody else, fingerprint %s: compare it with \\verify %s", label, like, identity.Fingerprint(user), label)
}

// renamed tells that somebody the person knows has a new name; of many changes it tells the first
// name and the last.
func (c *notifier) renamed(now time.Time, id identity.SessionID, rec identity.Record, former string) {
	s := c.of(id)
	if s.waiting[ofName] != nil {
		former = s.name
	}
	label := c.book.Label(rec.User)
	c.tell(now, id, Notice{fmt.Sprintf("%s is now called %s: compare fingerprints with \\verify %s", former, rec.Name, label)})
	s.name = former
}
