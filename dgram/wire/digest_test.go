package wire

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// someList draws a list in order; small numbers, so that two lists meet.
func someList(t *rapid.T, name string) (list []Summary) {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 63), 0, 48, rapid.ID).Draw(t, name)
	slices.Sort(ids)
	for _, id := range ids {
		list = append(list, Summary{
			Session: PeerID{byte(id << 2), 7},
			Seq:     rapid.Uint64Range(1, 2).Draw(t, "seq"),
			State:   rapid.Uint64Range(0, 1).Draw(t, "state"),
		})
	}
	return list
}

// Two lists differ in just the buckets in which a slow comparison finds that they do.
func TestDigestFindsEachDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held, told := someList(t, "held"), someList(t, "told")
		if rapid.Bool().Draw(t, "nearly the same") {
			told = slices.Clone(held)
			if len(told) > 0 {
				s := &told[rapid.IntRange(0, len(told)-1).Draw(t, "which")]
				switch rapid.IntRange(0, 2).Draw(t, "what") {
				case 0:
					s.Seq ^= 1 << 52
				case 1:
					s.State ^= 3
				}
			}
		}
		var want Buckets
		for i := range 16 {
			of := func(list []Summary) []Summary {
				return slices.DeleteFunc(slices.Clone(list), func(s Summary) bool { return s.Session[0]>>4 != byte(i) })
			}
			if !slices.Equal(of(held), of(told)) {
				want |= 1 << i
			}
		}
		salt := [8]byte(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "salt"))
		digest := Digest(salt, held)
		if len(digest) > MaxDigest {
			t.Fatalf("%d bytes", len(digest))
		}
		got, ok := Differing(digest, told)
		if !ok || got != want {
			t.Fatalf("buckets %016b differ, want %016b", got, want)
		}
		for _, s := range told {
			if got.Has(s.Session) != (want>>(s.Session[0]>>4)&1 == 1) {
				t.Fatalf("%x is in another bucket", s.Session)
			}
		}
		if _, ok := Differing(digest[:8], told); ok {
			t.Fatal("half a digest is compared")
		}
	})
}

// Somebody who owns many of the sessions, and even knows the salt, finds no set of them whose
// changes cancel out; with an exclusive or of hashes any 65 contain one.
func TestChangesDoNotCancelOut(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	const owned = 120 // in one bucket, to make it easy
	list := make([]Summary, owned)
	for i := range list {
		list[i] = Summary{Session: PeerID{0x50, byte(i), byte(rng.Uint32())}, Seq: rng.Uint64() >> 11}
	}
	salt := [8]byte{1, 2, 3}
	digest := Digest(salt, list)
	// What changing each of them does to the digest, and which were changed to get there.
	type row struct {
		effect []byte
		which  [owned]bool
	}
	rows := make([]row, owned)
	for i := range rows {
		other := slices.Clone(list)
		other[i].Seq++
		rows[i].effect = Digest(salt, other)
		for k := range digest {
			rows[i].effect[k] ^= digest[k]
		}
		rows[i].which[i] = true
	}
	for bit := 0; bit < 8*len(digest); bit++ { // Gauss
		has := func(r row) bool { return r.effect[bit/8]>>(bit%8)&1 == 1 }
		pivot := slices.IndexFunc(rows, has)
		if pivot < 0 {
			continue
		}
		p := rows[pivot]
		rows = slices.Delete(rows, pivot, pivot+1)
		for i := range rows {
			if has(rows[i]) {
				for k := range digest {
					rows[i].effect[k] ^= p.effect[k]
				}
				for k := range p.which {
					rows[i].which[k] = rows[i].which[k] != p.which[k]
				}
			}
		}
	}
	if len(rows) == 0 {
		t.Fatal("the attack found nothing to try")
	}
	for _, r := range rows {
		other := slices.Clone(list)
		for i := range other {
			if r.which[i] {
				other[i].Seq++
			}
		}
		if b, _ := Differing(digest, other); b == 0 {
			t.Fatal("a set of changes is not noticed")
		}
	}
}

// Each question has a salt of its own: no two lists can be made beforehand that look alike.
func TestSumsDependOnTheSalt(t *testing.T) {
	list := []Summary{{PeerID{0x10}, 1, 0}, {PeerID{0xf0}, 2, 1}}
	a, b := Digest([8]byte{1}, list), Digest([8]byte{2}, list)
	for i := range digestBuckets {
		at := DigestSalt + i*(1+digestSum)
		x, y := a[at:at+1+digestSum], b[at:at+1+digestSum]
		if full := i == 1 || i == 15; bytes.Equal(x, y) == full || full == (bytes.Count(x, []byte{0}) == len(x)) {
			t.Errorf("bucket %d: %x and %x", i, x, y)
		}
	}
}
