package mail

import (
	"testing"

	"darkchat/sessions/identity"
	"darkchat/sessions/sessiontest"
)

func BenchmarkInboxText(b *testing.B) {
	i := inboxOf(stranger)
	from, user := identity.SessionID{1}, sessiontest.User(1)
	id := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		id++
		i.Offer(sessiontest.Epoch, from, user, Part{ID: id, Prev: id - 1, Sent: 1764000000000, Parts: 1, Text: "a line of chat of usual length"})
		i.TakeWrites()
		i.Recorded(from, id)
		i.Shown(from, id)
	}
}

func BenchmarkOutboxText(b *testing.B) {
	o := NewOutbox()
	user, online, parts := sessiontest.User(1), []identity.SessionID{s1}, []string{"a line of chat of usual length"}
	id := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		id++
		if _, err := o.Put(sessiontest.Epoch, id, user, nil, parts, online); err != nil {
			b.Fatal(err)
		}
		o.TakeWrites()
		o.Next(s1, 8)
		o.Acked(s1, id)
		o.TakeWrites()
	}
}

func BenchmarkOutboxFull(b *testing.B) {
	o := NewOutbox()
	user, online, parts := sessiontest.User(1), []identity.SessionID{s1}, []string{"a line of chat of usual length"}
	id := uint64(0)
	for range MaxOutboxLines - 1 {
		id++
		if _, err := o.Put(sessiontest.Epoch, id, user, nil, parts, online); err != nil {
			b.Fatal(err)
		}
	}
	o.Next(s1, MaxOutboxLines)
	o.TakeWrites()
	b.ReportAllocs()
	for b.Loop() {
		id++
		if _, err := o.Put(sessiontest.Epoch, id, user, nil, parts, online); err != nil {
			b.Fatal(err)
		}
		o.TakeWrites()
		o.Next(s1, 8)
		o.Acked(s1, id-MaxOutboxLines+1)
		o.TakeWrites()
	}
}
