package sessions

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// slowBook is the rules of a Book over plain slices: every decision looks at
// everything.
type slowBook struct {
	limits   Limits
	sessions []*slowSession
	trust    map[int]Trust
	before   map[int]Trust
	floor    map[[2]int]uint64
	clock    int
}

type slowSession struct {
	u, s  int
	seq   uint64
	state State
	heard bool
	on    Presence
	last  time.Time
	order int // when it was touched last
}

func (s *slowSession) live() bool {
	return s.heard && s.on != PresenceUnknown && s.on != PresenceOffline
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
	if s.state == StateGone {
		m.floor[[2]int{s.u, s.s}] = max(s.seq, m.floor[[2]int{s.u, s.s}])
	}
	if m.trust[s.u] == TrustNew && len(m.of(s.u)) == 0 {
		delete(m.trust, s.u)
	}
}

func slowCompare(x, y *slowSession) int {
	a, b := MakeSessionID(userOf(x.u), staticOf(x.s)), MakeSessionID(userOf(y.u), staticOf(y.s))
	return cmp.Or(x.last.Compare(y.last), compareIDs(a, b))
}

// first is who leaves first by that order, offline sessions before online ones.
func first(list []*slowSession, compare func(x, y *slowSession) int) *slowSession {
	return slices.MinFunc(list, func(x, y *slowSession) int {
		live := func(s *slowSession) int {
			if s.live() {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(live(x), live(y)), compare(x, y))
	})
}

func byOrder(x, y *slowSession) int { return cmp.Compare(x.order, y.order) }

func (m *slowBook) shrink() {
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
		m.drop(first(list, byOrder))
	}
}

func (m *slowBook) learn(now time.Time, u, s int, seq uint64, state State, direct bool) bool {
	x := m.find(u, s)
	key := [2]int{u, s}
	switch {
	case x == nil && m.floor[key] >= seq:
		return false
	case x == nil && state == StateGone:
		m.floor[key] = seq
		return true
	case x == nil:
		delete(m.floor, key)
		if _, ok := m.trust[u]; !ok {
			m.trust[u] = TrustNew
		}
		for own := m.of(u); len(own) >= m.limits.SessionsPerUser; own = m.of(u) {
			v := first(own, slowCompare)
			m.sessions = slices.DeleteFunc(m.sessions, func(x *slowSession) bool { return x == v })
			if v.state == StateGone {
				m.floor[[2]int{v.u, v.s}] = v.seq
			}
		}
		x = &slowSession{u: u, s: s}
		m.sessions = append(m.sessions, x)
	case seq < x.seq:
		return false
	}
	if seq > x.seq || x.seq == 0 {
		x.seq, x.state = seq, state
		if state == StateGone {
			x.on = PresenceOffline
		}
	}
	if direct {
		x.heard, x.last, x.on = true, now, presenceOf(x.state)
	}
	m.touch(x)
	m.shrink()
	return m.find(u, s) != nil
}

func (m *slowBook) setTrust(u int, t Trust) {
	class := classOf(m.trust[u])
	m.trust[u] = t
	if class != classOf(t) {
		own := m.of(u)
		slices.SortStableFunc(own, func(x, y *slowSession) int { return cmp.Or(x.last.Compare(y.last), byOrder(x, y)) })
		for _, s := range own {
			m.touch(s)
		}
	}
	if t == TrustNew && len(m.of(u)) == 0 {
		delete(m.trust, u)
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
			if classOf(m.trust[s.u]) == class && !s.live() && !last4 {
				m.drop(s)
			}
		}
	}
}

// newerThan counts the sessions heard after s; of two heard at once the one with
// the smaller id counts as later.
func newerThan(own []*slowSession, s *slowSession) (n int) {
	for _, o := range own {
		a, b := MakeSessionID(userOf(o.u), staticOf(o.s)), MakeSessionID(userOf(s.u), staticOf(s.s))
		if o.last.After(s.last) || o.last.Equal(s.last) && compareIDs(a, b) < 0 {
			n++
		}
	}
	return n
}

func (m *slowBook) String() string {
	list := make([]string, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, fmt.Sprintf("%d/%d seq %d %v live %v", s.u, s.s, s.seq, m.trust[s.u], s.live()))
	}
	slices.Sort(list)
	return fmt.Sprint(list)
}

// The Book does what the slow model does, keeps invariant 5, and is the same
// after a restart.
func TestBookAgainstSlowModel(t *testing.T) {
	type recordKey struct {
		u, s  int
		seq   uint64
		state State
	}
	type signedRecord struct {
		raw []byte
		rec Record
	}
	made := map[recordKey]signedRecord{} // signing is slow
	rapid.Check(t, func(rt *rapid.T) {
		l := Limits{Users: 4, Sessions: 7, SessionsPerUser: 5}
		b := newBookBed(t, l)
		m := &slowBook{limits: l, trust: map[int]Trust{}, before: map[int]Trust{}, floor: map[[2]int]uint64{}}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			u, s := rapid.IntRange(1, 6).Draw(rt, "user"), rapid.IntRange(1, 7).Draw(rt, "session")
			b.later(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
			was := watch(b.Book)
			op := rapid.SampledFrom([]string{"learn", "learn", "learn", "learn", "heard", "presence", "pin", "block", "unblock", "prune", "restart"}).Draw(rt, "op")
			switch op {
			case "learn":
				k := recordKey{u, s, uint64(rapid.IntRange(1, 5).Draw(rt, "seq")), State(rapid.IntRange(0, 2).Draw(rt, "state"))}
				r, ok := made[k]
				if !ok {
					r.raw, r.rec = signed(t, u, s, fmt.Sprintf("user%d", u%3), k.seq, k.state)
					made[k] = r
				}
				direct := rapid.Bool().Draw(rt, "direct")
				_, err := b.Learn(b.now, r.raw, r.rec, direct, netip.Addr{})
				if ok := m.learn(b.now, u, s, k.seq, k.state, direct); ok != (err == nil) {
					rt.Fatalf("learn %+v: %v, model %v", k, err, ok)
				}
			case "heard":
				b.Authenticated(b.now, b.id(u, s), netip.AddrPort{})
				if x := m.find(u, s); x != nil {
					x.heard, x.last = true, b.now
					m.touch(x)
				}
			case "presence":
				p := Presence(rapid.IntRange(0, 4).Draw(rt, "presence"))
				b.SetPresence(b.id(u, s), p)
				if x := m.find(u, s); x != nil && x.on != p {
					x.on = p
					m.touch(x)
				}
			case "pin":
				err := b.Pin(userOf(u))
				if trust, ok := m.trust[u]; ok && trust != TrustBlocked {
					m.setTrust(u, TrustPinned)
				} else if err == nil {
					rt.Fatal("pinned nobody")
				}
			case "block":
				b.Block(userOf(u))
				if trust, ok := m.trust[u]; ok && trust != TrustBlocked {
					m.before[u] = trust
					m.setTrust(u, TrustBlocked)
				}
			case "unblock":
				b.Unblock(userOf(u))
				if m.trust[u] == TrustBlocked {
					m.setTrust(u, m.before[u])
				}
			case "prune":
				n := rapid.IntRange(0, 12).Draw(rt, "n")
				b.Prune(b.now, n)
				m.prune(n)
			case "restart":
				b.shrink(b.now) // Unblock may have left too many
				m.shrink()
				b.Freshen()
				before := portrait(b.Book)
				b.restart()
				after := portrait(b.Book)
				for _, key := range slices.Sorted(maps.Keys(before)) {
					if before[key] != after[key] {
						rt.Fatalf("before the restart %s\nafter %s", before[key], after[key])
					}
				}
				if len(before) != len(after) {
					rt.Fatalf("%d entries, after the restart %d", len(before), len(after))
				}
				slices.SortFunc(m.sessions, slowCompare)
				for _, s := range m.sessions {
					s.on = PresenceUnknown
					if s.state == StateGone {
						s.on = PresenceOffline
					}
					m.touch(s)
				}
				m.shrink()
			}
			agree(rt, b.Book, m)
			if op != "restart" {
				was.invariant5(rt, op, userOf(u), b.Book)
			}
		}
	})
}

// agree compares what the two remember.
func agree(rt *rapid.T, b *Book, m *slowBook) {
	have := &slowBook{trust: map[int]Trust{}}
	for u := 1; u <= 6; u++ {
		if x, ok := b.User(userOf(u)); ok {
			have.trust[u] = x.Trust
		}
		for s := 1; s <= 7; s++ {
			if x, ok := b.Session(MakeSessionID(userOf(u), staticOf(s))); ok {
				have.sessions = append(have.sessions, &slowSession{u: u, s: s, seq: x.Seq, heard: x.Heard, on: x.Online})
			}
		}
	}
	if have.String() != m.String() || !reflect.DeepEqual(have.trust, m.trust) {
		rt.Fatalf("book  %v %v\nmodel %v %v", have, have.trust, m, m.trust)
	}
	if b.Len() != len(m.sessions) {
		rt.Fatalf("%d sessions, model %d", b.Len(), len(m.sessions))
	}
}

// portrait is all that a restart keeps.
func portrait(b *Book) map[string]string {
	p := map[string]string{}
	for _, u := range b.Users() {
		p[Fingerprint(u.Key)] = fmt.Sprintf("%+v pin %q", u, b.users[u.Key].pin)
		for _, s := range b.SessionsOf(u.Key) {
			s.Online = PresenceUnknown // what is believed is not stored
			p[s.ID.String()] = fmt.Sprintf("%+v", s)
		}
	}
	for _, id := range slices.Concat(b.floors.kept.Keys(), b.floors.strange.Keys()) {
		p["floor "+id.String()] = string(b.floors.encode(id))
	}
	return p
}

// watched is who was remembered before a step.
type watched struct {
	class map[SessionID]int
	live  map[SessionID]bool
	rank  map[SessionID]int
	owner map[SessionID]UserKey
}

func watch(b *Book) watched {
	w := watched{map[SessionID]int{}, map[SessionID]bool{}, map[SessionID]int{}, map[SessionID]UserKey{}}
	for id, s := range b.byID {
		w.class[id], w.live[id], w.rank[id], w.owner[id] = classOf(s.owner.Trust), s.live(), s.owner.rank(s), s.User
	}
	return w
}

// invariant5 checks who was forgotten by a step that concerned the user who.
func (w watched) invariant5(rt *rapid.T, op string, who UserKey, b *Book) {
	offlineLeft := map[int]bool{}
	for _, s := range b.byID {
		if !s.live() {
			offlineLeft[classOf(s.owner.Trust)] = true
		}
	}
	for id, class := range w.class {
		if _, ok := b.byID[id]; ok {
			continue
		}
		own := op == "learn" && w.owner[id] == who
		if w.live[id] && offlineLeft[class] && !own {
			rt.Fatalf("%s: online session %v was forgotten while an offline one of its class stays", op, id)
		}
		if class == classKept && !own && (op != "prune" || w.rank[id] < keptSessions) {
			rt.Fatalf("%s: session %v of a pinned user (rank %d) was forgotten", op, id, w.rank[id])
		}
	}
}
