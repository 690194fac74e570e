package neighbors

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"darkchat/dgram/wire"
	"darkchat/sessions/identity"
)

// someSummaries draws a list in order. While one takes the place of another both count towards
// maxClaimsOf.
func someSummaries(t *rapid.T, name string) (list []wire.Summary) {
	shift := rapid.IntRange(0, 9).Draw(t, name+" crowded") // all in one bucket, or spread
	dense := rapid.IntRange(0, 4).Draw(t, name+" density")
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, name), 0))
	for id := range maxClaimsOf / 2 {
		if rng.IntN(4) < dense {
			word := id << shift
			list = append(list, wire.Summary{Session: wire.PeerID{byte(word >> 8), byte(word)}, Seq: 1 + rng.Uint64N(3), State: uint64(id % 2)})
		}
	}
	return list
}

// Whatever a node holds of a neighbour and whatever that one tells: after one exchange both
// lists are the same, and nothing was sent of buckets that were before.
func TestOneExchangeMakesListsEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		by, other := identity.SessionID{0xbb}, identity.SessionID{0xcc}
		hearsay := newClaims(nil)
		before, told := someSummaries(t, "before"), someSummaries(t, "told")
		if rapid.Bool().Draw(t, "few changes") {
			told = slices.Clone(before)
			for i := len(told) - 1; i >= 0; i-- {
				switch rapid.IntRange(0, 40).Draw(t, "change") {
				case 0:
					told[i].Seq = 4
				case 1:
					told = slices.Delete(told, i, i+1)
				}
			}
		}
		for _, s := range before {
			hearsay.note(by, true, s, true)
			hearsay.note(other, true, s, true)
		}
		if !slices.Equal(hearsay.held(by), before) {
			t.Fatal("what is held is not what was told")
		}
		sent, want := 0, 0
		for _, s := range told {
			of := func(list []wire.Summary) []wire.Summary {
				return slices.DeleteFunc(slices.Clone(list), func(o wire.Summary) bool { return o.Session[0]>>4 != s.Session[0]>>4 })
			}
			if !slices.Equal(of(before), of(told)) {
				want++
			}
		}
		var cursor []byte
		for pages := 0; ; pages++ {
			if pages > maxClaimsOf/newsPage+1 {
				t.Fatal("it does not end")
			}
			q := wire.ListRequest{Cursor: cursor}
			if len(before) > 0 {
				q.Digest = wire.Digest([8]byte{byte(pages)}, hearsay.held(by))
			}
			var page wire.List
			fillPage(&page, slices.Clone(told), q)
			if page.Total != uint64(len(told)) {
				t.Fatalf("the list is said to have %d", page.Total)
			}
			sent += len(page.Summaries)
			behind := func(list []wire.Summary) []wire.Summary { // the page, on which others follow
				return slices.DeleteFunc(list, func(s wire.Summary) bool { return bytes.Compare(s.Session[:], page.Next) <= 0 })
			}
			rest := behind(hearsay.held(by))
			hearsay.replace(by, cursor, &page)
			if len(page.Next) > 0 && !slices.Equal(behind(hearsay.held(by)), rest) {
				t.Fatal("a page changes what stands behind it")
			}
			for _, s := range page.Summaries {
				hearsay.note(by, true, s, true)
			}
			if cursor = page.Next; len(cursor) == 0 {
				break
			}
		}
		if got := hearsay.held(by); !slices.Equal(got, told) {
			t.Fatalf("after it %d are held, other ones than the %d that are told", len(got), len(told))
		}
		if sent > want {
			t.Fatalf("%d summaries were sent, of buckets that differ there are %d", sent, want)
		}
		if !slices.Equal(hearsay.held(other), before) || hearsay.toldBy[by] != len(told) {
			t.Fatal("what another one told has changed, or the count is wrong")
		}
	})
}
