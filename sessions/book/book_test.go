package book

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/sessiontest"
)

func TestTombstones(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.mustLearn(1, 1, "ann", 5)
	if _, err := b.learn(1, 1, "ann", 7, identity.StateGone, false); err != nil {
		t.Fatal(err)
	}
	stale := func(seq uint64) {
		t.Helper()
		for _, direct := range []bool{false, true} {
			if _, err := b.learn(1, 1, "ann", seq, identity.StateOnline, direct); !errors.Is(err, ErrStale) {
				t.Fatalf("seq %d: %v", seq, err)
			}
		}
		if s, ok := b.Session(b.id(1, 1)); ok && s.Online != PresenceOffline {
			t.Fatalf("%+v", s)
		}
	}
	stale(6)
	b.restart()
	stale(6)
	if b.Prune(b.now, 0) != 1 {
		t.Fatal("not pruned")
	}
	stale(6)
	stale(7)
	b.restart()
	stale(7)
	if out, err := b.learn(1, 1, "ann", 8, identity.StateOnline, true); err != nil || !out.NewSession {
		t.Fatal(out, err)
	}
	if _, err := b.learn(2, 2, "bob", 9, identity.StateGone, false); err != nil || b.Len() != 1 {
		t.Fatal("a tombstone alone makes no session")
	}
	b.later(tombstoneLife + time.Second)
	b.mustLearn(2, 2, "bob", 8)
}

func TestStrangersCannotPushOutTombstonesOfFriends(t *testing.T) {
	f := newTombstones()
	f.raise(sessiontest.Epoch, identity.SessionID{1}, 5, true)
	for n := range 2 * maxTombstones {
		f.raise(sessiontest.Epoch, identity.SessionID{2, byte(n), byte(n >> 8)}, 5, false)
	}
	if _, ok := f.get(sessiontest.Epoch, identity.SessionID{1}); !ok || f.strange.Len() != maxTombstones {
		t.Error("gone")
	}
}

// A user with too many sessions loses those of them that are silent; while all are here
// one more is refused. Nobody else pays.
func TestUsersOwnCap(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.mustLearn(2, 100, "bob", 1)
	refused := 0
	for s := range 40 {
		b.later(time.Second)
		if _, err := b.learn(1, s, "ann", 1, identity.StateOnline, true); errors.Is(err, ErrFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
		if s == 3 || s == 30 {
			b.SetPresence(b.id(1, 3), PresenceOffline)
		}
		if s == 35 {
			b.SetPresence(b.id(1, 7), PresenceOffline)
		}
	}
	list := b.SessionsOf(sessiontest.User(1))
	if len(list) != 16 || refused != 40-16-2 {
		t.Errorf("%d sessions, %d refused", len(list), refused)
	}
	for _, s := range []int{0, 15, 16, 36} {
		if _, ok := b.Session(b.id(1, s)); !ok {
			t.Errorf("session %d is gone", s)
		}
	}
	if _, ok := b.Session(b.id(2, 100)); !ok {
		t.Error("the cap of one user cost another's session")
	}
}

// Newcomers of a network take the places of its silent users; if all of those are here the
// newcomers are refused, and nobody who is here is forgotten for them.
func TestPrefixCapEvictsItsOwn(t *testing.T) {
	b := newBookBed(t, Limits{NewPerPrefix: 8})
	here := map[identity.SessionID]bool{}
	b.SetLive(func(_ time.Time, id identity.SessionID) bool { return here[id] })
	from := func(n int, addr string) error {
		t.Helper()
		raw, rec := signed(t, n, n, fmt.Sprintf("user%d", n), 1, identity.StateOnline)
		b.later(time.Second)
		_, err := b.Learn(b.now, raw, rec, true, netip.MustParseAddr(addr))
		if err != nil && !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		return err
	}
	from(1, "198.51.100.1")
	from(2, "2001:db8:0:1::1")
	for n := 3; n < 30; n++ {
		from(n, fmt.Sprintf("203.0.113.%d", n))
	}
	if n := len(b.Users()); n != 10 {
		t.Errorf("%d users", n)
	}
	for _, u := range []int{1, 2, 29, 22} {
		if _, ok := b.User(sessiontest.User(u)); !ok {
			t.Errorf("user %d is gone", u)
		}
		here[b.id(u, u)] = true
	}
	for n := 30; n < 60; n++ {
		if err := from(n, fmt.Sprintf("203.0.113.%d", n)); err != nil {
			t.Errorf("%d, and six are silent: %v", n, err)
		}
	}
	for n := 54; n < 60; n++ {
		here[b.id(n, n)] = true
	}
	if err := from(60, "203.0.113.60"); !errors.Is(err, ErrFull) {
		t.Errorf("all are here, and one more is taken: %v", err)
	}
	for _, u := range []int{1, 2, 29, 22, 54, 59} {
		if _, ok := b.User(sessiontest.User(u)); !ok {
			t.Errorf("user %d is gone, who is here", u)
		}
	}
	b.Invite(b.id(60, 60))
	if err := from(60, "203.0.113.60"); err != nil {
		t.Errorf("the person asked for them: %v", err)
	}
	if err := b.Pin(sessiontest.User(29)); err != nil {
		t.Fatal(err)
	}
	if err := b.Pin(sessiontest.User(60)); err != nil {
		t.Fatal(err)
	}
	if err := from(61, "203.0.113.61"); err != nil {
		t.Errorf("a place is free: %v", err)
	}
	for n := 70; n < 100; n++ { // an office behind one private prefix
		from(n, fmt.Sprintf("192.168.1.%d", n))
	}
	if n := len(b.Users()); n != 2+2+8+30 {
		t.Errorf("%d users", n)
	}
	for n := 100; n < 125; n++ { // many on one machine of it, who come and go
		from(n, "192.168.2.1")
	}
	if n := len(b.Users()); n != 2+2+8+30+8 {
		t.Errorf("%d users", n)
	}
	b.restart()
	if n := len(b.Users()); n != 2+2+8+30+8 {
		t.Errorf("%d users after a restart", n)
	}
}

// When strangers who are here fill the book, one more is refused; a friend is not.
func TestFullOfThoseWhoAreHere(t *testing.T) {
	b := newBookBed(t, Limits{Users: 20, Sessions: 20})
	for n := 1; n <= 20; n++ {
		b.mustLearn(n, n, fmt.Sprintf("user%d", n), 1)
	}
	for n := 21; n < 40; n++ {
		if _, err := b.learn(n, n, "late", 1, identity.StateOnline, true); !errors.Is(err, ErrFull) {
			t.Fatalf("%d: %v", n, err)
		}
	}
	if err := b.Contact(b.now, sessiontest.User(40), "friend"); err != nil {
		t.Fatal(err)
	}
	b.mustLearn(40, 40, "friend", 1)
	b.SetPresence(b.id(7, 7), PresenceOffline)
	b.mustLearn(41, 41, "late", 1)
	for n := 1; n <= 20; n++ {
		if _, ok := b.User(sessiontest.User(n)); ok == (n == 7) {
			t.Errorf("user %d: remembered %v", n, ok)
		}
	}
}

func TestSeenIsNewestFirstAndNoHint(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.mustLearn(1, 1, "ann", 1)
	for n := range 6 {
		b.later(time.Minute)
		b.Authenticated(b.now, b.id(1, 1), netip.MustParseAddrPort(fmt.Sprintf("[::ffff:192.0.2.%d]:6789", n)))
	}
	b.Authenticated(b.now, b.id(1, 1), netip.MustParseAddrPort("192.0.2.4:6789"))
	b.Authenticated(b.now, b.id(1, 1), netip.AddrPort{})
	want := "[192.0.2.4:6789 192.0.2.5:6789 192.0.2.3:6789 192.0.2.2:6789]"
	check := func() {
		t.Helper()
		s, _ := b.Session(b.id(1, 1))
		var got []netip.AddrPort
		for _, a := range s.Seen {
			got = append(got, a.Addr)
		}
		if fmt.Sprint(got) != want || len(s.Addrs) != 0 {
			t.Errorf("%v, want %s", got, want)
		}
	}
	check()
	b.restart()
	check()
	if len(b.KnownAddrs()) != 0 {
		t.Error("of a stranger")
	}
	if err := b.Pin(sessiontest.User(1)); err != nil || len(b.KnownAddrs()) != 1 {
		t.Error(err)
	}
}

func TestContact(t *testing.T) {
	b := newBookBed(t, Limits{})
	if err := b.Contact(b.now, sessiontest.User(1), "ann"); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.expect("ann", "1")
	if b.Trust(sessiontest.User(1)) != TrustPinned {
		t.Error(b.Trust(sessiontest.User(1)))
	}
	if out := b.mustLearn(2, 2, "ann", 1); !out.Clash {
		t.Error("no warning")
	}
	b.expect("ann", "1")
	if err := b.Contact(b.now, sessiontest.User(3), "a/b"); !errors.Is(err, identity.ErrName) {
		t.Error(err)
	}
}

func TestUnknownUsersAndBounds(t *testing.T) {
	b := newBookBed(t, Limits{Kept: 1})
	for _, err := range []error{b.Pin(sessiontest.User(1)), b.Verify(sessiontest.User(1)), b.Block(sessiontest.User(1)), b.Unblock(sessiontest.User(1))} {
		if !errors.Is(err, ErrUnknownUser) {
			t.Error(err)
		}
	}
	b.mustLearn(1, 1, "ann", 1)
	b.mustLearn(2, 2, "bob", 1)
	if err := b.Pin(sessiontest.User(1)); err != nil {
		t.Error(err)
	}
	for _, err := range []error{b.Pin(sessiontest.User(2)), b.Block(sessiontest.User(2)), b.Contact(b.now, sessiontest.User(3), "cleo")} {
		if !errors.Is(err, ErrFull) {
			t.Error(err)
		}
	}
	if err := b.Block(sessiontest.User(1)); err != nil {
		t.Error(err)
	}
	if err := b.Pin(sessiontest.User(1)); !errors.Is(err, ErrBlocked) {
		t.Error(err)
	}
}

func TestDamagedEntriesAreRefused(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.mustLearn(1, 1, "ann", 1)
	b.Prune(b.now, 0)
	b.save()
	if len(b.disk) == 0 {
		t.Fatal("nothing stored")
	}
	for _, key := range slices.Sorted(maps.Keys(b.disk)) {
		number, rest, _ := strings.Cut(key, " ")
		bucket := kv.Bucket(number[0] - '0')
		value := b.disk[key]
		for n := range value {
			New(sessiontest.User(me), "me", Limits{}).Load(bucket, []byte(rest), value[:n]) // must not panic
		}
		newer := slices.Clone(value)
		newer[1] += 2 // a user has two forms
		if err := New(sessiontest.User(me), "me", Limits{}).Load(bucket, []byte(rest), newer); !errors.Is(err, kv.ErrNewer) {
			t.Errorf("%v: %v", bucket, err)
		}
		if err := New(sessiontest.User(me), "me", Limits{}).Load(bucket, []byte("x"), value); err == nil {
			t.Errorf("%v: a wrong key was taken", bucket)
		}
	}
}
