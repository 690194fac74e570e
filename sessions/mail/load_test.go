package mail

import (
	"net/netip"
	"testing"
	"time"

	"darkchat/sessions/book"
	"darkchat/sessions/identity"
	"darkchat/sessions/kv"
	"darkchat/sessions/sessiontest"
)

// learnt has a book learn a user's record from that user, and returns the session.
func learnt(t testing.TB, b *book.Book, n int, name string, state identity.State) identity.SessionID {
	t.Helper()
	signed, err := identity.Sign(sessiontest.Key(n), identity.Record{Name: name, Static: sessiontest.Static(n), Seq: 1, State: state, Lifetime: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := identity.Verify(signed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Learn(sessiontest.Epoch, signed, rec, true, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	return rec.Session
}

// FuzzLoad gives a Book, an Inbox and an Outbox what no program of ours wrote:
// they may refuse it, and go on.
func FuzzLoad(f *testing.F) {
	known := book.New(sessiontest.User(0), "me", book.Limits{})
	known.Authenticated(sessiontest.Epoch, learnt(f, known, 1, "ann", identity.StateOnline), netip.MustParseAddrPort("192.0.2.1:6789"))
	learnt(f, known, 2, "bob", identity.StateGone)
	in, out := inboxOf(stranger), NewOutbox()
	in.Offer(sessiontest.Epoch, s1, sessiontest.User(1), Part{ID: 1, Parts: 2, Text: "a"})
	if _, err := out.Put(sessiontest.Epoch, 1, sessiontest.User(1), nil, []string{"a", "b"}, []identity.SessionID{s1, s2}); err != nil {
		f.Fatal(err)
	}
	writes := append(append(known.TakeWrites(), in.TakeWrites()...), out.TakeWrites()...)
	out.Acked(s1, 1)
	out.Acked(s1, 2)
	for _, w := range append(writes, out.TakeWrites()...) {
		f.Add(uint8(w.Bucket), w.Key, w.Value, w.Key, w.Value)
	}
	f.Fuzz(func(t *testing.T, bucket uint8, key1, value1, key2, value2 []byte) {
		b, in, out := book.New(sessiontest.User(0), "me", book.Limits{}), inboxOf(stranger), NewOutbox()
		for _, load := range []func(kv.Bucket, []byte, []byte) error{b.Load, in.Load, out.Load} {
			for n := range 2 {
				key, value := key1, value1
				if n == 1 {
					key, value = key2, value2
				}
				if load(kv.Bucket(bucket), key, value) != nil {
					return
				}
			}
		}
		b.Loaded(sessiontest.Epoch)
		in.Loaded(sessiontest.Epoch)
		out.Loaded(sessiontest.Epoch)
		b.Users()
		b.Prune(sessiontest.Epoch, 0)
		b.TakeWrites()
		for _, line := range in.Unread() {
			in.Shown(line.From, line.ID)
		}
		in.Offer(sessiontest.Epoch, s1, sessiontest.User(1), Part{ID: 2, Prev: 1, Part: 1, Parts: 2, Text: "b"})
		in.TakeWrites()
		for _, l := range out.List() {
			for _, session := range l.Waiting {
				for _, p := range out.Next(session, 99) {
					out.Gap(session, p.ID, 0)
				}
			}
			out.Cancel(l.ID)
		}
		out.TakeWrites()
		if out.Len() != 0 || out.bytes != 0 {
			t.Errorf("%d lines, %d bytes are left", out.Len(), out.bytes)
		}
	})
}
