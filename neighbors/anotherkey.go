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
func (n *Node) anotherKey(now time.Time, a dgram.Another) {
	if h := n.hintAt(a.Addr); h != nil && (h.anew.IsZero() || now.Sub(h.anew) >= askedAnew) {
		h.anew = now
		n.dial(now, a.Addr, nil)
	}
}

// hintAt returns what a Source said of an address; nil: nothing.
func (n *Node) hintAt(addr netip.AddrPort) *hint {
	for i := range n.plugins {
		list := n.plugins[i].hints
		if k := slices.IndexFunc(list, func(h hint) bool { return h.addr == addr }); k >= 0 {
			return &list[k]
		}
	}
	return nil
}

// succeeds: a session answered our dial of a place that the person named. One socket has one
// key, so the session reached there before is gone. Whoever the old one introduced to us, or
// relayed, is asked for at the new one.
func (n *Node) succeeds(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	if n.hintAt(addr) == nil {
		return
	}
	for _, old := range n.edgeIDs() {
		e := n.edges[old]
		if at, _, ok := n.direct(old); e == nil || old == id || !e.online || !ok || at != addr {
			continue
		}
		n.happened(now, lost{e})
		for _, to := range n.relays.wayIDs() {
			w := n.relays.ways[to]
			far, known := n.book.Session(to)
			if w.by != old || !known || n.edges[id] == nil {
				continue
			}
			w.eager, w.next = max(w.eager, eagerMeets), now.Add(eagerGap)
			w.by = id
			n.askOne(now, n.edges[id], find{user: far.User})
		}
		n.lookAtWays(now)
	}
}

// warnOfSuccessor tells the person, once for each key, that the seed at a place they named has
// a different key than before.
func (n *Node) warnOfSuccessor(s sessions.Session, addr netip.AddrPort) {
	for _, was := range n.book.NamedSeeds() {
		if was == s.User {
			continue
		}
		for _, old := range n.book.SessionsOf(was) {
			if len(old.Seen) == 0 || old.Seen[0].Addr != addr {
				continue
			}
			n.emit(Notice{fmt.Sprintf("another key answers at the seed %s: fingerprint %s, formerly %s. It may have lost its state: ask whoever runs it",
				addr, sessions.Fingerprint(s.User), sessions.Fingerprint(was))})
			return
		}
	}
}
