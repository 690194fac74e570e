package neighbors_test

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"darkchat/dgram/simnet"
	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// A stranger who makes us work without end is no longer heard, and nobody else notices.
func TestWorkIsCharged(t *testing.T) {
	b := newBed(t, 510, simnet.Profile{Delay: 5 * time.Millisecond})
	ann, bob := b.join("ann"), b.join("bob")
	ann.meet(bob)
	bob.meet(ann)
	m := b.attacker(1, "mallory", "192.0.2.9:1")
	m.meets(ann)
	m.mute = true
	began := refused(ann, "refused_work_stranger")
	for i := range 3000 {
		m.record.Seq++
		m.signed, _ = identity.Sign(m.key, m.record)
		m.ep.Send(b.now, ann.id(), wire.Message{ID: m.ep.NextID(), Body: wire.Online{Record: m.signed}})
		m.turn()
		if i%10 == 0 {
			b.run(time.Millisecond)
		}
		if i == 1500 {
			bob.say("ann", "do you hear me?")
		}
	}
	b.run(200 * time.Millisecond)
	if refused(ann, "refused_work_stranger") == began {
		t.Error("nothing was refused")
	}
	if len(ann.texts()) != 1 {
		t.Error("a friend's text has not come meanwhile")
	}
	if n := refused(ann, "refused_work_known"); n > 0 {
		t.Errorf("a friend was refused %d times", n)
	}
}

// refused reads a counter of \stats.
func refused(p *person, name string) uint64 {
	for _, s := range p.node.Stats() {
		if s.Name == name {
			return s.Value
		}
	}
	p.bed.t.Fatalf("there is no counter %s", name)
	return 0
}

// BenchmarkCosts measures what cost.go says: a signature, and the list of our neighbours.
func BenchmarkCosts(b *testing.B) {
	_, key, _ := ed25519.GenerateKey(nil)
	rec := identity.Record{Name: "ann", User: identity.UserKey(key.Public().(ed25519.PublicKey)), Static: [32]byte{9}, Seq: 1, Lifetime: time.Minute}
	rec.Session = identity.MakeSessionID(rec.User, rec.Static)
	signed, err := identity.Sign(key, rec)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("signature", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := identity.Verify(signed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := identity.Decode(signed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSeedMemory measures what a session of a stranger takes on a seed.
func BenchmarkSeedMemory(b *testing.B) {
	for b.Loop() {
		bed := makeBed(b, 511, simnet.Profile{Delay: time.Millisecond})
		seed := bed.seedNode()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		const many = 2000
		for i := range many {
			host := netip.AddrFrom4([4]byte{203, byte(i % 200), byte(i / 200), 1})
			r := bed.attacker(1000+i, fmt.Sprintf("s%d", i), netip.AddrPortFrom(host, 1000).String())
			r.meets(seed)
			r.ep.Probe(bed.now, seed.id())
			r.turn()
			bed.run(5 * time.Millisecond)
			bed.raws = nil
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/many, "B/session")
	}
}
