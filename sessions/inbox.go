package sessions

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Bounds of an Inbox.
const (
	maxWindows    = 4096    // senders' sessions; new users' leave first
	maxHeld       = 64      // texts of one of them that wait for an earlier one
	maxHeldAll    = 4096    // the same of all together
	maxUnshown    = 4096    // texts being written, and lines not shown yet
	maxUnfinished = 4 << 20 // bytes of lines of which parts are missing
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
	IDs    []uint64 // to be written by the next batch, in order; valid until the next call
}

// An Incoming is a line that was recorded and is to be shown.
type Incoming struct {
	ID   uint64 // of the line: its first part's
	From SessionID
	User UserKey
	Text string
	Sent time.Time // by the sender's clock
	Late bool      // it waited at the sender
	At   time.Time // when its last part was offered
}

// An Inbox sees to it that every text of every session is recorded once and in
// order, whatever is lost, repeated or reordered on the way. A text is written,
// shown and acknowledged, in this order: after Offer answered AnswerDeliver the
// writes are taken and stored, Recorded is told of each id, the lines that it
// returns are shown, and Shown is told. It belongs to one goroutine.
type Inbox struct {
	known     func(UserKey) bool
	strangers *simplelru.LRU[SessionID, *window] // with friends at most maxWindows
	friends   *simplelru.LRU[SessionID, *window]
	begun     [2]*simplelru.LRU[SessionID, *window] // windows with an unfinished line: strangers', friends'
	held      int                                   // at most maxHeldAll
	writing   int                                   // with unshown at most maxUnshown
	partial   int                                   // at most maxUnfinished
	unstored  bool

	unshown map[lineKey]shown
	writes  []Write
	changed []*window
	loaded  []loadedText // while loading

	ids      []uint64   // what Offer returned
	acks     []uint64   // what Recorded returned,
	messages []Incoming // and this
}

// lineKey names a line of a sender's session by its first part.
type lineKey struct {
	from  SessionID
	first uint64
}

// shown is a recorded line that was not shown yet.
type shown struct {
	line  Incoming
	parts []uint64 // ids in the store
}

// NewInbox makes an empty Inbox. known says who is pinned: the windows of others
// are forgotten first.
func NewInbox(known func(UserKey) bool) *Inbox {
	return &Inbox{
		known: known, strangers: newWindows(), friends: newWindows(),
		begun:   [2]*simplelru.LRU[SessionID, *window]{newWindows(), newWindows()},
		unshown: map[lineKey]shown{},
	}
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
	if p.Parts < 1 || p.Parts > MaxParts || p.Part >= p.Parts || p.ID <= p.Part || p.ID >= maxTextID ||
		p.Prev >= p.ID || len(p.Text) == 0 || len(p.Text) > MaxText {
		return Verdict{Answer: AnswerTooOld}
	}
	w, ok := i.window(from)
	if !ok {
		w = i.open(from, user)
	}
	switch {
	case p.ID <= w.head:
		return Verdict{Answer: i.again(w, p), Have: w.head}
	case p.Prev > w.head:
		i.hold(w, p)
		return Verdict{Answer: AnswerGap, Have: w.head}
	case i.full():
		return Verdict{Answer: AnswerBusy, Have: w.head}
	}
	i.ids = i.ids[:0]
	i.take(now, w, p)
	for len(w.held) > 0 && w.held[0].Prev <= w.head {
		next := w.held[0]
		if next.ID > w.head && i.full() {
			break // it is offered again, because it is not acknowledged
		}
		w.held = slices.Delete(w.held, 0, 1)
		i.held--
		if next.ID > w.head { // else its sender passed it over
			i.take(now, w, next)
		}
	}
	return Verdict{Answer: AnswerDeliver, Have: w.head, IDs: i.ids}
}

func (i *Inbox) full() bool { return i.writing+len(i.unshown) >= maxUnshown }

// again answers a part that is not above the highest taken.
func (i *Inbox) again(w *window, p Part) Answer {
	switch {
	case !w.has(p.ID):
		return AnswerTooOld
	case w.isWriting(p.ID):
		return AnswerPending
	}
	if u, ok := i.unshown[lineKey{w.session, p.ID - p.Part}]; ok && p.ID == u.parts[len(u.parts)-1] {
		return AnswerPending
	}
	return AnswerDuplicate
}

// hold keeps a part until the one before it comes. A repeated one replaces what
// is held: it may name another predecessor. What there is no room for is offered
// again.
func (i *Inbox) hold(w *window, p Part) {
	at, found := slices.BinarySearchFunc(w.held, p.ID, func(h Part, id uint64) int { return cmp.Compare(h.ID, id) })
	switch {
	case found:
		w.held[at] = p
	case len(w.held) < maxHeld && i.held < maxHeldAll:
		w.held = slices.Insert(w.held, at, p)
		i.held++
	}
}

// take accepts the next part in order.
func (i *Inbox) take(now time.Time, w *window, p Part) {
	w.writing = append(w.writing, taken{part: p, at: now, before: w.head})
	i.writing++
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
func (i *Inbox) open(from SessionID, user UserKey) *window {
	for tries := 0; i.strangers.Len()+i.friends.Len() >= maxWindows && tries < maxWindows; tries++ {
		i.evict()
	}
	w := &window{session: from, user: user}
	if i.known(user) {
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
	if ok && i.known(w.user) {
		i.friends.Add(w.session, w)
		return
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

// forget lets go of all that a window has. Its lines that are not shown stay.
func (i *Inbox) forget(w *window) {
	i.held -= len(w.held)
	w.held = nil
	i.abandon(w)
	i.change(w)
}
