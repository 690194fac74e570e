package neighbors

import (
	"slices"
	"time"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
	"darkchat/sessions/mail"
	"darkchat/sessions/store"
)

// Finished takes the outcome of a batch or of a request for numbers.
func (n *Node) Finished(now time.Time, d store.Done) {
	switch {
	case d.Seq == 0:
		n.core.writes.storeFails(now, d.Err)
	case d.Seq&reserveMark != 0:
		n.core.own.numbers.granted(store.Counter(d.Seq&^reserveMark), d.Granted, d.Err)
	default:
		w := n.core.writes.unsure[d.Seq]
		delete(n.core.writes.unsure, d.Seq)
		n.core.writes.storeFails(now, d.Err)
		if d.Err != nil {
			n.core.writes.keep(now, w.batch)
		}
		n.written(now, w, d.Err)
	}
	n.core.wake(now)
}

// passWrite goes on without a write in a run that stores nothing.
func (n *Node) passWrite(now time.Time) {
	if w := n.core.writes.gathered; n.core.cfg.Unstored && len(w.texts)+len(w.shown)+len(w.lines)+len(w.kept) > 0 {
		n.core.writes.gathered = waiting{}
		n.written(now, w, nil)
	}
}

// written does what waited for a write.
func (n *Node) written(now time.Time, w waiting, err error) {
	for _, key := range w.texts {
		n.inbound.textWritten(now, key, err)
	}
	for _, key := range w.shown {
		n.inbound.acknowledge(now, key, wire.ResultDelivered)
	}
	if w.keys && err == nil {
		n.inbound.holdKeyWritten(now)
	}
	for _, h := range w.kept {
		result := wire.ResultDelivered
		if err != nil {
			result = wire.ResultBusy
		}
		n.core.ep.Settle(now, h, result, 0)
	}
	// Our own lines go out even when the disk is full: the person is told, and
	// they are kept in memory.
	var users []identity.UserKey
	for _, l := range w.lines {
		for _, p := range l.progress {
			if !slices.Contains(users, p.To) {
				users = append(users, p.To)
			}
		}
		queued := l.progress[len(l.progress)-1].State == mail.DeliveryQueued
		n.outbound.progress(now, n.outbound.nowTrue(l.progress), l.token)
		if queued {
			n.custody.offerSoon(now, 0)
		}
	}
	for _, user := range users {
		n.outbound.pumpAll(now, user)
	}
}
