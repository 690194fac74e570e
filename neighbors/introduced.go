package neighbors

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
)

// The target's side of an introduction: an introducer tells us of somebody we asked for, or of
// somebody who asks for us.

// The most HELLOs that an introduction costs (spec/theory.md 7.4); whoever caused it pays. One
// that we asked for ends with the first answer, and there are only as many as we ask for.
const (
	helloPerAddr  = 6
	helloPerPunch = 10
)

// maxKnocks bounds the strangers who ask for us and wait; the one who asked longest ago goes.
// Each pays for its place out of budget.Told.
const maxKnocks = 64

// knockCost is what the line about a knock costs: it asks the person for a decision, and so takes
// more of their time than a line about who comes and goes.
const knockCost = 10

// knocker is a stranger who asks for us, through a common neighbour.
type knocker struct {
	user identity.UserKey
	name string
	by   identity.SessionID // the introducer that said so last
	at   time.Time          // when
}

// vetted is an introduction whose record is sound.
type vetted struct {
	by      book.Session
	rec     identity.Record
	addrs   []netip.AddrPort // those that may be dialled
	trusted bool             // we would ask the introducer ourselves
}

// vet checks an introduction: a common neighbour says that we and somebody else should meet, or
// that somebody would like to.
func (in *introducer) vet(by book.Session, r dgram.Received, p wire.Ping) (v vetted, ok bool) {
	v = vetted{by: by, trusted: in.edges.payerAt(by, r.Addr).Class <= budget.Seed}
	if p.Scope == wire.ScopeFind && !v.trusted && in.cfg.Intro != IntroAll && in.cfg.Intro != IntroLink {
		return v, false // we ask no such neighbour and let none introduce us, so no signature is worth checking
	}
	var err error
	v.rec, err = in.verify(p.Record)
	if err != nil || !bytes.Equal(p.By, by.ID[:]) || !bytes.Equal(p.Session, v.rec.Session[:]) || v.rec.Session == in.own.session {
		return v, false
	}
	if in.book.Trust(v.rec.User) == book.TrustBlocked {
		return v, false
	}
	for _, a := range p.Addrs {
		if in.dialable(a, r.Addr.Addr()) {
			v.addrs = append(v.addrs, a)
		}
	}
	return v, true
}

// introducedTo acts on an introduction that we did not ask for, if its ticket shows that they did.
// It returns where and when to meet them; false: not at all.
func (in *introducer) introducedTo(now time.Time, v vetted, r dgram.Received, p wire.Ping) (addrs []netip.AddrPort, delay time.Duration, ok bool) {
	if !in.ticketHolds(v.rec, v.by.ID, p) || !in.means(p) || !in.finder.tickets.fresh(v.rec.Session, p.Ticket.Number) {
		return nil, 0, false
	}
	switch {
	case len(p.Addrs) > 0 && introducesAtOnce(in.cfg.Intro.flags(), in.beside(p.Addrs)):
		if !v.trusted && len(v.addrs) > 1 {
			v.addrs = v.addrs[len(v.addrs)-1:] // the one that the introducer says it has proved
		}
		return in.affordable(now, v.by, r.Addr, v.addrs, helloPerAddr), in.halfWay(v.by), true
	case v.trusted && in.cfg.Intro != IntroNone:
		in.knocked(now, v.by, v.rec, p.Record)
	}
	return nil, 0, false
}

// answered acts on an introduction that we asked for. It returns where and when to meet them;
// false: not at all. An \add of our user's (claimed) is charged to nobody; somebody found by it
// earlier may be introduced by the same ticket again.
func (in *introducer) answered(now time.Time, v vetted, p wire.Ping, claimed bool) (addrs []netip.AddrPort, delay time.Duration, ok bool) {
	at, _, _ := in.direct(v.by.ID)
	switch {
	case claimed:
	case len(p.User) > 0 || in.book.Trust(v.rec.User).Known():
		v.addrs = in.affordable(now, v.by, at, v.addrs, 1)
	default:
		return nil, 0, false
	}
	if !in.begins(v.rec) {
		delay = in.halfWay(v.by)
	}
	return v.addrs, delay, true
}

// halfWay is how long the side that does not begin waits: the first packets of both must not
// cross.
func (in *introducer) halfWay(by book.Session) time.Duration {
	_, rtt, _ := in.ep.Path(wire.PeerID(by.ID))
	return rtt / 2
}

// begins says whether we begin when both sides got their own ticket back. A session that is
// introduced to anybody waits, as one that did not ask does; otherwise the ids decide.
func (in *introducer) begins(rec identity.Record) bool {
	mine, theirs := in.cfg.Intro == IntroAll, introducesAtOnce(rec.Flags, false)
	if mine != theirs {
		return theirs
	}
	return mine || bytes.Compare(in.own.session[:], rec.Session[:]) < 0
}

// beside says whether somebody seen at these addresses is in one place with us.
func (in *introducer) beside(addrs []netip.AddrPort) bool {
	return slices.ContainsFunc(addrs, func(a netip.AddrPort) bool {
		home := func(own netip.AddrPort) bool { return oneHome(own.Addr(), a.Addr()) }
		return in.links.near(a.Addr()) || slices.ContainsFunc(in.nat.adopted, home) || slices.ContainsFunc(in.cfg.Listen, home)
	})
}

// affordable returns addrs if the introducer's budget covers HELLOs to each of them, else
// nothing.
func (in *introducer) affordable(now time.Time, by book.Session, at netip.AddrPort, addrs []netip.AddrPort, each int) []netip.AddrPort {
	cost := min(each*len(addrs), helloPerPunch)
	if !in.budget.Spend(now, budget.Hellos, in.edges.payerAt(by, at), float64(cost)) {
		return nil
	}
	return addrs
}

// means tells whether p looks for us.
func (in *introducer) means(p wire.Ping) bool {
	if len(p.User) > 0 {
		return bytes.Equal(p.User, in.own.user[:])
	}
	own, err := identity.MapName(in.cfg.Name)
	return err == nil && own == p.Name
}

// myTicket tells whether we signed the ticket of p ourselves.
func (in *introducer) myTicket(by identity.SessionID, p wire.Ping) bool {
	return in.ticketHolds(in.own.record, by, p)
}

// lookingFor tells whether rec is somebody we asked for a short time ago. The numbers of our
// tickets are times of asking, or later ones.
func (in *introducer) lookingFor(now time.Time, rec identity.Record, p wire.Ping) bool {
	if signed := time.UnixMilli(int64(min(p.Ticket.Number, identity.MaxSeq))); now.Sub(signed) > wishTime {
		return false
	}
	if len(p.User) > 0 {
		return bytes.Equal(p.User, rec.User[:])
	}
	mapped, err := identity.MapName(rec.Name)
	return err == nil && mapped == p.Name
}

// knocked: somebody asks for us. If our user knows them, we ask for them too, and that brings us
// together. If not, the person is told, once.
func (in *introducer) knocked(now time.Time, by book.Session, rec identity.Record, signed []byte) {
	if in.book.Trust(rec.User).Known() || rec.User == in.own.user {
		if e := in.edges.byID[by.ID]; e != nil {
			in.finder.askOne(now, e, find{user: rec.User})
		}
		return
	}
	list := in.knockers(now)
	if i := slices.IndexFunc(list, func(k knocker) bool { return k.user == rec.User }); i >= 0 {
		list[i].by, list[i].at = by.ID, now
		return
	}
	if in.cfg.Seed || !in.budget.Spend(now, budget.Told, in.userPayer(rec.User), knockCost) {
		return
	}
	if _, err := in.book.Learn(now, signed, rec, false, netip.Addr{}); err != nil {
		return
	}
	if len(list) == maxKnocks {
		list = list[1:]
	}
	in.knocks = append(list, knocker{rec.User, rec.Name, by.ID, now})
	in.emit(Knock{User: in.book.Label(rec.User), Fingerprint: identity.Fingerprint(rec.User), Via: in.book.Label(by.User), Who: Who(rec.User)})
}

// knockers lists the strangers who ask for us, the earliest first. It forgets those whose wish
// has expired and those about whom our user has decided.
func (in *introducer) knockers(now time.Time) []knocker {
	in.knocks = slices.DeleteFunc(in.knocks, func(k knocker) bool {
		return now.Sub(k.at) > wishTime || in.book.Trust(k.user) != book.TrustNew
	})
	return in.knocks
}

// gate shows the knockers to the door.
type gate struct{ *introducer }

func (g gate) knocks(now time.Time) (list []knock) {
	for _, k := range g.introducer.knockers(now) {
		label := g.introducer.book.Label(k.user)
		if label == "" { // forgotten meanwhile
			label = k.name + "~" + identity.Fingerprint(k.user)
		}
		list = append(list, knock{k.user, label, k.at})
	}
	return list
}

func (g gate) letIn(now time.Time, user identity.UserKey) error {
	return g.introducer.acceptKnock(now, user)
}

// turnAway has nothing to do: once our user has decided about them they are not knockers.
func (g gate) turnAway(time.Time, identity.UserKey) {}

// acceptKnock pins a stranger who asks for us, and asks for them, which tells the introducer that
// both want to meet.
func (in *introducer) acceptKnock(now time.Time, user identity.UserKey) error {
	list := in.knockers(now)
	i := slices.IndexFunc(list, func(k knocker) bool { return k.user == user })
	if i < 0 {
		return book.ErrUnknownUser
	}
	k := list[i]
	in.happened(now, meant{user})
	if err := in.book.Contact(now, user, k.name); err != nil { // they may have been forgotten meanwhile
		return err
	}
	in.reserve()
	if e := in.edges.byID[k.by]; e != nil && e.online {
		in.finder.askOne(now, e, find{user: user})
	}
	in.happened(now, wanted{user})
	return nil
}
