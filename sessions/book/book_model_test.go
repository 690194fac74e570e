package book

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

// The Book does what the slow model does, keeps invariant 5, and is the same
// after a restart.
func TestBookAgainstSlowModel(t *testing.T) {
	type recordKey struct {
		u, s  int
		seq   uint64
		state identity.State
		name  int
	}
	type signedRecord struct {
		raw []byte
		rec identity.Record
	}
	made := map[recordKey]signedRecord{} // signing is slow
	numbers := map[identity.SessionID][2]int{}
	for u := 1; u <= 6; u++ {
		for s := 1; s <= 7; s++ {
			numbers[identity.MakeSessionID(sessiontest.User(u), sessiontest.Static(s))] = [2]int{u, s}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		l := Limits{Users: 4, Sessions: 7, SessionsPerUser: 5, NewPerPrefix: 2, SameName: 2}
		b := newBookBed(t, l)
		m := &slowBook{limits: l, trust: map[int]Trust{}, users: map[int]*slowUser{}, here: map[[2]int]bool{},
			before: map[int]Trust{}, tombstone: map[[2]int]uint64{}}
		eyes := func(_ time.Time, id identity.SessionID) bool { return m.here[numbers[id]] }
		b.SetLive(eyes)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			u, s := rapid.IntRange(1, 6).Draw(rt, "user"), rapid.IntRange(1, 7).Draw(rt, "session")
			b.later(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
			was := watch(b.Book)
			op := rapid.SampledFrom([]string{"learn", "learn", "learn", "learn", "heard", "presence", "here", "here", "here", "pin", "block", "unblock", "prune", "restart"}).Draw(rt, "op")
			switch op {
			case "learn":
				k := recordKey{u, s, uint64(rapid.IntRange(1, 5).Draw(rt, "seq")), identity.State(rapid.IntRange(0, 2).Draw(rt, "state")), rapid.IntRange(0, 1).Draw(rt, "name")}
				r, ok := made[k]
				if !ok {
					r.raw, r.rec = signed(t, u, s, fmt.Sprintf("user%d", k.name), k.seq, k.state)
					made[k] = r
				}
				direct := rapid.Bool().Draw(rt, "direct")
				net := rapid.IntRange(0, 2).Draw(rt, "net")
				_, err := b.Learn(b.now, r.raw, r.rec, direct, network(net).Addr())
				if ok := m.learn(b.now, u, s, k.seq, k.state, r.rec.Name, direct, net); ok != (err == nil) {
					rt.Fatalf("learn %+v: %v, model %v", k, err, ok)
				}
			case "heard":
				net := rapid.IntRange(0, 2).Draw(rt, "net")
				b.Authenticated(b.now, b.id(u, s), network(net))
				if x := m.find(u, s); x != nil {
					x.heard, x.last, m.users[u].last = true, b.now, b.now
					if net > 0 && (x.seen != net || b.now.Sub(x.seenAt) >= heardGrain) {
						x.seen, x.seenAt = net, b.now
						m.place(u, net)
					}
					m.touch(x)
				}
			case "here":
				m.here[[2]int{u, s}] = rapid.IntRange(0, 3).Draw(rt, "gone") > 0
			case "presence":
				p := Presence(rapid.IntRange(0, 4).Draw(rt, "presence"))
				b.SetPresence(b.id(u, s), p)
				if x := m.find(u, s); x != nil && x.on != p {
					x.on = p
					m.touch(x)
				}
			case "pin":
				err := b.Pin(sessiontest.User(u))
				if trust, ok := m.trust[u]; ok && trust != TrustBlocked {
					m.setTrust(u, TrustPinned)
				} else if err == nil {
					rt.Fatal("pinned nobody")
				}
			case "block":
				b.Block(sessiontest.User(u))
				if trust, ok := m.trust[u]; ok && trust != TrustBlocked {
					m.before[u] = trust
					m.setTrust(u, TrustBlocked)
				}
			case "unblock":
				b.Unblock(sessiontest.User(u))
				if m.trust[u] == TrustBlocked {
					m.setTrust(u, m.before[u])
				}
			case "prune":
				n := rapid.IntRange(0, 12).Draw(rt, "n")
				b.Prune(b.now, n)
				m.prune(n)
			case "restart":
				clear(m.here)
				b.shrink(b.now, nil) // Unblock may have left too many
				m.shrink(nil)
				b.Freshen()
				before, were := portrait(b.Book), len(m.sessions)
				b.restart()
				b.SetLive(eyes)
				m.restart()
				after := portrait(b.Book)
				if were > len(m.sessions) {
					break // some had no room where they were seen: who is left is compared below
				}
				for _, key := range slices.Sorted(maps.Keys(before)) {
					if before[key] != after[key] {
						rt.Fatalf("before the restart %s\nafter %s", before[key], after[key])
					}
				}
				if len(before) != len(after) {
					rt.Fatalf("%d entries, after the restart %d", len(before), len(after))
				}
			}
			agree(rt, b.Book, m)
			if op != "restart" {
				was.invariant5(rt, op, sessiontest.User(u), b.Book)
			}
		}
	})
}

// agree compares what the two remember.
func agree(rt *rapid.T, b *Book, m *slowBook) {
	have := &slowBook{trust: map[int]Trust{}, users: map[int]*slowUser{}, here: m.here}
	for u := 1; u <= 6; u++ {
		if x, ok := b.User(sessiontest.User(u)); ok {
			have.trust[u], have.users[u] = x.Trust, &slowUser{name: x.Name}
		}
		for s := 1; s <= 7; s++ {
			if x, ok := b.Session(identity.MakeSessionID(sessiontest.User(u), sessiontest.Static(s))); ok {
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
		p[identity.Fingerprint(u.Key)] = fmt.Sprintf("%+v pin %q", u, b.users[u.Key].pin)
		for _, s := range b.SessionsOf(u.Key) {
			s.Online = PresenceUnknown // what is believed is not stored
			p[s.ID.String()] = fmt.Sprintf("%+v", s)
		}
	}
	for _, id := range slices.Concat(b.tombstones.kept.Keys(), b.tombstones.strange.Keys()) {
		p["tombstone "+id.String()] = string(b.tombstones.encode(id))
	}
	return p
}

// watched is who was remembered before a step.
type watched struct {
	class map[identity.SessionID]int
	live  map[identity.SessionID]bool
	rank  map[identity.SessionID]int
	owner map[identity.SessionID]identity.UserKey
}

func watch(b *Book) watched {
	w := watched{map[identity.SessionID]int{}, map[identity.SessionID]bool{}, map[identity.SessionID]int{}, map[identity.SessionID]identity.UserKey{}}
	for id, s := range b.byID {
		w.class[id], w.live[id], w.rank[id], w.owner[id] = classOf(s.owner.Trust), b.live(sessiontest.Epoch, s), s.owner.rank(s), s.User
	}
	return w
}

// invariant5 checks who was forgotten by a step that concerned the user who.
func (w watched) invariant5(rt *rapid.T, op string, who identity.UserKey, b *Book) {
	for id, class := range w.class {
		if _, ok := b.byID[id]; ok {
			continue
		}
		own := op == "learn" && w.owner[id] == who
		if w.live[id] && !own {
			rt.Fatalf("%s: session %v was forgotten while it was here", op, id)
		}
		if class == classKept && !own && (op != "prune" || w.rank[id] < keptSessions) {
			rt.Fatalf("%s: session %v of a pinned user (rank %d) was forgotten", op, id, w.rank[id])
		}
	}
}
