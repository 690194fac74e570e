package neighbors

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// Source is a presence plug-in: it finds people. It is called from the loop
// alone, has no goroutine, clock or socket of its own, and only gives hints; the
// node decides whether to say HELLO there. A Source that needs the outside world
// (a resolver, a directory service) runs that elsewhere and hands its findings
// over by Loop.Do.
type Source interface {
	// Name is shown by \presence and given to -presence.
	Name() string
	// Advance is called at the start and when next has come. A zero next means
	// that there is nothing to wait for.
	Advance(now time.Time, h Host) (next time.Time)
	// Heard is called after the node handled a message of an authenticated peer.
	Heard(now time.Time, from netip.AddrPort, m wire.Message, h Host)
}

// Host is what a Source may ask of its node.
type Host interface {
	// Found hands over a hint: user may be reachable at addr. user is a name, a
	// name and fingerprint as "ann~k7f2-...", or empty for "whoever is there". With
	// a whole fingerprint the name means that key alone from then on, and its user
	// is pinned as soon as they answer.
	Found(user string, addr netip.AddrPort)
	// Live tells whether somebody at addr has been heard of lately.
	Live(addr netip.AddrPort) bool
	// Announce says HELLO to whoever is on our own links, once, on every interface.
	// Those who answer are met without a hint. false: there is no link to say it on.
	Announce() bool
	// Near says that addr is on one of our own links.
	Near(addr netip.Addr) bool
	// Spread adds up to a quarter at random, so that nodes do not act in step.
	Spread(d time.Duration) time.Duration
	// Again has Advance called at that time or earlier.
	Again(at time.Time)
	// Self is our own name.
	Self() string
	// Notice tells the person something that answers no request.
	Notice(text string)
}

// Places is a Source of places that the person named, and that ought to answer.
type Places interface {
	// Silent lists those that do not answer, as the person named them.
	Silent() []string
	// Expecting says whether a place may still be about to answer.
	Expecting() bool
}

// hint is one finding of a Source.
type hint struct {
	user string
	addr netip.AddrPort
	anew time.Time // when it was last dialled because another key answers there
}

// maxHints bounds the findings remembered for each Source; the oldest goes.
const maxHints = 4096

// places are the Sources, and what they found.
type places struct {
	*core
	plugins   []plugin
	announcer int // the Source that announces us on our own links; -1: none did
}

func newPlaces(c *core) *places {
	p := &places{core: c, announcer: -1}
	for _, s := range c.cfg.Sources {
		p.plugins = append(p.plugins, plugin{source: s})
	}
	return p
}

// plugin is a Source and the node's state about it.
type plugin struct {
	source Source
	next   time.Time
	idle   bool // Advance returned zero
	hints  []hint
}

// silentPlaces lists the places that the person named and that do not answer.
func (pl *places) silentPlaces() (list []string) {
	for _, p := range pl.plugins {
		if s, ok := p.source.(Places); ok {
			list = append(list, s.Silent()...)
		}
	}
	return list
}

// expected returns what Sources said of addr: the name and fingerprint that
// ought to be there.
func (pl *places) expected(addr netip.AddrPort) (user string) {
	for i := range pl.plugins {
		for _, h := range pl.plugins[i].hints {
			if h.addr == addr && h.user != "" {
				return h.user
			}
		}
	}
	return ""
}

// fits says whether a session is the one that a hint means: anybody, a user of that name, or that
// name with that fingerprint.
func (pl *places) fits(h hint, s book.Session) bool {
	name, print, whole := cutLast(h.user, '~')
	u, _ := pl.book.User(s.User)
	return h.user == "" || sameName(u.Name, name) && (!whole || strings.EqualFold(identity.Fingerprint(s.User), print))
}

// hintedError says what is known of a user whom only a Source names: where they should be, and who
// answers there instead. whole: only entries with a fingerprint count. nil: no Source names the
// user.
func (pl *places) hintedError(typed string, whole bool) error {
	for i := range pl.plugins {
		p := &pl.plugins[i]
		for _, h := range p.hints {
			name, print, _ := cutLast(h.user, '~')
			if h.user == "" || !sameName(name, typed) && h.user != typed || whole && print == "" {
				continue
			}
			who := name
			if print != "" {
				who += " (fingerprint " + print + ")"
			}
			where := fmt.Sprintf("%s lists %s at %s", p.source.Name(), who, h.addr)
			if id, ok := pl.edges.peerAt(h.addr); ok {
				if s, known := pl.book.Session(id); known {
					return hinted(fmt.Sprintf("%s, but %s (fingerprint %s) answered there; get a new address or fix the entry",
						where, pl.book.Label(s.User), identity.Fingerprint(s.User)))
				}
			}
			return hinted(fmt.Sprintf("%s, but nobody has answered there yet: check the address; \\add %s asks others for them", where, name))
		}
	}
	return nil
}

func sameName(a, b string) bool {
	ma, err := identity.MapName(a)
	mb, err2 := identity.MapName(b)
	return err == nil && err2 == nil && ma == mb
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// hintAt returns what a Source said of an address; nil: nothing.
func (pl *places) hintAt(addr netip.AddrPort) *hint {
	for i := range pl.plugins {
		list := pl.plugins[i].hints
		if k := slices.IndexFunc(list, func(h hint) bool { return h.addr == addr }); k >= 0 {
			return &list[k]
		}
	}
	return nil
}

// named says whether the person named that node as a seed, in this run or an earlier one.
func (pl *places) named(id identity.SessionID, at netip.AddrPort) bool {
	s, ok := pl.book.Session(id)
	return ok && (pl.book.NamedSeed(s.User) || pl.hintedSeed(s, at))
}

// hintedSeed says whether the person named the node at an address as a seed: by address alone,
// or by name if its record says that it is a seed.
func (pl *places) hintedSeed(s book.Session, at netip.AddrPort) bool {
	for _, p := range pl.plugins {
		for _, h := range p.hints {
			if h.addr == at && (h.user == "" || s.Flags&identity.FlagSeed != 0 && pl.fits(h, s)) {
				return true
			}
		}
	}
	return false
}
