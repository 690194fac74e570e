package neighbors

import (
	"slices"
	"strings"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// Self tells who this node is.
func (n *Node) Self() Self {
	return Self{
		Name: n.core.cfg.Name, Session: n.core.own.session.String(), Fingerprint: identity.Fingerprint(n.core.own.user),
		Listen: slices.Clone(n.core.cfg.Listen), Seed: n.core.cfg.Seed, Unstored: n.core.cfg.Unstored,
	}
}

// Renew returns what a user is called now, and whether they are online: since the last look they
// may have changed their name, or share it with somebody. Of others it returns what they are
// called; empty: they were forgotten.
func (n *Node) Renew(to Target, others []Who) (Target, []string) {
	user := identity.UserKey(to.key)
	if label := n.core.book.Label(user); label != "" {
		to.User = label
	}
	to.Online = false
	for _, id := range n.core.edges.onlineSessions(user) {
		to.Online = to.Online || to.Session == "" || to.Session == id.String()
	}
	names := make([]string, 0, len(others))
	for _, w := range others {
		names = append(names, n.core.book.Label(identity.UserKey(w)))
	}
	return to, names
}

// Users lists users by presence, sorted by what to type for them.
func (n *Node) Users(f Filter) (list []UserView) {
	for _, u := range n.core.book.Users() {
		if u.Key == n.core.own.user {
			continue
		}
		v := n.view(u)
		if f == FilterAll || v.Online == (f == FilterOnline) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b UserView) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Sessions lists one user with all its sessions.
func (n *Node) Sessions(typed string) (UserView, error) {
	user, _, err := n.core.resolve(typed)
	if err != nil {
		return UserView{}, err
	}
	u, _ := n.core.book.User(user)
	return n.view(u), nil
}

func (n *Node) view(u book.User) UserView {
	v := UserView{Name: u.Label, Fingerprint: identity.Fingerprint(u.Key), Trust: u.Trust.String(), State: Offline}
	for _, s := range n.core.book.SessionsOf(u.Key) {
		sv := SessionView{ID: s.ID.String(), State: n.stateOf(s), LastHeard: s.LastHeard}
		if addr, _, ok := n.core.ep.Path(wire.PeerID(s.ID)); ok {
			sv.Addr, _ = n.core.ways.shownAddr(addr)
			if h := n.core.ep.LastHeard(wire.PeerID(s.ID)); h.After(sv.LastHeard) {
				sv.LastHeard = h
			}
		} else if len(s.Seen) > 0 {
			sv.Addr = s.Seen[0].Addr
		}
		v.Seed = v.Seed || s.Flags&identity.FlagSeed != 0
		e := n.core.edges.byID[s.ID]
		sv.Online = e != nil && e.online
		if r := n.core.claims.subject(s.ID); r != nil && !sv.Online {
			if state, by := n.core.claims.via(r); by != nil && state == sv.State {
				sv.Via = n.core.book.Label(by.user)
			}
		}
		v.Online = v.Online || sv.Online
		if slices.Index(states[:], sv.State) < slices.Index(states[:], v.State) {
			v.State, v.Via = sv.State, sv.Via
		}
		v.Sessions = append(v.Sessions, sv)
	}
	return v
}

func (n *Node) stateOf(s book.Session) State {
	e := n.core.edges.byID[s.ID]
	switch {
	case e != nil && e.online && !e.unsure.IsZero():
		return Unknown
	case e != nil && e.online && !e.watch.since.IsZero() && n.detector.isolated():
		return Unknown // more likely we are cut off than all of them are gone
	case e != nil && e.online && !e.watch.since.IsZero():
		return Suspect
	case e != nil && e.online && s.State == identity.StateAway:
		return Away
	case e != nil && e.online:
		return Online
	}
	if r := n.core.claims.subject(s.ID); r != nil {
		if state, _ := n.core.claims.via(r); state != Unknown {
			return state
		}
	}
	if len(s.Seen) == 0 {
		return Unknown // known only from others
	}
	return Offline
}

// Stats lists counters and gauges, sorted by name.
func (n *Node) Stats() (list []Stat) {
	c := n.core.ep.Counters()
	c.Each(func(name string, v uint64) { list = append(list, Stat{name, v}) })
	n.core.budget.EachRefused(func(name string, v uint64) { list = append(list, Stat{name, v}) })
	online := 0
	for _, e := range n.core.edges.byID {
		if e.online {
			online++
		}
	}
	lines := n.core.outbox.List()
	list = append(list,
		Stat{"neighbors", uint64(len(n.core.edges.byID))}, Stat{"neighbors_online", uint64(online)},
		Stat{"outbox_lines", uint64(len(lines))}, Stat{"users", uint64(n.core.book.UserCount())},
	)
	return sortStats(append(list, n.relay.relayStats()...))
}

func sortStats(list []Stat) []Stat {
	slices.SortFunc(list, func(a, b Stat) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Presence says which Source knows whom.
func (n *Node) Presence() (list []PresenceView) {
	for i, p := range n.core.places.plugins {
		v := PresenceView{Source: p.source.Name()}
		if i == n.core.places.announcer {
			n.core.edges.linkView(&v)
		}
		for _, h := range p.hints {
			v.Addrs = append(v.Addrs, h.addr)
			user := h.user
			if id, ok := n.core.edges.peerAt(h.addr); ok {
				if s, known := n.core.book.Session(id); known && n.core.places.fits(h, s) {
					user = n.core.book.Label(s.User)
				}
			}
			if user != "" && !slices.Contains(v.Users, user) {
				v.Users = append(v.Users, user)
			}
		}
		list = append(list, v)
	}
	return list
}

// Outbox lists the lines that are not yet delivered, oldest first.
func (n *Node) Outbox() []OutboxLine { return n.outbound.waiting() }

// Status tells where a line is: one that waits, or one of the last that ended. typed is its number,
// or the end of it; empty: the line that was typed last.
func (n *Node) Status(typed string) (OutboxLine, error) { return n.outbound.status(typed) }

// Strangers lists who is at the door.
func (n *Node) Strangers(now time.Time) StrangersView { return n.door.strangers(now) }

// Contacts lists this user and those pinned here with their last addresses, for a team to hand
// round. Users without an address are included.
func (n *Node) Contacts() []Contact {
	list := []Contact{{Name: n.core.cfg.Name, Fingerprint: identity.Fingerprint(n.core.own.user), Addrs: portable(nil, n.core.cfg.Listen...)}}
	for _, u := range n.core.book.Users() {
		if u.Key == n.core.own.user || !u.Trust.Known() {
			continue
		}
		c := Contact{Name: u.Name, Fingerprint: identity.Fingerprint(u.Key), Addrs: n.core.edges.whereabouts(u.Key)}
		list = append(list, c)
	}
	return list
}

// Net tells where we are and how others are reached.
func (n *Node) Net() NetView {
	v := NetView{Listen: slices.Clone(n.core.cfg.Listen), Observed: slices.Clone(n.core.nat.adopted), NAT: n.core.nat.nat()}
	if len(v.Observed) == 0 { // they do not agree, but it is better than nothing
		for _, s := range append(n.core.nat.observers(true), n.core.nat.observers(false)...) {
			if !slices.Contains(v.Observed, s.addr) {
				v.Observed = append(v.Observed, s.addr)
			}
		}
	}
	if v.NAT == NATUnknown && n.core.nat.seenElsewhere(v.Observed) {
		v.NAT = NATSome
	}
	v.Silent = n.core.places.silentPlaces()
	for _, e := range n.core.edges.live() {
		if s, ok := n.core.book.Session(e.id); ok && s.Flags&identity.FlagSeed != 0 {
			v.Seeds = append(v.Seeds, n.core.book.Label(e.user))
		}
	}
	v.Ways, v.More = n.core.ways.wayViews()
	for _, s := range n.Stats() {
		if s.Value > 0 && slices.Contains(limitNames(), s.Name) {
			v.Limits = append(v.Limits, s)
		}
	}
	return v
}

// Believes returns what this node believes of a session, by itself or from its neighbours; false:
// it never heard of it.
func (n *Node) Believes(id identity.SessionID) (State, bool) {
	s, ok := n.core.book.Session(id)
	if !ok {
		return Unknown, false
	}
	return n.stateOf(s), true
}

// Heard is how many sessions others tell of.
func (n *Node) Heard() int { return n.core.claims.of.Len() }
