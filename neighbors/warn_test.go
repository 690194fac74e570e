package neighbors

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/store"
)

// claims has a key that nobody knows go by a name, and returns the lines that this, or what
// waited, makes.
func nameClaims(t *testing.T, n *Node, now time.Time, number uint64, name string) (lines []string) {
	t.Helper()
	var key identity.UserKey
	binary.BigEndian.PutUint64(key[:], number)
	static := [32]byte{1}
	rec := identity.Record{Name: name, User: key, Static: static, Session: identity.MakeSessionID(key, static), Seq: 1, Lifetime: time.Minute}
	n.learn(now, rec.Session, rec, []byte{1}, netip.AddrPort{}, false)
	return notices(n, now)
}

func notices(n *Node, now time.Time) (lines []string) {
	n.Advance(now)
	for _, e := range n.Drain().Events {
		if e, ok := e.(Notice); ok {
			lines = append(lines, e.Text)
		}
	}
	return lines
}

func quietNode(t *testing.T, now time.Time) *Node {
	t.Helper()
	random := rand.NewChaCha8([32]byte{7})
	n, err := New(Config{
		Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Session: [32]byte{1}, Name: "me", Random: random, Unstored: true,
		IDs: store.Range{First: 1, Limit: 1 << 50}, Seqs: store.Range{First: 1 << 41, Limit: 1 << 50},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.core.book.Contact(now, identity.UserKey{1, 2, 3}, "ann"); err != nil {
		t.Fatal(err)
	}
	return n
}

// However many keys were warned of, and whatever lines about strangers wait: that another
// key has the name of somebody known, or our own, is told at once.
func TestWarningsNeverRunOut(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	n := quietNode(t, now)
	for i := range uint64(10_000) {
		now = now.Add(500 * time.Millisecond)
		nameClaims(t, n, now, 1000+i, fmt.Sprintf("s%d", i/2))
	}
	for i := range uint64(100) { // now many lines about strangers wait
		nameClaims(t, n, now, 20_000+i, fmt.Sprintf("t%d", i/2))
	}
	for i, c := range []struct{ name, want string }{
		{"ann", "another key claims the name ann: shown as ann~"},
		{"Me", "somebody else uses your name Me: shown as Me~"},
	} {
		got := nameClaims(t, n, now, uint64(30_000+i), c.name)
		if len(got) == 0 || !strings.HasPrefix(got[len(got)-1], c.want) {
			t.Errorf("%s: told %q", c.name, got)
		}
	}
	// Later claims within a minute are one line.
	var got []string
	for i := range uint64(20) {
		got = append(got, nameClaims(t, n, now, 40_000+i, "ann")...)
	}
	for range 600 {
		now = now.Add(100 * time.Millisecond)
		got = append(got, notices(n, now)...)
	}
	got = about(got, "ann")
	if len(got) != 1 || !strings.HasPrefix(got[0], "20 more keys claim the name ann, the last of them: another key") {
		t.Errorf("twenty more: %q", got)
	}
	// One alone after that is a line as the first was; the same key again is none.
	now = now.Add(time.Hour)
	if got := about(nameClaims(t, n, now, 50_000, "ann"), "ann"); len(got) != 1 || !strings.HasPrefix(got[0], "another key") {
		t.Errorf("an hour later: %q", got)
	}
	now = now.Add(time.Hour)
	if got := about(nameClaims(t, n, now, 50_000, "ann"), "ann"); len(got) != 0 {
		t.Errorf("the same again: %q", got)
	}
}

func about(lines []string, name string) (list []string) {
	for _, l := range lines {
		if strings.Contains(l, " name "+name) {
			list = append(list, l)
		}
	}
	return list
}

// Many names at once are told one after the other, and none is left out.
func TestWarningsAboutManyNames(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	n := quietNode(t, now)
	const names = 40
	for i := range names {
		if err := n.core.book.Contact(now, identity.UserKey{9, byte(i)}, fmt.Sprintf("friend%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for i := range uint64(3 * names) {
		for _, l := range nameClaims(t, n, now, 100+i, fmt.Sprintf("friend%d", i%names)) {
			seen[l[:40]]++
		}
	}
	if len(seen) != warnAtOnce {
		t.Errorf("%d lines at once", len(seen))
	}
	lines := len(seen)
	for range 1500 {
		now = now.Add(100 * time.Millisecond)
		lines += len(notices(n, now))
	}
	if lines != names+warnAtOnce { // those told at once have more to tell, a minute later
		t.Errorf("%d lines about %d names", lines, names)
	}
}
