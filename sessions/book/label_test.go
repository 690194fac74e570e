package book

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

func TestOneClaimantOwnsThePlainName(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.mustLearn(1, 1, "Ann", 1)
	b.expect("ann", "1")
	b.expect("ANN", "1")
	b.expect(b.tilde("ann", 1), "1")
	b.expect("bob", ErrUnknownName.Error())
	b.expect("", ErrUnknownName.Error())
	if b.Label(sessiontest.User(1)) != "Ann" {
		t.Error(b.labels())
	}
}

func TestSeveralClaimants(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.mustLearn(1, 1, "ann", 1)
	out := b.mustLearn(2, 2, "ann", 1)
	if !out.Clash || !out.NewUser {
		t.Errorf("%+v", out)
	}
	want := []string{b.tilde("ann", 1), b.tilde("ann", 2)}
	slices.Sort(want)
	if got := b.labels(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var several *AmbiguousError
	if _, _, err := b.Resolve("ann"); !errors.As(err, &several) || !slices.Equal(several.Candidates, want) {
		t.Error(err)
	}
	for u := 1; u <= 2; u++ {
		b.expect(b.tilde("ann", u), fmt.Sprint(u))
	}
	if out := b.mustLearn(2, 2, "ann", 2); out.Clash {
		t.Error("warned twice")
	}

	// The pinned one owns the name; the other cannot take it by any record.
	if err := b.Pin(sessiontest.User(1)); err != nil {
		t.Fatal(err)
	}
	b.expect("ann", "1")
	if b.Label(sessiontest.User(1)) != "ann" || b.Label(sessiontest.User(2)) != b.tilde("ann", 2) {
		t.Error(b.labels())
	}
	// When both are pinned nobody does.
	if err := b.Pin(sessiontest.User(2)); err != nil {
		t.Fatal(err)
	}
	if b.Label(sessiontest.User(1)) == "ann" || b.Label(sessiontest.User(2)) == "ann" {
		t.Error(b.labels())
	}
	// A blocked one does not count.
	if err := b.Block(sessiontest.User(2)); err != nil {
		t.Fatal(err)
	}
	b.expect("ann", "1")
	b.expect(b.tilde("ann", 2), "2")
	b.restart()
	if b.Trust(sessiontest.User(2)) != TrustBlocked {
		t.Error("a restart forgave")
	}
	b.expect("ann", "1")
	if err := b.Unblock(sessiontest.User(2)); err != nil || b.Trust(sessiontest.User(2)) != TrustPinned {
		t.Error(err, b.Trust(sessiontest.User(2)))
	}
}

func TestSquatterOfOurOwnName(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.expect("Me", "0")
	out := b.mustLearn(1, 1, "ME", 1)
	if !out.ClaimsOwnName {
		t.Errorf("%+v", out)
	}
	if err := b.Pin(sessiontest.User(1)); err != nil {
		t.Fatal(err)
	}
	if got := b.Label(sessiontest.User(1)); got != b.tilde("ME", 1) {
		t.Error(got)
	}
	if _, _, err := b.Resolve("me"); err == nil {
		t.Error("our own name means somebody else")
	}
	if b.mustLearn(1, 1, "ME", 2).ClaimsOwnName {
		t.Error("warned twice")
	}
}

func TestRename(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.mustLearn(1, 1, "ann", 1)
	b.mustLearn(2, 2, "mallory", 1)
	for _, u := range []int{1, 2} {
		if err := b.Verify(sessiontest.User(u)); err != nil {
			t.Fatal(err)
		}
	}
	if out := b.mustLearn(1, 1, "Ann", 2); out.Renamed != "" || out.Unverified {
		t.Errorf("another case is no rename: %+v", out)
	}
	out := b.mustLearn(2, 2, "ann", 2)
	if out.Renamed != "mallory" || !out.Unverified || !out.Clash {
		t.Errorf("%+v", out)
	}
	if b.Trust(sessiontest.User(2)) != TrustPinned || b.Trust(sessiontest.User(1)) != TrustVerified {
		t.Error("the mark follows key and name")
	}
	check := func() {
		t.Helper()
		b.expect("ann", "1")
		b.expect("mallory", "2") // pinned names are not reassigned
		b.expect(b.tilde("ann", 2), "2")
		if got := b.Label(sessiontest.User(2)); got != b.tilde("ann", 2) {
			t.Error(got)
		}
	}
	check()
	b.mustLearn(3, 3, "mallory", 1)
	check()
	b.restart()
	check()

	// An act binds the new name, and lets go of the old one.
	if err := b.Pin(sessiontest.User(2)); err != nil {
		t.Fatal(err)
	}
	b.expect("mallory", "3")
	if _, _, err := b.Resolve("ann"); err == nil {
		t.Error("two are pinned under it")
	}
	if err := b.Block(sessiontest.User(2)); err != nil {
		t.Fatal(err)
	}

	// A record of an older session does not bring an old name back.
	raw, rec := signed(t, 1, 9, "former", 1, identity.StateOnline)
	if out, err := b.Learn(b.now, raw, rec, false, netip.Addr{}); err != nil || out.Renamed != "" {
		t.Error(out, err)
	}
	b.expect("ann", "1")
}

func TestResolveSessions(t *testing.T) {
	b := newBookBed(t, Limits{})
	for s := range 6 {
		b.mustLearn(1, s, "ann", 1)
	}
	for s := range 6 {
		id := b.id(1, s).String()
		b.expect("ann/"+id, "1/"+id)
		b.expect("ann/"+strings.ToUpper(id[:15]), "1/"+id)
	}
	b.expect("ann/", ErrUnknownSession.Error())
	b.expect("ann/zz", ErrUnknownSession.Error())
	byDigit := map[byte]int{}
	for s := range 6 {
		byDigit[b.id(1, s).String()[0]]++
	}
	for digit, n := range byDigit {
		_, id, err := b.Resolve("ann/" + string(digit))
		var several *AmbiguousError
		if n == 1 && (err != nil || id == nil) || n > 1 && (!errors.As(err, &several) || len(several.Candidates) != n) {
			t.Errorf("%c: %d sessions, %v", digit, n, err)
		}
	}
}

// Two keys of one name whose fingerprints begin alike are still told apart.
func TestLabelsGrowUntilTheyDiffer(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.mustLearn(1, 1, "ann", 1)
	b.mustLearn(2, 2, "ann", 1)
	b.users[sessiontest.User(2)].digits = b.users[sessiontest.User(1)].digits[:6] + "zzzzzzzzzz"
	l1, l2 := b.Label(sessiontest.User(1)), b.Label(sessiontest.User(2))
	if l1 == l2 || len(l1) != len("ann~")+7 {
		t.Error(l1, l2)
	}
	b.expect(l1, "1")
	if _, _, err := b.Resolve(l1[:8]); err == nil {
		t.Error("a shared beginning was resolved")
	}
	if err := b.Pin(sessiontest.User(1)); err != nil {
		t.Fatal(err)
	}
	b.expect(l1[:8], "1")
}

// A name that a file of people gives to a fingerprint means that key alone.
func TestExpectedFingerprint(t *testing.T) {
	b := newBookBed(t, Limits{})
	if err := b.Expect("bob", identity.Fingerprint(sessiontest.User(1))); err != nil {
		t.Fatal(err)
	}
	b.mustLearn(2, 2, "bob", 1)
	var several *AmbiguousError
	if _, _, err := b.Resolve("bob"); !errors.As(err, &several) {
		t.Errorf("the squatter is meant by the plain name: %v", err)
	}
	if err := b.Pin(sessiontest.User(2)); err != nil {
		t.Fatal(err)
	}
	if l := b.Label(sessiontest.User(2)); l == "bob" {
		t.Error("the squatter is shown as the plain name")
	}
	b.mustLearn(1, 1, "bob", 1)
	b.expect("bob", "1")
	b.expect(b.tilde("bob", 2), "2")
	if b.Expect("bob", "k7f2") == nil || b.Expect("b/b", identity.Fingerprint(sessiontest.User(1))) == nil {
		t.Error("half a fingerprint or no name is taken")
	}
}

// A name has room for few new users: silent ones give way to newcomers, who are refused if all are
// here. Pinned users do not count, and stay.
func TestClaimantsAreBounded(t *testing.T) {
	b := newBookBed(t, Limits{})
	b.mustLearn(1, 1, "ann", 1)
	if err := b.Pin(sessiontest.User(1)); err != nil {
		t.Fatal(err)
	}
	for n := 2; n < 2+maxClaimants; n++ {
		if out := b.mustLearn(n, n, "Ann", 1); !out.ClaimsKnown {
			t.Fatalf("%+v", out)
		}
	}
	late := func(n int) error {
		b.later(1)
		_, err := b.learn(n, n, "ann", 1, identity.StateOnline, true)
		return err
	}
	if err := late(100); !errors.Is(err, ErrFull) {
		t.Errorf("all are here: %v", err)
	}
	b.mustLearn(101, 101, "dora", 1)
	if out := b.mustLearn(101, 101, "ann", 2); out.Renamed != "" || b.Label(sessiontest.User(101)) != "dora" {
		t.Errorf("a name without room is taken by a rename: %+v", out)
	}
	b.SetPresence(b.id(5, 5), PresenceOffline)
	if err := late(102); err != nil {
		t.Error(err)
	}
	if _, ok := b.User(sessiontest.User(5)); ok || len(b.Named("ann")) != 1+maxClaimants {
		t.Errorf("%d claim the name", len(b.Named("ann")))
	}
	b.expect("ann", "1")
	if err := b.Expect("ann", identity.Fingerprint(sessiontest.User(103))); err != nil {
		t.Fatal(err)
	}
	if err := late(103); err != nil {
		t.Errorf("whom a file of people names: %v", err)
	}
	b.restart()
	if n := len(b.Named("ann")); n != 1+maxClaimants {
		t.Errorf("%d claim the name after a restart", n)
	}
}

// What is said of an unclear name is short, however many claim it.
func TestAmbiguityIsShort(t *testing.T) {
	b := newBookBed(t, Limits{})
	for n := 1; n <= maxClaimants; n++ {
		b.mustLearn(n, n, "ann", 1)
		b.later(1)
	}
	var several *AmbiguousError
	if _, _, err := b.Resolve("ann"); !errors.As(err, &several) || len(several.Candidates) != maxCandidates || several.More != maxClaimants-maxCandidates {
		t.Fatalf("%+v", several)
	}
	if s := several.Error(); len(s) > 200 || !strings.Contains(s, "and 24 more") || !strings.Contains(s, b.tilde("ann", 1)) {
		t.Error(s)
	}
}

// crowded is a Book of 4,096 users of whom 32 share each name.
func crowded(t testing.TB) *bookBed {
	b := newBookBed(t, Limits{})
	for n := range 4096 {
		key := identity.UserKey{byte(n), byte(n >> 8), 1}
		static := [32]byte{byte(n), byte(n >> 8)}
		rec := identity.Record{Name: fmt.Sprintf("name%d", n/maxClaimants), User: key, Static: static, Session: identity.MakeSessionID(key, static), Seq: 1}
		if _, err := b.Learn(b.now, []byte{1}, rec, true, netip.Addr{}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func BenchmarkUsersOfAFullBook(bench *testing.B) {
	b := crowded(bench)
	for bench.Loop() {
		if len(b.Users()) != 4096 {
			bench.Fatal("not all")
		}
	}
}

func BenchmarkNewcomerOfAFullBook(bench *testing.B) {
	b := crowded(bench)
	key, static := identity.UserKey{1, 2, 3}, [32]byte{4}
	rec := identity.Record{Name: "name7", User: key, Static: static, Session: identity.MakeSessionID(key, static), Seq: 1}
	for bench.Loop() {
		if _, err := b.Learn(b.now, []byte{1}, rec, true, netip.Addr{}); !errors.Is(err, ErrFull) {
			bench.Fatal(err)
		}
	}
}
