package neighbors

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// \add by a name. A user introduced in answer to our own ticket claims to be the one meant; a user
// who merely comes online under that name does not. A new user who already went by the name here
// claims it too. The claims are weighed a moment after the first: if there is one, that user is
// pinned; if there are several, nobody is, and the person is told what to type.

// maxNamesakes bounds the claims to one \add.
const maxNamesakes = introduceTo

// quest is an \add of a name that is not bound to a key yet.
type quest struct {
	name   string           // in its mapped form
	typed  string           // as the person typed it
	print  string           // digits of the only fingerprint that is meant; empty: any
	claims []namesake       // at most maxNamesakes, in order of arrival
	weigh  time.Time        // when the claims are weighed; zero: there are none
	chosen identity.UserKey // the user of the only claim
	asked  int              // how many nodes, over all requests

	// Of a standing one: nobody claimed the name while the person waited.
	next, end time.Time // when others are asked again, and when it ends
}

// namesake is one key that goes by the name.
type namesake struct {
	user identity.UserKey
	name string
}

// claimed: a common neighbour introduced somebody we asked for by name. false: no quest wants
// that key, so we do not call it either.
func (rq *requests) claimed(now time.Time, rec identity.Record, name string) (wanted bool) {
	for _, q := range rq.quests() {
		switch {
		case q.name != name || q.print != "" && !identity.HasDigits(rec.User, q.print):
			continue
		case !q.chosen.IsZero():
			wanted = wanted || q.chosen == rec.User
			continue
		case slices.ContainsFunc(q.claims, func(c namesake) bool { return c.user == rec.User }):
			wanted = true
			continue
		case len(q.claims) == maxNamesakes:
			continue
		}
		wanted = true
		q.claim(now, namesake{rec.User, rec.Name})
		rq.wake(q.weigh)
	}
	return wanted
}

func (q *quest) claim(now time.Time, c namesake) {
	q.claims = append(q.claims, c)
	switch {
	case q.print != "":
		q.weigh = now
	case q.weigh.IsZero():
		q.weigh = now.Add(addWindow)
	}
}

// quests lists the quests under way and the standing ones, the oldest first.
func (rq *requests) quests() (list []*quest) {
	for _, q := range rq.list {
		if q.quest != nil {
			list = append(list, q.quest)
		}
	}
	return append(list, rq.standing...)
}

// newQuest begins a quest. New users who are here under that name claim it at once; so does one
// who was here earlier, if there is no other.
func (rq *requests) newQuest(now time.Time, typed, mapped, print string) *quest {
	q := &quest{name: mapped, typed: typed, print: print}
	if print != "" {
		return q
	}
	var here, were []namesake
	for _, user := range rq.book.Named(mapped) {
		u, _ := rq.book.User(user)
		switch {
		case u.Trust != book.TrustNew || user == rq.own.user:
		case len(rq.edges.onlineSessions(user)) > 0:
			here = append(here, namesake{user, u.Name})
		default:
			were = append(were, namesake{user, u.Name})
		}
	}
	if len(here) == 0 && len(were) == 1 {
		here = were
		rq.happened(now, missed{were[0].user})
	}
	for _, c := range here[:min(len(here), maxNamesakes)] {
		q.claim(now, c)
	}
	return q
}

// weighed decides, when it is time: either one key is meant, or the error lists those that claim
// the name.
func (rq *requests) weighed(now time.Time, q *quest) error {
	if !due(q.weigh, now) {
		return nil
	}
	q.weigh = time.Time{}
	if len(q.claims) == 1 {
		q.chosen = q.claims[0].user
		return nil
	}
	var labels []string
	for _, c := range q.claims {
		print := identity.Fingerprint(c.user)
		labels = append(labels, fmt.Sprintf("%s~%s (%s)", c.name, print[:4], print))
	}
	return fmt.Errorf("%d keys go by the name %s: %s. None is added: ask for the fingerprint, by voice, and type \\add %s FINGERPRINT, or \\verify one of them",
		len(labels), q.typed, strings.Join(labels, ", "), q.typed)
}

// advanceQuest does the next step of an \add by name and returns how long to wait for the one
// after.
func (rq *requests) advanceQuest(now time.Time, r *request) time.Duration {
	q := r.quest
	if err := rq.weighed(now, q); err != nil {
		rq.end(r, Failed{r.token, err.Error()})
		return time.Hour
	}
	if !q.chosen.IsZero() {
		rq.reached(now, r)
		return time.Hour // until they are online
	}
	wait := 100 * time.Millisecond // nobody to ask yet: a seed may be about to answer
	if !r.asking.After(now) {
		asked := rq.finder.askFor(now, find{name: q.name})
		q.asked += asked
		switch {
		case asked > 0:
			wait = rq.finder.askPause()
			r.asking = now.Add(wait)
		case q.asked == 0 && len(q.claims) > 0 && rq.alone():
			q.weigh = now // nobody will name anybody else
			wait = 0
		case q.asked == 0 && rq.alone():
			end := r.started.Add(askNobody)
			if end.Before(now) {
				end = now // all who might have answered have been silent since
			}
			r.deadline = earliest(r.deadline, end)
		}
	} else {
		wait = r.asking.Sub(now)
	}
	return wait
}

// reached ends an \add whose key is known, if that user is online.
func (rq *requests) reached(now time.Time, r *request) {
	user := r.quest.chosen
	rq.happened(now, meant{user})
	online := rq.edges.onlineSessions(user)
	if len(online) == 0 {
		return
	}
	rq.tellOnline(now, user, online)
	rq.end(r, Done{r.token})
}

// tellOnline tells again who is online: the one who asked waits for this line, or for an error.
func (rq *requests) tellOnline(now time.Time, user identity.UserKey, online []identity.SessionID) {
	for _, id := range online {
		rq.notify.again(now, id, CameOnline{User: rq.book.Label(user), Session: id.String(), Trust: rq.book.Trust(user).String()})
	}
}

// stand lets a quest go on in the background: the user looked for may have to agree first. The
// oldest makes room.
func (rq *requests) stand(now time.Time, q *quest) {
	list := slices.DeleteFunc(rq.standing, func(o *quest) bool { return o.name == q.name && o.print == q.print })
	if len(list) == maxStanding {
		list = list[1:]
	}
	q.next, q.end = now.Add(standAgain), now.Add(standTime)
	rq.standing = append(list, q)
}

// advanceStanding asks again for the users of standing quests, and ends quests that are over.
func (rq *requests) advanceStanding(now time.Time) (next time.Time) {
	kept := rq.standing[:0]
	for _, q := range rq.standing {
		if err := rq.weighed(now, q); err != nil {
			rq.emit(Notice{err.Error()})
			continue
		}
		if !q.end.After(now) || !q.chosen.IsZero() && rq.foundOne(now, q) {
			continue
		}
		if !q.next.After(now) {
			q.next = now.Add(standAgain)
			if q.chosen.IsZero() {
				rq.finder.askFor(now, find{name: q.name})
			}
		}
		kept = append(kept, q)
		next = earliest(earliest(next, q.next), q.weigh)
	}
	clear(rq.standing[len(kept):])
	rq.standing = kept
	return next
}

// foundOne pins the user that a standing quest has found, once they are online, and tells the
// person.
func (rq *requests) foundOne(now time.Time, q *quest) bool {
	rq.happened(now, meant{q.chosen})
	online := rq.edges.onlineSessions(q.chosen)
	if len(online) == 0 {
		return false
	}
	rq.tellOnline(now, q.chosen, online)
	label := rq.book.Label(q.chosen)
	rq.emit(Notice{fmt.Sprintf("%s (%s) has agreed to meet you and is added: \\chat %s", label, identity.Fingerprint(q.chosen), label)})
	return true
}
