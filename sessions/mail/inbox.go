package mail

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
)

// Bounds of an Inbox. Everything else in it is bounded by sender, by the pools Held, Handles and
// Unfinished of budget.Table.
const (
	maxWindows = 4096 // senders' sessions; those of new users go first
	maxHeld    = 64   // texts of one of them that wait for an earlier one
	partRoom   = 128  // bytes that a text takes in the pool Unfinished besides its own
)

// A line with missing parts is shown as far as it came when nothing was added to it for this
// long; for a new user's line that is so when its room is needed.
const (
	unfinishedLife        = 24 * time.Hour
	unfinishedStrangeLife = 10 * time.Minute
)

// Answer is what to tell a sender about a part, if anything.
type Answer uint8

// The answers. The wire's results are of the same names; source: spec/wire.md
// 5.3 and spec/theory.md 4.
const (
	AnswerDeliver   Answer = iota // write it, and acknowledge it later
	AnswerDuplicate               // it was recorded before: acknowledge it again
	AnswerPending                 // it is being written or shown: say nothing
	AnswerGap                     // an earlier text has not come
	AnswerTooOld                  // it is no longer known whether it came
	AnswerBusy                    // no room at the moment
)

// A Verdict is the result of offering a part.
type Verdict struct {
	Answer Answer
	Have   uint64   // the highest text received in order from that session
	Kept   bool     // with AnswerGap: it is kept here until the earlier text comes
	IDs    []uint64 // to be written by the next batch, in order; valid until the next call
}

// A TextKey names a text by who sent it.
type TextKey struct {
	From identity.SessionID
	ID   uint64
}

// Lost says which parts of a line never came.
type Lost uint8

// What may be missing, in any combination.
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
	ID   uint64 // of the line: that of its first part, of those that came
	Last uint64 // that of its last part, of those that came
	From identity.SessionID
	User identity.UserKey
	Text string
	Sent time.Time // by the sender's clock
	Late bool      // it waited at the sender
	At   time.Time // when its last part was offered
	Lost Lost      // which parts never came
}

// An Inbox records every text of every session once and in order, whatever is lost,
// repeated or reordered on the way. A text is written, shown and acknowledged, in this
// order: after Offer has answered AnswerDeliver the owner takes and stores the writes,
// calls Recorded for each id, shows the lines that it returns, and calls Shown. One
// goroutine owns it.
//
// Everything that it keeps for a sender is claimed from the ledger, with its payer: Held for a
// text that waits for an earlier one, Handles for a taken one until it can be acknowledged,
// Unfinished for parts of a line until that is shown.
type Inbox struct {
	ledger    *budget.Ledger
	payer     func(identity.SessionID, identity.UserKey) budget.Payer
	strangers *simplelru.LRU[identity.SessionID, *window] // with friends at most maxWindows
	friends   *simplelru.LRU[identity.SessionID, *window]
	begun     [budget.Classes]*simplelru.LRU[identity.SessionID, *window] // windows with an unfinished line, by class
	unstored  bool

	unshown map[TextKey]shown // by the last part
	writes  []kv.Write
	changed []*window
	loaded  []loadedText // while loading
	dropped []TextKey    // since Aside
	ended   []Incoming   // likewise, unfinished lines to be shown

	ids      []uint64   // what Offer returned
	acks     []uint64   // what Recorded returned,
	messages []Incoming // and this
}

// shown is a recorded line that is yet to be shown.
type shown struct {
	line    Incoming
	parts   []uint64 // ids in the store
	by      budget.Payer
	size    int // in the pool Unfinished
	handles int // in the pool Handles: 0 if all its parts are acknowledged
}

// NewInbox makes an empty Inbox. payer says who pays for a session of a user; it is called for
// each text, so that a user who was pinned is a friend from the next text on. Windows of users
// who are not known are forgotten first.
func NewInbox(ledger *budget.Ledger, payer func(identity.SessionID, identity.UserKey) budget.Payer) *Inbox {
	i := &Inbox{
		ledger: ledger, payer: payer, strangers: newWindows(), friends: newWindows(), unshown: map[TextKey]shown{},
	}
	for c := range i.begun {
		i.begun[c] = newWindows()
	}
	return i
}

func newWindows() *simplelru.LRU[identity.SessionID, *window] {
	l, err := simplelru.NewLRU[identity.SessionID, *window](math.MaxInt, nil)
	if err != nil {
		panic("BUG: window list: " + err.Error())
	}
	return l
}

// Unstored is called right after NewInbox in a run that stores nothing: it makes no writes
// then; all else stays the same.
func (i *Inbox) Unstored() { i.unstored = true }

// Offer takes a part sent by the session from of user, and says what to answer. A part that no
// correct sender makes is AnswerTooOld.
func (i *Inbox) Offer(now time.Time, from identity.SessionID, user identity.UserKey, p Part) Verdict {
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
			break // it will be offered again, because it is not acknowledged
		}
		i.unhold(w, 0)
		if next.ID > w.head {
			i.take(now, w, next)
		} else { // its sender skipped it
			i.dropped = append(i.dropped, TextKey{w.session, next.ID})
		}
	}
	return Verdict{Answer: AnswerDeliver, Have: w.head, IDs: i.ids}
}

// Aside returns side effects of the calls since the last Aside: texts that no longer wait for an
// earlier one, and lines that are to be shown as far as they came. The slices are valid until the
// next call of any method.
func (i *Inbox) Aside() (dropped []TextKey, ended []Incoming) {
	dropped, ended = i.dropped, i.ended
	i.dropped, i.ended = i.dropped[:0], i.ended[:0]
	return dropped, ended
}

// again answers a repeated part, one not above the highest taken.
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

// Taken says how to answer a text that was taken when it comes again: duplicate or pending. false:
// it was not taken, or that is no longer known.
func (i *Inbox) Taken(from identity.SessionID, id uint64) (Answer, bool) {
	w, ok := i.window(from)
	if !ok || id > w.head {
		return AnswerTooOld, false
	}
	a := i.again(w, id)
	return a, a != AnswerTooOld
}

// hold keeps a part until the one before it comes. A repeated part replaces the held one: it may
// name another predecessor. A part without room is dropped; its sender will offer it again.
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

// unhold drops a held part.
func (i *Inbox) unhold(w *window, at int) {
	w.held = slices.Delete(w.held, at, at+1)
	i.ledger.Free(budget.Held, w.by, 1)
}

// claim asks for the room that a part needs until it can be acknowledged and its line is shown.
// If there is none, lines begun long ago by senders of no better class are shown as far as they
// came, which makes room for the next attempt.
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

// roomOf is what a part takes in the pool Unfinished. The last part of a line takes nothing, so that
// a line that was begun can always end.
func roomOf(p Part) int {
	if p.Part == p.Parts-1 {
		return 0
	}
	return len(p.Text) + partRoom
}

// pays moves everything that a window's texts use to the payer that its sender is now.
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
		i.writes = append(i.writes, kv.Write{Bucket: kv.BucketTexts, Key: textKey(w.session, p.ID), Value: encodeText(now, w.user, p)})
	}
	i.change(w)
}

// erase deletes a part from the store.
func (i *Inbox) erase(from identity.SessionID, id uint64) {
	if !i.unstored {
		i.writes = append(i.writes, kv.Write{Bucket: kv.BucketTexts, Key: textKey(from, id)})
	}
}

func (i *Inbox) change(w *window) {
	if !w.changed && !i.unstored {
		w.changed = true
		i.changed = append(i.changed, w)
	}
}

// window finds a sender's window and makes it the one used last.
func (i *Inbox) window(from identity.SessionID) (*window, bool) {
	if w, ok := i.friends.Get(from); ok {
		return w, true
	}
	return i.strangers.Get(from)
}

// open makes a window, evicting another if there is no room.
func (i *Inbox) open(from identity.SessionID, user identity.UserKey, by budget.Payer) *window {
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

// evict forgets the window unused for longest, a new user's if there is one. A window whose user was
// pinned meanwhile, or which waits for a write, is skipped and counts as just used.
func (i *Inbox) evict() {
	_, w, ok := i.strangers.RemoveOldest()
	if ok {
		if by := i.payer(w.session, w.user); known(by) {
			i.pays(w, by)
			i.friends.Add(w.session, w) // even if they stopped being a friend before it was loaded
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

// forget drops everything that a window has, except its lines that are yet to be shown, among them
// the one with missing parts.
func (i *Inbox) forget(w *window) {
	for _, p := range w.held {
		i.dropped = append(i.dropped, TextKey{w.session, p.ID})
	}
	i.ledger.Free(budget.Held, w.by, len(w.held))
	w.held = nil
	i.cut(w)
	i.change(w)
}
