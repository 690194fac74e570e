package neighbors

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

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

// succeeds: a session answered our dial of a place that the person named. One socket has one
// key, so the session reached there before is gone. Whoever the old one introduced to us, or
// relayed, is asked for at the new one.
func (pf *pathfinder) succeeds(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	if pf.places.hintAt(addr) == nil {
		return
	}
	for _, old := range pf.edges.edgeIDs() {
		e := pf.edges.byID[old]
		if at, _, ok := pf.direct(old); e == nil || old == id || !e.online || !ok || at != addr {
			continue
		}
		pf.happened(now, lost{e})
		for _, to := range pf.ways.wayIDs() {
			w := pf.ways.byID[to]
			far, known := pf.book.Session(to)
			if w.by != old || !known || pf.edges.byID[id] == nil {
				continue
			}
			w.eager, w.next = max(w.eager, eagerMeets), now.Add(eagerGap)
			w.by = id
			pf.finder.askOne(now, pf.edges.byID[id], find{user: far.User})
		}
		pf.ways.lookAtWays(now)
	}
}

// warnOfSuccessor tells the person, once for each key, that the seed at a place they named has
// a different key than before.
func (dy *discovery) warnOfSuccessor(s sessions.Session, addr netip.AddrPort) {
	for _, was := range dy.book.NamedSeeds() {
		if was == s.User {
			continue
		}
		for _, old := range dy.book.SessionsOf(was) {
			if len(old.Seen) == 0 || old.Seen[0].Addr != addr {
				continue
			}
			dy.emit(Notice{fmt.Sprintf("another key answers at the seed %s: fingerprint %s, formerly %s. It may have lost its state: ask whoever runs it",
				addr, sessions.Fingerprint(s.User), sessions.Fingerprint(was))})
			return
		}
	}
}
