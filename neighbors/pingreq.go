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
	maxRelayedProbes   = 64
	maxRelayedProbesOf = 16 // of one asker, who must leave room for others
)

// relayedProbe is a neighbour's question whether we reach another one (spec/wire.md 5.6, reach): the
// helper's side of SWIM's indirect probe.
type relayedProbe struct {
	handle dgram.Handle
	about  identity.SessionID
	by     identity.SessionID
	until  time.Time
}

// pingReqReceived answers at once if there was a sign of life a moment ago, else after a probe of our
// own. Only neighbours that we tell of that session anyway get an answer, so it reveals nothing
// about whom we know; and the probe goes to a session associated with us, never to an address,
// and is smaller than the question.
func (dt *detector) pingReqReceived(now time.Time, asker book.Session, r dgram.Received, p wire.Ping) {
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
	if len(dt.relayed) >= maxRelayedProbes || dt.relayedFor(by.id) >= maxRelayedProbesOf {
		dt.ep.Settle(now, r.Handle, wire.ResultBusy, 0)
		return
	}
	// One probe answers all who ask in the meantime.
	if !slices.ContainsFunc(dt.relayed, func(f relayedProbe) bool { return f.about == about }) {
		dt.ep.Probe(now, wire.PeerID(about))
	}
	dt.relayed = append(dt.relayed, relayedProbe{r.Handle, about, by.id, now.Add(dt.answerTime(e))})
	dt.wake(dt.relayed[0].until)
}

// relayedFor counts the questions of one asker.
func (dt *detector) relayedFor(by identity.SessionID) (count int) {
	for i := range dt.relayed {
		if dt.relayed[i].by == by {
			count++
		}
	}
	return count
}

// answerRelayed answers those who asked about a session that has now given a sign of life.
func (dt *detector) answerRelayed(now time.Time, id identity.SessionID) {
	if len(dt.relayed) == 0 {
		return
	}
	dt.relayed = slices.DeleteFunc(dt.relayed, func(f relayedProbe) bool {
		if !bytes.Equal(f.about[:], id[:]) {
			return false
		}
		dt.ep.Settle(now, f.handle, wire.ResultDelivered, 0)
		return true
	})
}

// advanceRelayed answers the questions whose time is up.
func (dt *detector) advanceRelayed(now time.Time) (next time.Time) {
	dt.relayed = slices.DeleteFunc(dt.relayed, func(f relayedProbe) bool {
		if f.until.After(now) {
			next = earliest(next, f.until)
			return false
		}
		dt.ep.Settle(now, f.handle, wire.ResultUnknownRecipient, 0)
		return true
	})
	return next
}
