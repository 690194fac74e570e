package mail

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

// Nothing of a line is handed out before its write has ended, neither to its reader nor to a
// friend; nor before it is written where it goes.
func TestNothingIsHandedOutBeforeItIsWritten(t *testing.T) {
	b := newOutboxBed(t)
	put := func(online ...identity.SessionID) []Progress {
		p, err := b.Put(b.now, b.next, sessiontest.User(1), nil, []string{"x"}, online)
		if err != nil {
			t.Fatal(err)
		}
		b.next++
		return p
	}
	tell := func(list []Progress, want string) {
		t.Helper()
		p, ok := b.Written(list[len(list)-1])
		if b.expect(p, want); !ok {
			t.Error("it is not to be told")
		}
	}
	hidden := func() {
		t.Helper()
		if b.expectChain(s1, ""); len(b.Copies(sessiontest.User(1), s1, 9)) > 0 {
			t.Error("a friend would get it")
		}
	}
	one := put()
	hidden()
	sent := b.Online(sessiontest.User(1), []identity.SessionID{s1}) // they come while it is being written
	hidden()
	tell(one, "queued 0/0 waiting 0")
	hidden()
	two := put(s1)
	tell(two, "sent 0/1 waiting 1")
	hidden() // it goes behind the first
	tell(sent, "sent 0/1 waiting 1")
	if got := b.Copies(sessiontest.User(1), s1, 9); len(got) != 2 {
		t.Errorf("a friend would get %+v", got)
	}
	b.expectChain(s1, "1<0 2<1")
	three := put()
	b.Cancel(3)
	if _, ok := b.Written(three[0]); ok {
		t.Error("it is told as queued after it was taken back")
	}
}

func TestDeliveredToEachSession(t *testing.T) {
	b := newOutboxBed(t)
	p := b.put(nil, []string{"hi"}, s2, s1)
	b.expect(p, "sent 0/2 waiting 2")
	if !slices.Equal(p.Waiting, []identity.SessionID{s1, s2}) {
		t.Error(p.Waiting)
	}
	b.expectChain(s1, "1<0")
	b.expectChain(s1, "")
	b.expectChain(s2, "1<0")
	b.expectChain(s3, "")
	b.expect(b.Acked(s2, 1)[0], "delivered 1/2 waiting 1")
	if len(b.Acked(s2, 1)) != 0 || len(b.Acked(s3, 1)) != 0 || len(b.Acked(s1, 9)) != 0 {
		t.Error("progress out of nothing")
	}
	if b.Len() != 1 {
		t.Error(b.Len())
	}
	b.restart()
	b.expect(b.List()[0].Progress, "delivered 1/2 waiting 1")
	if n := b.Next(s1, 9); len(n) != 1 || !n[0].Late {
		t.Errorf("%+v", n)
	}
	b.expect(b.Acked(s1, 1)[0], "delivered 2/2 waiting 0")
	sessiontest.Apply(b.disk, b.TakeWrites())
	if b.Len() != 0 || len(b.disk) != 0 || b.bytes != 0 {
		t.Error("left behind", b.disk)
	}
}

func TestQueuedUntilTheFirstReturns(t *testing.T) {
	b := newOutboxBed(t)
	b.expect(b.put(nil, []string{"one"}), "queued 0/0 waiting 0")
	b.expect(b.put(&s3, []string{"for s3 alone"}, s1), "queued 0/0 waiting 0")
	b.expect(b.List()[0].Progress, "sent 0/1 waiting 1")
	if !b.Waiting(s3) || !b.Waiting(s1) || b.Waiting(s2) {
		t.Error("waiting for whom?")
	}
	if list := b.Next(s1, 9); len(list) != 1 || !list[0].Late {
		t.Errorf("%+v", list)
	}
	b.restart()
	if !b.Waiting(s3) {
		t.Error("forgotten")
	}
	b.expect(b.Online(sessiontest.User(1), []identity.SessionID{s3})[0], "sent 0/1 waiting 1")
	b.expect(b.Acked(s3, 2)[0], "delivered 1/1 waiting 0")
	if b.Waiting(s3) {
		t.Error("waiting for what it has")
	}
	b.put(&s3, []string{"and again"}, s1)
	b.Cancel(3)
	if b.Waiting(s3) || len(b.queued) != 0 {
		t.Error("waiting for nothing")
	}
}

func TestQueuedLinesGoFirst(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"one"})
	b.put(&s2, []string{"two"})
	b.restart()
	p, err := b.Put(b.now, b.next, sessiontest.User(1), nil, []string{"three"}, []identity.SessionID{s1, s2})
	if err != nil || len(p) != 3 {
		t.Fatal(p, err)
	}
	b.expectChain(s2, "")
	for _, p := range p {
		b.Written(p)
	}
	for n, want := range []string{"sent 0/2 waiting 2", "sent 0/1 waiting 1", "sent 0/2 waiting 2"} {
		b.expect(p[n], want)
	}
	parts := slices.Clone(b.Next(s2, 9))
	if len(parts) != 3 || !parts[0].Late || !parts[1].Late || parts[2].Late {
		t.Errorf("%+v", parts)
	}
	for _, p := range parts {
		b.PutBack(s2, p.ID)
	}
	b.expectChain(s2, "1<0 2<1 3<2")
	b.expectChain(s1, "1<0 3<1")
	b.restart()
	b.expectChain(s2, "1<0 2<1 3<2")
	b.expectChain(s1, "1<0 3<1")
	for id := uint64(1); id <= 3; id++ {
		b.Acked(s1, id)
		b.Acked(s2, id)
	}
	if b.Len() != 0 || b.Waiting(s2) || b.Waiting(s1) {
		t.Error("all is delivered")
	}
}

func TestPartsAndWindow(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"a", "b", "c"}, s1)
	b.put(nil, []string{"d"}, s1)
	var got []string
	for {
		list := b.Next(s1, 1)
		if len(list) == 0 {
			break
		}
		got = append(got, fmt.Sprintf("%d<%d %d/%d %s", list[0].ID, list[0].Prev, list[0].Part, list[0].Parts, list[0].Text))
	}
	want := []string{"1<0 0/3 a", "2<1 1/3 b", "3<2 2/3 c", "4<3 0/1 d"}
	if !slices.Equal(got, want) {
		t.Error(got)
	}
	if len(b.Acked(s1, 1))+len(b.Acked(s1, 3)) != 0 {
		t.Error("two parts of three are no line")
	}
	b.Lapsed(s1, 4)
	b.Lapsed(s1, 2)
	list := slices.Clone(b.Next(s1, 9))
	if len(list) != 2 || list[0].Prev != 1 || list[1].Prev != 2 || !list[0].Late || !list[1].Late {
		t.Errorf("%+v", list)
	}
	b.expect(b.Acked(s1, 2)[0], "delivered 1/1 waiting 0")
	b.expect(b.Acked(s1, 4)[0], "delivered 1/1 waiting 0")
	b.put(nil, []string{"e"}, s1)
	b.expectChain(s1, "5<4")
}

func TestRefused(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"x", "y"}, s1, s2)
	b.put(nil, []string{"z"}, s1)
	b.chain(s1)
	b.Gap(s1, 3, 0)
	b.expect(b.Refused(s1, 2, ReasonTooOld)[0], "sent 0/2 waiting 1 too old")
	b.expectChain(s1, "3<0")
	b.restart()
	b.expect(b.Refused(s2, 1, ReasonNotTrusted)[0], "undelivered 0/2 waiting 0 not trusted")
	if b.Refused(s2, 1, ReasonTooOld) != nil || b.Len() != 1 {
		t.Error(b.List())
	}
	b.put(nil, []string{"x"}, s1, s2)
	b.Acked(s2, 4)
	b.expect(b.Refused(s1, 4, ReasonUnknownRecipient)[0], "delivered 1/2 waiting 0 unknown recipient")
}

func TestExpiry(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"x"})
	b.now = b.now.Add(time.Hour)
	b.put(nil, []string{"y"}, s1, s2)
	b.Acked(s1, 2)
	if at := b.Expiry(); !at.Equal(sessiontest.Epoch.Add(OutboxAge)) {
		t.Error(at)
	}
	if p := b.Expire(sessiontest.Epoch.Add(OutboxAge - 1)); len(p) != 0 {
		t.Error(p)
	}
	p := b.Expire(sessiontest.Epoch.Add(OutboxAge))
	if len(p) != 1 {
		t.Fatal(p)
	}
	b.expect(p[0], "undelivered 0/2 waiting 0 expired") // it went out when the second did
	if p[0].Text != "x" {
		t.Errorf("it is not said what is undelivered: %q", p[0].Text)
	}
	p = b.Expire(sessiontest.Epoch.Add(2 * OutboxAge))
	if len(p) != 1 {
		t.Fatal(p)
	}
	b.expect(p[0], "delivered 1/2 waiting 0 expired")
	sessiontest.Apply(b.disk, b.TakeWrites())
	if len(b.disk) != 0 || !b.Expiry().IsZero() || len(b.queued) != 0 || b.Waiting(s2) {
		t.Error("left behind")
	}
}

// A clock that is set ahead before a start, or during a run, costs no line that waits.
func TestExpiryWhenTheClockJumps(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"x"})
	ahead := sessiontest.Epoch.AddDate(1, 0, 0)
	b.now = ahead
	b.restart()
	if p := b.Expire(ahead.Add(OutboxPatience - 1)); len(p) != 0 || !b.Expiry().Equal(ahead.Add(OutboxPatience)) {
		t.Error(p, b.Expiry())
	}
	if p := b.Expire(ahead.Add(OutboxPatience)); len(p) != 1 {
		t.Error(p)
	}

	b = newOutboxBed(t)
	b.put(nil, []string{"x"})
	now := time.Now() // with both clocks
	b.now = now
	b.restart()
	if b.lines[0].at != now.Add(b.lines[0].at.Sub(now)) {
		t.Error("the age of a loaded line follows the wall clock")
	}
}

func TestOutboxIsBounded(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"partly"}, s1, s2)
	b.Acked(s1, 1)
	for range MaxOutboxLines - 1 {
		b.put(nil, []string{"x"})
	}
	p, err := b.Put(b.now, b.next, sessiontest.User(2), nil, []string{"x"}, nil)
	if err != nil || len(p) != 2 {
		t.Fatal(p, err)
	}
	b.expect(p[0], "delivered 1/2 waiting 0 no room")
	if _, err := b.Put(b.now, b.next+1, sessiontest.User(2), nil, []string{"x"}, nil); !errors.Is(err, ErrOutboxFull) {
		t.Error(err)
	}

	b = newOutboxBed(t)
	parts := slices.Repeat([]string{strings.Repeat("x", MaxText)}, MaxParts)
	for b.bytes+MaxParts*MaxText <= MaxOutboxBytes {
		b.put(nil, parts)
	}
	if _, err := b.Put(b.now, b.next, sessiontest.User(2), nil, []string{"x"}, nil); !errors.Is(err, ErrOutboxFull) {
		t.Error(err)
	}
	b.Cancel(1)
	b.put(nil, []string{"x"})
}

func TestPutRefusesOddLines(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"x", "y"})
	for _, c := range []struct {
		first uint64
		parts []string
	}{
		{0, []string{"x"}}, {2, []string{"x"}}, {3, nil}, {3, []string{""}}, {3, []string{strings.Repeat("x", MaxText+1)}},
		{3, slices.Repeat([]string{"x"}, MaxParts+1)},
	} {
		if _, err := b.Put(b.now, c.first, sessiontest.User(1), nil, c.parts, nil); !errors.Is(err, ErrLine) {
			t.Errorf("%d %q: %v", c.first, c.parts, err)
		}
	}
}

// A line that came and went within one batch leaves nothing on disk.
func TestFastLineIsNeverWritten(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"x"}, s1)
	b.Acked(s1, 1)
	if w := b.TakeWrites(); len(w) != 0 {
		t.Error(w)
	}
	b.put(nil, []string{"x"}, s1)
	if w := b.TakeWrites(); len(w) != 1 {
		t.Error(w)
	}
	b.Acked(s1, 2)
	if w := b.TakeWrites(); len(w) != 1 || w[0].Value != nil {
		t.Error(w)
	}
}

func TestRestartKeepsTheOutbox(t *testing.T) {
	b := newOutboxBed(t)
	b.put(nil, []string{"a", "b"}, s1, s2)
	b.put(nil, []string{"c"})
	b.put(&s3, []string{"d"})
	b.Acked(s1, 1)
	b.Acked(s1, 2)
	b.Refused(s2, 2, ReasonTooOld)
	b.put(nil, []string{"e"}, s1, s2)
	b.Refused(s2, 5, ReasonTooOld)
	before := b.List()
	for range 2 {
		b.restart()
		if after := b.List(); !reflect.DeepEqual(before, after) {
			t.Errorf("%+v\n%+v", before, after)
		}
	}
	if b.Last() != 5 {
		t.Error(b.Last())
	}
}
