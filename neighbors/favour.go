package neighbors

import (
	"bytes"
	"slices"
	"time"

	"darkchat/dgram"
	"darkchat/dgram/wire"
	"darkchat/sessions/book"
	"darkchat/sessions/identity"
)

// Bounds of neighbours' questions that wait for the answer of another neighbour.
const (
	maxFavours   = 64
	maxFavoursOf = 16 // of one asker, who must leave room for others
)

// favour is a neighbour's question whether we reach another one (spec/wire.md 5.6, reach): the
// helper's side of SWIM's indirect probe.
type favour struct {
	handle dgram.Handle
	about  identity.SessionID
	by     identity.SessionID
	until  time.Time
}

// reachAsked answers at once if there was a sign of life a moment ago, else after a probe of our
// own. Only neighbours that we tell of that session anyway get an answer, so it reveals nothing
// about whom we know; and the probe goes to a session associated with us, never to an address,
// and is smaller than the question.
func (dt *detector) reachAsked(now time.Time, asker book.Session, r dgram.Received, p wire.Ping) {
	about := identity.SessionID(p.Session)
	e, by := dt.edges.byID[about], dt.edges.byID[asker.ID]
	if e == nil || by == nil || !e.online || !dt.edges.tells(e, by) || dt.cfg.Seed {
		dt.ep.Settle(now, r.Handle, wire.ResultUnknownRecipient, 0)
		return
	}
	if now.Sub(dt.ep.LastHeard(wire.PeerID(about))) < recentLife {
		dt.ep.Settle(now, r.Handle, wire.ResultDelivered, 0)
		return
	}
	if len(dt.favours) >= maxFavours || dt.favoursOf(by.id) >= maxFavoursOf {
		dt.ep.Settle(now, r.Handle, wire.ResultBusy, 0)
		return
	}
	// One probe answers all who ask in the meantime.
	if !slices.ContainsFunc(dt.favours, func(f favour) bool { return f.about == about }) {
		dt.ep.Probe(now, wire.PeerID(about))
	}
	dt.favours = append(dt.favours, favour{r.Handle, about, by.id, now.Add(dt.answerTime(e))})
	dt.wake(dt.favours[0].until)
}

// favoursOf counts the questions of one asker.
func (dt *detector) favoursOf(by identity.SessionID) (count int) {
	for i := range dt.favours {
		if dt.favours[i].by == by {
			count++
		}
	}
	return count
}

// repay answers those who asked about a session that has now given a sign of life.
func (dt *detector) repay(now time.Time, id identity.SessionID) {
	if len(dt.favours) == 0 {
		return
	}
	dt.favours = slices.DeleteFunc(dt.favours, func(f favour) bool {
		if !bytes.Equal(f.about[:], id[:]) {
			return false
		}
		dt.ep.Settle(now, f.handle, wire.ResultDelivered, 0)
		return true
	})
}

// advanceFavours answers the questions whose time is up.
func (dt *detector) advanceFavours(now time.Time) (next time.Time) {
	dt.favours = slices.DeleteFunc(dt.favours, func(f favour) bool {
		if f.until.After(now) {
			next = earliest(next, f.until)
			return false
		}
		dt.ep.Settle(now, f.handle, wire.ResultUnknownRecipient, 0)
		return true
	})
	return next
}
