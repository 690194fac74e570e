package book

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

const me = 0 // our own user in tests

// signed makes the record of session s of user u.
func signed(t testing.TB, u, s int, name string, seq uint64, state identity.State) ([]byte, identity.Record) {
	t.Helper()
	b, err := identity.Sign(sessiontest.Key(u), identity.Record{Name: name, Static: sessiontest.Static(s), Seq: seq, State: state, Lifetime: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	r, err := identity.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return b, r
}

// bookBed is a Book, what it wrote, and short ways to feed it.
type bookBed struct {
	*Book
	t     testing.TB
	now   time.Time
	disk  map[string][]byte
	limit Limits
}

func newBookBed(t testing.TB, l Limits) *bookBed {
	return &bookBed{Book: New(sessiontest.User(me), "me", l), t: t, now: sessiontest.Epoch, disk: map[string][]byte{}, limit: l}
}

// learn feeds the record of session s of user u.
func (b *bookBed) learn(u, s int, name string, seq uint64, state identity.State, direct bool) (Outcome, error) {
	b.t.Helper()
	raw, rec := signed(b.t, u, s, name, seq, state)
	return b.Learn(b.now, raw, rec, direct, netip.Addr{})
}

func (b *bookBed) mustLearn(u, s int, name string, seq uint64) Outcome {
	b.t.Helper()
	out, err := b.learn(u, s, name, seq, identity.StateOnline, true)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bookBed) id(u, s int) identity.SessionID {
	return identity.MakeSessionID(sessiontest.User(u), sessiontest.Static(s))
}

func (b *bookBed) later(d time.Duration) { b.now = b.now.Add(d) }

// save puts the writes on the bed's disk.
func (b *bookBed) save() { sessiontest.Apply(b.disk, b.TakeWrites()) }

// restart makes the Book anew from the disk, in the order of a map.
func (b *bookBed) restart() {
	b.t.Helper()
	b.save()
	b.Book = New(sessiontest.User(me), "me", b.limit)
	if err := sessiontest.Replay(b.disk, b.Load); err != nil {
		b.t.Fatal(err)
	}
	b.Loaded(b.now)
}

func (b *bookBed) labels() []string {
	var list []string
	for _, u := range b.Users() {
		list = append(list, u.Label)
	}
	return list
}

func (b *bookBed) tilde(name string, u int) string {
	return name + "~" + identity.FingerprintDigits(sessiontest.User(u))[:minDigits]
}

// resolved says what a typed name means: the user, or the error.
func (b *bookBed) resolved(typed string) string {
	key, id, err := b.Resolve(typed)
	if err != nil {
		return err.Error()
	}
	s := "?"
	for u := range 20 {
		if sessiontest.User(u) == key {
			s = fmt.Sprint(u)
		}
	}
	if id != nil {
		s += "/" + id.String()
	}
	return s
}

func (b *bookBed) expect(typed, want string) {
	b.t.Helper()
	if got := b.resolved(typed); got != want {
		b.t.Errorf("%s means %s, want %s", typed, got, want)
	}
}
