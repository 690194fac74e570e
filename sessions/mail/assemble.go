package mail

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// unfinished is a line whose last parts are missing.
type unfinished struct {
	line  Incoming // without its text
	first uint64   // the id of its first part, even if that did not come
	parts uint64
	ids   []uint64 // in the store
	texts []string
	size  int          // in the pool Unfinished
	at    time.Time    // when a part was last added
	class budget.Class // the list it is in
}

// room is what the line takes in the pool Unfinished; u may be nil.
func (u *unfinished) room() int {
	if u == nil {
		return 0
	}
	return u.size
}

// Recorded says that a part is in the store. When all before it are too, it is released: acks
// are parts that only add to a line and can be acknowledged now, messages are lines that are
// complete and to be shown. Both slices are valid until the next call.
func (i *Inbox) Recorded(from identity.SessionID, id uint64) (acks []uint64, messages []Incoming) {
	i.acks, i.messages = i.acks[:0], i.messages[:0]
	w, ok := i.window(from)
	if !ok {
		return nil, nil
	}
	if at, ok := w.writingAt(id); ok {
		w.writing[at].recorded = true
	}
	n := 0
	for ; n < len(w.writing) && w.writing[n].recorded; n++ {
		i.place(w, w.writing[n])
	}
	w.writing = slices.Delete(w.writing, 0, n)
	return i.acks, i.messages
}

// place adds a recorded part to its line.
func (i *Inbox) place(w *window, t taken) {
	line, whole, fresh := i.add(t.at, w, t.part)
	switch {
	case fresh:
		i.messages = append(i.messages, line)
	case !whole:
		i.ledger.Free(budget.Handles, w.by, 1)
		i.acks = append(i.acks, t.part.ID)
	}
}

// add adds a part to its line, and returns the line once it is whole. The line is not fresh if
// it already waits to be shown, having been taken before its window was forgotten. A line whose
// sender went on without finishing it is forgotten. If the beginning of a line is lost, here or
// by the sender's choice, the rest is shown, marked as incomplete.
func (i *Inbox) add(at time.Time, w *window, p Part) (line Incoming, whole, fresh bool) {
	first := p.ID - p.Part
	if w.line != nil && (w.line.first != first || w.line.parts != p.Parts) {
		i.abandon(w)
	}
	u := w.line
	if p.Parts == 1 {
		line = Incoming{
			ID: p.ID, Last: p.ID, From: w.session, User: w.user, Text: p.Text, Sent: kv.FromMillis(p.Sent), Late: p.Late, At: at,
		}
		return line, true, i.wait(shown{line: line, parts: []uint64{p.ID}, by: w.by, handles: 1})
	}
	if u == nil {
		u = &unfinished{first: first, parts: p.Parts, line: Incoming{ID: p.ID, From: w.session, User: w.user}}
		if p.Part > 0 {
			u.line.Lost = LostStart
		}
	} else if p.ID != u.line.Last+1 {
		u.line.Lost |= LostMiddle
	}
	u.line.Last, u.line.Sent, u.line.Late, u.line.At = p.ID, kv.FromMillis(p.Sent), p.Late, at
	u.ids, u.texts = append(u.ids, p.ID), append(u.texts, p.Text)
	u.size += roomOf(p)
	u.at = at
	if p.Part < p.Parts-1 {
		w.line = u
		i.list(w)
		return line, false, false
	}
	i.unlist(w)
	u.line.Text = strings.Join(u.texts, "")
	return u.line, true, i.wait(shown{line: u.line, parts: u.ids, by: w.by, size: u.size, handles: 1})
}

// wait adds a line to those to be shown. false: it is one of them already, and was taken anew
// after its window was forgotten.
func (i *Inbox) wait(s shown) (fresh bool) {
	key := TextKey{s.line.From, s.line.Last}
	old, again := i.unshown[key]
	if again {
		i.release(old)
	}
	i.unshown[key] = s
	return !again
}

// release gives back the room of a line that was to be shown.
func (i *Inbox) release(s shown) {
	if s.handles > 0 {
		i.ledger.Free(budget.Handles, s.by, s.handles)
	}
	if s.size > 0 {
		i.ledger.Free(budget.Unfinished, s.by, s.size)
	}
}

// abandon forgets a window's unfinished line, in the store as well.
func (i *Inbox) abandon(w *window) {
	if w.line == nil {
		return
	}
	for _, id := range w.line.ids {
		i.erase(w.session, id)
	}
	i.ledger.Free(budget.Unfinished, w.by, w.line.size)
	i.unlist(w)
}

// cut has a window's unfinished line shown as far as it came: its parts were acknowledged.
func (i *Inbox) cut(w *window) {
	if w.line == nil {
		return
	}
	u := w.line
	i.unlist(w)
	u.line.Lost |= LostEnd
	u.line.Text = strings.Join(u.texts, "")
	if i.wait(shown{line: u.line, parts: u.ids, by: w.by, size: u.size}) {
		i.ended = append(i.ended, u.line)
	}
}

// list notes that a part was added to a window's unfinished line.
func (i *Inbox) list(w *window) {
	if u := w.line; u.class != w.by.Class {
		i.begun[u.class].Remove(w.session)
		u.class = w.by.Class
	}
	i.begun[w.line.class].Add(w.session, w)
}

// unlist takes the unfinished line out of a window, and the window out of its list.
func (i *Inbox) unlist(w *window) {
	if w.line != nil {
		i.begun[w.line.class].Remove(w.session)
		w.line = nil
	}
}

// cutOlder has lines of a class shown, as far as they came, if nothing was added to them for
// age. It returns when the next of them will be that old; zero: there is none.
func (i *Inbox) cutOlder(of budget.Class, now time.Time, age time.Duration) time.Time {
	for {
		_, w, ok := i.begun[of].GetOldest()
		if !ok {
			return time.Time{}
		}
		if at := w.line.at.Add(age); at.After(now) {
			return at
		}
		if w.idle() {
			i.cut(w)
		} else { // a part has followed it
			w.line.at = now
			i.list(w)
		}
	}
}

// Expire has lines shown, as far as they came, to which nothing was added for long. It returns
// when to call it next; zero: no line is unfinished.
func (i *Inbox) Expire(now time.Time) (next time.Time) {
	for of := range i.begun {
		if at := i.cutOlder(budget.Class(of), now, unfinishedLife); next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

// Failed says that a part could not be stored. It, and the parts taken after it, count as never
// received; the sender will offer them again. The ids are those to answer busy, valid until the
// next call.
func (i *Inbox) Failed(from identity.SessionID, id uint64) (busy []uint64) {
	i.ids = i.ids[:0]
	w, ok := i.window(from)
	if !ok {
		return nil
	}
	at, ok := w.writingAt(id)
	if !ok {
		return nil
	}
	w.untake(w.writing[at].before)
	for _, t := range w.writing[at:] {
		i.ids = append(i.ids, t.part.ID)
		i.ledger.Free(budget.Handles, w.by, 1)
		i.ledger.Free(budget.Unfinished, w.by, roomOf(t.part))
	}
	w.writing = slices.Delete(w.writing, at, len(w.writing))
	i.change(w)
	return i.ids
}

// Shown says that the line with this last part was shown. It returns the ids that can be
// acknowledged now: the last part, or nothing for a line that was shown before. The slice is
// valid until the next call.
func (i *Inbox) Shown(from identity.SessionID, last uint64) (acks []uint64) {
	key := TextKey{from, last}
	u, ok := i.unshown[key]
	if !ok {
		return nil
	}
	delete(i.unshown, key)
	i.release(u)
	for _, id := range u.parts {
		i.erase(from, id)
	}
	return u.parts[len(u.parts)-1:]
}

// Unread lists the lines that were recorded and not shown, in the order in which they came. At
// the start those are what an earlier run left.
func (i *Inbox) Unread() []Incoming {
	list := make([]Incoming, 0, len(i.unshown))
	for _, u := range i.unshown {
		list = append(list, u.line)
	}
	slices.SortFunc(list, func(x, y Incoming) int {
		return cmp.Or(x.At.Compare(y.At), identity.CompareIDs(x.From, y.From), cmp.Compare(x.ID, y.ID))
	})
	return list
}
