package neighbors

import (
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// Bounds of a seed's memory of who looked for whom in vain.
const (
	maxWaitedFor   = 4096 // users; the one asked for longest ago goes
	waitersPerUser = 8
)

// waiters is a seed's memory of who asked for a user that was not here. A seed tells of a change
// only those who asked for that user; otherwise everybody would be two edges from everybody.
type waiters struct {
	of *simplelru.LRU[identity.UserKey, []identity.SessionID]
}

func newWaiters() waiters {
	of, err := simplelru.NewLRU[identity.UserKey, []identity.SessionID](maxWaitedFor, nil)
	if err != nil {
		panic("BUG: the bound of seekers must be positive")
	}
	return waiters{of}
}

// note remembers that an asker did not find a user.
func (s *waiters) note(asker identity.SessionID, user []byte) {
	if len(user) != len(identity.UserKey{}) {
		return
	}
	list, _ := s.of.Get(identity.UserKey(user))
	if slices.Contains(list, asker) {
		return
	}
	if len(list) == waitersPerUser {
		list = list[1:]
	}
	s.of.Add(identity.UserKey(user), append(slices.Clip(list), asker))
}

// tellWaiters tells those who asked for a user, and to whom the user would be introduced, that the
// user is here now. The seekers then ask again.
func (in *introducer) tellWaiters(now time.Time, e *edge) {
	if !e.online {
		return
	}
	list, ok := in.waiters.of.Peek(e.user)
	s, known := in.edges.summaryOf(e)
	if !ok || !known {
		return
	}
	in.waiters.of.Remove(e.user)
	for _, id := range list {
		if to := in.edges.byID[id]; to != nil && to.online && in.welcome(now, e, to) {
			in.ep.Send(now, wire.PeerID(id), wire.Message{Body: wire.List{Summaries: []wire.Summary{s}}})
		}
	}
}

// welcome says whether a seeker may know that e is here: only if it would be introduced at once.
// All others wait until e asks for them.
func (in *introducer) welcome(now time.Time, e, seeker *edge) bool {
	s, known := in.book.Session(e.id)
	at, _, ok := in.direct(e.id)
	from, _, ok2 := in.direct(seeker.id)
	if !known || !ok || !ok2 {
		return false
	}
	return introducesAtOnce(s.Flags, in.together(at, from)) || in.wishOf(now, e.id, seeker.user) != nil
}
