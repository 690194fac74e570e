package mail

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/sessiontest"
)

// inboxBed is an Inbox whose disk is a map.
type inboxBed struct {
	*Inbox
	t     *testing.T
	disk  map[string][]byte
	shown []string
}

func newInboxBed(t *testing.T) *inboxBed {
	return &inboxBed{Inbox: inboxOf(stranger), t: t, disk: map[string][]byte{}}
}

func stranger(identity.UserKey) bool { return false }

// inboxOf makes an Inbox with a ledger of its own, for which known users are friends.
func inboxOf(known func(identity.UserKey) bool) *Inbox {
	return NewInbox(budget.New(false), func(_ identity.SessionID, u identity.UserKey) budget.Payer {
		by := budget.Payer{Class: budget.Stranger, Key: [32]byte(u)}
		if known(u) {
			by.Class = budget.Known
		}
		return by
	})
}

// used is how much of a pool an inbox has, of all classes.
func (i *Inbox) used(of budget.Pool) (n int) {
	for c := range budget.Classes {
		n += i.ledger.Used(of, budget.Class(c))
	}
	return n
}

func (b *inboxBed) restart() {
	sessiontest.Apply(b.disk, b.TakeWrites())
	b.Inbox = inboxOf(stranger)
	if err := sessiontest.Replay(b.disk, b.Load); err != nil {
		b.t.Fatal(err)
	}
	b.Loaded(sessiontest.Epoch)
}

// offer writes, shows and acknowledges like a node, and says what was answered.
func (b *inboxBed) offer(id, prev uint64, text string) Answer {
	return b.part(Part{ID: id, Prev: prev, Sent: 7, Parts: 1, Text: text})
}

func (b *inboxBed) part(p Part) Answer {
	from := identity.MakeSessionID(sessiontest.User(1), sessiontest.Static(1))
	v := b.Offer(sessiontest.Epoch, from, sessiontest.User(1), p)
	ids := slices.Clone(v.IDs)
	sessiontest.Apply(b.disk, b.TakeWrites())
	for _, id := range ids {
		_, lines := b.Recorded(from, id)
		for _, line := range lines {
			b.show(line)
			b.Shown(from, line.Last)
		}
	}
	return v.Answer
}

// show notes a line, and what of it never came.
func (b *inboxBed) show(line Incoming) {
	if line.Lost != 0 {
		line.Text += " (" + line.Lost.String() + ")"
	}
	b.shown = append(b.shown, line.Text)
}

func (b *inboxBed) expect(want ...string) {
	b.t.Helper()
	if !slices.Equal(b.shown, want) {
		b.t.Errorf("shown %q, want %q", b.shown, want)
	}
}

func (b *inboxBed) answers(want Answer, got Answer) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("answer %d, want %d", got, want)
	}
}

func TestTextsAreTakenInOrderAndOnce(t *testing.T) {
	b := newInboxBed(t)
	b.answers(AnswerDeliver, b.offer(1, 0, "a"))
	b.answers(AnswerGap, b.offer(4, 3, "d"))
	b.answers(AnswerGap, b.offer(3, 2, "c"))
	b.answers(AnswerDuplicate, b.offer(1, 0, "a"))
	b.answers(AnswerDeliver, b.offer(2, 1, "b"))
	b.expect("a", "b", "c", "d")
	for id := uint64(1); id <= 4; id++ {
		b.answers(AnswerDuplicate, b.offer(id, id-1, "again"))
	}
	b.restart()
	b.answers(AnswerDuplicate, b.offer(4, 3, "d"))
	b.answers(AnswerDeliver, b.offer(9, 4, "e"))
	b.expect("a", "b", "c", "d", "e")
	b.answers(AnswerTooOld, b.offer(7, 4, "passed over"))
}

func TestReceiverThatForgotAsksForANewPredecessor(t *testing.T) {
	b := newInboxBed(t)
	v := b.Offer(sessiontest.Epoch, identity.SessionID{1}, sessiontest.User(1), Part{ID: 18, Prev: 17, Parts: 1, Text: "x"})
	if v.Answer != AnswerGap || v.Have != 0 {
		t.Errorf("%+v", v)
	}
	if v := b.Offer(sessiontest.Epoch, identity.SessionID{1}, sessiontest.User(1), Part{ID: 18, Prev: v.Have, Parts: 1, Text: "x"}); v.Answer != AnswerDeliver {
		t.Errorf("%+v", v)
	}
}

func TestHeldTextWhosePredecessorWasCancelled(t *testing.T) {
	b := newInboxBed(t)
	b.answers(AnswerDeliver, b.offer(1, 0, "a"))
	b.answers(AnswerGap, b.offer(3, 2, "c"))
	b.answers(AnswerGap, b.offer(4, 3, "d"))
	b.answers(AnswerDeliver, b.offer(3, 1, "c"))
	b.expect("a", "c", "d")
	b.answers(AnswerTooOld, b.offer(2, 1, "cancelled"))
	b.answers(AnswerGap, b.offer(6, 5, "f"))
	b.answers(AnswerDeliver, b.offer(7, 4, "g")) // 5 and 6 were cancelled
	b.expect("a", "c", "d", "g")
	if n := b.used(budget.Held); n != 0 {
		t.Errorf("%d held", n)
	}
}

// The last windowRuns texts that were taken are known, however far apart their
// ids are; what was passed over, or lies below, is too old.
func TestWindow(t *testing.T) {
	b := newInboxBed(t)
	b.answers(AnswerDeliver, b.offer(1, 0, "a"))
	b.answers(AnswerDeliver, b.offer(3, 1, "b"))
	b.answers(AnswerDeliver, b.offer(9000, 3, "after an unclean end"))
	b.answers(AnswerDuplicate, b.offer(1, 0, "a"))
	b.answers(AnswerDuplicate, b.offer(3, 1, "b"))
	b.answers(AnswerTooOld, b.offer(2, 1, "x"))
	b.answers(AnswerTooOld, b.offer(8999, 3, "x"))
	prev := uint64(9000)
	for n := range uint64(windowRuns - 1) {
		id := 10_000 + 10*n
		b.answers(AnswerDeliver, b.offer(id, prev, "sparse"))
		prev = id
	}
	b.answers(AnswerDuplicate, b.offer(9000, 3, "after an unclean end"))
	b.answers(AnswerDeliver, b.offer(prev+10, prev, "one more"))
	b.answers(AnswerTooOld, b.offer(9000, 3, "after an unclean end"))
	b.answers(AnswerDuplicate, b.offer(10_000, 9000, "sparse"))
}

func TestPartsThatNobodyMakes(t *testing.T) {
	b := newInboxBed(t)
	for _, p := range []Part{
		{ID: 1, Parts: 0, Text: "x"}, {ID: 1, Parts: 65, Text: "x"}, {ID: 3, Part: 2, Parts: 2, Text: "x"},
		{ID: 2, Part: 2, Parts: 3, Text: "x"}, {ID: 0, Parts: 1, Text: "x"}, {ID: 1, Prev: 1, Parts: 1, Text: "x"},
		{ID: 1, Parts: 1}, {ID: 1, Parts: 1, Text: strings.Repeat("x", 1025)}, {ID: 1 << 53, Parts: 1, Text: "x"},
	} {
		b.answers(AnswerTooOld, b.part(p))
	}
	if b.strangers.Len() != 0 {
		t.Error("they made state")
	}
}

func TestPendingUntilShown(t *testing.T) {
	b := newInboxBed(t)
	from := identity.SessionID{1}
	p := Part{ID: 5, Parts: 1, Text: "x", Late: true, Sent: 1764000000000}
	answer := func(want Answer) {
		t.Helper()
		b.answers(want, b.Offer(sessiontest.Epoch, from, sessiontest.User(1), p).Answer)
	}
	answer(AnswerDeliver)
	answer(AnswerPending)
	if len(b.TakeWrites()) != 2 {
		t.Error("text and window make one batch")
	}
	acks, lines := b.Recorded(from, 5)
	want := Incoming{ID: 5, Last: 5, From: from, User: sessiontest.User(1), Text: "x", Sent: kv.FromMillis(p.Sent), Late: true, At: sessiontest.Epoch}
	if len(acks) != 0 || len(lines) != 1 || lines[0] != want {
		t.Errorf("%v %+v", acks, lines)
	}
	answer(AnswerPending)
	if acks := b.Shown(from, 5); !slices.Equal(acks, []uint64{5}) {
		t.Error(acks)
	}
	answer(AnswerDuplicate)
	if acks := b.Shown(from, 5); len(acks) != 0 {
		t.Error("shown twice")
	}
	if len(b.Unread()) != 0 {
		t.Error(b.Unread())
	}
}

func TestWrittenButNotShownIsUnread(t *testing.T) {
	b := newInboxBed(t)
	from := identity.SessionID{1}
	for id := uint64(1); id <= 3; id++ {
		b.Offer(sessiontest.Epoch.Add(time.Duration(id)*time.Second), from, sessiontest.User(1), Part{ID: id, Prev: id - 1, Parts: 1, Text: fmt.Sprint(id)})
		b.Recorded(from, id)
	}
	b.Shown(from, 2)
	before := b.Unread()
	b.restart()
	after := b.Unread()
	if len(after) != 2 || after[0].Text != "1" || after[1].Text != "3" || !reflect.DeepEqual(before, after) {
		t.Errorf("%+v\n%+v", before, after)
	}
	if v := b.Offer(sessiontest.Epoch, from, sessiontest.User(1), Part{ID: 3, Prev: 2, Parts: 1, Text: "3"}); v.Answer != AnswerPending {
		t.Error(v)
	}
	for _, line := range after {
		b.Shown(from, line.Last)
	}
	b.restart()
	if len(b.Unread()) != 0 {
		t.Error("unread again")
	}
}

func TestRecordedOutOfOrderIsReleasedInOrder(t *testing.T) {
	b := newInboxBed(t)
	from := identity.SessionID{1}
	for id := uint64(1); id <= 3; id++ {
		b.Offer(sessiontest.Epoch, from, sessiontest.User(1), Part{ID: id, Prev: id - 1, Parts: 1, Text: fmt.Sprint(id)})
	}
	if _, lines := b.Recorded(from, 2); len(lines) != 0 {
		t.Error(lines)
	}
	if _, lines := b.Recorded(from, 1); len(lines) != 2 || lines[0].Text != "1" || lines[1].Text != "2" {
		t.Error(lines)
	}
}

func TestFailedWrite(t *testing.T) {
	b := newInboxBed(t)
	from := identity.SessionID{1}
	offer := func(id uint64) Answer {
		return b.Offer(sessiontest.Epoch, from, sessiontest.User(1), Part{ID: id, Prev: id - 1, Parts: 1, Text: fmt.Sprint(id)}).Answer
	}
	for id := uint64(1); id <= 3; id++ {
		b.answers(AnswerDeliver, offer(id))
	}
	b.Recorded(from, 1)
	b.TakeWrites()
	if busy := b.Failed(from, 2); !slices.Equal(busy, []uint64{2, 3}) {
		t.Error(busy)
	}
	if _, lines := b.Recorded(from, 3); len(lines) != 0 {
		t.Error("3 counts without 2")
	}
	b.answers(AnswerDeliver, offer(2))
	b.answers(AnswerDeliver, offer(3))
	b.answers(AnswerPending, offer(1))
	b.Recorded(from, 2)
	if _, lines := b.Recorded(from, 3); len(lines) != 1 {
		t.Error(lines)
	}
	if n := b.used(budget.Handles); n != 3 { // none is shown
		t.Errorf("%d handles", n)
	}
}

func long(first uint64, part, parts int) Part {
	id := first + uint64(part)
	return Part{ID: id, Prev: id - 1, Part: uint64(part), Parts: uint64(parts), Text: fmt.Sprint(part, ",")}
}

func TestPartsBecomeOneLine(t *testing.T) {
	b := newInboxBed(t)
	for n := range 3 {
		b.part(long(1, n, 5))
	}
	b.expect()
	b.restart()
	b.answers(AnswerDuplicate, b.part(long(1, 2, 5)))
	b.answers(AnswerGap, b.part(long(1, 4, 5)))
	b.answers(AnswerDeliver, b.part(long(1, 3, 5)))
	b.expect("0,1,2,3,4,")
	b.restart()
	for key := range b.disk {
		if key[0] == '0'+byte(kv.BucketTexts) {
			t.Errorf("%q was left", key)
		}
	}
	if n := b.used(budget.Unfinished); n != 0 {
		t.Error(n)
	}
}

func TestUnfinishedLineWhoseSenderWentOn(t *testing.T) {
	b := newInboxBed(t)
	b.part(long(1, 0, 3))
	b.part(long(1, 1, 3))
	b.answers(AnswerDeliver, b.offer(10, 2, "next"))
	b.expect("next")
	if n := b.used(budget.Unfinished); n != 0 {
		t.Error(n)
	}
	b.restart()
	if len(b.disk) != 1 { // the window
		t.Error(b.disk)
	}
}

// A part that counts otherwise is of another line.
func TestPartsThatDisagree(t *testing.T) {
	b := newInboxBed(t)
	b.part(long(1, 0, 3))
	b.answers(AnswerDeliver, b.part(long(1, 1, 4)))
	b.answers(AnswerDeliver, b.part(long(1, 2, 4)))
	b.answers(AnswerDeliver, b.part(long(1, 3, 4)))
	b.expect("1,2,3, (start)")
	if n := b.used(budget.Unfinished); n != 0 {
		t.Error(n)
	}
}

func TestLineWhoseBeginningIsLost(t *testing.T) {
	b := newInboxBed(t)
	p := long(1, 1, 3)
	p.Prev = 0
	b.part(p)
	b.part(long(1, 2, 3))
	b.expect("1,2, (start)")
}

// A user pinned after their first text counts as a friend when room is made.
func TestFriendsAreAskedForWhenRoomIsMade(t *testing.T) {
	friend := identity.UserKey{}
	i := inboxOf(func(u identity.UserKey) bool { return u == friend })
	from := identity.SessionID{9}
	i.Offer(sessiontest.Epoch, from, sessiontest.User(2), Part{ID: 1, Parts: 1, Text: "x"})
	i.Recorded(from, 1)
	i.Shown(from, 1)
	friend = sessiontest.User(2)
	for n := range 2 * maxWindows {
		i.Offer(sessiontest.Epoch, identity.SessionID{byte(n), byte(n >> 8), 1}, sessiontest.User(1), Part{ID: 2, Prev: 1, Parts: 1, Text: "x"})
	}
	if v := i.Offer(sessiontest.Epoch, from, friend, Part{ID: 1, Parts: 1, Text: "x"}); v.Answer != AnswerDuplicate {
		t.Error(v)
	}
}
