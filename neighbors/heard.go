package neighbors

import (
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"time"
)

// heardSummaries takes a neighbour's summaries: we act on what is new, and pull each record that
// we lack from that neighbour, once. Beyond the neighbour's allowance we only store the claims.
// asked: they answer our request, and are not news.
func (g *gossip) heardSummaries(now time.Time, by *edge, list []wire.Summary, asked bool) {
	for _, s := range list {
		id := identity.SessionID(s.Session)
		if id == g.own.session || id == by.id {
			continue
		}
		r, news, was := g.claims.note(by.id, g.edges.known(by), s, asked)
		if r == nil {
			continue
		}
		known, ok := g.book.Session(id)
		lacking := !ok || s.Seq > known.Seq
		if ok && known.User == g.own.user || !news && !lacking || !by.limits.claims.Take(now, 1) {
			continue
		}
		if lacking {
			g.pullRecord(now, id, by.id)
		}
		if news {
			g.rumored(now, r, by, s, was)
			g.happened(now, claimed{})
		}
	}
	g.sendPulls(now)
}

// rumored acts on a neighbour's new claim; was is the claim before it.
func (g *gossip) rumored(now time.Time, r *subject, by *edge, s wire.Summary, was uint64) {
	e := g.edges.byID[r.id]
	switch said := saidState(s.State); {
	case e != nil && e.online:
		if s.State == wire.SummarySuspect || s.State == wire.SummaryLost {
			g.happened(now, accused{e, by.id})
		}
	case said == Online || said == Away:
		g.happened(now, sighted{r.id, by})
		if was == wire.SummaryLost && g.edges.known(by) {
			g.happened(now, refound{})
		}
	}
	g.reconsider(now, r)
}

// reconsider tells the person what is believed of a session two edges away, if that has changed.
// Suspicion is not told: it passes, or becomes more.
func (g *gossip) reconsider(now time.Time, r *subject) {
	s, ok := g.book.Session(r.id)
	if !ok || s.User == g.own.user {
		return
	}
	if e := g.edges.byID[r.id]; e != nil && e.online {
		r.shown = Online
		return
	}
	state, by := g.claims.via(r)
	if state == r.shown || state == Suspect || r.shown == "" && (state == Offline || state == Unknown) {
		return
	}
	r.shown = state
	trust := g.book.Trust(s.User)
	if trust == book.TrustBlocked {
		return
	}
	h := HeardOf{User: g.book.Label(s.User), Session: r.id.String(), State: state, Trust: trust.String()}
	if by != nil {
		h.Via = g.book.Label(by.user)
	}
	g.notify.heard(now, r.id, h)
}

// forgetTeller: a neighbour is no longer here, so what it told may no longer be true.
func (g *gossip) forgetTeller(now time.Time, id identity.SessionID) {
	for _, r := range g.claims.drop(id) {
		g.reconsider(now, r)
	}
}
