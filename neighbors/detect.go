package neighbors

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// Failure detection in the shape of SWIM (Das, Gupta, Motivala 2002), with the local
// health of Lifeguard (Dadgar, Phillips, Currey 2018): a silent neighbour is probed,
// then others are asked whether they reach it, then it is suspected, and only a suspicion
// that nothing refutes makes it lost. Any authentic datagram is a sign of life. See
// spec/theory.md 5.2.

const (
	directProbes     = 2                // unanswered probes before others are asked
	maxWatchers      = 3                // neighbours asked at a time about a silent one, and confirmations of a suspicion that count
	linkWatchers     = 6                // the same on one of our own links, where everybody watches everybody
	askEvery         = 4                // probes of a suspect between two rounds of questions to others
	indirectAckLast  = 30 * time.Second // how long the word of others stands for a sign of life; then we must hear one ourselves
	indirectAckAgain = time.Second      // after such a word the silent neighbour is probed again
	maxPingReqs      = 64               // questions to others under way
	patience         = 13 * time.Second // nobody is lost sooner than this after a change of our own network
	silenceSeed      = 30 * time.Second // a seed leaves the probing to its clients,
	seedPatience     = 80 * time.Second // and forgets one that its user does not know when three of its probes are missing
	silenceTalk      = 5 * time.Second  // a neighbour is probed after this silence while texts come and go,
	talkTime         = time.Minute      // and for this long after the last one
	maxWaited        = 5                // doubled at most this many times for a live peer that does not acknowledge
	turnOver         = 8                // a scheduled probe is re-drawn if the peer was heard in the last 1/8 of the interval
)

// detector decides who of our neighbours is silent, suspected and lost.
type detector struct {
	*core
	health   [2]health      // towards people known and seeds, and towards all others
	pingReqs []pingReq      // at most maxPingReqs
	relayed  []relayedProbe // at most maxRelayedProbes
}

// pingReq is a Reach of ours that waits for its answer.
type pingReq struct {
	id     uint64
	about  identity.SessionID
	helper identity.SessionID
}

// lastLife is when a neighbour gave its last sign of life: a datagram of its own or, for a
// while, the word of another neighbour.
func (dt *detector) lastLife(e *edge) time.Time {
	heard := dt.ep.LastHeard(wire.PeerID(e.id))
	if e.watch.indirect.vouched.After(heard) && e.watch.indirect.vouched.Sub(heard) < indirectAckLast {
		return e.watch.indirect.vouched
	}
	return heard
}

// silence is how long a neighbour may be silent before it is probed.
func (dt *detector) silence(now time.Time, e *edge) time.Duration {
	p := &dt.cfg.Profile
	if dt.cfg.Seed {
		return silenceSeed
	}
	wait, pace := p.Every, time.Duration(dt.edges.onlineBeside(e))*p.Pace
	switch {
	case e.watch.indirect.vouched.After(dt.ep.LastHeard(wire.PeerID(e.id))):
		return indirectAckAgain
	case e.seed:
		wait, pace = min(keepMapping, p.Last), 0 // its clients are many, and it leaves the probing to them
	case len(dt.watchers(e)) < 2:
		wait, pace = p.Alone, pace/3
	}
	wait = min(max(wait, pace), p.Last)
	if !e.talk.talked.IsZero() && now.Sub(e.talk.talked) < talkTime {
		wait = min(wait, silenceTalk)
	}
	if dt.nat.throughNAT(e) {
		wait = min(wait, dt.nat.mappingLife(now, e))
	}
	return wait
}

// checkLiveness is called when a neighbour has been silent long enough for the next step: to probe it,
// ask others, suspect it and at last give it up.
func (dt *detector) checkLiveness(now time.Time, e *edge) {
	if dt.expires(e) {
		dt.expire(now, e)
		return
	}
	life := dt.lastLife(e)
	wait := dt.silence(now, e)
	quiet := e.watch.probes == 0 && life.Add(wait).After(now) && !life.Before(e.unsure) && !due(dt.ignored(e), now)
	if quiet && !e.watch.turn.IsZero() {
		switch {
		case e.watch.turn.After(now):
			e.quietAt = earliest(earliest(e.watch.turn, life.Add(wait)), dt.ignored(e))
			return
		case now.Sub(life) <= wait/turnOver:
			dt.jitterProbe(now, e) // many may have received that sign of life too
			return
		}
		quiet = false
	}
	if quiet || e.watch.probes > 0 && life.After(e.watch.began) {
		dt.clearSuspicion(now, e)
		e.quietAt = earliest(life.Add(dt.spreadEighth(wait)), dt.ignored(e))
		return
	}
	if e.watch.probes == 0 {
		e.watch.began = now
	}
	switch {
	case e.watch.probes < directProbes:
		e.watch.probes++
		e.quietAt = now.Add(dt.answerTime(e))
		if e.watch.probes == directProbes {
			dt.sendPingReqs(now, e)
		}
	case e.watch.since.IsZero():
		dt.suspect(now, e)
		e.watch.probes++
		e.quietAt = now.Add(dt.gap(e))
	case dt.outlived(now, e):
		dt.happened(now, lost{e})
		return
	case !dt.budget.Spend(now, budget.Probes, e.payer, 1):
		// Too many strangers are silent at once. Nobody is lost without being probed.
		e.watch.until = e.watch.until.Add(dt.gap(e))
		e.quietAt = now.Add(dt.gap(e))
		return
	case !e.watch.until.After(now) && !dt.deaf(e):
		dt.happened(now, lost{e})
		return
	default:
		if e.watch.probes++; e.watch.probes%askEvery == 0 {
			if e.watch.asked && !e.watch.answered || !e.watch.asked && dt.otherSuspect(e) {
				dt.healthOf(e).worse() // nobody at all answers: it may be us
				dt.judgeSuspect(e)
			}
			dt.sendPingReqs(now, e)
		}
		e.quietAt = now.Add(dt.gap(e))
	}
	if s, ok := dt.book.Session(e.id); dt.ep.Probe(now, wire.PeerID(e.id)) == 0 && ok {
		dt.dialSession(now, s) // the keys are gone
	}
}

// jitterProbe schedules the next probe of a neighbour at a random time. Its last sign of life
// reached many watchers at once, who would otherwise all start probing at the same moment, and
// late. With random turns one of them is soon the first.
func (dt *detector) jitterProbe(now time.Time, e *edge) {
	if dt.expires(e) {
		e.quietAt = now.Add(seedPatience)
		return
	}
	if e.watch.probes > 0 {
		return
	}
	wait := dt.silence(now, e)
	e.watch.turn = now.Add(wait/turnOver + 4*(dt.spread(wait)-wait)*(turnOver-1)/turnOver)
	e.quietAt = e.watch.turn
	if at := dt.ignored(e); at.After(now) {
		e.quietAt = earliest(e.quietAt, at)
	}
}

// clearSuspicion ends the watch over a silent neighbour, because it gave a sign of life.
func (dt *detector) clearSuspicion(now time.Time, e *edge) {
	if e.watch.probes > 0 {
		dt.healthOf(e).better()
		if e.talk.spoke.IsZero() {
			// it owes no answer to a text
		} else if len(e.send.flying) > 0 || dt.outbox.Waiting(e.id) {
			e.talk.spoke, e.talk.waited = now, min(e.talk.waited+1, maxWaited)
		} else {
			e.talk.spoke = time.Time{} // it was cancelled, or is over
		}
	}
	suspected := !e.watch.since.IsZero()
	e.watch = probeState{indirect: e.watch.indirect}
	if suspected {
		dt.happened(now, changed{e})
	}
}

// suspect begins the suspicion of a neighbour and tells others, so that they probe it too.
func (dt *detector) suspect(now time.Time, e *edge) {
	e.watch.since = now
	dt.judgeSuspect(e)
	dt.happened(now, changed{e})
	at, _, ok := dt.direct(e.id)
	dt.ep.Doubt(now, wire.PeerID(e.id))
	if ok && !dt.links.near(at.Addr()) {
		dt.askNear(now, e) // it may be alive, and only the path to it broken
		dt.happened(now, pathFailed{e})
	}
}

// otherSuspect says whether somebody else is suspected at the same time while no answer or
// confirmation has shown that the trouble is not our own.
func (dt *detector) otherSuspect(e *edge) bool {
	for _, o := range dt.edges.byID { // the order does not matter
		if o != e && o.online && counterparts(e, o) && !o.watch.since.IsZero() && !o.watch.answered && len(o.watch.confirmed) == 0 {
			return true
		}
	}
	return false
}

// judgeSuspect sets until when a suspicion lasts: the more neighbours confirm it, the shorter
// (Lifeguard, 3.2).
func (dt *detector) judgeSuspect(e *edge) {
	p := &dt.cfg.Profile
	span := p.SuspectAlone
	if k := len(dt.watchers(e)); k > 0 {
		c := min(len(e.watch.confirmed), k)
		shorter := math.Log(float64(c+1)) / math.Log(float64(k+1))
		span = p.SuspectMost - time.Duration(shorter*float64(p.SuspectMost-p.SuspectLeast))
	}
	e.watch.until = e.watch.since.Add(dt.healthOf(e).stretch(max(span, dt.slowest(e))))
	if !e.unsure.IsZero() && e.watch.until.Before(e.unsure.Add(dt.patient(e))) {
		e.watch.until = e.unsure.Add(dt.patient(e))
	}
}

// suspicionHeard: a neighbour says that it does not reach another one of ours. We probe that one at
// once unless we heard it a moment ago; if we suspect it already, this confirms it.
func (dt *detector) suspicionHeard(now time.Time, e *edge, by identity.SessionID) {
	if w := dt.edges.byID[by]; now.Sub(dt.ep.LastHeard(wire.PeerID(e.id))) < recentLife || dt.cfg.Seed || w == nil || !counterparts(e, w) {
		return
	}
	if len(e.watch.confirmed) < maxWatchers && !slices.Contains(e.watch.confirmed, by) {
		e.watch.confirmed = append(e.watch.confirmed, by)
	}
	if !e.watch.since.IsZero() {
		dt.judgeSuspect(e)
	} else if e.watch.probes == 0 {
		dt.doubt(now, e)
		dt.ep.Probe(now, wire.PeerID(e.id))
	}
	dt.edges.plan(e)
}

// doubt waits for an answer to a probe of a neighbour that is sent now.
func (dt *detector) doubt(now time.Time, e *edge) {
	e.watch.probes, e.watch.began = 1, now
	e.quietAt = now.Add(dt.answerTime(e))
	dt.edges.plan(e)
}

// watchers lists neighbours that also watch e, in a fixed order, at most maxWatchers. They can
// be asked, and they may confirm.
func (dt *detector) watchers(e *edge) []*edge {
	list := dt.watching(e, maxWatchers)
	return list[:min(len(list), maxWatchers)]
}

// watching lists all that watch e: those that say they have an edge to it (at most maxTellers)
// and, if e is on our own link, up to onLink others there.
func (dt *detector) watching(e *edge, onLink int) (list []*edge) {
	var tellers []claim
	if r := dt.claims.subject(e.id); r != nil {
		tellers = r.tellers
	}
	for _, t := range tellers {
		if w := dt.edges.byID[t.by]; w != nil && w.online && counterparts(e, w) && w.watch.since.IsZero() && t.state != uint64(identity.StateGone) {
			list = append(list, w)
		}
	}
	if !e.link {
		return list
	}
	for range onLink {
		var next *edge // the next by session id, on a ring that begins at e
		for _, w := range dt.edges.byID {
			if w.link && w != e && w.online && counterparts(e, w) && w.watch.since.IsZero() && !slices.Contains(list, w) &&
				(next == nil || after(e.id, w.id, next.id)) {
				next = w
			}
		}
		if next == nil {
			break
		}
		list = append(list, next)
	}
	return list
}

// sendPingReqs asks others whether they reach a silent neighbour: the one that last did, and
// each time different ones, since some of them may lie.
func (dt *detector) sendPingReqs(now time.Time, e *edge) {
	list := dt.watching(e, linkWatchers)
	if len(list) > maxWatchers {
		at := e.watch.indirect.asks % len(list)
		list = slices.Concat(list[at:], list[:at])
		if i := slices.IndexFunc(list, func(w *edge) bool { return w.id == e.watch.indirect.helper }); i > 0 {
			list[0], list[i] = list[i], list[0]
		}
		list = list[:maxWatchers]
	}
	e.watch.indirect.asks += maxWatchers
	for _, w := range list {
		id := dt.ep.Reach(now, wire.PeerID(w.id), wire.PeerID(e.id))
		if id == 0 {
			continue
		}
		if len(dt.pingReqs) == maxPingReqs && !dt.dropPingReq(e) {
			continue
		}
		dt.pingReqs = append(dt.pingReqs, pingReq{id, e.id, w.id})
		e.watch.asked = true
	}
}

// dropPingReq makes room for a question about e: the oldest goes, preferably one about a
// worse class; false when all are about better ones.
func (dt *detector) dropPingReq(e *edge) bool {
	worst, class := -1, e.payer.Class
	for i, q := range dt.pingReqs {
		about := dt.edges.byID[q.about]
		if about == nil {
			worst = i
			break
		}
		if c := about.payer.Class; worst < 0 && c >= class || c > class {
			worst, class = i, c
		}
	}
	if worst < 0 {
		return false
	}
	dt.pingReqs = slices.Delete(dt.pingReqs, worst, worst+1)
	return true
}

// pingReqSettled: a helper says whether it reaches a neighbour of ours.
func (dt *detector) pingReqSettled(now time.Time, a dgram.Settled) {
	i := slices.IndexFunc(dt.pingReqs, func(q pingReq) bool {
		return q.id == a.ID && q.helper == identity.SessionID(a.Peer)
	})
	if i < 0 {
		return
	}
	e, helper := dt.edges.byID[dt.pingReqs[i].about], dt.pingReqs[i].helper
	dt.pingReqs = slices.Delete(dt.pingReqs, i, i+1)
	if e == nil || !e.online {
		return
	}
	e.watch.answered = true
	if a.Result != wire.ResultDelivered || e.watch.probes == 0 {
		return
	}
	if e.watch.indirect.vouched.IsZero() || now.Sub(e.watch.indirect.vouched) > indirectAckLast {
		dt.askNear(now, e) // it is alive, so it is the path that is broken
	}
	e.watch.indirect.vouched, e.watch.indirect.helper = now, helper
	if !dt.lastLife(e).Equal(now) {
		return // we ourselves have not heard it for too long
	}
	dt.clearSuspicion(now, e)
	e.quietAt = now.Add(indirectAckAgain)
	dt.edges.plan(e)
}

// askNear asks those who could introduce us to a neighbour again: the one that did before,
// seeds, and common neighbours.
func (dt *detector) askNear(now time.Time, e *edge) {
	var list []*edge
	if w := dt.ways.byID[e.id]; w != nil {
		if by := dt.edges.byID[w.by]; by != nil && by.online {
			list = append(list, by)
		}
	}
	list = append(list, dt.watchers(e)...)
	for _, s := range dt.edges.live() {
		if s.seed && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for _, by := range list[:min(len(list), introduceTo)] {
		dt.finder.askOne(now, by, find{user: e.user})
	}
}

// deaf says that we could not hear e whatever it sends, because no interface of ours leads
// anywhere. That makes nobody lost.
func (dt *detector) deaf(e *edge) bool {
	if dt.cfg.LoopbackOnly || len(dt.cfg.Interfaces) == 0 && len(dt.cfg.Listen) == 0 {
		return false
	}
	at, _, ok := dt.ep.Path(wire.PeerID(e.id))
	if !ok || at.Addr().IsLoopback() {
		return false
	}
	if !at.Addr().IsLinkLocalUnicast() && slices.ContainsFunc(dt.cfg.Guests, func(p netip.Prefix) bool { return p.Contains(at.Addr()) }) {
		return false
	}
	return !slices.ContainsFunc(outer(dt.cfg.Listen, dt.cfg.Guests), func(a netip.AddrPort) bool { return !a.Addr().IsLoopback() })
}
