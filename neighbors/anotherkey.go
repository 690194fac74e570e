package neighbors

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// askedAnew is the time between two calls to one place because another key answers there.
const askedAnew = 5 * time.Second

// anotherKey: where somebody was written to another key answers. Anybody may say so who sees
// what we send; but where the person named a place, and not a key, whoever is there is meant,
// and is asked at once. Nothing else changes until that key has proved itself.
func (n *Node) anotherKey(now time.Time, a dgram.Another) {
	if h := n.hintAt(a.Addr); h != nil && (h.anew.IsZero() || now.Sub(h.anew) >= askedAnew) {
		h.anew = now
		n.dial(now, a.Addr, nil)
	}
}

// hintAt is what a Source said of a place; nil: nothing.
func (n *Node) hintAt(addr netip.AddrPort) *hint {
	for i := range n.plugins {
		list := n.plugins[i].hints
		if k := slices.IndexFunc(list, func(h hint) bool { return h.addr == addr }); k >= 0 {
			return &list[k]
		}
	}
	return nil
}

// succeeds: a session answered our call to a place that the person named. Whoever was reached
// there until now is there no more, since one socket has one key. Those whom the old one brought
// to us, or carried, are asked for at the new one.
func (n *Node) succeeds(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	if n.hintAt(addr) == nil {
		return
	}
	for _, old := range n.edgeIDs() {
		e := n.edges[old]
		if at, _, ok := n.direct(old); e == nil || old == id || !e.online || !ok || at != addr {
			continue
		}
		n.lost(now, e)
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

// warnOfSuccessor tells the person, once for each key, that the seed at a place that they named
// is another one than it was.
func (n *Node) warnOfSuccessor(s sessions.Session, addr netip.AddrPort) {
	for _, was := range n.book.NamedSeeds() {
		if was == s.User {
			continue
		}
		for _, old := range n.book.SessionsOf(was) {
			if len(old.Seen) == 0 || old.Seen[0].Addr != addr {
				continue
			}
			n.tell(Notice{fmt.Sprintf("another key answers at the seed %s: fingerprint %s, formerly %s. It may have lost its state: ask whoever runs it",
				addr, sessions.Fingerprint(s.User), sessions.Fingerprint(was))})
			return
		}
	}
}
