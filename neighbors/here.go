package neighbors

import (
	"net/netip"
	"strings"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// A session with which we keep no edge counts as here for so long after a sign of life: it
// may have one to us, and then it probes us more often than that. Who came and has said
// nothing since then has less time, so that a flood of such leaves room for others soon.
const (
	hereFor    = 2 * time.Minute
	hereSilent = 30 * time.Second
	hereCame   = 5 * time.Second // what one says in it belongs to coming
)

// isHere is what the book asks before it forgets a session for a newcomer.
func (n *Node) isHere(now time.Time, id sessions.SessionID) bool {
	if e := n.edges[id]; e != nil && e.online {
		return true
	}
	if n.ep == nil {
		return false // the memory is being loaded
	}
	if !n.ep.Confirmed(dgram.PeerID(id)) {
		return false // it called, and may be gone already
	}
	heard := n.ep.LastHeard(dgram.PeerID(id))
	if n.book.Since(id, heard) < hereCame {
		return now.Sub(heard) < hereSilent
	}
	return now.Sub(heard) < hereFor
}

// invited says whether the person asked for whoever is at addr, or for that user: then
// there is room, whatever strangers have filled.
func (n *Node) invited(user sessions.UserKey, addr netip.AddrPort) bool {
	for _, q := range n.requests.pings() {
		if q.kind == pingAddr && q.addr == addr || !q.find.user.IsZero() && q.find.user == user {
			return true
		}
	}
	for i := range n.plugins {
		for _, h := range n.plugins[i].hints {
			_, print, whole := cutLast(h.user, '~')
			if h.addr == addr && (!whole || strings.EqualFold(print, sessions.Fingerprint(user))) {
				return true
			}
		}
	}
	return false
}
