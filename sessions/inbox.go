package sessions

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/sessions/budget"
)

// Bounds of an Inbox. What else it has is bounded by who sent it: by the pools Held,
// Handles and Unfinished of budget.Table.
const (
	maxWindows = 4096 // senders' sessions; new users' leave first
	maxHeld    = 64   // texts of one of them that wait for an earlier one
	partRoom   = 128  // bytes that a text has in the pool Unfinished beside its own
)

// A line of which parts are missing is shown as far as it came when nothing was added to
// it for so long, that of a new user when the room is needed.
const (
	unfinishedLife        = 24 * time.Hour
	unfinishedStrangeLife = 10 * time.Minute
)

// Answer is what a sender is told about a part, if anything.
type Answer uint8

// The answers. The wire's results are of the same names; source: spec/wire.md
// 5.3 and spec/theory.md 4.
const (
	AnswerDeliver   Answer = iota // it is to be written, and acknowledged later
	AnswerDuplicate               // it was recorded before: acknowledge it again
	AnswerPending                 // it is being written or shown: say nothing
	AnswerGap                     // an earlier text has not come
	AnswerTooOld                  // it can no longer be told whether it came
	AnswerBusy                    // no room at the moment
)

// A Verdict is what becomes of an offered part.
type Verdict struct {
	Answer Answer
	Have   uint64   // the highest text in order of that session
	Kept   bool     // it waits here for the earlier text: with AnswerGap
	IDs    []uint64 // to be written by the next batch, in order; valid until the next call
}

// A TextKey names a text by who sent it.
type TextKey struct {
	From SessionID
	ID   uint64
}

// Lost says what of a line never came.
type Lost uint8

// What may be missing, together too.
const (
	LostStart Lost = 1 << iota
	LostMiddle
	LostEnd
)

// String gives the words, with a space between them; empty: it is whole.
func (l Lost) String() string {
	var words []string
	for i, w := range [...]string{"start", "middle", "end"} {
		if l&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// An Incoming is a line that was recorded and is to be shown.
type Incoming struct {
	ID   uint64 // of the line: its first part's, of those that came
	Last uint64 // its last part's, of those that came
	From SessionID
	User UserKey
	Text string
	Sent time.Time // by the sender's clock
	Late bool      // it waited at the sender
	At   time.Time // when its last part was offered
	Lost Lost      // what of it never came
}

// An Inbox sees to it that every text of every session is recorded once and in
// order, whatever is lost, repeated or reordered on the way. A text is written,
// shown and acknowledged, in this order: after Offer answered AnswerDeliver the
// writes are taken and stored, Recorded is told of each id, the lines that it
// returns are shown, and Shown is told. It belongs to one goroutine.
//
// Everything that it has for a sender is claimed of the ledger, with the payer written
// beside it: Held for a text that waits for an earlier one, Handles for one that was taken
// until it can be acknowledged, Unfinished for what is to be more of a line until that is shown.
type Inbox struct {
	ledger    *budget.Ledger
	payer     func(SessionID, UserKey) budget.Payer
	strangers *simplelru.LRU[SessionID, *window] // with friends at most maxWindows
	friends   *simplelru.LRU[SessionID, *window]
	begun     [budget.Classes]*simplelru.LRU[SessionID, *window] // windows with an unfinished line, by whose it is
	unstored  bool

	unshown map[TextKey]shown // by the last part
	writes  []Write
	changed []*window
	loaded  []loadedText // while loading
	dropped []TextKey    // since Aside
	ended   []Incoming   // and these

	ids      []uint64   // what Offer returned
	acks     []uint64   // what Recorded returned,
	messages []Incoming // and this
}

// shown is a recorded line that was not shown yet.
type shown struct {
	line    Incoming
	parts   []uint64 // ids in the store
	by      budget.Payer
	size    int // in the pool Unfinished
	handles int // in the pool Handles: 0 if all its parts are acknowledged
}

// NewInbox makes an empty Inbox. payer says who pays for a session of a user; it is asked
// at each text, so that whoever is pinned is a friend from the next one on. The windows of
// those who are not known are forgotten first.
func NewInbox(ledger *budget.Ledger, payer func(SessionID, UserKey) budget.Payer) *Inbox {
	i := &Inbox{
		ledger: ledger, payer: payer, strangers: newWindows(), friends: newWindows(), unshown: map[TextKey]shown{},
	}
	for c := range i.begun {
		i.begun[c] = newWindows()
	}
	return i
}

func newWindows() *simplelru.LRU[SessionID, *window] {
	l, err := simplelru.NewLRU[SessionID, *window](math.MaxInt, nil)
	if err != nil {
		panic("BUG: window list: " + err.Error())
	}
	return l
}

// Unstored is called right after NewInbox in a run that stores nothing: no
// writes are made then, and all else is as ever.
func (i *Inbox) Unstored() { i.unstored = true }

// Offer takes a part that session from of user sent, and says what to answer.
// A part that no sender of ours makes is AnswerTooOld.
func (i *Inbox) Offer(now time.Time, from SessionID, user UserKey, p Part) Verdict {
	if p.Parts < 1 || p.Parts > MaxParts || p.Part >= p.Parts || p.ID <= p.Part || p.ID > maxTextID ||
		p.Prev >= p.ID || len(p.Text) == 0 || len(p.Text) > MaxText {
		return Verdict{Answer: AnswerTooOld}
	}
	by := i.payer(from, user)
	w, ok := i.window(from)
	if !ok {
		w = i.open(from, user, by)
	}
	i.pays(w, by)
	switch {
	case p.ID <= w.head:
		return Verdict{Answer: i.again(w, p.ID), Have: w.head}
	case p.Prev > w.head:
		return Verdict{Answer: AnswerGap, Have: w.head, Kept: i.hold(w, p)}
	case !i.claim(now, w, p):
		return Verdict{Answer: AnswerBusy, Have: w.head}
	}
	if at, held := w.heldAt(p.ID); held {
		i.unhold(w, at)
	}
	i.ids = i.ids[:0]
	i.take(now, w, p)
	for len(w.held) > 0 && w.held[0].Prev <= w.head {
		next := w.held[0]
		if next.ID > w.head && !i.claim(now, w, next) {
			break // it is offered again, because it is not acknowledged
		}
		i.unhold(w, 0)
		if next.ID > w.head {
			i.take(now, w, next)
		} else { // its sender passed it over
			i.dropped = append(i.dropped, TextKey{w.session, next.ID})
		}
	}
	return Verdict{Answer: AnswerDeliver, Have: w.head, IDs: i.ids}
}

// Aside returns what calls since the last time did beside what they answered: texts that
// waited for an earlier one and do so no more, and lines that are to be shown as far as
// they came. The slices are valid until the next call of anything.
func (i *Inbox) Aside() (dropped []TextKey, ended []Incoming) {
	dropped, ended = i.dropped, i.ended
	i.dropped, i.ended = i.dropped[:0], i.ended[:0]
	return dropped, ended
}

// again answers a part that is not above the highest taken.
func (i *Inbox) again(w *window, id uint64) Answer {
	switch {
	case !w.has(id):
		return AnswerTooOld
	case w.isWriting(id):
		return AnswerPending
	}
	if i.unshown[TextKey{w.session, id}].handles > 0 {
		return AnswerPending
	}
	return AnswerDuplicate
}

// Taken says what a text that was taken over is answered when it comes again: duplicate,
// or pending. false: it was not, or that can no longer be told.
func (i *Inbox) Taken(from SessionID, id uint64) (Answer, bool) {
	w, ok := i.window(from)
	if !ok || id > w.head {
		return AnswerTooOld, false
	}
	a := i.again(w, id)
	return a, a != AnswerTooOld
}

// hold keeps a part until the one before it comes. A repeated one replaces what
// is held: it may name another predecessor. What there is no room for is offered
// again.
func (i *Inbox) hold(w *window, p Part) bool {
	at, found := w.heldAt(p.ID)
	switch {
	case found:
		w.held[at] = p
	case len(w.held) < maxHeld && i.ledger.Claim(budget.Held, w.by, 1):
		w.held = slices.Insert(w.held, at, p)
	default:
		return false
	}
	return true
}

// unhold takes a part out of those that wait.
func (i *Inbox) unhold(w *window, at int) {
	w.held = slices.Delete(w.held, at, at+1)
	i.ledger.Free(budget.Held, w.by, 1)
}

// claim asks for the room that a part needs until it can be acknowledged, and its line
// shown. For want of room, lines that were begun long ago by somebody no better are shown
// as far as they came, which makes room for another time.
func (i *Inbox) claim(now time.Time, w *window, p Part) bool {
	if !i.ledger.Claim(budget.Handles, w.by, 1) {
		return false
	}
	if room := roomOf(p); room == 0 || i.ledger.Claim(budget.Unfinished, w.by, room) {
		return true
	}
	i.ledger.Free(budget.Handles, w.by, 1)
	for c := budget.Stranger; c > budget.Known && c >= w.by.Class; c-- {
		i.cutOlder(c, now, unfinishedStrangeLife)
	}
	return false
}

// roomOf is what a part has in the pool Unfinished: the last part of a line has nothing,
// so that what was begun can end.
func roomOf(p Part) int {
	if p.Part == p.Parts-1 {
		return 0
	}
	return len(p.Text) + partRoom
}

// pays has what a window's texts use be paid by its sender as they are known now.
func (i *Inbox) pays(w *window, by budget.Payer) {
	if w.by == by {
		return
	}
	room := w.line.room()
	for _, t := range w.writing {
		room += roomOf(t.part)
	}
	i.ledger.Move(budget.Held, w.by, by, len(w.held))
	i.ledger.Move(budget.Handles, w.by, by, len(w.writing))
	i.ledger.Move(budget.Unfinished, w.by, by, room)
	befriended := known(by) && !known(w.by)
	w.by = by
	if befriended {
		i.strangers.Remove(w.session)
		i.friends.Add(w.session, w)
	}
	if w.line != nil {
		i.list(w)
	}
}

func known(by budget.Payer) bool { return by.Class <= budget.Known }

// take accepts the next part in order.
func (i *Inbox) take(now time.Time, w *window, p Part) {
	w.writing = append(w.writing, taken{part: p, at: now, before: w.head})
	w.take(p.ID)
	i.ids = append(i.ids, p.ID)
	if !i.unstored {
		i.writes = append(i.writes, Write{Bucket: BucketTexts, Key: textKey(w.session, p.ID), Value: encodeText(now, w.user, p)})
	}
	i.change(w)
}

// erase takes a part out of the store.
func (i *Inbox) erase(from SessionID, id uint64) {
	if !i.unstored {
		i.writes = append(i.writes, Write{Bucket: BucketTexts, Key: textKey(from, id)})
	}
}

func (i *Inbox) change(w *window) {
	if !w.changed && !i.unstored {
		w.changed = true
		i.changed = append(i.changed, w)
	}
}

// window finds a sender's window and makes it the one used last.
func (i *Inbox) window(from SessionID) (*window, bool) {
	if w, ok := i.friends.Get(from); ok {
		return w, true
	}
	return i.strangers.Get(from)
}

// open makes a window, and room for it.
func (i *Inbox) open(from SessionID, user UserKey, by budget.Payer) *window {
	for tries := 0; i.strangers.Len()+i.friends.Len() >= maxWindows && tries < maxWindows; tries++ {
		i.evict()
	}
	w := &window{session: from, user: user, by: by}
	if known(by) {
		i.friends.Add(from, w)
	} else {
		i.strangers.Add(from, w)
	}
	return w
}

// evict forgets the window that was not used for longest, a new user's if there
// is one. Who was pinned meanwhile, or is in the middle of a write, goes to the
// end of the line instead.
func (i *Inbox) evict() {
	_, w, ok := i.strangers.RemoveOldest()
	if ok {
		if by := i.payer(w.session, w.user); known(by) {
			i.pays(w, by)
			i.friends.Add(w.session, w) // also who was a friend before, and no more when loaded
			return
		}
	}
	list := i.strangers
	if !ok {
		_, w, ok = i.friends.RemoveOldest()
		list = i.friends
	}
	if ok && !w.idle() {
		list.Add(w.session, w)
		return
	}
	if ok {
		i.forget(w)
	}
}

// forget lets go of all that a window has. Its lines that are not shown stay, also that of
// which parts are missing.
func (i *Inbox) forget(w *window) {
	for _, p := range w.held {
		i.dropped = append(i.dropped, TextKey{w.session, p.ID})
	}
	i.ledger.Free(budget.Held, w.by, len(w.held))
	w.held = nil
	i.cut(w)
	i.change(w)
}
