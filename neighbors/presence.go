package neighbors

import (
	"fmt"
	"net/netip"
	"time"

	"darkchat/dgram"
	"darkchat/sessions"
	"darkchat/sessions/budget"
)

// heardNoted is how exactly the memory knows when somebody was heard who says nothing but
// that they are there.
const heardNoted = 5 * time.Minute

// alive: an authentic datagram of that session came, from addr if that is valid.
// It is the only way to be online here; a record in other hands is hearsay.
func (n *Node) alive(now time.Time, id sessions.SessionID, addr netip.AddrPort) {
	s, ok := n.book.Session(id)
	if !ok || s.State == sessions.StateGone || n.book.Trust(s.User) == sessions.TrustBlocked || s.User == n.user && id == n.self {
		return
	}
	if addr.IsValid() && !dgram.Relayed(addr.Addr()) {
		n.book.Authenticated(now, id, addr)
	} else if now.Sub(s.LastHeard) >= heardNoted {
		n.book.Authenticated(now, id, netip.AddrPort{})
	}
	n.heardAgain(id)
	e := n.edges[id]
	if e != nil && e.online {
		n.repay(now, id)
		if e.probes > 0 {
			n.calm(now, e)
		}
		return
	}
	if e = n.edge(id, s.User); e == nil {
		return
	}
	n.reclass(e)
	n.onlineOf[e.payer.Class]++
	e.online, e.vigil = true, vigil{}
	e.seed = s.Flags&sessions.FlagSeed != 0
	e.redialAt, e.redialWait, e.tries = time.Time{}, 0, 0
	n.drawTurn(now, e)
	n.book.SetPresence(id, sessions.PresenceOnline)
	n.ep.Pin(dgram.PeerID(id), e.payer.Class <= budget.Seed)
	delete(n.seeking, s.User)
	n.contacts.online(now, n, s)
	n.returned(now, e)
	n.requestOnline(now, s)
	n.changedEdge(now, e)
	n.askForList(now, e)
	n.handOver(now, e)
	n.cameBack(now, e)
	n.plan(e)
}

// gone: the session said goodbye, or is lost.
func (n *Node) gone(now time.Time, id sessions.SessionID, reason string) {
	e := n.edges[id]
	n.book.SetPresence(id, sessions.PresenceOffline)
	if e == nil || !e.online {
		return
	}
	n.onlineOf[e.payer.Class]--
	e.online, e.quietAt, e.retryAt, e.refreshAt = false, time.Time{}, time.Time{}, time.Time{}
	e.vigil, e.pull = vigil{}, pull{}
	e.told = netip.AddrPort{}
	e.flap(now, flapEnd)
	n.circuits.leave(id)
	n.relayGone(now, id)
	if e.link {
		n.leftLink(e)
	}
	if reason == ReasonDeclared {
		n.textsBack(e)
	}
	switch {
	case !n.missed(e):
		// Nobody here asked for them: they come by themselves, or not.
	case reason == ReasonDeclared:
		// It said that it leaves; it will come by itself. From time to time we look.
		n.miss(now, e, now.Add(redialFirst))
	default:
		e.lostAt = now
		n.miss(now, e, now)
	}
	if n.book.Trust(e.user).Known() && len(n.onlineSessions(e.user)) == 0 {
		if reason == ReasonDeclared {
			n.await(now, e.user)
		} else {
			n.seek(now, e.user)
		}
	}
	n.offerSoon(now, holdSoon)
	n.contacts.offline(now, n, e, reason)
	n.changedEdge(now, e)
	n.forgetTeller(id)
	if r := n.rumors.rumor(id); r != nil {
		n.reconsider(r)
	}
	if !n.missed(e) {
		n.removeEdge(e)
	}
}

func (n *Node) lost(now time.Time, e *edge) { n.gone(now, e.id, ReasonLost) }

// contacts tells the person who comes and goes, and keeps strangers from
// flooding the screen: one line about them a second, the next ones wait, and what
// there are too many of is counted.
type contacts struct {
	told    time.Time                 // when the last line about a stranger was told
	waiting []Event                   // at most maxStrangers
	uncount int                       // lines that there was no room for
	warned  map[sessions.UserKey]bool // warnings are given once; at most maxHints
}

// maxStrangers bounds the lines about strangers that wait to be told.
const maxStrangers = 16

func newContacts() contacts { return contacts{warned: map[sessions.UserKey]bool{}} }

// stranger tells a line about somebody whom the person does not know, or has it
// wait. It answers false when there is no room.
func (c *contacts) stranger(now time.Time, n *Node, e Event) bool {
	switch {
	case n.cfg.Seed:
		return false // its business is with strangers
	case len(c.waiting) == 0 && now.Sub(c.told) >= time.Second/newPerSecond:
		c.told = now
		n.tell(e)
	case len(c.waiting) < maxStrangers:
		c.waiting = append(c.waiting, e)
	default:
		c.uncount++
		return false
	}
	n.wake(now)
	return true
}

// warn gives one warning about a key, once, whatever else is told.
func (c *contacts) warn(n *Node, user sessions.UserKey, text string) {
	if !c.warned[user] && len(c.warned) < maxHints && !n.cfg.Seed {
		c.warned[user] = true
		n.tell(Notice{text})
	}
}

func (c *contacts) learned(now time.Time, n *Node, rec sessions.Record, out sessions.Outcome) {
	if rec.User == n.user {
		return
	}
	label := n.book.Label(rec.User)
	if (out.ClaimsOwnName || out.Clash && label != rec.Name) && !c.warned[rec.User] && len(c.warned) < maxHints {
		what := "another key claims the name " + rec.Name
		if out.ClaimsOwnName {
			what = "somebody else uses your name " + rec.Name
		}
		c.warned[rec.User] = c.stranger(now, n, Notice{fmt.Sprintf("%s: shown as %s, fingerprint %s; compare it with \\verify %s before you trust it", what, label, sessions.Fingerprint(rec.User), label)})
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
	if u.Trust == sessions.TrustNew && !u.Told &&
		c.stranger(now, n, FirstContact{User: u.Label, Fingerprint: sessions.Fingerprint(s.User), Mixed: u.Mixed}) {
		n.book.Tell(s.User)
	}
	n.tell(CameOnline{User: u.Label, Session: s.ID.String(), Trust: u.Trust.String()})
}

func (c *contacts) offline(_ time.Time, n *Node, e *edge, reason string) {
	if e.user == n.user {
		return
	}
	n.tell(WentOffline{User: n.book.Label(e.user), Session: e.id.String(), Trust: n.book.Trust(e.user).String(), Reason: reason})
}

// advance tells the lines that wait, and how many there was no room for.
func (c *contacts) advance(now time.Time, n *Node) (next time.Time) {
	if len(c.waiting) == 0 && c.uncount == 0 {
		return time.Time{}
	}
	if at := c.told.Add(time.Second / newPerSecond); at.After(now) {
		return at
	}
	c.told = now
	if len(c.waiting) > 0 {
		n.tell(c.waiting[0])
		c.waiting = c.waiting[1:]
	} else {
		n.tell(Notice{fmt.Sprintf("%d more lines about strangers are left out; \\users lists who is known", c.uncount)})
		c.uncount = 0
	}
	if len(c.waiting) == 0 && c.uncount == 0 {
		return time.Time{}
	}
	return now.Add(time.Second / newPerSecond)
}
