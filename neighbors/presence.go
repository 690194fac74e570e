package neighbors

import (
	"fmt"
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
)

// alive: an authentic datagram of that session came, from addr if that is valid.
// It is the only way to be online here; a record in other hands is hearsay.
func (n *Node) alive(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	s, ok := n.book.Session(id)
	if !ok || s.State == sessions.StateGone || n.book.Trust(s.User) == sessions.TrustBlocked || s.User == n.user && id == n.self {
		return
	}
	if addr.IsValid() && !dgram.Relayed(addr.Addr()) {
		n.book.Authenticated(now, id, addr)
	}
	n.heardAgain(id)
	e := n.edges[id]
	if e != nil && e.online {
		return
	}
	if e = n.edge(id, s.User); e == nil {
		return
	}
	e.online, e.probes = true, 0
	e.redialAt, e.redialWait = time.Time{}, 0
	e.quietAt = now.Add(n.silence(now, e))
	n.book.SetPresence(id, sessions.PresenceOnline)
	n.ep.Pin(dgram.PeerID(id), n.book.Trust(s.User).Known())
	delete(n.seeking, s.User)
	n.contacts.online(now, n, s)
	n.returned(now, e)
	n.requestOnline(now, s)
	n.plan(e)
}

// gone: the session said goodbye, or is lost.
func (n *Node) gone(now time.Time, id sessions.SessionID, reason string) {
	e := n.edges[id]
	n.book.SetPresence(id, sessions.PresenceOffline)
	if e == nil || !e.online {
		return
	}
	e.online, e.quietAt, e.retryAt = false, time.Time{}, time.Time{}
	e.told = netip.AddrPort{}
	n.circuits.leave(id)
	if e.link {
		n.leftLink(e)
	}
	if reason == ReasonDeclared {
		n.textsBack(e)
		// It said that it leaves; it will come by itself. From time to time we look.
		n.miss(now, e, now.Add(redialFirst))
	} else {
		n.miss(now, e, now)
		if n.book.Trust(e.user).Known() && len(n.onlineSessions(e.user)) == 0 {
			n.seek(now, e.user)
		}
	}
	n.contacts.offline(now, n, e, reason)
}

func (n *Node) lost(now time.Time, e *edge) { n.gone(now, e.id, ReasonLost) }

// contacts tells the person who comes and goes, and keeps strangers from
// flooding the screen: newPerSecond lines about them are told, the rest are
// counted.
type contacts struct {
	told    time.Time                 // when the last such line was told
	uncount int                       // those since that were not
	warned  map[sessions.UserKey]bool // clashes told once; at most maxHints
	pending []string                  // warnings to tell, one a second; at most maxWarnings
	warnAt  time.Time
}

// maxWarnings bounds the warnings of claimed names that wait to be told; one that
// is left out is told at the next occasion.
const maxWarnings = 16

func newContacts() contacts { return contacts{warned: map[sessions.UserKey]bool{}} }

// allow tells whether a line about a stranger may be told now.
func (c *contacts) allow(now time.Time, n *Node) bool {
	if n.cfg.Seed {
		return false // its business is with strangers
	}
	if now.Sub(c.told) < time.Second/newPerSecond {
		c.uncount++
		return false
	}
	c.told = now
	return true
}

func (c *contacts) learned(now time.Time, n *Node, rec sessions.Record, out sessions.Outcome) {
	if rec.User == n.user {
		return
	}
	label := n.book.Label(rec.User)
	if (out.ClaimsOwnName || out.Clash) && !c.warned[rec.User] && len(c.warned) < maxHints && len(c.pending) < maxWarnings && !n.cfg.Seed {
		c.warned[rec.User] = true
		what := "another key claims the name " + rec.Name
		if out.ClaimsOwnName {
			what = "somebody else uses your name " + rec.Name
		}
		c.pending = append(c.pending, fmt.Sprintf("%s: shown as %s, fingerprint %s; compare it with \\verify %s before you trust it", what, label, sessions.Fingerprint(rec.User), label))
		n.wake(now)
	}
	if out.Renamed != "" && n.book.Trust(rec.User).Known() {
		n.tell(Notice{fmt.Sprintf("%s is now called %s: compare fingerprints with \\verify %s", out.Renamed, rec.Name, label)})
	}
}

func (c *contacts) online(now time.Time, n *Node, s sessions.Session) {
	if s.User == n.user {
		return
	}
	u, _ := n.book.User(s.User)
	if u.Trust == sessions.TrustNew && !u.Told && c.allow(now, n) {
		n.book.Tell(s.User)
		n.tell(FirstContact{User: u.Label, Fingerprint: sessions.Fingerprint(s.User), Mixed: u.Mixed})
	}
	n.tell(CameOnline{User: u.Label, Session: s.ID.String(), Trust: u.Trust.String()})
}

func (c *contacts) offline(_ time.Time, n *Node, e *edge, reason string) {
	if e.user == n.user {
		return
	}
	n.tell(WentOffline{User: n.book.Label(e.user), Session: e.id.String(), Trust: n.book.Trust(e.user).String(), Reason: reason})
}

// advance tells the warnings that wait, and how many lines were left out.
func (c *contacts) advance(now time.Time, n *Node) (next time.Time) {
	if len(c.pending) > 0 && !c.warnAt.After(now) {
		n.tell(Notice{c.pending[0]})
		c.pending, c.warnAt = c.pending[1:], now.Add(time.Second)
	}
	if len(c.pending) > 0 {
		next = c.warnAt
	}
	if c.uncount == 0 {
		return next
	}
	at := c.told.Add(time.Second / newPerSecond)
	if at.After(now) {
		return earliest(next, at)
	}
	n.tell(Notice{fmt.Sprintf("%d more lines about strangers were left out; \\users lists who is known", c.uncount)})
	c.told, c.uncount = now, 0
	return next
}
