package shell

import (
	"time"

	"darkchat/neighbors"
)

// Bounds of unanswered.
const (
	answerPatience = time.Second // before a person is told that a text has no answer yet
	maxUnanswered  = 256         // texts remembered; of further ones the person is not told
)

// unanswered holds the lines "sent, no answer yet" back for a moment, because the answer nearly always
// comes first, and one line a text is enough. It keeps the order of time; only the printer uses it.
type unanswered struct {
	list []sentLine
}

type sentLine struct {
	event neighbors.Delivery
	at    time.Time // when to tell
}

// hold takes the sent lines out of items and adds those that are due. Of several steps of one text in a
// batch only the last is told.
func (u *unanswered) hold(items []item, now time.Time) []item {
	out := items[:0]
	last := make(map[uint64]int)
	for i, it := range items {
		if d, ok := it.event.(neighbors.Delivery); ok {
			last[d.ID] = i
		}
	}
	for i, it := range items {
		d, ok := it.event.(neighbors.Delivery)
		switch {
		case !ok:
			out = append(out, it)
		case last[d.ID] != i:
		case d.State == neighbors.Sent:
			u.forget(d.ID)
			if len(u.list) < maxUnanswered {
				u.list = append(u.list, sentLine{d, now.Add(answerPatience)})
			}
		default:
			u.forget(d.ID)
			out = append(out, it)
		}
	}
	for len(u.list) > 0 && !u.list[0].at.After(now) {
		out = append(out, item{event: u.list[0].event})
		u.list = u.list[1:]
	}
	return out
}

// rest gives all that is held back, whatever its time.
func (u *unanswered) rest() (items []item) {
	for _, s := range u.list {
		items = append(items, item{event: s.event})
	}
	u.list = nil
	return items
}

func (u *unanswered) forget(id uint64) {
	for i, s := range u.list {
		if s.event.ID == id {
			u.list = append(u.list[:i:i], u.list[i+1:]...)
			return
		}
	}
}

// next is when the next line is due; zero when none is.
func (u *unanswered) next() time.Time {
	if len(u.list) == 0 {
		return time.Time{}
	}
	return u.list[0].at
}
