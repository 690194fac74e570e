package book

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

// Which names are drawn alike, in one script or in several, in either case.
func TestNamesThatLookAlike(t *testing.T) {
	for _, c := range []struct {
		x, y string
		want bool
	}{
		{"paco", "\u0440\u0430\u0441\u043e", true}, // all Cyrillic
		{"PACO", "\u0440\u0430\u0441\u043e", true},
		{"Bob", "\u0412\u041e\u0412", true}, // alike in capitals only
		{"ann", "\u0430nn", true},
		{"bob", "b0b", true},
		{"Ian", "lan", true},
		{"mary", "rnary", true},
		{"kate", "k\u0430te", true},
		{"bj\u00f6rn", "bjo\u0308rn", true},
		{"ann", "bob", false},
		{"anna", "ann", false},
		{"bjorn", "bj\u00f6rn", false},
		{"\u0438\u0432\u0430\u043d", "ivan", false}, // another script, and looks so
		{"n1", "n2", false},
	} {
		if got := alike(looksOf(c.x), looksOf(c.y)); got != c.want {
			t.Errorf("%s, %s: alike is %t (%q, %q)", c.x, c.y, got, looksOf(c.x), looksOf(c.y))
		}
	}
}

// A user who takes a name that looks like a known user's, or our own, is found out, whatever
// happened to the known users before; an identical name is another matter.
func TestLookalikesAreFound(t *testing.T) {
	const fake, caps = "\u0440\u0430\u0441\u043e", "\u0412\u041e\u0412"
	b := New(sessiontest.User(0), "kate", Limits{})
	b.Loaded(sessiontest.Epoch)
	seq := uint64(0)
	learn := func(who int, name string) string {
		t.Helper()
		seq++
		rec := identity.Record{User: sessiontest.User(who), Session: identity.SessionID{byte(who)}, Name: name, Seq: seq, State: identity.StateOnline}
		out, err := b.Learn(sessiontest.Epoch, []byte{1}, rec, true, netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]*user{}
		for _, u := range b.users {
			if u.Trust.Known() && u.Key != b.self {
				for _, look := range looksOf(u.Name) {
					want[look] = append(want[look], u)
				}
			}
		}
		for look, list := range b.index.looks {
			if len(list) != len(want[look]) {
				t.Errorf("%d users look like %q, want %d", len(list), look, len(want[look]))
			}
		}
		if len(want) != len(b.index.looks) {
			t.Errorf("%d looks, want %d", len(b.index.looks), len(want))
		}
		return out.Like
	}
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: like %q, want %q", what, got, want)
		}
	}
	check("a stranger", learn(1, "paco"), "")
	check("like a stranger", learn(2, fake), "")
	b.Pin(sessiontest.User(1))
	if got := b.Alike(sessiontest.User(1)); !slices.Equal(got, []identity.UserKey{sessiontest.User(2)}) {
		t.Errorf("alike: %v", got)
	}
	check("like somebody known", learn(3, fake), "paco")
	check("the same name", learn(4, "Paco"), "")
	check("like our own", learn(5, "k\u0430te"), "kate")
	check("another case", learn(6, "\u0432\u043e\u0432"), "")
	check("a friend", learn(7, "bob"), "")
	b.Verify(sessiontest.User(7))
	check("looks so in capitals", learn(6, caps), "bob")
	check("who is known has another name", learn(1, "pedro"), "")
	check("like the former name", learn(8, fake), "")
	check("like the new name", learn(3, "p\u0435dr\u043e"), "pedro")
	b.Block(sessiontest.User(7))
	check("like who is blocked", learn(9, "b0b"), "")
	b.Unblock(sessiontest.User(7))
	check("like who was blocked", learn(10, "b0b"), "bob")
	check("who is known looks like another", learn(1, "B0B"), "bob")
}

// What a look costs is bounded by the length of a name.
func BenchmarkLooks(b *testing.B) {
	b.ReportAllocs()
	for i := range b.N {
		looksOf(fmt.Sprint("\u0440\u0430\u0441\u043e", i))
	}
}
