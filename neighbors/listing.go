package neighbors

import (
	"slices"
	"strings"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions"
)

// Self tells who this node is.
func (n *Node) Self() Self {
	return Self{
		Name: n.cfg.Name, Session: n.self.String(), Fingerprint: sessions.Fingerprint(n.user),
		Listen: slices.Clone(n.cfg.Listen), Seed: n.cfg.Seed, Unstored: n.cfg.Unstored,
	}
}

// Chat finds whom a typed name means, online or not, and pins them. If they are not online we
// look for them at once.
func (n *Node) Chat(now time.Time, typed string) (Target, error) {
	user, only, err := n.resolve(typed)
	if err != nil {
		return Target{}, err
	}
	n.pin(now, user)
	t := Target{User: n.book.Label(user), key: Who(user), Online: len(n.onlineSessions(user)) > 0}
	if only != nil {
		t.Session = only.String()
	}
	if !t.Online {
		n.seek(now, user)
	}
	return t, nil
}

// Renew returns what a user is called now, and whether they are online: since the last look they
// may have changed their name, or share it with somebody. Of others it returns what they are
// called; empty: they were forgotten.
func (n *Node) Renew(to Target, others []Who) (Target, []string) {
	user := sessions.UserKey(to.key)
	if label := n.book.Label(user); label != "" {
		to.User = label
	}
	to.Online = false
	for _, id := range n.onlineSessions(user) {
		to.Online = to.Online || to.Session == "" || to.Session == id.String()
	}
	names := make([]string, 0, len(others))
	for _, w := range others {
		names = append(names, n.book.Label(sessions.UserKey(w)))
	}
	return to, names
}

// Users lists users by presence, sorted by what to type for them.
func (n *Node) Users(f Filter) (list []UserView) {
	for _, u := range n.book.Users() {
		if u.Key == n.user {
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
	user, _, err := n.resolve(typed)
	if err != nil {
		return UserView{}, err
	}
	u, _ := n.book.User(user)
	return n.view(u), nil
}

// states orders presence, the best first: a user's state is that of their best session.
var states = [...]State{Online, Away, Suspect, Unknown, Offline}

func (n *Node) view(u sessions.User) UserView {
	v := UserView{Name: u.Label, Fingerprint: sessions.Fingerprint(u.Key), Trust: u.Trust.String(), State: Offline}
	for _, s := range n.book.SessionsOf(u.Key) {
		sv := SessionView{ID: s.ID.String(), State: n.stateOf(s), LastHeard: s.LastHeard}
		if addr, _, ok := n.ep.Path(wire.PeerID(s.ID)); ok {
			sv.Addr, _ = n.shownAddr(addr)
			if h := n.ep.LastHeard(wire.PeerID(s.ID)); h.After(sv.LastHeard) {
				sv.LastHeard = h
			}
		} else if len(s.Seen) > 0 {
			sv.Addr = s.Seen[0].Addr
		}
		v.Seed = v.Seed || s.Flags&sessions.FlagSeed != 0
		e := n.edges[s.ID]
		sv.Online = e != nil && e.online
		if r := n.rumors.rumor(s.ID); r != nil && !sv.Online {
			if state, by := n.via(r); by != nil && state == sv.State {
				sv.Via = n.book.Label(by.user)
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

func (n *Node) stateOf(s sessions.Session) State {
	e := n.edges[s.ID]
	switch {
	case e != nil && e.online && !e.unsure.IsZero():
		return Unknown
	case e != nil && e.online && !e.since.IsZero() && n.isolated():
		return Unknown // more likely we are cut off than all of them are gone
	case e != nil && e.online && !e.since.IsZero():
		return Suspect
	case e != nil && e.online && s.State == sessions.StateAway:
		return Away
	case e != nil && e.online:
		return Online
	}
	if r := n.rumors.rumor(s.ID); r != nil {
		if state, _ := n.via(r); state != Unknown {
			return state
		}
	}
	if len(s.Seen) == 0 {
		return Unknown // known only from others
	}
	return Offline
}

// Prune forgets sessions until want remain, offline ones first (paper, section 3.2).
func (n *Node) Prune(now time.Time, want int) int {
	gone := n.book.Prune(now, want)
	for _, id := range n.edgeIDs() {
		if _, ok := n.book.Session(id); !ok {
			n.removeEdge(n.edges[id])
		}
	}
	return gone
}

// Stats lists counters and gauges, sorted by name.
func (n *Node) Stats() (list []Stat) {
	c := n.ep.Counters()
	c.Each(func(name string, v uint64) { list = append(list, Stat{name, v}) })
	n.budget.EachRefused(func(name string, v uint64) { list = append(list, Stat{name, v}) })
	online := 0
	for _, e := range n.edges {
		if e.online {
			online++
		}
	}
	lines := n.outbox.List()
	list = append(list,
		Stat{"neighbors", uint64(len(n.edges))}, Stat{"neighbors_online", uint64(online)},
		Stat{"outbox_lines", uint64(len(lines))}, Stat{"users", uint64(n.book.UserCount())},
	)
	return sortStats(append(list, n.relayStats()...))
}

func sortStats(list []Stat) []Stat {
	slices.SortFunc(list, func(a, b Stat) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Presence says which Source knows whom.
func (n *Node) Presence() (list []PresenceView) {
	for i, p := range n.plugins {
		v := PresenceView{Source: p.source.Name()}
		if i == n.announcer {
			n.linkView(&v)
		}
		for _, h := range p.hints {
			v.Addrs = append(v.Addrs, h.addr)
			user := h.user
			if id, ok := n.peerAt(h.addr); ok {
				if s, known := n.book.Session(id); known && h.fits(n, s) {
					user = n.book.Label(s.User)
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
