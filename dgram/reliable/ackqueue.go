package reliable

import (
	"time"

	"darkchat/dgram/wire"
)

// ackQueue holds the acks that one peer is owed, at most maxPendingAcks.
type ackQueue struct {
	list []wire.Ack
	due  time.Time // they leave then even if no other datagram does
}

// add adds an ack, in place of an earlier one of the same message. An urgent one
// leaves at once and takes the others along.
func (q *ackQueue) add(now time.Time, a wire.Ack, urgent bool) {
	due := now
	if !urgent {
		due = now.Add(maxAckDelay)
	}
	if len(q.list) == 0 || due.Before(q.due) {
		q.due = due
	}
	for i := range q.list {
		if q.list[i].Kind == a.Kind && q.list[i].ID == a.ID {
			q.list[i] = a
			return
		}
	}
	if len(q.list) < maxPendingAcks {
		q.list = append(q.list, a)
	}
}

// hasten makes the acks that are owed leave now.
func (q *ackQueue) hasten(now time.Time) {
	if len(q.list) > 0 {
		q.due = now
	}
}

// fit returns how many of the first acks go into room bytes, and their length.
func (q *ackQueue) fit(room int) (n, size int) {
	for n < len(q.list) && n < wire.MaxAcks {
		s := q.list[n].Size()
		if size+s > room {
			break
		}
		size += s
		n++
	}
	return n, size
}

// remove takes the first n out.
func (q *ackQueue) remove(n int) []wire.Ack {
	out := q.list[:n:n]
	if q.list = q.list[n:]; len(q.list) == 0 {
		q.list, q.due = nil, time.Time{}
	}
	return out
}
