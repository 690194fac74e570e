package neighbors

import (
	"darkchat/dgram"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// host is the node as one Source sees it, so that \presence can say which
// Source knows whom.
type host struct {
	*discovery
	source int
	now    time.Time
}

func (h host) Self() string { return h.discovery.cfg.Name }

func (h host) Notice(text string) { h.discovery.emit(Notice{text}) }

func (h host) Announce() bool { return h.discovery.announce(h.now, h.source) }

func (h host) Again(at time.Time) {
	p := &h.discovery.places.plugins[h.source]
	if p.idle || at.Before(p.next) {
		p.idle, p.next = false, at
	}
	h.discovery.wake(at)
}

func (h host) Near(a netip.Addr) bool { return h.discovery.links.near(a) }

func (h host) Spread(d time.Duration) time.Duration { return h.discovery.spread(d) }

func (h host) Live(addr netip.AddrPort) bool {
	_, ok := h.discovery.edges.peerAt(addr)
	return ok
}

func (h host) Found(user string, addr netip.AddrPort) {
	h.discovery.found(h.now, h.source, user, addr)
}

// discovery runs the Sources and follows what they find.
type discovery struct{ *core }

// advanceSources runs each Source whose time has come and returns the earliest
// next deadline, zero for none.
func (dy *discovery) advanceSources(now time.Time) (next time.Time) {
	for i := range dy.places.plugins {
		p := &dy.places.plugins[i]
		if !p.idle && !p.next.After(now) {
			p.next = p.source.Advance(now, host{dy, i, now})
			p.idle = p.next.IsZero()
		}
		if !p.idle {
			next = earliest(next, p.next)
		}
	}
	return next
}

// hurry has the Source of that name run again at the next Advance; anew: what it found no longer
// counts.
func (dy *discovery) hurry(name string, anew bool) {
	for i := range dy.places.plugins {
		p := &dy.places.plugins[i]
		if p.source.Name() != name {
			continue
		}
		p.idle, p.next = false, time.Time{}
		if anew {
			p.hints = nil
		}
	}
}

func (dy *discovery) found(now time.Time, source int, user string, addr netip.AddrPort) {
	p := &dy.places.plugins[source]
	h := hint{user: user, addr: addr}
	known := func(old hint) bool { return old.user == user && old.addr == addr }
	if !slices.ContainsFunc(p.hints, known) {
		dy.expect(user)
		if len(p.hints) == maxHints {
			p.hints = p.hints[1:]
		}
		p.hints = append(p.hints, h)
		if id, ok := dy.edges.peerAt(addr); ok {
			dy.confirmHint(now, id, addr) // they are here already
		}
	}
	if dy.dialable(addr, netip.Addr{}) && !slices.Contains(dy.cfg.Listen, addr) {
		dy.dial(now, addr, nil)
	}
}

// expect: a Source names a whole fingerprint, so the name means that key alone.
func (dy *discovery) expect(user string) {
	if name, print, ok := cutLast(user, '~'); ok {
		if err := dy.book.Expect(name, print); err != nil {
			dy.emit(Notice{fmt.Sprintf("the entry %s is ignored: %v", user, err)})
		}
	}
}

// confirmHint: somebody answered at an address where a Source expects a certain user. If the
// whole fingerprint fits, that counts as an act of this node's user.
func (dy *discovery) confirmHint(now time.Time, id identity.SessionID, addr netip.AddrPort) {
	if s, known := dy.book.Session(id); known && dy.places.hintedSeed(s, addr) {
		if !dy.book.NamedSeed(s.User) {
			dy.warnOfSuccessor(s, addr)
		}
		dy.book.SetNamed(s.User)
		if e := dy.edges.byID[id]; e != nil {
			dy.edges.reclass(e)
		}
	}
	user := dy.places.expected(addr)
	name, print, ok := cutLast(user, '~')
	if !ok {
		return
	}
	s, known := dy.book.Session(id)
	u, _ := dy.book.User(s.User)
	switch {
	case !known || !sameName(u.Name, name):
	case strings.EqualFold(identity.Fingerprint(s.User), print):
		dy.happened(now, meant{s.User})
	default:
		dy.notify.mismatch(now, name, s.User, fmt.Sprintf("%s answered as %s (%s); your contacts file expects %s (%s)",
			addr, u.Label, identity.Fingerprint(s.User), name, print))
	}
}

// announce says HELLO on all our links for a Source; false: there is none.
func (dy *discovery) announce(now time.Time, source int) bool {
	if len(dy.cfg.Outlets) == 0 || dy.cfg.LoopbackOnly || !dy.own.left.IsZero() {
		return false
	}
	dy.places.announcer = source
	dy.ep.Announce(now, dy.cfg.Outlets)
	dy.wake(now)
	return true
}

// askedAnew is the least time between two dials of one place because another key answers there.
const askedAnew = 5 * time.Second

// anotherKey: a different key answers at an address that we write to. Anybody who sees what
// we send can claim that. But where the person named a place and not a key, they mean whoever
// is there, so we dial at once. Nothing else changes until the new key has proved itself.
func (dy *discovery) anotherKey(now time.Time, a dgram.Another) {
	if h := dy.places.hintAt(a.Addr); h != nil && (h.anew.IsZero() || now.Sub(h.anew) >= askedAnew) {
		h.anew = now
		dy.dial(now, a.Addr, nil)
	}
}

// warnOfSuccessor tells the person, once for each key, that the seed at a place they named has
// a different key than before.
func (dy *discovery) warnOfSuccessor(s book.Session, addr netip.AddrPort) {
	for _, was := range dy.book.NamedSeeds() {
		if was == s.User {
			continue
		}
		for _, old := range dy.book.SessionsOf(was) {
			if len(old.Seen) == 0 || old.Seen[0].Addr != addr {
				continue
			}
			dy.emit(Notice{fmt.Sprintf("another key answers at the seed %s: fingerprint %s, formerly %s. It may have lost its state: ask whoever runs it",
				addr, identity.Fingerprint(s.User), identity.Fingerprint(was))})
			return
		}
	}
}
