package sessions

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// unfinished is a line of which the last parts are missing.
type unfinished struct {
	first uint64
	parts uint64
	ids   []uint64 // in the store
	texts []string
	size  int
}

// Recorded says that a part is in the store. When all before it are too, it is
// released: acks are the parts that only add to a line and can be acknowledged
// now, messages are lines that are complete and to be shown. Both slices are
// valid until the next call.
func (i *Inbox) Recorded(from SessionID, id uint64) (acks []uint64, messages []Incoming) {
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
		i.release(w, w.writing[n])
	}
	w.writing = slices.Delete(w.writing, 0, n)
	i.writing -= n
	return i.acks, i.messages
}

// release adds a recorded part to its line.
func (i *Inbox) release(w *window, t taken) {
	if line, ids, ok := i.add(t.at, w, t.part); ok {
		i.unshown[lineKey{w.session, line.ID}] = shown{line, ids}
		i.messages = append(i.messages, line)
	} else {
		i.acks = append(i.acks, t.part.ID)
	}
}

// add gives the line and the ids of its parts when p is the last one. A line
// whose sender went on without finishing it is forgotten. Of a line whose
// beginning is lost, here or by the sender's choice, the rest is shown.
func (i *Inbox) add(at time.Time, w *window, p Part) (Incoming, []uint64, bool) {
	first := p.ID - p.Part
	line := Incoming{
		ID: first, From: w.session, User: w.user, Text: p.Text,
		Sent: fromMillis(p.Sent), Late: p.Late, At: at,
	}
	if w.line != nil && (w.line.first != first || w.line.parts != p.Parts) {
		i.abandon(w)
	}
	if p.Parts == 1 {
		return line, []uint64{p.ID}, true
	}
	if w.line == nil {
		w.line = &unfinished{first: first, parts: p.Parts}
	}
	u := w.line
	u.ids, u.texts = append(u.ids, p.ID), append(u.texts, p.Text)
	if p.Part < p.Parts-1 {
		u.size += len(p.Text)
		i.partial += len(p.Text)
		i.begin(w)
		return Incoming{}, nil, false
	}
	line.Text = strings.Join(u.texts, "")
	i.end(w)
	return line, u.ids, true
}

// abandon forgets a window's unfinished line, in the store as well.
func (i *Inbox) abandon(w *window) {
	if w.line == nil {
		return
	}
	for _, id := range w.line.ids {
		i.erase(w.session, id)
	}
	i.end(w)
}

// begin notes that a window has an unfinished line that was added to, and makes
// room: the lines that nothing was added to for longest are given up, those of
// new users first.
func (i *Inbox) begin(w *window) {
	strangers, friends := i.begun[0], i.begun[1]
	if i.known(w.user) {
		strangers.Remove(w.session)
		friends.Add(w.session, w)
	} else {
		strangers.Add(w.session, w)
	}
	for i.partial > maxUnfinished {
		_, oldest, ok := strangers.GetOldest()
		if !ok || oldest == w {
			if _, oldest, ok = friends.GetOldest(); !ok || oldest == w {
				return // w alone is far below the bound
			}
		}
		i.abandon(oldest)
	}
}

// end takes the unfinished line out of a window.
func (i *Inbox) end(w *window) {
	i.partial -= w.line.size
	w.line = nil
	i.begun[0].Remove(w.session)
	i.begun[1].Remove(w.session)
}

// Failed says that a part could not be stored. It, and what was taken after it,
// counts as never received; the sender offers it again. The ids are those to be
// answered busy, valid until the next call.
func (i *Inbox) Failed(from SessionID, id uint64) (busy []uint64) {
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
	}
	i.writing -= len(w.writing) - at
	w.writing = slices.Delete(w.writing, at, len(w.writing))
	i.change(w)
	return i.ids
}

// Shown says that a line was shown. What it returns can be acknowledged now: its
// last part, or nothing for a line that was shown before. The slice is valid
// until the next call.
func (i *Inbox) Shown(from SessionID, first uint64) (acks []uint64) {
	key := lineKey{from, first}
	u, ok := i.unshown[key]
	if !ok {
		return nil
	}
	delete(i.unshown, key)
	for _, id := range u.parts {
		i.erase(from, id)
	}
	return u.parts[len(u.parts)-1:]
}

// Unread lists what was recorded and not shown, in the order in which it came.
// At the start that is what an earlier run left.
func (i *Inbox) Unread() []Incoming {
	list := make([]Incoming, 0, len(i.unshown))
	for _, u := range i.unshown {
		list = append(list, u.line)
	}
	slices.SortFunc(list, func(x, y Incoming) int {
		return cmp.Or(x.At.Compare(y.At), compareIDs(x.From, y.From), cmp.Compare(x.ID, y.ID))
	})
	return list
}
