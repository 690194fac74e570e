package mail

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/budget"
	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

// sessionOf is the session number n of a test.
func sessionOf(n int) identity.SessionID {
	return identity.SessionID{byte(n), byte(n >> 8), byte(n >> 16), 1}
}

// newcomer is a user that nobody knows.
func newcomer(n int) identity.UserKey {
	return identity.UserKey{byte(n), byte(n >> 8), byte(n >> 16), 1}
}

// oneFriend is an Inbox for which User(2) is a friend, who has sent a text, and all
// others are strangers.
func oneFriend(t *testing.T) (i *Inbox, friend identity.SessionID) {
	t.Helper()
	i, friend = inboxOf(func(u identity.UserKey) bool { return u == sessiontest.User(2) }), identity.SessionID{9}
	if v := i.Offer(sessiontest.Epoch, friend, sessiontest.User(2), Part{ID: 1, Parts: 1, Text: "x"}); v.Answer != AnswerDeliver {
		t.Fatal(v)
	}
	i.Recorded(friend, 1)
	i.Shown(friend, 1)
	return i, friend
}

// Whatever strangers leave lying about, it is bounded, and a friend's texts and window
// have their room.
func TestInboxIsBounded(t *testing.T) {
	i, friend := oneFriend(t)
	for n := range 3 * maxWindows {
		from, user := sessionOf(n), newcomer(n)
		for id := uint64(1); id <= 2; id++ {
			p := Part{ID: id, Prev: id - 1, Part: id - 1, Parts: 3, Text: strings.Repeat("x", MaxText)}
			if i.Offer(sessiontest.Epoch, from, user, p).Answer == AnswerDeliver {
				i.Recorded(from, id)
			}
		}
		i.Offer(sessiontest.Epoch, from, user, Part{ID: 9, Prev: 8, Parts: 1, Text: "held"})
		i.TakeWrites()
		i.Aside() // and nobody looks at what is to be shown
	}
	if n := i.strangers.Len() + i.friends.Len(); n > maxWindows {
		t.Error(n, "windows")
	}
	for _, of := range []budget.Pool{budget.Held, budget.Handles, budget.Unfinished} {
		n, most := i.ledger.Used(of, budget.Stranger), int(i.ledger.Most(of, budget.Stranger))
		if n > most || of != budget.Handles && n < most-2*MaxText {
			t.Errorf("pool %d: strangers have %d of %d", of, n, most)
		}
	}
	for n := range 2000 {
		i.Offer(sessiontest.Epoch, sessionOf(n), newcomer(n), Part{ID: 99, Parts: 1, Text: "x"})
	}
	if v := i.Offer(sessiontest.Epoch, friend, sessiontest.User(2), Part{ID: 1, Parts: 1, Text: "x"}); v.Answer != AnswerDuplicate {
		t.Error("strangers pushed out a friend:", v)
	}
	for id := uint64(2); id < 200; id++ {
		v := i.Offer(sessiontest.Epoch, friend, sessiontest.User(2), Part{ID: id + 1, Prev: id, Parts: 1, Text: "held"})
		if w, _ := i.window(friend); len(w.held) > maxHeld || v.Kept != (id < 2+maxHeld) {
			t.Fatalf("%d are held, %+v", len(w.held), v)
		}
	}
	if v := i.Offer(sessiontest.Epoch, friend, sessiontest.User(2), Part{ID: 2, Prev: 1, Parts: 1, Text: "x"}); v.Answer != AnswerDeliver || len(v.IDs) != 1+maxHeld {
		t.Error(v)
	}
	for n := range 30 {
		f := identity.SessionID{8, byte(n)}
		for id := uint64(1); id < 64; id++ {
			p := Part{ID: id, Prev: id - 1, Part: id - 1, Parts: 64, Text: strings.Repeat("x", MaxText)}
			if v := i.Offer(sessiontest.Epoch, f, sessiontest.User(2), p); v.Answer != AnswerDeliver {
				t.Fatalf("a friend's part: %+v", v)
			}
			i.Recorded(f, id)
		}
	}
}

// A friend whose screen stands still is told so, and strangers were before.
func TestScreenThatStandsStill(t *testing.T) {
	i, friend := oneFriend(t)
	fill := func(from identity.SessionID, user identity.UserKey, most int) (taken int) {
		for id := uint64(2); id < uint64(most); id++ {
			if i.Offer(sessiontest.Epoch, from, user, Part{ID: id, Prev: id - 1, Parts: 1, Text: "x"}).Answer != AnswerDeliver {
				break
			}
			i.Recorded(from, id)
			taken++
		}
		return taken
	}
	all := 0
	for n := range 100 {
		i.Offer(sessiontest.Epoch, sessionOf(n), newcomer(n), Part{ID: 1, Parts: 1, Text: "x"})
		all += 1 + fill(sessionOf(n), newcomer(n), 100)
	}
	if all < 256 || i.used(budget.Handles) != 256 {
		t.Errorf("%d, %d are not shown", all, i.used(budget.Handles))
	}
	if n := fill(friend, sessiontest.User(2), 5000); n != 2048-256 {
		t.Errorf("%d of a friend", n)
	}
}

// What was acknowledged is in the line that is shown, however many begin lines that they
// do not finish.
func TestAcknowledgedPartsAreNotErased(t *testing.T) {
	i, _ := oneFriend(t)
	const strangers, parts = 75, 20
	acked := map[int]int{}
	part := func(n, k int) Part {
		id := uint64(k + 1)
		return Part{ID: id, Prev: id - 1, Part: uint64(k), Parts: parts, Text: fmt.Sprintf("%0832d", n*100+k)}
	}
	for n := range strangers {
		for k := range parts - 1 {
			if i.Offer(sessiontest.Epoch, sessionOf(n), newcomer(n), part(n, k)).Answer != AnswerDeliver {
				break
			}
			acks, _ := i.Recorded(sessionOf(n), uint64(k+1))
			acked[n] += len(acks)
		}
	}
	whole, begun := 0, 0
	for n := range strangers {
		for k := acked[n]; k < parts && acked[n] > 0; k++ {
			if i.Offer(sessiontest.Epoch, sessionOf(n), newcomer(n), part(n, k)).Answer != AnswerDeliver {
				begun++
				break
			}
			if _, lines := i.Recorded(sessionOf(n), uint64(k+1)); len(lines) > 0 {
				whole++
				if l := lines[0]; len(l.Text) != parts*832 || l.Lost != 0 {
					t.Errorf("the line of %d has %d bytes, lost: %v", n, len(l.Text), l.Lost)
				}
				i.Shown(sessionOf(n), lines[0].Last)
			}
		}
	}
	if whole < 13 || whole+begun != len(acked) {
		t.Errorf("%d lines are whole, %d wait, of %d", whole, begun, len(acked))
	}
}

// A line whose rest never comes is shown as far as it came, and what comes of it later is
// not shown as if it were the whole. That is remembered until it was shown.
func TestUnfinishedLineIsShownAsFarAsItCame(t *testing.T) {
	b := newInboxBed(t)
	from := identity.MakeSessionID(sessiontest.User(1), sessiontest.Static(1))
	b.part(long(1, 0, 4))
	b.part(long(1, 1, 4))
	b.restart()
	if at := b.Expire(sessiontest.Epoch); !at.Equal(sessiontest.Epoch.Add(unfinishedLife)) {
		t.Error(at)
	}
	if at := b.Expire(sessiontest.Epoch.Add(unfinishedLife)); !at.IsZero() {
		t.Error(at)
	}
	_, ended := b.Aside()
	if len(ended) != 1 || ended[0].Text != "0,1," || ended[0].Lost != LostEnd {
		t.Fatalf("%+v", ended)
	}
	b.answers(AnswerDuplicate, b.part(long(1, 1, 4)))
	b.answers(AnswerDeliver, b.part(long(1, 2, 4)))
	b.restart() // before it was shown: the rest may still come
	b.answers(AnswerDeliver, b.part(long(1, 3, 4)))
	b.expect("0,1,2,3,")

	p := long(11, 0, 4)
	p.Prev = 4
	b.part(p)
	b.Expire(sessiontest.Epoch.Add(unfinishedLife))
	b.Aside()
	b.answers(AnswerDeliver, b.offer(20, 11, "next"))
	sessiontest.Apply(b.disk, b.TakeWrites())
	b.restart()
	b.expect("0,1,2,3,", "next")
	for _, line := range b.Unread() {
		b.show(line)
		b.Shown(from, line.Last)
	}
	b.expect("0,1,2,3,", "next", "0, (end)")
	b.restart()
	if len(b.Unread()) != 0 || len(b.disk) != 1 {
		t.Errorf("%+v %q", b.Unread(), b.disk)
	}

	p = long(31, 0, 4)
	p.Prev = 20
	b.part(p)
	b.Expire(sessiontest.Epoch.Add(unfinishedLife))
	_, ended = b.Aside()
	b.Shown(from, ended[0].Last)
	b.part(long(31, 1, 4))
	b.part(long(31, 3, 4))
	p = long(31, 3, 4)
	p.Prev = 32
	b.part(p)
	b.expect("0,1,2,3,", "next", "0, (end)", "1,3, (start middle)")
}

// Where strangers' room is full a line that nothing was added to for ten minutes is shown
// as it is, and the room is another's.
func TestOldUnfinishedLineMakesRoom(t *testing.T) {
	i, _ := oneFriend(t)
	p := Part{ID: 1, Parts: 40, Text: strings.Repeat("x", MaxText)}
	n := 0
	for ; i.Offer(sessiontest.Epoch, sessionOf(n), newcomer(n), p).Answer == AnswerDeliver; n++ {
		i.Recorded(sessionOf(n), 1)
	}
	offer := func(now time.Time) Answer { return i.Offer(now, sessionOf(n), newcomer(n), p).Answer }
	if a := offer(sessiontest.Epoch.Add(unfinishedStrangeLife - 1)); a != AnswerBusy {
		t.Fatal(a)
	}
	if _, ended := i.Aside(); len(ended) != 0 {
		t.Fatal(len(ended), "too early")
	}
	if a := offer(sessiontest.Epoch.Add(unfinishedStrangeLife)); a != AnswerBusy {
		t.Fatal(a) // they are not shown yet
	}
	_, ended := i.Aside()
	for _, line := range slices.Clone(ended) {
		if line.Lost != LostEnd {
			t.Fatalf("%+v", line)
		}
		i.Shown(line.From, line.Last)
	}
	if a := offer(sessiontest.Epoch.Add(unfinishedStrangeLife)); len(ended) != n || a != AnswerDeliver {
		t.Error(len(ended), n, a)
	}
}
