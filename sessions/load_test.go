package sessions

import (
	"net/netip"
	"testing"
	"time"
)

// learnt has a book learn a user's record from that user, and returns the session.
func learnt(t testing.TB, b *Book, n int, name string, state State) SessionID {
	t.Helper()
	signed, err := Sign(keyOf(n), Record{Name: name, Static: staticOf(n), Seq: 1, State: state, Lifetime: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := Verify(signed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Learn(epoch, signed, rec, true, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	return rec.Session
}

// FuzzLoad gives a Book, an Inbox and an Outbox what no program of ours wrote:
// they may refuse it, and go on.
func FuzzLoad(f *testing.F) {
	known := NewBook(userOf(0), "me", Limits{})
	known.Authenticated(epoch, learnt(f, known, 1, "ann", StateOnline), netip.MustParseAddrPort("192.0.2.1:6789"))
	learnt(f, known, 2, "bob", StateGone)
	in, out := inboxOf(stranger), NewOutbox()
	in.Offer(epoch, s1, userOf(1), Part{ID: 1, Parts: 2, Text: "a"})
	if _, err := out.Put(epoch, 1, userOf(1), nil, []string{"a", "b"}, []SessionID{s1, s2}); err != nil {
		f.Fatal(err)
	}
	writes := append(append(known.TakeWrites(), in.TakeWrites()...), out.TakeWrites()...)
	out.Acked(s1, 1)
	out.Acked(s1, 2)
	for _, w := range append(writes, out.TakeWrites()...) {
		f.Add(uint8(w.Bucket), w.Key, w.Value, w.Key, w.Value)
	}
	f.Fuzz(func(t *testing.T, bucket uint8, key1, value1, key2, value2 []byte) {
		b, in, out := NewBook(userOf(0), "me", Limits{}), inboxOf(stranger), NewOutbox()
		for _, load := range []func(Bucket, []byte, []byte) error{b.Load, in.Load, out.Load} {
			for n := range 2 {
				key, value := key1, value1
				if n == 1 {
					key, value = key2, value2
				}
				if load(Bucket(bucket), key, value) != nil {
					return
				}
			}
		}
		b.Loaded(epoch)
		in.Loaded(epoch)
		out.Loaded(epoch)
		b.Users()
		b.Prune(epoch, 0)
		b.TakeWrites()
		for _, line := range in.Unread() {
			in.Shown(line.From, line.ID)
		}
		in.Offer(epoch, s1, userOf(1), Part{ID: 2, Prev: 1, Part: 1, Parts: 2, Text: "b"})
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
