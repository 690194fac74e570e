package neighbors

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// request is one request of the person that ends with an event of its own.
type request struct {
	token    Token
	kind     requestKind
	addr     netip.AddrPort // \ping of an address
	find     find           // \add, \ping of a user
	quest    *quest         // \add of a name that is not bound to a key yet
	asking   time.Time      // when others are asked again
	deadline time.Time
	next     time.Time // when to ask, or to probe, again
	peer     identity.SessionID
	probes   []uint64 // ids of the probes sent, at most one a half second
	asked    int
	started  time.Time
	late     bool // the person was told that it failed, and it goes on (late.go)
}

type requestKind uint8

const (
	pingAddr requestKind = iota
	pingUser
	addUser
	explodeAll
)

// requests is what the person asked for and waits for.
type requests struct {
	*core
	list     []*request // under way, at most maxRequests, oldest first
	explode  explosions
	standing []*quest   // \adds that ended without an answer and go on; at most maxStanding, oldest first
	late     []*request // \pings that did; at most maxLate, oldest first
}

func (rq *requests) request(now time.Time, kind requestKind, limit time.Duration) (*request, error) {
	if len(rq.list) >= maxRequests {
		return nil, ErrBusy
	}
	token := rq.nextToken()
	// A little early, so that the person is told within the limit.
	q := &request{token: token, kind: kind, deadline: now.Add(limit - limit/20), started: now}
	rq.list = append(rq.list, q)
	rq.wake(now)
	return q, nil
}

// end ends a request, and tells how; nil: there is nothing to tell.
func (rq *requests) end(q *request, e Event) {
	list := &rq.list
	if q.late {
		list = &rq.late
	}
	if i := slices.Index(*list, q); i >= 0 {
		*list = slices.Delete(slices.Clone(*list), i, i+1)
		if e != nil {
			rq.emit(e)
		}
	}
}

// pingAddress asks whoever answers at addr who it is.
func (rq *requests) pingAddress(now time.Time, addr netip.AddrPort) (Token, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	for _, own := range rq.cfg.Listen {
		if own == addr || own.Port() == addr.Port() && addr.Addr().IsLoopback() && !rq.cfg.LoopbackOnly {
			return 0, fmt.Errorf("%s is this node itself: give the other's port, \\ping HOST PORT", addr)
		}
	}
	if addr.Addr().Zone() == "" {
		if err := CheckZone(addr.Addr(), nil); err != nil {
			return 0, err
		}
	}
	if !rq.dialable(addr, netip.Addr{}) {
		if rq.cfg.LoopbackOnly && !addr.Addr().IsLoopback() {
			return 0, fmt.Errorf("this node listens on loopback alone and cannot reach %s; start it without -listen", addr)
		}
		return 0, fmt.Errorf("%s is not the address of a node", addr)
	}
	q, err := rq.request(now, pingAddr, PingTimeout)
	if err != nil {
		return 0, err
	}
	q.addr = addr
	return q.token, nil
}

// pingUser probes a known user.
func (rq *requests) pingUser(now time.Time, typed string) (Token, error) {
	user, only, err := rq.resolve(typed)
	if err != nil {
		return 0, err
	}
	q, err := rq.request(now, pingUser, PingTimeout)
	if err != nil {
		return 0, err
	}
	q.find = find{user: user, name: typed}
	if only != nil {
		q.peer = *only
	}
	return q.token, nil
}

// add asks seeds and people known for a user by name; with a fingerprint it accepts only that
// key.
func (rq *requests) add(now time.Time, name, fingerprint string) (Token, error) {
	print := ""
	if fingerprint != "" {
		var err error
		if print, err = identity.Digits(fingerprint); err != nil {
			return 0, fmt.Errorf("%q: %w", fingerprint, err)
		}
	}
	if user, ok := rq.addable(name, print); ok {
		return rq.addUser(now, user, name)
	}
	if err := identity.CheckName(name); err != nil {
		return 0, fmt.Errorf("%q cannot be a name: %w", name, err)
	}
	mapped, err := identity.MapName(name)
	if err != nil {
		return 0, fmt.Errorf("%q cannot be a name: %w", name, err)
	}
	if own, _ := identity.MapName(rq.cfg.Name); own == mapped {
		return 0, fmt.Errorf("%s is your own name", name)
	}
	q, err := rq.request(now, addUser, AddTimeout)
	if err != nil {
		return 0, err
	}
	q.quest = rq.newQuest(now, name, mapped, print)
	return q.token, nil
}

// addable is the one key that is meant, if it is known already: by a fingerprint, by a name that
// is bound to a key, or by a name with part of a fingerprint, as a user is shown.
func (rq *requests) addable(name, print string) (user identity.UserKey, ok bool) {
	if print != "" {
		list := slices.DeleteFunc(rq.book.Named(name), func(u identity.UserKey) bool { return !identity.HasDigits(u, print) })
		if len(list) == 0 {
			return user, false
		}
		return list[0], true
	}
	user, _, err := rq.resolve(name)
	return user, err == nil && (rq.book.Trust(user) != book.TrustNew || strings.ContainsAny(name, "~/"))
}

// addUser is \add of a key that is known.
func (rq *requests) addUser(now time.Time, user identity.UserKey, typed string) (Token, error) {
	q, err := rq.request(now, addUser, AddTimeout)
	if err != nil {
		return 0, err
	}
	q.find = find{user: user, name: typed}
	rq.happened(now, meant{user})
	if online := rq.edges.onlineSessions(user); len(online) > 0 {
		rq.tellOnline(now, user, online)
		rq.end(q, Done{q.token})
	} else {
		rq.happened(now, wanted{user})
	}
	return q.token, nil
}

// advanceRequests asks again, probes again, and ends requests that took too long.
func (rq *requests) advanceRequests(now time.Time) (next time.Time) {
	for _, q := range append([]*request(nil), rq.list...) {
		switch {
		case !q.deadline.After(now):
			rq.end(q, rq.failure(now, q))
			continue
		case !q.next.After(now), q.quest != nil && due(q.quest.weigh, now):
			q.next = now.Add(rq.advanceRequest(now, q))
		}
		next = earliest(next, earliest(q.next, q.deadline))
		if q.quest != nil {
			next = earliest(next, q.quest.weigh)
		}
	}
	return earliest(earliest(next, rq.advanceLate(now)), rq.advanceStanding(now))
}

// advanceRequest does the next step of q and returns how long to wait for the one after.
func (rq *requests) advanceRequest(now time.Time, q *request) time.Duration {
	switch q.kind {
	case pingAddr:
		if q.peer.IsZero() {
			q.peer, _ = rq.edges.peerAt(q.addr)
		}
		if !q.peer.IsZero() {
			rq.probe(now, q, q.peer)
		}
		if q.peer.IsZero() || len(q.probes) == 2 {
			rq.dialAsked(now, q.addr, nil) // a different node may be there by now
		}
		return rq.probePause(q)
	case pingUser:
		for _, s := range rq.book.SessionsOf(q.find.user) {
			if !q.peer.IsZero() && s.ID != q.peer {
				continue
			}
			if rq.ep.Live(wire.PeerID(s.ID)) {
				rq.probe(now, q, s.ID)
			}
			if q.asked == 1 || !rq.ep.Live(wire.PeerID(s.ID)) {
				rq.callSession(now, s, true)
			}
		}
		q.asked++
		return rq.probePause(q)
	case addUser:
		if q.quest != nil {
			return rq.advanceQuest(now, q)
		}
		if rq.finder.askFor(now, q.find) == 0 {
			return 100 * time.Millisecond // nobody to ask yet: a seed may be about to answer
		}
		return rq.finder.askPause()
	}
	return time.Hour
}

// alone tells whether nobody could be about to answer: no place that a Source names, unless it is
// silent, and none of the neighbours that we would ask.
func (rq *requests) alone() bool {
	for _, p := range rq.places.plugins {
		if s, ok := p.source.(Places); ok && s.Expecting() || !ok && len(p.hints) > 0 {
			return false
		}
	}
	for _, e := range rq.edges.byID { // the order does not matter
		if rq.finder.askable(e) {
			return false
		}
	}
	return true
}

// firstNode says what to do when there is nobody to ask, beginning with a named seed that is
// silent.
func (rq *requests) firstNode() string {
	if silent := rq.places.silentPlaces(); len(silent) > 0 {
		return fmt.Sprintf("the seed %s does not answer (check its address and port, that it runs, and that firewalls let UDP through); \\ping HOST [PORT] reaches another node", strings.Join(silent[:min(len(silent), 2)], " "))
	}
	return "\\ping HOST [PORT] reaches a first node, -sip names a seed"
}

func (rq *requests) failure(now time.Time, q *request) Event {
	text := ""
	switch q.kind {
	case explodeAll:
		return rq.explodeEnd()
	case pingAddr, pingUser:
		text = rq.pingFailure(now, q)
	case addUser:
		switch {
		case q.quest == nil:
			text = fmt.Sprintf("%s does not answer; messages are kept and delivered when they return", q.find.name)
		case !q.quest.chosen.IsZero():
			rq.stand(now, q.quest)
			text = fmt.Sprintf("%s (%s) was introduced, but has not been reached yet; you are told when they are", q.quest.typed, identity.Fingerprint(q.quest.chosen))
		case q.quest.asked == 0:
			text = fmt.Sprintf("there is nobody to ask for %s: %s", q.quest.typed, rq.firstNode())
		default:
			rq.stand(now, q.quest)
			text = fmt.Sprintf("nobody has introduced %s: check the name; they may have to type \\accept %s first. You are told when they do: the request stands for 10 minutes", q.quest.typed, rq.cfg.Name)
		}
	}
	return Failed{q.token, text}
}

// requestAssociated: somebody answered at addr.
func (rq *requests) requestAssociated(now time.Time, id identity.SessionID, addr netip.AddrPort) {
	for _, q := range rq.pings() {
		switch {
		case q.late && len(q.probes) > 0 && q.next.After(now):
			// it has been sent
		case q.kind == pingAddr && q.addr == addr:
			q.peer = id
			rq.probe(now, q, id)
		case q.kind == pingUser:
			if s, ok := rq.book.Session(id); ok && s.User == q.find.user && (q.peer.IsZero() || q.peer == id) {
				rq.probe(now, q, id)
			}
		}
	}
}

func (rq *requests) probe(now time.Time, q *request, to identity.SessionID) {
	q.probes = append(q.probes, rq.ep.ProbeAsked(now, wire.PeerID(to)))
	q.next = now.Add(rq.probePause(q))
}

// requestOnline: a session came online; an \add of that key may have been waiting for it.
func (rq *requests) requestOnline(now time.Time, s book.Session) {
	for _, q := range append([]*request(nil), rq.list...) {
		switch {
		case q.kind != addUser:
		case q.quest == nil && q.find.user == s.User:
			rq.happened(now, meant{s.User})
			rq.end(q, Done{q.token})
		case q.quest != nil && q.quest.chosen == s.User:
			rq.reached(now, q)
		}
	}
	if len(rq.standing) > 0 {
		rq.wake(now)
	}
}

// waitsFor says whether the person waits for a user by q.
func (q *request) waitsFor(user identity.UserKey) bool {
	if q.quest == nil {
		return q.find.user == user
	}
	return q.quest.chosen == user || slices.ContainsFunc(q.quest.claims, func(c namesake) bool { return c.user == user })
}

// pingSettled: a probe was answered.
func (rq *requests) pingSettled(now time.Time, a dgram.Settled) {
	rq.exploded(a)
	id := identity.SessionID(a.Peer)
	s, ok := rq.book.Session(id)
	if !ok {
		return
	}
	for _, q := range rq.pings() {
		switch q.kind {
		case pingAddr, pingUser:
			if !slices.Contains(q.probes, a.ID) || a.Result != wire.ResultDelivered {
				continue
			}
			at, _, _ := rq.ep.Path(a.Peer)
			addr, path := rq.ways.shownAddr(at)
			if q.kind == pingAddr {
				addr, path = q.addr, PathDirect
			}
			rq.happened(now, meant{s.User})
			rq.notify.flush(id) // online comes before pong
			rq.end(q, Pong{Token: q.token, Late: q.late, Addr: addr, User: rq.book.Label(s.User), Session: id.String(), RTT: a.RTT, Path: path})
		}
	}
}

// unanswered: nobody, or somebody else, was there.
func (rq *requests) unanswered(_ time.Time, u dgram.Unanswered) {
	for _, q := range rq.pings() {
		if q.kind != pingAddr || q.addr != u.Addr || !q.peer.IsZero() {
			continue
		}
		text := ""
		switch u.Stage {
		case dgram.StageMismatch:
			text = fmt.Sprintf("another key than expected answers at %s", q.addr)
		case dgram.StageRefused:
			text = fmt.Sprintf("%s refused us: it is this node itself, or it blocks us", q.addr)
		case dgram.StageChallenged:
			text = fmt.Sprintf("%s answers, but has not accepted us: something on the path changes our address, or it is too busy", q.addr)
		}
		switch {
		case q.late && text == "":
			rq.end(q, nil) // the person has been told
		case q.late:
			rq.end(q, Notice{"\\ping: " + text})
		case text != "" && u.Stage != dgram.StageChallenged:
			rq.end(q, Failed{q.token, text})
		}
	}
}
