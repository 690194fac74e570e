package book

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

// slowBook is the rules of a Book over plain slices: every decision looks at
// everything.
type slowBook struct {
	limits    Limits
	sessions  []*slowSession
	users     map[int]*slowUser
	here      map[[2]int]bool // what the node says
	trust     map[int]Trust
	before    map[int]Trust
	tombstone map[[2]int]uint64
	clock     int
}

// slowUser is what is remembered of a user besides the trust.
type slowUser struct {
	name    string
	nameSeq uint64
	net     int // 0: none
	last    time.Time
}

type slowSession struct {
	u, s  int
	seq   uint64
	state identity.State
	heard bool
	on    Presence
	last  time.Time
	order int // when it was touched last

	seen   int // the network where it was seen last
	seenAt time.Time
}

func (m *slowBook) live(s *slowSession) bool {
	return s.heard && s.on != PresenceOffline && m.here[[2]int{s.u, s.s}]
}

func (m *slowBook) anyLive(u int) bool {
	return slices.ContainsFunc(m.of(u), m.live)
}

// quiet is who of some users was silent longest and is not here; 0: all are.
func (m *slowBook) quiet(among func(u int, x *slowUser) bool) (quiet int) {
	for u, x := range m.users {
		if m.trust[u] != TrustNew || m.anyLive(u) || !among(u, x) {
			continue
		}
		if quiet == 0 || m.quieter(u, quiet) {
			quiet = u
		}
	}
	return quiet
}

func (m *slowBook) quieter(u, v int) bool {
	return cmp.Or(m.users[u].last.Compare(m.users[v].last), identity.CompareKeys(sessiontest.User(u), sessiontest.User(v))) < 0
}

func (m *slowBook) dropUser(u int) {
	for _, s := range m.of(u) {
		m.drop(s)
	}
	m.forget(u)
}

func (m *slowBook) forget(u int) {
	delete(m.trust, u)
	delete(m.users, u)
}

// place counts a user in a network; false: it is full of those that are here.
func (m *slowBook) place(u, net int) bool {
	if net == 0 || m.trust[u] != TrustNew || m.users[u].net == net {
		return true
	}
	in := func(_ int, x *slowUser) bool { return x.net == net }
	for m.count(in) >= m.limits.NewPerPrefix {
		v := m.quiet(in)
		if v == 0 {
			return false
		}
		m.dropUser(v)
	}
	m.users[u].net = net
	return true
}

func (m *slowBook) count(among func(u int, x *slowUser) bool) (n int) {
	for u, x := range m.users {
		if m.trust[u] == TrustNew && among(u, x) {
			n++
		}
	}
	return n
}

// seat makes room under a name; false: there is none.
func (m *slowBook) seat(u int, name string) bool {
	if m.trust[u] != TrustNew {
		return true
	}
	others := func(v int, x *slowUser) bool { return v != u && x.name == name }
	for m.count(others) >= m.limits.SameName {
		v := m.quiet(others)
		if v == 0 || !m.anyLive(u) && m.quieter(u, v) {
			return false
		}
		m.dropUser(v)
	}
	return true
}

func (m *slowBook) rename(u int, seq uint64, name string) bool {
	x := m.users[u]
	if seq <= x.nameSeq && x.name != "" {
		return true
	}
	if name != x.name && !m.seat(u, name) {
		return x.name != ""
	}
	x.nameSeq, x.name = seq, name
	return true
}

func (m *slowBook) find(u, s int) *slowSession {
	for _, x := range m.sessions {
		if x.u == u && x.s == s {
			return x
		}
	}
	return nil
}

func (m *slowBook) touch(s *slowSession) { m.clock++; s.order = m.clock }

func (m *slowBook) of(u int) (list []*slowSession) {
	for _, x := range m.sessions {
		if x.u == u {
			list = append(list, x)
		}
	}
	return list
}

func (m *slowBook) drop(s *slowSession) {
	m.sessions = slices.DeleteFunc(m.sessions, func(x *slowSession) bool { return x == s })
	if s.state == identity.StateGone {
		m.tombstone[[2]int{s.u, s.s}] = max(s.seq, m.tombstone[[2]int{s.u, s.s}])
	}
	if m.trust[s.u] == TrustNew && len(m.of(s.u)) == 0 {
		m.forget(s.u)
	}
}

func slowCompare(x, y *slowSession) int {
	a, b := identity.MakeSessionID(sessiontest.User(x.u), sessiontest.Static(x.s)), identity.MakeSessionID(sessiontest.User(y.u), sessiontest.Static(y.s))
	return cmp.Or(x.last.Compare(y.last), identity.CompareIDs(a, b))
}

func byOrder(x, y *slowSession) int { return cmp.Compare(x.order, y.order) }

// shrink drops surplus strangers: those that are not here, the oldest first, otherwise the
// newcomer. A stranger that is passed over counts as touched.
func (m *slowBook) shrink(newcomer *slowSession) {
	for {
		users := map[int]bool{}
		var list []*slowSession
		for _, s := range m.sessions {
			if m.trust[s.u] == TrustNew {
				users[s.u] = true
				list = append(list, s)
			}
		}
		if len(list) <= m.limits.Sessions && len(users) <= m.limits.Users {
			return
		}
		slices.SortFunc(list, byOrder)
		i := slices.IndexFunc(list, func(s *slowSession) bool { return s != newcomer && !m.live(s) })
		passed := list
		if i >= 0 {
			passed = list[:i]
		}
		for _, s := range passed {
			m.touch(s)
		}
		switch {
		case i >= 0:
			m.drop(list[i])
		case newcomer != nil && slices.Contains(list, newcomer):
			m.drop(newcomer)
		default:
			return
		}
	}
}

func (m *slowBook) learn(now time.Time, u, s int, seq uint64, state identity.State, name string, direct bool, net int) bool {
	x := m.find(u, s)
	key := [2]int{u, s}
	var newcomer *slowSession
	met := slices.ContainsFunc(m.of(u), func(s *slowSession) bool { return s.heard })
	switch {
	case x == nil && m.tombstone[key] >= seq:
		return false
	case x == nil && state == identity.StateGone:
		m.tombstone[key] = seq
		return true
	case x == nil:
		if _, ok := m.trust[u]; !ok {
			m.trust[u], m.users[u] = TrustNew, &slowUser{}
		}
		if direct {
			m.users[u].last = now
		}
		for own := m.of(u); len(own) >= m.limits.SessionsPerUser; own = m.of(u) {
			own = slices.DeleteFunc(own, m.live)
			if len(own) == 0 {
				return false
			}
			m.drop(slices.MinFunc(own, slowCompare))
		}
		delete(m.tombstone, key)
		x = &slowSession{u: u, s: s}
		m.sessions = append(m.sessions, x)
		newcomer = x
	case seq < x.seq:
		return false
	}
	if seq > x.seq || x.seq == 0 {
		x.seq, x.state = seq, state
		if state == identity.StateGone {
			x.on = PresenceOffline
		}
	}
	if direct {
		x.heard, x.last, x.on = true, now, presenceOf(x.state)
		m.users[u].last = now
	}
	m.touch(x)
	if direct && !m.place(u, net) && !met || !m.rename(u, seq, name) {
		m.dropUser(u)
		return false
	}
	m.shrink(newcomer)
	return m.find(u, s) != nil
}

func (m *slowBook) setTrust(u int, t Trust) {
	class := classOf(m.trust[u])
	m.trust[u] = t
	if class == classNew && t != TrustNew {
		m.users[u].net = 0
	}
	if class != classOf(t) {
		own := m.of(u)
		slices.SortFunc(own, slowCompare)
		for _, s := range own {
			m.touch(s)
		}
	}
	if t == TrustNew && len(m.of(u)) == 0 {
		m.forget(u)
	}
}

func (m *slowBook) prune(n int) {
	for _, class := range []int{classBlocked, classNew, classKept} {
		list := slices.Clone(m.sessions)
		slices.SortFunc(list, byOrder)
		for _, s := range list {
			if len(m.sessions) <= n {
				return
			}
			last4 := class == classKept && newerThan(m.of(s.u), s) < keptSessions
			if classOf(m.trust[s.u]) == class && !m.live(s) && !last4 {
				m.drop(s)
			}
		}
	}
}

// restart forgets what is not stored, and counts who is left anew.
func (m *slowBook) restart() {
	slices.SortFunc(m.sessions, slowCompare)
	var keys []int
	for u, x := range m.users {
		keys = append(keys, u)
		x.net = 0
	}
	for _, s := range m.sessions {
		s.on = PresenceUnknown
		if s.state == identity.StateGone {
			s.on = PresenceOffline
		}
		m.touch(s)
	}
	slices.SortFunc(keys, func(x, y int) int { return identity.CompareKeys(sessiontest.User(x), sessiontest.User(y)) })
	for _, u := range keys {
		if _, ok := m.users[u]; !ok {
			continue
		}
		net := 0
		for _, s := range m.of(u) {
			if s.seen > 0 {
				net = s.seen
			}
		}
		m.place(u, net)
		if !m.seat(u, m.users[u].name) {
			m.dropUser(u)
		}
	}
	m.shrink(nil)
}

// network is the address that stands for a network of the model.
func network(n int) netip.AddrPort {
	if n == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(n), 1}), 6789)
}

// newerThan counts the sessions heard after s; of two heard at once the one with
// the smaller id counts as later.
func newerThan(own []*slowSession, s *slowSession) (n int) {
	for _, o := range own {
		a, b := identity.MakeSessionID(sessiontest.User(o.u), sessiontest.Static(o.s)), identity.MakeSessionID(sessiontest.User(s.u), sessiontest.Static(s.s))
		if o.last.After(s.last) || o.last.Equal(s.last) && identity.CompareIDs(a, b) < 0 {
			n++
		}
	}
	return n
}

func (m *slowBook) String() string {
	list := make([]string, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, fmt.Sprintf("%d/%d seq %d %v %s live %v", s.u, s.s, s.seq, m.trust[s.u], m.users[s.u].name, m.live(s)))
	}
	slices.Sort(list)
	return fmt.Sprint(list)
}
